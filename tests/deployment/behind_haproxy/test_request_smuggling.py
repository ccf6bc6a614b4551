"""One request that proxy and portal could read as two (CWE-444): the second would get the next person's answer.

HAProxy counts what it hands on and the portals log what they get. As long as both numbers agree, every request that a
portal saw is one that the proxy looked at. https://www.rfc-editor.org/rfc/rfc9112#section-11.2
"""

import socket
import time

import httpx
import pytest

from tests.deployment.behind_haproxy.conftest import Deployment

HIDDEN = b"PATCH /login HTTP/1.1\r\nHost: HOST\r\nX-Hidden: "
CHUNKED = b"0\r\n\r\n" + HIDDEN


def both(coding: bytes) -> bytes:
    """A body with a length that covers the hidden request, and a coding that would end before it."""
    return b"Content-Length: %d\r\n%b\r\n\r\n%b" % (len(CHUNKED), coding, CHUNKED)


def lengths(*lines: bytes) -> bytes:
    """A body of the hidden request alone, with these lines for its length."""
    return b"\r\n".join(lines) % len(HIDDEN) + b"\r\n\r\n" + HIDDEN


def chunked(body: bytes, *lines: bytes) -> bytes:
    """A chunked body as given."""
    return b"\r\n".join((b"Transfer-Encoding: chunked", *lines)) + b"\r\n\r\n" + body


FORMS = {
    "content length, then chunked": both(b"Transfer-Encoding: chunked"),
    "chunked, then content length": chunked(b"%x\r\n%b\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN), b"Content-Length: 4"),
    "an unknown coding": both(b"Transfer-Encoding: xchunked"),
    "a space before the colon": both(b"Transfer-Encoding : chunked"),
    "a vertical tab": both(b"Transfer-Encoding:\x0bchunked"),
    "two codings": both(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"),
    "a folded line": both(b"Transfer-Encoding:\r\n chunked"),
    "a bare line feed": both(b"X: y\nTransfer-Encoding: chunked"),
    "two lengths": lengths(b"Content-Length: 0", b"Content-Length: %d"),
    "a list of lengths": lengths(b"Content-Length: 0, %d"),
    "a length with a sign": lengths(b"Content-Length: +%d"),
    "a length that is too short": b"Content-Length: 5\r\n\r\nemail=a@example.org" + HIDDEN,
    "a chunk size that overflows": chunked(b"10000000000000000\r\n" + HIDDEN),
    "a chunk size with a space": chunked(b" 0\r\n\r\n" + HIDDEN),
    "a chunk extension with a line feed": chunked(b"0;\nX\r\n\r\n" + HIDDEN),
}


def sent_and_answered(deployment: Deployment, request: bytes) -> bytes:
    """Send it on one connection and return everything that comes back before the proxy hangs up or falls silent."""
    with (
        socket.create_connection(("127.0.0.1", deployment.proxy.port), timeout=2) as plain,
        deployment.trust().wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.sendall(request.replace(b"HOST", deployment.url[8:].encode()))
        answer = b""
        try:
            while part := connection.recv(65536):
                answer += part
        except (TimeoutError, ConnectionError):
            pass
    return answer


def seen_by_portals(deployment: Deployment) -> int:
    return sum(deployment.requests_seen(server) for server in deployment.servers)


@pytest.mark.adversarial("D5")
@pytest.mark.parametrize("form", FORMS)
def test_no_portal_sees_a_request_that_the_proxy_did_not(deployment: Deployment, form: str) -> None:
    handed_on, seen = deployment.proxy.requests_sent_on(), seen_by_portals(deployment)
    head = b"POST /login HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    answer = sent_and_answered(deployment, head + FORMS[form])
    assert answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5")) or answer == b"", answer[:200]
    with deployment.client() as next_person:
        for _ in range(6):  # over every connection that the proxy keeps to the portals
            page = next_person.get("/login")
            assert (page.status_code, page.request.method) == (200, "GET")
            assert "email" in page.text
    deadline = time.monotonic() + 5
    expected = deployment.proxy.requests_sent_on() - handed_on
    while seen_by_portals(deployment) - seen != expected:
        assert time.monotonic() < deadline, (expected, seen_by_portals(deployment) - seen)
        time.sleep(0.1)


@pytest.mark.adversarial("D5")
def test_a_portal_without_a_proxy_refuses_the_two_readings_itself(deployment: Deployment) -> None:
    server = deployment.servers[0]
    before = deployment.requests_seen(server)
    for form, rest in FORMS.items():
        with socket.create_connection(("127.0.0.1", server.port), timeout=1) as connection:
            head = b"POST /login HTTP/1.1\r\nHost: HOST\r\n"
            connection.sendall((head + rest).replace(b"HOST", server.host.encode()))
            try:
                answer = connection.recv(65536)
            except TimeoutError:
                answer = b""
        assert not answer.startswith(b"HTTP/1.1 2"), form
        assert b"PATCH" not in answer
    assert httpx.get(f"{server.address}/login", headers={"host": server.host}).status_code == 200
    assert '"method": "PATCH"' not in server.log().replace('":"', '": "')
    assert deployment.requests_seen(server) >= before + 1

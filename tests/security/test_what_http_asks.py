"""What HTTP asks of every answer, and what an unfinished request leaves in the log."""

import json
import socket
import time

import httpx
import pytest

from tests.support.person import Person, an_email
from tests.support.server import PortalServer, an_address

HEAD = "POST /login HTTP/1.1\r\nHost: {host}\r\nOrigin: {url}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
# Each ends before its body does: hung up, broken in the middle, cut off by a length that was too long.
UNFINISHED = {
    "hung up": "Content-Length: 100\r\n\r\nemail=",
    "a chunk that is none": "Transfer-Encoding: chunked\r\n\r\n5\r\nemail\r\nZZ\r\n",
    "a chunk too few": "Transfer-Encoding: chunked\r\n\r\n5\r\nemail\r\n",
}


@pytest.mark.asvs("4.1.4")
@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/login", {"GET", "HEAD", "OPTIONS", "POST"}),
        ("TRACE", "/account", {"GET", "HEAD", "OPTIONS"}),
        ("GET", "/oauth2/token", {"OPTIONS", "POST"}),
        ("HEAD", "/login/password", {"OPTIONS", "POST"}),
        ("DELETE", "/link/unknown", {"GET", "HEAD", "OPTIONS", "POST"}),
    ],
)
def test_a_method_that_is_not_allowed_is_told_which_are(
    portal_server: PortalServer, method: str, path: str, allowed: set[str]
) -> None:
    """RFC 9110 section 15.5.6: "The origin server MUST generate an Allow header field in a 405 response"."""
    answer = httpx.request(method, portal_server.url + path, headers={"origin": portal_server.url}, timeout=30)
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == allowed
    for name in allowed - {"POST"}:
        assert httpx.request(name, portal_server.url + path, timeout=30).status_code != 405


@pytest.mark.asvs("16.2.1")
@pytest.mark.adversarial("U2")
@pytest.mark.parametrize("rest", UNFINISHED.values(), ids=UNFINISHED)
def test_a_client_that_hangs_up_is_no_fault_of_ours(portal_server: PortalServer, rest: str) -> None:
    """Else a stranger could raise the alarm of whoever watches for answers of 500, as often as they like."""
    before = len(portal_server.log())
    head = HEAD.format(host=portal_server.host, url=portal_server.url) + f"X-Forwarded-For: {an_address()}\r\n"
    with socket.create_connection(("127.0.0.1", portal_server.port), timeout=20) as connection:
        connection.sendall(f"{head}{rest}".encode())
        time.sleep(0.3)  # the request has begun when the connection goes
    until = time.monotonic() + 20
    while not (requests := _requests(portal_server.log()[before:])) and time.monotonic() < until:
        time.sleep(0.05)
    assert {request["status"] for request in requests if request["route"] == "/login"} == {499}


def _requests(log: str) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{") and line.endswith("}")]
    return [line for line in lines if line["event"] == "request"]


@pytest.mark.asvs("4.1.1")
def test_every_text_names_its_charset_once(portal_server: PortalServer, zoe: Person) -> None:
    zoe.sign_up(an_email())
    answers = [
        zoe.http.get(path) for path in ("/login", "/nothing-here", "/theme.css", "/robots.txt", "/livez", "/dev/inbox")
    ]
    answers.append(zoe.post("/account/recovery-codes/download", {"codes": "one"}).response)
    with httpx.Client(base_url=portal_server.url, timeout=30) as stranger:
        answers += [stranger.get("/account"), stranger.get("/login", headers={"host": "evil.example"})]
    for answer in answers:
        kind, _, charset = answer.headers["content-type"].partition(";")
        assert kind.startswith("text/"), answer.url
        assert charset.strip() == "charset=utf-8", answer.url

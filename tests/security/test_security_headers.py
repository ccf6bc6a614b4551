"""Every answer, whatever it is, carries the security headers; every cookie its attributes."""

import re
import socket
from collections.abc import Iterator

import httpx
import pytest

from tests.support.html import HtmlPage
from tests.support.person import PASSWORD, an_email
from tests.support.server import SEEDED_PASSWORD, PortalServer, an_address

FIXED = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
}
FORM = {"content-type": "application/x-www-form-urlencoded"}
FOREIGN_HOST = {"host": "evil.example"}

# What is asked, and the status that makes it the kind of answer that it stands for.
KINDS: list[tuple[str, str, dict[str, str], bytes, int]] = [
    ("GET", "/login", {}, b"", 200),
    ("HEAD", "/login", {}, b"", 200),
    ("GET", "/", {}, b"", 303),
    ("GET", "/account", {}, b"", 303),
    ("GET", "/livez", {}, b"", 200),
    ("GET", "/readyz", {}, b"", 200),
    ("GET", "/robots.txt", {}, b"", 200),
    ("GET", "/favicon.ico", {}, b"", 200),
    ("GET", "/theme.css", {}, b"", 200),
    ("GET", "/dev/inbox", {}, b"", 200),
    ("GET", "/dev/inbox.json", {}, b"", 200),
    ("GET", "/dev/components", {}, b"", 200),
    ("GET", "/signup/status", {}, b"", 200),
    ("GET", "/.well-known/openid-configuration", {}, b"", 200),
    ("GET", "/oauth2/jwks", {}, b"", 200),
    ("GET", "/oauth2/authorize", {}, b"", 400),
    ("GET", "/oauth2/userinfo", {}, b"", 401),
    ("GET", "/nothing-here", {}, b"", 404),
    ("GET", "/nothing-here", {"accept": "application/json"}, b"", 404),
    ("GET", "/static/000000000000/css/portal.css", {}, b"", 404),
    ("GET", "/login/password", {}, b"", 405),
    ("PUT", "/login", {"origin": "own"}, b"", 405),
    ("DELETE", "/account", {"origin": "own"}, b"", 405),
    ("OPTIONS", "/login", {}, b"", 204),
    ("POST", "/login", FORM, b"email=x", 403),
    ("POST", "/login", {**FORM, "origin": "own"}, b"email=x", 422),
    ("POST", "/login", {"origin": "own", "content-type": "text/plain"}, b"email=x", 415),
    ("POST", "/login", {**FORM, "origin": "own"}, b"email=" + b"x" * 100_000, 413),
    ("POST", "/oauth2/token", FORM, b"grant_type=x", 400),
    ("GET", "/link/" + "x" * 43, {}, b"", 404),
    ("GET", "/login", FOREIGN_HOST, b"", 421),
    ("GET", "/login?flow=00000000-0000-4000-8000-000000000000", {}, b"", 404),
]


@pytest.fixture(scope="module")
def http(portal_server: PortalServer) -> Iterator[httpx.Client]:
    headers = {"x-forwarded-for": an_address()}
    with httpx.Client(base_url=portal_server.url, headers=headers, timeout=30) as client:
        yield client


@pytest.mark.asvs("3.4.3", "3.4.4", "3.4.5", "3.4.6", "14.3.2")
@pytest.mark.parametrize(("method", "path", "headers", "body", "status"), KINDS)
def test_every_kind_of_answer_has_the_security_headers(
    portal_server: PortalServer,
    http: httpx.Client,
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes,
    status: int,
) -> None:
    sent = {
        name: value.replace("own", portal_server.url) if name == "origin" else value for name, value in headers.items()
    }
    answer = http.request(method, path, headers={"accept": "text/html", **sent}, content=body)
    assert answer.status_code == status
    expect_security_headers(answer)
    assert answer.headers["cache-control"]
    assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["x-request-id"])
    assert "server" not in answer.headers
    assert "strict-transport-security" not in answer.headers, "over http it would be ignored or harm localhost"


def expect_security_headers(answer: httpx.Response) -> None:
    for name, value in FIXED.items():
        assert answer.headers.get_list(name) == [value], name
    [policy] = answer.headers.get_list("content-security-policy")
    rules = dict(rule.strip().partition(" ")[::2] for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["frame-ancestors"] == "'none'"
    assert rules["base-uri"] == "'none'"
    assert rules.get("script-src", "'self'") == "'self'"
    assert rules.get("style-src", "'self'") == "'self'"
    assert "unsafe" not in policy
    assert "*" not in policy


def test_static_files_are_cached_for_ever_and_have_the_headers(http: httpx.Client) -> None:
    page = HtmlPage(http.get("/login").text)
    addresses = [
        element.attributes.get("src") or element.attributes["href"]
        for element in page.elements
        if element.tag == "script" or element.attributes.get("rel") in ("stylesheet", "icon")
    ]
    assert len(addresses) > 3
    for address in addresses:
        answer = http.get(address)
        assert answer.status_code == 200
        expect_security_headers(answer)
        assert "immutable" in answer.headers["cache-control"]


def test_an_answer_that_no_route_made_has_the_headers(portal_server: PortalServer) -> None:
    """What the parser refuses never reaches the application."""
    for request in (b"NONSENSE\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n" + b"x: " + b"y" * 70_000 + b"\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", portal_server.port), timeout=20) as connection:
            connection.sendall(request)
            answer = b""
            while chunk := connection.recv(65536):
                answer += chunk
        assert answer.split(b" ")[1] in (b"400", b"431")
        assert b"nosniff" in answer
        assert b"default-src 'none'" in answer


@pytest.mark.asvs("14.3.2")
def test_no_page_with_a_person_in_it_is_stored_anywhere(portal_server: PortalServer, http: httpx.Client) -> None:
    fields = {"email": "alice@example.com", "password": SEEDED_PASSWORD}
    http.post("/login/password", data=fields, headers={"origin": portal_server.url})
    for path in ("/account", "/account/devices", "/login", "/logout"):
        assert http.get(path).headers["cache-control"] == "no-store"
    left = http.post("/logout", headers={"origin": portal_server.url})
    assert left.headers["clear-site-data"] == '"cache", "storage"'


def cookies_of(answer: httpx.Response) -> dict[str, str]:
    return {line.partition("=")[0]: line for line in answer.headers.get_list("set-cookie")}


@pytest.mark.asvs("3.3.1", "3.3.2", "3.3.4")
def test_over_http_on_this_machine_cookies_have_plain_names_and_no_secure(portal_server: PortalServer) -> None:
    with httpx.Client(base_url=portal_server.url, headers={"x-forwarded-for": an_address()}, timeout=30) as fresh:
        fields = {"email": "alice@example.com", "password": SEEDED_PASSWORD, "remember_device": "1"}
        cookies = cookies_of(fresh.post("/login/password", data=fields, headers={"origin": portal_server.url}))
    assert set(cookies) == {"portal_session", "portal_browser"}
    for line in cookies.values():
        assert attributes(line) == {"path=/", "httponly", "samesite=lax"}


@pytest.mark.asvs("3.3.1", "3.3.2", "3.3.3", "3.3.4", "3.4.1")
def test_over_https_cookies_are_locked_to_the_host_and_the_answers_to_tls(https_portal_server: PortalServer) -> None:
    portal = https_portal_server
    headers = {"host": "login.example.com", "origin": "https://login.example.com", "x-forwarded-for": an_address()}
    with httpx.Client(base_url=portal.address, headers=headers, timeout=30) as fresh:
        page = fresh.get("/login")
        assert page.headers["strict-transport-security"] == "max-age=63072000; includeSubDomains"
        answer = fresh.post("/signup", data={"email": an_email(), "new_password": PASSWORD})
        assert answer.status_code == 303
        cookies = cookies_of(answer)
        assert set(cookies) == {"__Host-portal_browser"}
        for line in cookies.values():
            assert attributes(line) == {"path=/", "httponly", "samesite=lax", "secure"}
        refused = fresh.post("/signup", data={}, headers={"origin": "http://login.example.com"})
        assert refused.status_code == 403
        assert refused.headers["strict-transport-security"]


@pytest.mark.adversarial("C3")
def test_a_cookie_that_a_sibling_host_planted_is_not_taken(https_portal_server: PortalServer) -> None:
    """Without `__Host-` a sibling host could set it; sent twice, one of them is planted."""
    portal = https_portal_server
    headers = {"host": "login.example.com", "origin": "https://login.example.com", "x-forwarded-for": an_address()}
    with httpx.Client(base_url=portal.address, headers=headers, timeout=30) as fresh:
        started = fresh.post("/signup", data={"email": an_email(), "new_password": PASSWORD})
        place = started.headers["location"]
        token = cookies_of(started)["__Host-portal_browser"].partition("=")[2].partition(";")[0]
        fresh.cookies.clear()
        assert fresh.get(place, headers={"cookie": f"__Host-portal_browser={token}"}).status_code == 200
        for planted in (
            f"portal_browser={token}",
            f"__host-portal_browser={token}",
            f"__Host-portal_browser=x; __Host-portal_browser={token}",
            f"__Host-portal_browser={token}; __Host-portal_browser=x",
        ):
            assert fresh.get(place, headers={"cookie": planted}).status_code == 403, planted


def attributes(line: str) -> set[str]:
    """A cookie's attributes but for its lifetime."""
    return {part.strip().lower() for part in line.split(";")[1:] if not part.strip().lower().startswith("max-age=")}

"""Who may make the portal change something: its own pages only (adversarial C5, L3; the same-origin rule).

Every route is taken from the application itself, so that a new one is tried without anybody thinking of it.
"""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import httpx
import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute

from portal.app import create_app
from portal.settings import load_settings
from portal.web.gate import Gate
from tests.support.server import SECRET_KEY, SEEDED_PASSWORD, PortalServer, an_address

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
# Called by apps and from other sites on purpose; what keeps each of them safe stands with its tests.
CROSS_ORIGIN = frozenset(
    f"/oauth2/{name}" for name in ("authorize", "token", "userinfo", "introspect", "revoke", "logout")
)
FORM = {"content-type": "application/x-www-form-urlencoded"}


def changing_routes() -> list[tuple[str, str, bool]]:
    """Method, path and whether it is exempt, of every route that is not safe."""
    settings = load_settings(
        {
            "PORTAL_DEV": "1",
            "PORTAL_DATABASE_URL": "postgresql://nobody@localhost/nowhere",  # never connected to
            "PORTAL_SECRET_KEY": SECRET_KEY,
            "PORTAL_DATA_DIR": str(Path("/nonexistent")),
        }
    )
    app = cast(Litestar, cast(Gate, create_app(settings)).app)
    return sorted(
        (method, route.path, bool(handler.opt.get("cross_origin")))
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        for method in handler.http_methods
        if method not in SAFE
    )


ROUTES = changing_routes()
IN_A_PATH = {"{token:str}": "x" * 43, "{code:str}": "x" * 43, "{mfa_id:uuid}": "0d6cf2a3-7f0c-4b07-9a53-8f1f4f7d2a10"}


def filled(path: str) -> str:
    """A path with something in the place of each name."""
    for name, value in IN_A_PATH.items():
        path = path.replace(name, value)
    assert "{" not in path, f"nothing to put into {path}"
    return path


GUARDED = [(method, filled(path)) for method, path, exempt in ROUTES if not exempt]
# All but those that read no field: there the button itself is the whole message.
LOG_OUT = ("/logout", "/oauth2/logout/confirm")
A_BUTTON = ("/link/", "/invite/", "/login/lost/link/")
READ = [(method, path) for method, path in GUARDED if path != "/logout" and not path.startswith(A_BUTTON)]

FOREIGN: dict[str, dict[str, str]] = {
    "no_origin": {},
    "foreign_origin": {"origin": "https://evil.example"},
    "null_origin": {"origin": "null"},
    "empty_origin": {"origin": ""},
    "http_of_the_same_name_on_another_port": {"origin": "http://localhost:1"},
    "origin_that_begins_alike": {"origin": "{own}.evil.example"},
    "own_origin_with_a_path": {"origin": "{own}/"},
    "own_origin_in_capitals": {"origin": "{OWN}"},
    "cross_site": {"sec-fetch-site": "cross-site", "origin": "https://evil.example"},
    "cross_site_that_names_our_origin": {"sec-fetch-site": "cross-site", "origin": "{own}"},
    "same_site": {"sec-fetch-site": "same-site", "origin": "{own}"},
    "typed_address": {"sec-fetch-site": "none"},
    "nonsense": {"sec-fetch-site": "same-origin, cross-site", "origin": "{own}"},
    "referer_only": {"referer": "{own}/login"},
}

pytestmark = [pytest.mark.asvs("3.5.1", "3.5.2", "3.5.3"), pytest.mark.adversarial("C5")]


@pytest.fixture(scope="module")
def alice(portal_server: PortalServer) -> Iterator[httpx.Client]:
    """Alice's browser, logged in, which a foreign site makes send things."""
    with httpx.Client(
        base_url=portal_server.url, headers={"x-forwarded-for": an_address(), "accept": "text/html"}, timeout=30
    ) as http:
        answer = http.post(
            "/login/password",
            data={"email": "alice@example.com", "password": SEEDED_PASSWORD},
            headers={"origin": portal_server.url},
        )
        assert answer.status_code == 303
        yield http


def test_there_are_routes_to_try() -> None:
    paths = {path for _method, path in GUARDED}
    assert {"/login", "/login/password", "/signup", "/signup/verify", "/logout", "/oauth2/consent"} <= paths
    assert "/account/devices/end-others" in paths


def test_only_what_apps_call_is_exempt() -> None:
    assert {path for _method, path, exempt in ROUTES if exempt} <= CROSS_ORIGIN


@pytest.mark.parametrize(("method", "path"), GUARDED, ids=[path for _method, path in GUARDED])
def test_a_request_that_another_site_caused_is_refused(
    portal_server: PortalServer, alice: httpx.Client, method: str, path: str
) -> None:
    own = portal_server.url
    for name, headers in FOREIGN.items():
        sent = {key: value.replace("{own}", own).replace("{OWN}", own.upper()) for key, value in headers.items()}
        answer = alice.request(method, path, content=b"", headers={**FORM, **sent})
        assert answer.status_code == 403, name
        assert "portal_session" not in answer.headers.get("set-cookie", ""), name
    assert alice.get("/account").status_code == 200
    # The positive control: our own page gets past the rule, to whatever the form makes of an empty post.
    for headers in (
        {"origin": own},
        {"sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "same-origin", "origin": own},
    ):
        if path not in LOG_OUT:
            assert alice.request(method, path, content=b"", headers={**FORM, **headers}).status_code != 403


@pytest.mark.parametrize(("method", "path"), READ, ids=[path for _method, path in READ])
def test_only_ordinary_forms_are_read(portal_server: PortalServer, alice: httpx.Client, method: str, path: str) -> None:
    """A page of another site can send text/plain and multipart without asking; our forms are neither."""
    for content_type in ("text/plain", "multipart/form-data; boundary=x", "application/json", "", "text/html", "x"):
        headers = {"origin": portal_server.url, "content-type": content_type}
        answer = alice.request(method, path, content=b"email=a%40b.example&password=x", headers=headers)
        assert answer.status_code == 415, content_type


def test_two_origins_are_refused(portal_server: PortalServer) -> None:
    own = portal_server.url
    body = "email=alice%40example.com&password=" + SEEDED_PASSWORD
    answer = raw(portal_server, "POST /login/password", [f"Origin: {own}", "Origin: https://evil.example"], body)
    assert status_of(answer) == 403
    answer = raw(portal_server, "POST /login/password", ["Sec-Fetch-Site: same-origin"] * 2, body)
    assert status_of(answer) == 403
    assert status_of(raw(portal_server, "POST /login/password", [f"Origin: {own}"], body)) == 303


def test_a_foreign_site_cannot_log_a_browser_in_to_its_own_account(portal_server: PortalServer) -> None:
    """Login CSRF: the victim would type card numbers into the attacker's account."""
    fields = {"email": "dana@example.com", "password": SEEDED_PASSWORD}
    victim = httpx.Client(base_url=portal_server.url, headers={"x-forwarded-for": an_address()}, timeout=30)
    with victim:
        refused = victim.post("/login/password", data=fields, headers={"origin": "https://evil.example"})
        assert refused.status_code == 403
        assert "portal_session" not in victim.cookies
        allowed = victim.post("/login/password", data=fields, headers={"origin": portal_server.url})
        assert allowed.status_code == 303
        assert "portal_session" in victim.cookies


def test_a_link_or_an_image_cannot_log_out(portal_server: PortalServer, alice: httpx.Client) -> None:
    assert alice.get("/logout").status_code == 200
    assert alice.get("/account").status_code == 200


def raw(portal: PortalServer, request: str, headers: list[str], body: str = "", *, host: str | None = "own") -> bytes:
    """Send bytes as no HTTP client would, and return the answer."""
    own_host = [f"Host: {portal.host if host == 'own' else host}"] if host is not None else []
    fixed = ["Connection: close", "Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}"]
    lines = [f"{request} HTTP/1.1", *own_host, *headers, *fixed, "", body]
    with socket.create_connection(("127.0.0.1", portal.port), timeout=20) as connection:
        connection.sendall("\r\n".join(lines).encode())
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return answer


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


class TestHosts:
    """Which host a request may name: exactly one, and one of ours (adversarial D1)."""

    pytestmark = pytest.mark.adversarial("D1")

    @pytest.mark.parametrize(
        "host", ["evil.example", "localhost", "localhost:1", "127.0.0.1", "", "evil.example:80", "a" * 300, "[::1]"]
    )
    def test_a_foreign_host_is_refused(self, portal_server: PortalServer, host: str) -> None:
        answer = raw(portal_server, "GET /login", [], host=host)
        assert status_of(answer) in (400, 421), answer[:200]
        assert b"Set-Cookie" not in answer
        assert host == "" or len(host) < 5 or host.encode() not in answer
        assert status_of(raw(portal_server, "GET /login", [])) == 200

    def test_two_hosts_and_none_are_refused(self, portal_server: PortalServer) -> None:
        assert status_of(raw(portal_server, "GET /login", [f"Host: {portal_server.host}"])) == 400
        assert status_of(raw(portal_server, "GET /login", ["Host: evil.example"])) == 400
        assert status_of(raw(portal_server, "GET /login", [], host=None)) == 400

    def test_the_address_in_the_request_line_does_not_choose_the_host(self, portal_server: PortalServer) -> None:
        answer = raw(portal_server, "GET http://evil.example/login", [])
        assert b"evil.example" not in answer
        answer = raw(portal_server, f"GET {portal_server.url}/login", [], host="evil.example")
        assert status_of(answer) in (400, 421)

    @pytest.mark.parametrize("header", ["X-Forwarded-Host", "Forwarded", "X-Original-Host", "X-Forwarded-Server"])
    def test_no_forwarding_header_gets_into_a_mail_or_a_page(self, portal_server: PortalServer, header: str) -> None:
        from tests.support.person import an_email, newest_mail

        email = an_email()
        value = "host=evil.example;proto=http" if header == "Forwarded" else "evil.example"
        body = f"email={email.replace('@', '%40')}&new_password=three+quiet+lanterns"
        headers = [f"{header}: {value}", f"Origin: {portal_server.url}", f"X-Forwarded-For: {an_address()}"]
        answer = raw(portal_server, "POST /signup", [*headers, "X-Forwarded-Proto: https"], body)
        assert status_of(answer) == 303
        assert b"evil.example" not in answer
        mail = newest_mail(portal_server, email)
        assert "evil.example" not in mail.text + mail.html
        assert all(link.startswith(portal_server.url) for link in mail.links)

    def test_probes_may_call_by_any_name(self, portal_server: PortalServer) -> None:
        for probe in ("/livez", "/readyz"):
            assert status_of(raw(portal_server, f"GET {probe}", [], host="10.0.0.7:8000")) == 200

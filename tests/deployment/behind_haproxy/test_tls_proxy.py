"""The portal as people meet it: over TLS, through a proxy, on whichever of two servers."""

import signal

import httpx
import pytest

from tests.deployment.behind_haproxy.conftest import EMAIL, PASSWORD, Deployment, PersonOverTls
from tests.support.demo_app import running_demo_app

HSTS = "max-age=63072000; includeSubDomains"
FORGED = {
    "x-forwarded-for": "203.0.113.66",
    "forwarded": 'for=203.0.113.66;host="evil.example";proto=http',
    "x-real-ip": "203.0.113.66",
    "x-client-ip": "203.0.113.66",
    "true-client-ip": "203.0.113.66",
    "x-forwarded-host": "evil.example",
    "x-forwarded-proto": "http",
    "x-forwarded-port": "80",
    "x-original-url": "/livez",
    "x-http-method-override": "DELETE",
}


def test_somebody_logs_in_to_the_demo_app_over_tls(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(deployment.proxy.certificate))
    before = [deployment.requests_seen(server) for server in deployment.servers]
    with running_demo_app(deployment.servers[0]) as demo_app, PersonOverTls(deployment) as alice:
        alice.open(demo_app).follow("Log in")
        alice.submit("/login", email=EMAIL).submit("/login/password", password=PASSWORD)
        alice.submit("/oauth2/consent", {"decision": "allow"})
        assert alice.page.heading == "You are logged in"
        assert f'data-claim="iss">{deployment.url}<' in alice.response.text
    after = [deployment.requests_seen(server) for server in deployment.servers]
    assert all(now > then for now, then in zip(after, before, strict=True)), "one server did it all: sticky sessions"


def test_cookies_are_bound_to_the_host_and_to_tls(deployment: Deployment) -> None:
    with PersonOverTls(deployment) as alice:
        alice.open("/login").submit("/login", email=EMAIL)
        form = alice.page.form("/login/password").fields
        answer = alice.http.post(
            "/login/password", data={**form, "password": PASSWORD}, headers={"origin": deployment.url}
        )
    assert answer.status_code == 303
    cookies = {line.partition("=")[0]: line for line in answer.headers.get_list("set-cookie")}
    session = cookies["__Host-portal_session"].split("; ")[1:]
    assert {"Path=/", "HttpOnly", "SameSite=Lax", "Secure"} <= set(session)
    assert not any(part.startswith("Domain") for part in session)
    assert all(name.startswith("__Host-") and "; Secure" in line for name, line in cookies.items())


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/login", 200),
        ("GET", "/account", 303),
        ("GET", "/nothing-here", 404),
        ("DELETE", "/login", 405),
        ("POST", "/login/password", 403),  # no Origin
        ("GET", "/livez", 200),
        ("GET", "/.well-known/openid-configuration", 200),
        ("GET", "/oauth2/userinfo", 401),
        ("GET", "/static/css/base.css", None),
        ("BREW", "/login", None),  # refused before the application
    ],
)
def test_every_answer_keeps_browsers_on_tls(deployment: Deployment, method: str, path: str, status: int | None) -> None:
    with deployment.client() as client:
        answer = client.request(method, path)
    assert status in (None, answer.status_code)
    assert answer.headers.get_list("strict-transport-security") == [HSTS]


@pytest.mark.parametrize("path", ["/login", "/nothing-here", "/livez"])
def test_the_portal_itself_says_so_too_and_the_proxys_line_is_no_cover(deployment: Deployment, path: str) -> None:
    for server in deployment.servers:
        answer = httpx.get(f"{server.address}{path}", headers={"host": server.host})
        assert answer.headers["strict-transport-security"] == HSTS


@pytest.mark.adversarial("D2")
def test_what_a_client_says_of_its_own_address_is_not_believed(deployment: Deployment) -> None:
    with PersonOverTls(deployment, "127.0.0.77", **FORGED) as alice:
        alice.log_in(EMAIL, PASSWORD)
        assert alice.path == "/account"
        assert "evil.example" not in alice.response.text
        devices = alice.open("/account/devices").response.text
    assert "127.0.0.77" in devices
    assert "203.0.113.66" not in devices
    server = deployment.servers[0]
    [session] = server.rows("select host(ip_address) as address from authn.sessions order by created_at desc limit 1")
    assert session["address"] == "127.0.0.77"
    events = server.rows(
        "select host(ip_address) as address from authn.audit_events "
        "where event_type = 'session_created' order by id desc limit 1"
    )
    assert events == [{"address": "127.0.0.77"}]
    assert server.rows("select 1 as found from authn.audit_events where ip_address = '203.0.113.66'") == []
    assert server.rows("select 1 as found from authn.login_attempts where ip_address = '203.0.113.66'") == []


@pytest.mark.adversarial("D2")
def test_who_comes_past_the_proxy_is_not_believed_either(deployment: Deployment) -> None:
    """From an address that is no trusted proxy the header is the visitor's own invention."""
    server = deployment.servers[0]
    transport = httpx.HTTPTransport(local_address="127.0.0.78")
    with httpx.Client(base_url=server.address, transport=transport, headers={**FORGED, "host": server.host}) as client:
        answer = client.post(
            "/login/password", data={"email": EMAIL, "password": "not this one"}, headers={"origin": server.url}
        )
    assert answer.status_code == 422
    [attempt] = server.rows(
        "select host(ip_address) as address from authn.login_attempts order by attempted_at desc limit 1"
    )
    assert attempt["address"] == "127.0.0.78"


@pytest.mark.adversarial("D1")
def test_no_header_but_host_decides_which_portal_answers(deployment: Deployment) -> None:
    with deployment.client(**FORGED) as client:
        discovery = client.get("/.well-known/openid-configuration").json()
        assert discovery["issuer"] == deployment.url
        assert {value.partition("/oauth2")[0] for key, value in discovery.items() if key.endswith("_endpoint")} == {
            deployment.url
        }
        moved = client.get("/account")
        assert moved.headers["location"].startswith("/login")
        for host in ("evil.example", "localhost", "localhost:1", f"{deployment.url[8:]}.", "127.0.0.1"):
            assert client.get("/login", headers={"host": host}).status_code == 421, host
        upper = client.get("/login", headers={"host": deployment.url[8:].upper()})
        assert upper.status_code == 200


@pytest.mark.parametrize("step", ["address", "password"])
def test_when_a_server_dies_in_the_middle_of_a_login_the_person_goes_on(deployment: Deployment, step: str) -> None:
    dying = deployment.servers[0]
    with PersonOverTls(deployment) as alice:
        alice.open("/account/devices")
        if step == "password":
            alice.submit("/login", email=EMAIL)
        dying.stop(signal.SIGKILL)
        try:
            if step == "address":
                alice.submit("/login", email=EMAIL)
            alice.submit("/login/password", password=PASSWORD)
            assert alice.path == "/account/devices", "the way back was lost"
            for _ in range(4):
                assert alice.is_logged_in()
        finally:
            dying.start()
            deployment.proxy.wait_until_up(2)
        for _ in range(4):
            assert alice.is_logged_in()

"""After logging out nothing that the browser or its apps kept is worth anything (adversarial L2), on any process."""

from collections.abc import Iterator

import httpx
import pytest

from tests.oidc.issuer import Issuer, make_issuer
from tests.support.events import refused
from tests.support.html import HtmlPage
from tests.support.person import Person, an_email
from tests.support.server import PortalServer, an_address

PAGES = ("/account", "/account/devices", "/account/security", "/account/apps")
# A second tab's fragment, a browser that guesses the next page, a worker, a reload from the history.
KINDS = {
    "page": {},
    "htmx": {"hx-request": "true", "hx-current-url": "/account/devices"},
    "prefetch": {"sec-purpose": "prefetch", "purpose": "prefetch"},
    "prerender": {"sec-purpose": "prefetch;prerender"},
    "json": {"accept": "application/json"},
    "cached": {"cache-control": "only-if-cached", "if-none-match": "*"},
}

pytestmark = pytest.mark.adversarial("L2")


@pytest.fixture
def issuer(portal_server: PortalServer) -> Iterator[Issuer]:
    made = make_issuer(portal_server, "leaving", an_email())
    yield made
    for person in made.tenant.people:
        person.close()


def seen_with(portal: PortalServer, host: str, token: str, address: str, path: str, **more: str) -> httpx.Response:
    """What a browser gets that has this session cookie, and nothing else."""
    headers = {"cookie": f"portal_session={token}", "host": host, "x-forwarded-for": address, **more}
    return httpx.get(f"{portal.address}{path}", headers=headers, timeout=30)


@pytest.mark.asvs("7.4.1")
@pytest.mark.parametrize("kind", KINDS)
def test_l2_a_copied_cookie_shows_nothing_on_any_process(
    portal_server: PortalServer, second_process: PortalServer, zoe: Person, kind: str
) -> None:
    email = an_email()
    token, thief = zoe.sign_up(email).session_cookie or "", an_address()
    for process in (portal_server, second_process):
        before = seen_with(process, portal_server.host, token, thief, "/account", **KINDS[kind])
        assert email in before.text, "the positive control"
        assert "no-store" in before.headers["cache-control"]
    left = zoe.open("/logout").submit("/logout").response
    assert left.headers["clear-site-data"] == '"cache", "storage"'
    assert email not in left.text
    for process in (portal_server, second_process):
        for path in PAGES:
            after = seen_with(process, portal_server.host, token, thief, path, **KINDS[kind])
            assert email not in after.text, path
            assert after.status_code in (200, 303, 401), path
            assert after.status_code != 200 or after.headers["hx-redirect"].startswith("/login"), path
            assert "portal_session=;" in after.headers["set-cookie"], "and the browser forgets it"
    with Person(portal_server, address=thief) as stolen:
        stolen.http.cookies.set("portal_session", token, domain="localhost.local")
        stolen.post("/account/devices/end-others")
        assert stolen.path == "/login"
        assert refused(stolen) == {"dead_session"}


def test_l2_looking_ahead_logs_nobody_out(zoe: Person) -> None:
    zoe.sign_up(an_email())
    for headers in KINDS.values():
        assert zoe.http.get("/logout", headers=headers).status_code == 200
    assert zoe.is_logged_in()
    assert not zoe.log_out().is_logged_in(), "the positive control"


def test_l2_what_apps_hold_of_the_session_ends_with_it(issuer: Issuer) -> None:
    given = of_the_session(issuer)
    assert issuer.userinfo(given["access_token"]).status_code == 200, "the positive control"
    code, unused = (issuer.code_in(issuer.person.http.get(without_offline_access(issuer))) for _ in range(2))
    assert issuer.redeem(code, issuer.client).status_code == 200
    issuer.person.open("/logout").submit("/logout")
    assert issuer.redeem(unused, issuer.client).json()["error"] == "invalid_grant"
    assert issuer.userinfo(given["access_token"]).status_code == 401
    inactive = issuer.call("/oauth2/introspect", issuer.client, token=given["access_token"])
    assert inactive.json() == {"active": False}
    assert issuer.tenant.events("session_revoked")
    assert issuer.tenant.events("code_refused")
    kinds = {event["new_values"]["kind"] for event in issuer.tenant.events("request_refused")}
    assert "access_token" in kinds


def without_offline_access(issuer: Issuer) -> str:
    return issuer.url(issuer.client[0]).replace("+offline_access", "")


def of_the_session(issuer: Issuer) -> dict[str, str]:
    """Tokens of an app that asks for nothing while its person is away."""
    page = issuer.person.http.get(without_offline_access(issuer))
    while page.has_redirect_location:
        page = issuer.person.http.get(page.headers["location"])
    fields = {**HtmlPage(page.text).form("/oauth2/consent").fields, "decision": "allow"}
    allowed = issuer.person.http.post("/oauth2/consent", data=fields, headers={"origin": issuer.person.origin})
    return dict(issuer.redeem(issuer.code_in(allowed), issuer.client).json())

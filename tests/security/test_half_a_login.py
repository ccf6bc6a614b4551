"""After the first factor of two everybody is a stranger: on every route, at apps, at every other door (F2, F3, F7)."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast
from urllib.parse import quote

import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute

from portal.app import create_app
from portal.settings import load_settings
from portal.web.gate import Gate
from tests.support.events import events_about, happened, refused
from tests.support.person import PASSWORD, Person, an_email
from tests.support.second_step import App, set_up_app
from tests.support.server import SECRET_KEY, PortalServer

Somebody = Callable[[], Person]
PARAMETERS = {"uuid": "00000000-0000-4000-8000-000000000000", "str": "x" * 43, "path": "x", "int": "1"}
# Open to everybody, and different from one call to the next.
LIVELY = ("/dev/", "/metrics", "/livez", "/readyz")

pytestmark = pytest.mark.adversarial("F2")


def every_route() -> list[tuple[str, str]]:
    """Method and path of every route of the application itself."""
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
        (method, re.sub(r"\{\w+:(\w+)\}", lambda found: PARAMETERS[found[1]], route.path))
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        for method in handler.http_methods
        if method in ("GET", "POST", "PUT", "PATCH", "DELETE") and not route.path.startswith(LIVELY)
    )


@pytest.fixture(scope="module")
def bo(portal_server: PortalServer) -> Iterator[tuple[str, App]]:
    """The address and the app of somebody who is not here."""
    email = an_email("bo")
    with Person(portal_server) as owner:
        yield email, set_up_app(owner.sign_up(email))


@pytest.fixture(scope="module")
def half(portal_server: PortalServer, bo: tuple[str, App]) -> Iterator[Person]:
    """A browser that has proven the password, asked to be remembered, and waits at the second step."""
    with Person(portal_server) as thief:
        thief.log_in(bo[0], PASSWORD, remember_device="on")
        assert "Second step" in thief.page.text
        assert thief.session_cookie is None
        assert happened(portal_server, bo[0], "second_step_due", proven=["password"])
        yield thief


@pytest.fixture(scope="module")
def whole(portal_server: PortalServer) -> Iterator[Person]:
    """Somebody who is logged in, for whom the same routes do something else."""
    with Person(portal_server) as owner:
        yield owner.sign_up(an_email("whole"))


@pytest.fixture(scope="module")
def stranger(portal_server: PortalServer) -> Iterator[Person]:
    with Person(portal_server) as nobody:
        nobody.open("/login")
        yield nobody


def answered(person: Person, method: str, path: str) -> tuple[int, str, str]:
    """Status, where it leads, and what the page says, without what differs from one answer to the next."""
    headers = {"origin": person.origin, "content-type": "application/x-www-form-urlencoded"}
    answer = person.http.request(method, path, headers=headers, follow_redirects=False)
    assert not re.search("portal_session=[^;]", answer.headers.get("set-cookie", "")), "clearing one is no harm"
    location = re.sub(r"[0-9a-f-]{36}", "<id>", answer.headers.get("location", ""))
    heading = re.search(r"<h1[^>]*>(.*?)</h1>", answer.text, re.DOTALL)
    return answer.status_code, location, heading[1] if heading else ""


ROUTES = every_route()


def test_there_are_routes_to_try() -> None:
    assert {("GET", "/account"), ("GET", "/account/security"), ("POST", "/oauth2/consent")} <= set(ROUTES)
    assert len(ROUTES) > 50


@pytest.mark.parametrize(("method", "path"), ROUTES, ids=[f"{method} {path}" for method, path in ROUTES])
def test_f2_who_has_proven_the_password_only_is_answered_like_a_stranger(
    bo: tuple[str, App], half: Person, stranger: Person, whole: Person, method: str, path: str
) -> None:
    assert answered(half, method, path) == answered(stranger, method, path)
    if path.startswith("/account") and method == "GET" and "undo" not in path:
        # The positive control: whoever is logged in gets another answer there than the way to the login page.
        assert answered(half, method, path)[:2] == (303, f"/login?return_to={quote(path)}")
        assert answered(whole, method, path)[1] != f"/login?return_to={quote(path)}"


def test_f2_a_form_of_the_account_does_nothing_and_leaves_an_event(
    bo: tuple[str, App], somebody: Somebody, portal_server: PortalServer
) -> None:
    email, app = bo
    thief = somebody().log_in(email, PASSWORD)
    waiting = thief.page
    own = {"origin": thief.origin, "content-type": "application/x-www-form-urlencoded"}
    for path in (
        "/account/passkeys/options",
        "/account/passkeys",
        "/account/authenticator-app",
        "/account/recovery-codes",
        "/account/password",
        "/account/devices/end-others",
    ):
        answer = thief.http.post(path, headers=own, content="x=1")
        assert answer.status_code == 303, path
        assert answer.headers["location"].startswith("/login"), path
    thief.post("/oauth2/token", {"grant_type": "authorization_code", "code": "x" * 43})
    assert thief.response.status_code == 401
    assert not thief.is_logged_in()
    assert "no_session" in refused(thief)
    names = [name for name, _values in events_about(portal_server, email)]
    assert names.count("mfa_added") == 1, "the owner's own app, and nothing that the thief tried"
    # A cookie of a session that never was is no way round the second step either.
    thief.http.cookies.set("portal_session", "x" * 43, domain="localhost.local")
    assert not thief.is_logged_in()
    assert "dead_session" in refused(thief)
    # The positive control: with the second step the same browser is logged in, and remembered as it asked.
    thief.page = waiting
    allow_a_code_again(portal_server, email)
    thief.submit("/login/totp", code=app.code())
    assert thief.is_logged_in()
    assert happened(portal_server, email, "session_created")


def test_f2_an_app_learns_nothing_before_the_second_step(
    bo: tuple[str, App], demo_app: str, somebody: Somebody, portal_server: PortalServer
) -> None:
    email, app = bo
    thief = somebody().open(demo_app).follow("Log in")
    thief.submit("/login", email=email).submit("/login/password", password=PASSWORD)
    assert "Second step" in thief.page.text
    assert "to continue to Demo app" in thief.page.text
    asked_again = thief.http.get(f"{demo_app}/login", follow_redirects=False).headers["location"]
    assert thief.open(asked_again).page.heading == "Log in"
    silent = asked_again + "&prompt=none"
    assert "error=login_required" in thief.http.get(silent, follow_redirects=False).headers["location"]
    assert happened(portal_server, email, "second_step_due", proven=["password"])
    # The positive control: behind the second step the app is told who it is.
    thief.submit("/login", email=email).submit("/login/password", password=PASSWORD)
    allow_a_code_again(portal_server, email)
    thief.submit("/login/totp", code=app.code())
    thief.submit("/oauth2/consent", {"decision": "allow"})
    assert email in thief.page.text


@pytest.mark.adversarial("F7")
def test_f7_the_first_factor_of_one_flow_is_nothing_in_another(bo: tuple[str, App], somebody: Somebody) -> None:
    email, app = bo
    mallory = somebody()
    her_own = an_email("mallory")
    mallory.sign_up(her_own)
    hers = set_up_app(mallory)
    mallory.log_out()
    # Her flow has her password; the thief's flow has Bo's. Each takes only the codes of its own account.
    mallory.log_in(her_own, PASSWORD)
    thief = somebody().log_in(email, PASSWORD)
    thief.submit("/login/totp", code=hers.code())
    assert thief.response.status_code == 422
    assert not thief.is_logged_in()
    # A flow of another browser, and one without a first factor.
    mallory.post("/login/totp", {"flow": thief.page.form("/login/totp").fields["flow"], "code": hers.code()})
    assert mallory.response.status_code == 403
    assert "foreign_flow" in refused(mallory)
    fresh = somebody().open("/login").submit("/login", email=email)
    fresh.post("/login/totp", {"flow": fresh.response.url.params["flow"], "code": app.code(1)})
    assert not fresh.is_logged_in()
    assert fresh.page.heading == "Log in"
    # Bo's password in Mallory's flow does not make it his.
    mallory.log_in(her_own, PASSWORD)
    flow = mallory.page.form("/login/totp").fields["flow"]
    mallory.post("/login/password", {"flow": flow, "email": email, "password": PASSWORD})
    assert not mallory.is_logged_in()
    # The positive control: her own code in her own flow.
    mallory.log_in(her_own, PASSWORD).submit("/login/totp", code=hers.code())
    assert mallory.is_logged_in()


def test_f2_a_finished_second_step_cannot_be_sent_again(
    bo: tuple[str, App], somebody: Somebody, portal_server: PortalServer
) -> None:
    email, app = bo
    allow_a_code_again(portal_server, email)
    person = somebody().log_in(email, PASSWORD)
    fields = {"flow": person.page.form("/login/totp").fields["flow"], "code": app.code()}
    person.submit("/login/totp", code=fields["code"])
    assert person.is_logged_in()
    person.log_out()
    person.post("/login/totp", fields)
    assert person.response.status_code == 410
    assert not person.is_logged_in()
    assert "dead_flow" in refused(person)


def allow_a_code_again(portal: PortalServer, email: str) -> None:
    """Let the half minute of the app's last code pass."""
    portal.sql(
        "update authn.mfa_secrets m set last_step = m.last_step - 10 from authn.users u "
        f"where u.id = m.user_id and u.email = '{email}' and m.mfa_type = 'totp'"
    )

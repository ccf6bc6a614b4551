"""A lock holds at every door where something could be guessed, and at no other (adversarial G5).

V's day is used up by strangers. Nobody who is not V gets a guess anywhere: not by a stolen session, not by HTTP Basic,
not at an app's secret or token. What V and V's apps have already goes on, or a lock would be an attack by itself.
"""

import base64
import secrets
from collections.abc import Iterator

import httpx
import pytest

from tests.oidc.issuer import Issuer, make_issuer
from tests.support.person import PASSWORD, Person, Somebody, an_email, mails_to
from tests.support.second_step import set_up_app
from tests.support.server import PortalServer, an_address

NEW = "six brown kettles"
GUESSES = 30
SENSITIVE = ("/account/authenticator-app", "/account/recovery-codes", "/account/passkeys/add")

pytestmark = pytest.mark.adversarial("G5")


@pytest.fixture
def issuer(portal_server: PortalServer) -> Iterator[Issuer]:
    """A namespace with an app that is trusted, and V, who signed up there."""
    made = make_issuer(portal_server, "doors", an_email("victim"), "--first-party")
    yield made
    for person in made.tenant.people:
        person.close()


def lock(portal: PortalServer, email: str, namespace: str = "default") -> None:
    """Strangers from a hundred networks have used up the day."""
    portal.sql(
        "insert into authn.login_attempts (namespace, email, success, ip_address) "
        f"select '{namespace}', '{email}', false, '198.51.100.1'::inet + n from generate_series(1, 100) n"
    )


def events_of(portal: PortalServer, email: str) -> list[str]:
    rows = portal.rows(
        "select e.event_type from authn.audit_events e left join authn.users u on u.email = $1 "
        "where e.resource_id in ($1, u.id::text) or coalesce(e.new_values, e.old_values) ->> 'user_id' = u.id::text",
        email,
    )
    return [str(row["event_type"]) for row in rows]


def refused_from(portal: PortalServer, address: str) -> set[str]:
    rows = portal.rows(
        "select distinct new_values ->> 'kind' as kind from authn.audit_events "
        "where event_type = 'request_refused' and resource_id = $1",
        f"{address}/32",
    )
    return {str(row["kind"]) for row in rows}


def steal(session: str | None, thief: Person) -> Person:
    thief.open("/login")
    thief.http.cookies.set("portal_session", session or "", domain="localhost.local")
    assert thief.is_logged_in(), "the theft itself worked"
    return thief


def test_g5_a_stolen_session_is_no_other_door_to_guess_at(
    portal_server: PortalServer, zoe: Person, somebody: Somebody
) -> None:
    """The form that changes the password and the one that asks for it again share the budget of the login."""
    email = an_email()
    zoe.sign_up(email)
    thief = steal(zoe.session_cookie, somebody())
    for _ in range(5):
        thief.post("/account/password", {"password": "a wrong guess", "new_password": NEW})
        assert thief.response.status_code == 422
    for path, fields in (
        ("/account/password", {"password": PASSWORD, "new_password": NEW}),
        ("/login/password", {"email": email, "password": PASSWORD}),
    ):
        assert thief.post(path, fields).response.status_code == 429, path
    assert {"lockout_triggered", "login_attempt_failed"} <= set(events_of(portal_server, email))
    assert refused_from(portal_server, thief.http.headers["x-forwarded-for"]) == {"throttled"}
    # The positive control: the owner, at the browser that the account knows, changes it at once.
    zoe.post("/account/password", {"password": PASSWORD, "new_password": NEW})
    assert zoe.path == "/account/security"
    assert any("changed" in mail.subject for mail in mails_to(portal_server, email))


def test_g5_the_lock_of_a_day_holds_for_a_stolen_session_too(
    portal_server: PortalServer, zoe: Person, somebody: Somebody
) -> None:
    email = an_email()
    zoe.sign_up(email)
    thief = steal(zoe.session_cookie, somebody())
    lock(portal_server, email)
    for path, fields in (
        ("/account/password", {"password": PASSWORD, "new_password": NEW}),
        ("/login/password", {"email": email, "password": PASSWORD}),
    ):
        assert thief.post(path, fields).response.status_code == 429, path
    assert "password_updated" not in events_of(portal_server, email)
    assert refused_from(portal_server, thief.http.headers["x-forwarded-for"]) == {"throttled"}
    zoe.post("/account/password", {"password": PASSWORD, "new_password": NEW})
    assert zoe.path == "/account/security"
    assert "password_updated" in events_of(portal_server, email)


def test_g5_taking_the_second_step_off_asks_for_a_login_that_the_lock_holds(
    portal_server: PortalServer, zoe: Person, somebody: Somebody
) -> None:
    """No form takes a password or code beside the login: what is sensitive leads back to it, and so to its budgets."""
    email = an_email()
    zoe.sign_up(email)
    app = set_up_app(zoe)
    [remove] = [form.action for form in zoe.page.forms if form.action.endswith("/remove")]
    portal_server.sql(
        "update authn.sessions set auth_time = now() - interval '1 hour' "
        f"where user_id = (select id from authn.users where email = '{email}')"
    )
    thief = steal(zoe.session_cookie, somebody())
    lock(portal_server, email)
    for path in SENSITIVE:
        assert thief.open(path).path == "/login", path
    thief.post(remove)
    assert thief.path == "/login"
    flow = thief.place.rpartition("=")[2]
    assert (
        thief.post("/login/password", {"flow": flow, "email": email, "password": PASSWORD}).response.status_code == 429
    )
    thief.post(remove)
    assert "mfa_removed" not in events_of(portal_server, email)
    assert "throttled" in refused_from(portal_server, thief.http.headers["x-forwarded-for"])
    # The positive control: the owner proves it again, where the account knows the browser, and takes it off.
    zoe.open("/account/recovery-codes")
    zoe.submit("/login/password", password=PASSWORD).submit("/login/totp", code=app.code())
    assert zoe.post(remove).path == "/account/security"
    assert "mfa_removed" in events_of(portal_server, email)


def basic(name: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()


def test_g5_a_password_is_nothing_by_http_basic(portal_server: PortalServer, issuer: Issuer) -> None:
    """Neither locked nor open: there is no such door, so there is nothing to guess at."""
    credentials = basic(issuer.email, PASSWORD)
    tenant = issuer.tenant
    headers = {"host": tenant.host, "authorization": credentials, "x-forwarded-for": an_address()}
    pages = ("/", "/account", "/account/security", "/account/password", "/login", "/oauth2/userinfo", "/metrics")
    for path in pages:
        answer = httpx.get(tenant.address + path, headers=headers)
        assert answer.status_code in (303, 401, 404) or path == "/login", path
        assert "portal_session" not in answer.headers.get("set-cookie", ""), path
        assert issuer.email not in answer.text, path
    for path in ("/oauth2/token", "/oauth2/introspect", "/oauth2/revoke"):
        fields = {"grant_type": "refresh_token", "refresh_token": "x", "token": "x"}
        answer = httpx.post(tenant.address + path, data=fields, headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client"), path
    refused = tenant.events("client_authentication_failed")
    assert {event["new_values"]["reason"] for event in refused} == {"unknown_client"}
    assert {event["resource_id"] for event in refused} == {issuer.email}
    # Nor as the password grant of an app that is one.
    granted = issuer.call(
        "/oauth2/token", issuer.client, grant_type="password", username=issuer.email, password=PASSWORD
    )
    assert granted.json()["error"] == "unsupported_grant_type"
    assert tenant.visitor().log_in(issuer.email).is_logged_in()


def test_g5_guesses_at_an_apps_secret_open_nothing_and_flood_nothing(issuer: Issuer) -> None:
    """No budget: a secret is 256 random bits, and a lock would shut out the app, not the one who guesses."""
    client_id, secret = issuer.client
    assert len(secret) == 43
    near = (secret[:-1], secret + "A", secret.swapcase(), "", " " + secret, issuer.email, PASSWORD)
    token = issuer.tokens()["access_token"]
    for guess in (*near, *(secrets.token_urlsafe(32) for _ in range(GUESSES))):
        refused = issuer.call("/oauth2/introspect", (client_id, guess), token=token)
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client"), guess
    events = issuer.tenant.events("client_authentication_failed")
    assert {(event["resource_id"], event["new_values"]["reason"]) for event in events} == {(client_id, "wrong_secret")}
    assert len(events) <= 4, "the first and the tenth of a minute"
    assert issuer.call("/oauth2/introspect", issuer.client, token=token).json()["active"] is True


def test_g5_while_the_owner_is_locked_their_apps_go_on_and_nobody_elses_refresh(issuer: Issuer) -> None:
    """A lock is against guesses. A refresh token is none; where it ended an app's access, strangers could end it."""
    tokens = issuer.tokens()
    lock(issuer.tenant.server, issuer.email, issuer.tenant.name)
    assert issuer.tenant.visitor().log_in(issuer.email).response.status_code == 429
    token = tokens["refresh_token"]
    for guess in (token[:-1], token + "A", token.swapcase(), "", *(secrets.token_urlsafe(32) for _ in range(GUESSES))):
        refused = issuer.refresh(guess, issuer.client)
        assert refused.status_code == 400, guess
    refreshed = issuer.refresh(token, issuer.client)
    assert refreshed.status_code == 200, refreshed.text
    # What an operator locks is locked at this door, too.
    issuer.command("users", "disable", issuer.email)
    refused = issuer.refresh(refreshed.json()["refresh_token"], issuer.client)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert issuer.tenant.events("refresh_refused")
    assert issuer.tenant.events("user_disabled")


def test_g5_a_made_up_cookie_is_nobodys_session(portal_server: PortalServer, zoe: Person, somebody: Somebody) -> None:
    zoe.sign_up(an_email())
    session = zoe.session_cookie or ""
    for guess in (session[:-1], session + "A", session.swapcase(), secrets.token_urlsafe(32)):
        thief = somebody().open("/login")
        thief.http.cookies.set("portal_session", guess, domain="localhost.local")
        assert not thief.is_logged_in()
        assert refused_from(portal_server, thief.http.headers["x-forwarded-for"]) == {"dead_session"}
    assert steal(session, somebody()).is_logged_in()

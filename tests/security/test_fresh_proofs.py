"""A step-up takes what was asked for, proven now (adversarial F5): nothing weaker, nothing older, nothing borrowed.

RFC 9470, https://www.rfc-editor.org/rfc/rfc9470; OpenID Connect Core 1.0 section 3.1.2.1 (prompt, max_age).
"""

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from tests.methods.passkey.test_passkeys import add_passkey, ask, use_passkey
from tests.oidc.issuer import Issuer, make_issuer
from tests.support.events import happened, refused
from tests.support.html import HtmlPage
from tests.support.person import PASSWORD, Person, Somebody, an_email, newest_mail
from tests.support.second_step import CODES, SET_UP, App, set_up_app
from tests.support.server import PortalServer

pytestmark = pytest.mark.adversarial("F5")
OWN_FORM = {"content-type": "application/x-www-form-urlencoded"}
# What asks for a login of the last ten minutes, as its form would be sent.
SENSITIVE = {
    "/account/passkeys": {"ceremony": "x", "credential": "{}"},
    SET_UP: {"code": "123456"},
    CODES: {"x": "1"},
    "/account/passkeys/second-step": {"ask": "yes"},
    "/account/devices/end-others": {"x": "1"},
}


@pytest.fixture(scope="module")
def house(portal_server: PortalServer) -> Iterator[Issuer]:
    """A namespace with an app that asks for no consent."""
    made = make_issuer(portal_server, "fresh", an_email(), "--first-party")
    yield made
    for person in made.tenant.people:
        person.close()


@pytest.fixture
def issuer(house: Issuer) -> Issuer:
    """The same with a person of this test's own."""
    email = an_email("bo")
    return replace(house, email=email, person=house.tenant.visitor().sign_up(email))


def later(portal: Any, email: str, minutes: int = 11) -> None:
    portal.rows(
        "update authn.sessions s set auth_time = s.auth_time - make_interval(mins => $2) from authn.users u "
        "where u.id = s.user_id and u.email = $1 returning 1",
        email,
        minutes,
    )


def asked(issuer: Issuer, person: Person, **more: str) -> httpx.Response:
    """Come from the app, which asks for more than a login, and stop where the portal leads."""
    return person.http.get(str(httpx.URL(issuer.url(issuer.client[0])).copy_merge_params(more)))


def to_the_login(person: Person, answer: httpx.Response) -> Person:
    assert answer.headers["location"].startswith("/login?flow="), answer.headers
    return person.open(answer.headers["location"])


def arrive(issuer: Issuer, person: Person, send: Any) -> dict[str, Any]:
    """Send the last form and follow to the app; return the claims that it gets."""
    answer = send()
    while answer.has_redirect_location and answer.headers["location"].startswith("/"):
        answer = person.http.get(answer.headers["location"])
    tokens = issuer.redeem(issuer.code_in(answer), issuer.client).json()
    return {**issuer.verify(tokens["id_token"]), "refresh_token": tokens["refresh_token"]}


def form_of(person: Person, action: str, **typed: str) -> Any:
    fields = {**person.page.form(action).fields, **typed}
    return lambda: person.http.post(action, data=fields, headers={**OWN_FORM, "origin": person.origin})


def with_passkey(person: Person, passkey: Any, flow: str) -> Any:
    begun = ask(person, "/login/passkey/options", flow=flow)
    fields = {"flow": flow, "ceremony": begun["ceremony"], "credential": passkey.answer(begun["publicKey"])}
    return lambda: person.http.post("/login/passkey", data=fields, headers={**OWN_FORM, "origin": person.origin})


@pytest.mark.parametrize("way", ["mailed code", "mailed link", "password"])
def test_f5_no_weaker_proof_passes_for_the_step_up_that_an_app_asks_for(issuer: Issuer, way: str) -> None:
    person = issuer.person
    passkey = add_passkey(person)
    to_the_login(person, asked(issuer, person, acr_values="aal2"))
    flow = person.response.url.params["flow"]
    if way == "password":
        person.submit("/login/password", password=PASSWORD)
    else:
        person.submit("/login/code")
        mail = newest_mail(issuer.tenant, issuer.email)
        if way == "mailed link":
            person.open(mail.link).submit(mail.link)
        else:
            person.submit("/login/code/verify", code=mail.code or "")
    assert person.page.heading == "Second step", person.page.text
    assert happened(issuer.tenant, issuer.email, "second_step_due")
    # Back at the app without it: the portal asks again, and a silent request gets no stronger claim.
    silent = asked(issuer, person, prompt="none")
    claims = issuer.verify(issuer.redeem(issuer.code_in(silent), issuer.client).json()["id_token"])
    assert claims["acr"] == "aal1"
    # Nor somebody else's passkey.
    stranger = issuer.tenant.visitor().sign_up(an_email("mallory"))
    use_passkey(person, add_passkey(stranger), flow=flow)
    assert person.response.status_code == 422
    assert happened(issuer.tenant, issuer.email, "second_step_due")
    # The positive control.
    claims = arrive(issuer, person, with_passkey(person, passkey, flow))
    assert claims["acr"] == "aal2"


@pytest.mark.parametrize("asks", [{"prompt": "login"}, {"max_age": "60"}, {"max_age": "0"}], ids=str)
def test_f5_an_app_that_asks_for_a_fresh_login_gets_one(issuer: Issuer, asks: dict[str, str]) -> None:
    person = issuer.person
    later(issuer.tenant, issuer.email)
    before = issuer.verify(issuer.tokens()["id_token"])["auth_time"]
    to_the_login(person, asked(issuer, person, **asks))
    # Cancelled, opened again, asked for by another door: the old login answers none of them.
    waiting = person.page.form("/login/password").fields["flow"]
    assert person.open("/account").path == "/account"
    assert to_the_login(person, asked(issuer, person, **asks)).page.heading == "Confirm it is you"
    silent = asked(issuer, person, **{**asks, "prompt": "none"})
    assert silent.status_code == 303
    if "max_age" in asks:
        assert "error=login_required" in silent.headers["location"]
    wrong = person.submit("/login/password", password="a wrong guess")
    assert wrong.response.status_code == 422
    assert happened(issuer.tenant, issuer.email, "login_attempt_failed")
    # The positive control: a proof of this moment, on the first tab.
    person.open(f"/login?flow={waiting}")
    claims = arrive(issuer, person, form_of(person, "/login/password", password=PASSWORD))
    assert claims["auth_time"] >= before + 600


def test_f5_refreshing_makes_no_login_fresher(issuer: Issuer) -> None:
    person = issuer.person
    later(issuer.tenant, issuer.email)
    answer = asked(issuer, person, prompt="consent")
    fields = {**HtmlPage(follow(person, answer).text).form("/oauth2/consent").fields, "decision": "allow"}
    allowed = person.http.post("/oauth2/consent", data=fields, headers={"origin": person.origin})
    given = issuer.redeem(issuer.code_in(allowed), issuer.client).json()
    told = issuer.verify(given["id_token"])["auth_time"]
    assert told <= time.time() - 600
    for _ in range(3):
        given = issuer.refresh(given["refresh_token"], issuer.client).json()
        again = issuer.verify(given["id_token"])
        assert again["auth_time"] == told
        assert again["acr"] == "aal1"
    assert "error=login_required" in asked(issuer, person, prompt="none", max_age="60").headers["location"]
    assert person.open(SET_UP).page.heading == "Confirm it is you"
    # The positive control: a proof does.
    person.submit("/login/password", password=PASSWORD)
    assert person.path == SET_UP
    assert issuer.verify(issuer.tokens()["id_token"])["auth_time"] > told + 600


def follow(person: Person, answer: httpx.Response) -> httpx.Response:
    while answer.has_redirect_location:
        answer = person.http.get(answer.headers["location"])
    return answer


@pytest.mark.parametrize("path", SENSITIVE)
def test_f5_only_a_proof_of_the_last_ten_minutes_opens_a_sensitive_page(
    portal_server: PortalServer, zoe: Person, path: str
) -> None:
    email = an_email()
    zoe.sign_up(email)
    later(portal_server, email, 9)
    zoe.post(path, SENSITIVE[path])
    assert zoe.page.heading != "Confirm it is you", "the positive control: within the window"
    later(portal_server, email, 2)
    zoe.post(path, SENSITIVE[path])
    assert zoe.page.heading == "Confirm it is you"
    assert "login_not_recent" in refused(zoe)
    # Cancelled by the back button, the address bar or the page of the account: nothing has become fresher.
    zoe.open("/account")
    zoe.post(path, SENSITIVE[path])
    assert zoe.page.heading == "Confirm it is you"


def test_f5_a_first_factor_of_a_while_ago_makes_no_fresh_login(
    portal_server: PortalServer, zoe: Person, somebody: Somebody
) -> None:
    """Somebody proves the password, walks away, and takes the second step half an hour later."""
    email = an_email("bo")
    app = set_up_app(zoe.sign_up(email))
    later(portal_server, email)
    zoe.open(CODES).submit("/login/password", password=PASSWORD)
    waiting = zoe.page
    portal_server.sql(
        "update authn.login_flows f set proven_at = now() - interval '30 minutes' from authn.users u "
        f"where u.id = f.user_id and u.email = '{email}'"
    )
    zoe.page = waiting
    zoe.submit("/login/totp", code=app.code())
    assert zoe.page.heading == "Confirm it is you", "the login is as old as its first proof"
    assert zoe.is_logged_in()
    assert happened(portal_server, email, "session_renewed")
    # The positive control: both in one go.
    zoe.submit("/login/password", password=PASSWORD)
    allow_another_code(portal_server, email)
    zoe.submit("/login/totp", code=app.code())
    assert zoe.path == CODES


def test_f5_a_code_or_link_that_was_asked_for_before_proves_nothing_anew(
    portal_server: PortalServer, zoe: Person, somebody: Somebody
) -> None:
    """A one-time proof of another login, used or not, does not stand for the one that is asked for now."""
    email = an_email()
    zoe.sign_up(email)
    elsewhere = somebody().open("/login").submit("/login", email=email).submit("/login/code")
    older = newest_mail(portal_server, email)
    later(portal_server, email)
    zoe.open(SET_UP)
    flow = re.sub(r".*flow=", "", zoe.place)
    zoe.submit("/login/code")
    zoe.submit("/login/code/verify", code=other_than(newest_mail(portal_server, email).code, older.code))
    assert zoe.response.status_code == 422
    assert happened(portal_server, email, "login_code_failed")
    # Its link, in this browser: the digits of the other screen are asked for, and this session is as old as before.
    zoe.open(older.link)
    assert zoe.open(SET_UP).page.heading == "Confirm it is you"
    assert not elsewhere.is_logged_in()
    zoe.open(f"/login/code?flow={flow}")
    zoe.submit("/login/code/verify", code=newest_mail(portal_server, email).code or "")
    assert zoe.path == SET_UP, "the positive control"


def other_than(right: str | None, older: str | None) -> str:
    return older if older and older != right else "000000" if right != "000000" else "111111"


def test_f5_two_factors_are_proven_again_not_one(portal_server: PortalServer, zoe: Person) -> None:
    email = an_email("bo")
    app: App = set_up_app(zoe.sign_up(email))
    later(portal_server, email)
    zoe.open(CODES).submit("/login/password", password=PASSWORD)
    assert zoe.page.heading == "Second step"
    waiting = zoe.page
    # The back button, the address bar, a form of a moment ago: half a proof is none.
    assert zoe.open(CODES).page.heading == "Confirm it is you"
    zoe.post(CODES, {"x": ""})
    assert zoe.page.heading == "Confirm it is you"
    assert "login_not_recent" in refused(zoe)
    assert happened(portal_server, email, "second_step_due", proven=["password"])
    zoe.page = waiting
    zoe.submit("/login/totp", code=app.code())
    assert zoe.path == CODES, "the positive control"


def allow_another_code(portal: PortalServer, email: str) -> None:
    """Let the half minute of the app's last code pass."""
    portal.sql(
        "update authn.mfa_secrets m set last_step = m.last_step - 10 from authn.users u "
        f"where u.id = m.user_id and u.email = '{email}' and m.mfa_type = 'totp'"
    )

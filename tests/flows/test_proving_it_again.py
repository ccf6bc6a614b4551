"""Reauthentication: with the methods that the account has, all its factors, and back to the very page."""

from collections.abc import Callable

import pytest

from tests.support.person import PASSWORD, Person, an_email, newest_mail
from tests.support.second_step import CODES, SET_UP, set_up_app
from tests.support.server import PortalServer

Somebody = Callable[[], Person]


def eleven_minutes_later(portal: PortalServer, email: str) -> None:
    portal.sql(
        "UPDATE authn.sessions s SET auth_time = now() - interval '11 minutes' FROM authn.users u "
        f"WHERE u.id = s.user_id AND u.email = '{email}'"
    )


@pytest.mark.parametrize("page", [SET_UP, CODES])
def test_a_login_of_a_while_ago_is_proven_again_and_leads_back_to_the_page(
    portal_server: PortalServer, zoe: Person, page: str
) -> None:
    email = an_email()
    zoe.sign_up(email)
    eleven_minutes_later(portal_server, email)
    zoe.open(page)
    assert zoe.page.heading == "Confirm it is you"
    assert email in zoe.page.text
    before = zoe.session_cookie
    zoe.submit("/login/password", password=PASSWORD)
    assert zoe.path == page
    assert zoe.session_cookie != before, "the cookie is renewed with the proof"


@pytest.mark.adversarial("F5")
def test_two_factors_are_proven_again_not_one(portal_server: PortalServer, zoe: Person) -> None:
    email = an_email("bo")
    zoe.sign_up(email)
    app = set_up_app(zoe)
    eleven_minutes_later(portal_server, email)
    zoe.open(CODES).submit("/login/password", password=PASSWORD)
    assert zoe.page.heading == "Second step"
    # The back button, the address bar, a form of a moment ago: half a proof is none.
    assert zoe.open(CODES).page.heading == "Confirm it is you"
    assert "/login" in zoe.http.post(CODES, headers={"origin": zoe.origin}, data={"x": ""}).headers["location"]
    zoe.submit("/login/password", password=PASSWORD).submit("/login/totp", code=app.code())
    assert zoe.path == CODES


def test_a_form_sent_too_late_changes_nothing_and_leads_back_to_its_page(
    portal_server: PortalServer, zoe: Person, somebody: Somebody
) -> None:
    email = an_email("bo")
    zoe.sign_up(email)
    app = set_up_app(zoe)
    zoe.open("/account/security")
    [action] = [form.action for form in zoe.page.forms if form.action.endswith("/remove")]
    eleven_minutes_later(portal_server, email)
    zoe.submit(action)
    assert zoe.page.heading == "Confirm it is you"
    assert somebody().log_in(email, PASSWORD).page.heading == "Second step", "the app is still there"
    zoe.submit("/login/password", password=PASSWORD).submit("/login/totp", code=app.code())
    assert zoe.path == "/account/security"
    zoe.submit(action)
    assert somebody().log_in(email, PASSWORD).path == "/account"


def test_only_methods_that_the_account_has_are_offered(portal_server: PortalServer, zoe: Person) -> None:
    email = an_email()
    zoe.sign_up(email)
    portal_server.sql(f"UPDATE authn.users SET password_hash = null WHERE email = '{email}'")
    eleven_minutes_later(portal_server, email)
    zoe.open(SET_UP)
    assert "/login/password" not in [form.action for form in zoe.page.forms]
    zoe.submit("/login/code").submit("/login/code/verify", code=newest_mail(portal_server, email).code or "")
    assert zoe.path == SET_UP

    portal_server.sql(f"UPDATE authn.identities SET verified_at = null WHERE value = '{email}'")
    portal_server.sql(f"UPDATE authn.users SET password_hash = 'a-hash' WHERE email = '{email}'")
    eleven_minutes_later(portal_server, email)
    zoe.open(SET_UP)
    assert "/login/code" not in [form.action for form in zoe.page.forms]
    assert "/login/password" in [form.action for form in zoe.page.forms]


def test_somebody_else_who_logs_in_there_ends_the_first_ones_session(
    portal_server: PortalServer, zoe: Person, somebody: Somebody
) -> None:
    email, other = an_email(), an_email("other")
    somebody().sign_up(other)
    zoe.sign_up(email)
    eleven_minutes_later(portal_server, email)
    zoe.open(SET_UP).open(next(href for _words, href in zoe.page.links if "change=1" in href))
    zoe.submit("/login", email=other).submit("/login/password", password=PASSWORD)
    assert other in zoe.open("/account").page.text

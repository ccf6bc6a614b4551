"""Whoever has a second step is asked for it behind everything that proves a first factor (adversarial F3).

https://pages.nist.gov/800-63-4/sp800-63b.html
"""

from collections.abc import Callable

import pytest

from tests.methods.passkey.test_passkeys import add_passkey, use_passkey
from tests.methods.sms_code.test_the_code_in_the_message import a_phone
from tests.support.authenticator import BE, BS, UP
from tests.support.events import happened, refused
from tests.support.person import IPHONE, PASSWORD, Person, Somebody, an_email, newest_mail
from tests.support.second_step import App, set_up_app
from tests.support.server import PortalServer

NEW = "seven patient herons"
Way = Callable[[PortalServer, Person, str, Somebody], Person]

pytestmark = pytest.mark.adversarial("F3")


@pytest.fixture
def bo(zoe: Person) -> tuple[str, App]:
    """Somebody with an app; her sessions are over, but for the one of this browser."""
    email = an_email("bo")
    return email, set_up_app(zoe.sign_up(email))


def by_password(_portal: PortalServer, person: Person, email: str, _somebody: Somebody) -> Person:
    return person.log_in(email)


def by_mailed_code(portal: PortalServer, person: Person, email: str, _somebody: Somebody) -> Person:
    person.open("/login").submit("/login", email=email).submit("/login/code")
    return person.submit("/login/code/verify", code=newest_mail(portal, email).code or "")


def by_mailed_link(portal: PortalServer, person: Person, email: str, _somebody: Somebody) -> Person:
    person.open("/login").submit("/login", email=email).submit("/login/code")
    link = newest_mail(portal, email).link
    return person.open(link).submit(link)


def by_recovery_code(portal: PortalServer, person: Person, email: str, _somebody: Somebody) -> Person:
    person.open("/recover").submit("/recover", email=email)
    person.submit("/recover/verify", code=newest_mail(portal, email).code or "")
    return person.submit("/recover/password", new_password=NEW)


def by_recovery_link(portal: PortalServer, person: Person, email: str, _somebody: Somebody) -> Person:
    person.open("/recover").submit("/recover", email=email)
    link = newest_mail(portal, email).link
    return person.open(link).submit(link).submit("/recover/password", new_password=NEW)


def by_recovery_link_elsewhere(portal: PortalServer, person: Person, email: str, somebody: Somebody) -> Person:
    somebody().open("/recover").submit("/recover", email=email)
    link = newest_mail(portal, email).link
    return person.open(link).submit(link).submit("/recover/password", new_password=NEW)


WAYS: dict[str, tuple[Way, str]] = {
    "password": (by_password, "password"),
    "mailed code": (by_mailed_code, "email_code"),
    "mailed link": (by_mailed_link, "email_code"),
    "new password by code": (by_recovery_code, "email_code"),
    "new password by link": (by_recovery_link, "email_code"),
    "new password by a link opened elsewhere": (by_recovery_link_elsewhere, "email_code"),
}


def finish(portal: PortalServer, person: Person, who: str, app: App) -> None:
    """The positive control: the second step completes the login, which then is one of two factors."""
    person.submit("/login/totp", code=app.code())
    assert person.is_logged_in(), person.page.text
    [session] = portal.rows(
        "with account as (select u.id from authn.users u where u.email = $1 "
        "                 union select i.user_id from authn.identities i where i.value = $1) "
        "select s.amr from authn.sessions s where s.revoked_at is null and s.user_id in (select id from account) "
        "order by s.auth_time desc limit 1",
        who,
    )
    assert "mfa" in session["amr"]  # type: ignore[operator]


@pytest.mark.parametrize("way", WAYS)
def test_f3_every_way_leads_to_the_second_step(
    portal_server: PortalServer, bo: tuple[str, App], somebody: Somebody, way: str
) -> None:
    (prove, method), (email, app) = WAYS[way], bo
    person = prove(portal_server, somebody(), email, somebody)
    assert person.page.heading == "Second step"
    assert not person.is_logged_in()
    assert happened(portal_server, email, "second_step_due", proven=[method])
    finish(portal_server, person, email, app)


def test_f3_a_text_message_leads_to_the_second_step(portal_server: PortalServer, somebody: Somebody) -> None:
    phone, owner, person = a_phone(), somebody(), somebody()
    owner.open("/login/phone").submit("/login/code", phone=phone)
    owner.submit("/login/code/verify", code=newest_mail(portal_server, phone).code or "")
    app = set_up_app(owner)
    person.open("/login/phone").submit("/login/code", phone=phone)
    person.submit("/login/code/verify", code=newest_mail(portal_server, phone).code or "")
    assert person.page.heading == "Second step"
    assert not person.is_logged_in()
    assert happened(portal_server, phone, "second_step_due", proven=["sms_code"])
    finish(portal_server, person, phone, app)


def test_f3_a_link_opened_elsewhere_approves_no_login_with_a_second_step(
    portal_server: PortalServer, bo: tuple[str, App], somebody: Somebody
) -> None:
    email, app = bo
    desk, phone = somebody(), somebody(agent=IPHONE)
    desk.open("/login").submit("/login", email=email).submit("/login/code")
    digits = next(text for text in desk.page.texts if len(text) == 2 and text.isdigit())
    mail = newest_mail(portal_server, email)
    waiting = desk.page.form("/login/code/verify").fields["flow"]
    phone.open(mail.link).post(mail.link, {"digits": digits})
    assert phone.response.status_code == 422
    desk.post("/login/code/continue", {"flow": waiting})
    for person in (desk, phone):
        assert not person.is_logged_in()
    assert not happened(portal_server, email, "login_approved")
    desk.post("/login/code/verify", {"flow": waiting, "code": mail.code or ""})
    assert desk.page.heading == "Second step"
    finish(portal_server, desk, email, app)


def test_f3_a_passkey_that_did_not_verify_its_user_begins_no_login(
    portal_server: PortalServer, zoe: Person, bo: tuple[str, App], somebody: Somebody
) -> None:
    email, _app = bo
    passkey = add_passkey(zoe)
    person = use_passkey(somebody(), passkey, flags=UP | BE | BS)
    assert person.response.status_code == 422
    assert not person.is_logged_in()
    assert happened(portal_server, email, "passkey_refused", reason="InvalidAuthenticationResponse")
    # The positive control: one that verified its user is two factors in one.
    assert use_passkey(person, passkey).is_logged_in()


def test_f3_what_only_tells_or_takes_away_logs_nobody_in(
    portal_server: PortalServer, bo: tuple[str, App], somebody: Somebody
) -> None:
    """The mail to somebody who signs up a second time, the link that unlocks, and the one that says "lost it all"."""
    email, app = bo
    person = somebody().ask_to_sign_up(email)
    link = newest_mail(portal_server, email).link
    person.open(link).submit(link)
    assert person.path == "/login"
    assert not person.is_logged_in()

    portal_server.sql(
        "insert into authn.login_attempts (namespace, email, success, ip_address) "
        f"select 'default', '{email}', false, '198.51.100.1'::inet + n from generate_series(1, 100) n"
    )
    locked = somebody().log_in(email)
    link = newest_mail(portal_server, email).link
    locked.open(link).submit(link)
    assert not locked.is_logged_in()
    assert locked.submit("/login/password", password=PASSWORD).page.heading == "Second step"

    locked.open(f"/login/lost?flow={locked.response.url.params['flow']}").submit("/login/lost")
    _stop, finishes = dict.fromkeys(link for link in newest_mail(portal_server, email).links if "/lost/link/" in link)
    locked.post(finishes.removeprefix(portal_server.url))
    assert not locked.is_logged_in(), "not before three days, and not by itself"
    assert "dead_link" in refused(locked)
    finish(portal_server, locked.log_in(email), email, app)

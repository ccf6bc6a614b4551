"""What acts once acts once (adversarial F8): not again before its time is over, and for nobody else."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from tests.methods.passkey.test_passkeys import add_passkey, ask
from tests.support.authenticator import BE, BS, Authenticator
from tests.support.events import happened, refused
from tests.support.person import PASSWORD, Person, Somebody, an_email, mails_to, newest_mail
from tests.support.second_step import SET_UP, App, key_on, set_up_app
from tests.support.server import PortalServer

NEW = "seven patient herons"

pytestmark = pytest.mark.adversarial("F8")


@dataclass
class Once:
    """Something that acts once: how it is sent, whose it is, and where it leads the first time."""

    path: str
    fields: dict[str, str]
    leads_to: str
    email: str


def code_of(portal: PortalServer, email: str) -> str:
    return newest_mail(portal, email).code or ""


def form_with(person: Person, action: str, email: str, leads_to: str, **typed: str) -> Once:
    return Once(action, {**person.page.form(action).fields, **typed}, leads_to, email)


def sign_up_link(portal: PortalServer, zoe: Person, email: str) -> Once:
    zoe.ask_to_sign_up(email)
    return Once(newest_mail(portal, email).link, {}, "/account", email)


def sign_up_code(portal: PortalServer, zoe: Person, email: str) -> Once:
    zoe.ask_to_sign_up(email)
    return form_with(zoe, "/signup/verify", email, "/account", code=code_of(portal, email))


def login_link(portal: PortalServer, zoe: Person, email: str) -> Once:
    zoe.sign_up(email).log_out().post("/login/code", {"email": email})
    return Once(newest_mail(portal, email).link, {}, "/account", email)


def login_code(portal: PortalServer, zoe: Person, email: str) -> Once:
    zoe.sign_up(email).log_out().post("/login/code", {"email": email})
    return form_with(zoe, "/login/code/verify", email, "/account", code=code_of(portal, email))


def recovery_link(portal: PortalServer, zoe: Person, email: str) -> Once:
    zoe.sign_up(email).log_out().post("/recover", {"email": email})
    return Once(newest_mail(portal, email).link, {}, "/recover/password", email)


def recovery_code(portal: PortalServer, zoe: Person, email: str) -> Once:
    zoe.sign_up(email).log_out().post("/recover", {"email": email})
    return form_with(zoe, "/recover/verify", email, "/recover/password", code=code_of(portal, email))


def new_password(portal: PortalServer, zoe: Person, email: str) -> Once:
    zoe.sign_up(email).log_out().post("/recover", {"email": email})
    zoe.submit("/recover/verify", code=code_of(portal, email))
    return form_with(zoe, "/recover/password", email, "/account", new_password=NEW)


def second_step(portal: PortalServer, zoe: Person, email: str) -> Once:
    app = set_up_app(zoe.sign_up(email))
    zoe.log_out().log_in(email)
    return form_with(zoe, "/login/totp", email, "/account", code=app.code())


def link_that_unlocks(portal: PortalServer, zoe: Person, email: str) -> Once:
    zoe.sign_up(email).log_out()
    zoe.http.cookies.clear()
    portal.sql(
        "insert into authn.login_attempts (namespace, email, success, ip_address) "
        f"select 'default', '{email}', false, '198.51.100.1'::inet + n from generate_series(1, 100) n"
    )
    zoe.log_in(email)
    return Once(newest_mail(portal, email).link, {}, "/login", email)


def link_that_says_no(portal: PortalServer, zoe: Person, email: str) -> Once:
    return wish(portal, zoe, email, 0)


def link_that_takes_the_second_step_off(portal: PortalServer, zoe: Person, email: str) -> Once:
    once = wish(portal, zoe, email, 1)
    portal.sql(
        "update authn.second_step_recoveries r set opens_at = now() from authn.users u "
        f"where u.id = r.user_id and u.email = '{email}'"
    )
    return once


def wish(portal: PortalServer, zoe: Person, email: str, which: int) -> Once:
    set_up_app(zoe.sign_up(email))
    zoe.log_out().log_in(email).follow("I have none of these").submit("/login/lost")
    links = list(dict.fromkeys(link for link in newest_mail(portal, email).links if "/lost/link/" in link))
    path = urlsplit(links[which]).path
    return Once(path, {}, path, email)


def link_that_takes_a_passkey_back(portal: PortalServer, zoe: Person, email: str) -> Once:
    zoe.sign_up(email).log_out()
    zoe.log_in(email)
    begun = ask(zoe, "/account/passkeys/upgrade/options")
    credential = Authenticator(zoe.origin).register(begun["publicKey"], flags=BE | BS)
    zoe.post("/account/passkeys/upgrade", {"ceremony": begun["ceremony"], "credential": credential})
    path = urlsplit(next(link for link in newest_mail(portal, email).links if "/undo/" in link)).path
    return Once(path, {}, path, email)


Prepare = Callable[[PortalServer, Person, str], Once]
ACTIONS: list[Prepare] = [
    sign_up_link,
    sign_up_code,
    login_link,
    login_code,
    recovery_link,
    recovery_code,
    new_password,
    second_step,
    link_that_unlocks,
    link_that_says_no,
    link_that_takes_the_second_step_off,
    link_that_takes_a_passkey_back,
]


@pytest.mark.parametrize("prepare", ACTIONS, ids=[action.__name__ for action in ACTIONS])
def test_f8_what_acts_once_is_refused_a_second_time_and_elsewhere(
    portal_server: PortalServer, zoe: Person, somebody: Somebody, prepare: Prepare
) -> None:
    once, thief = prepare(portal_server, zoe, an_email()), somebody()
    thief.open("/login")
    waiting = once.path.startswith(("/signup/", "/login/code", "/login/totp", "/recover/"))
    if waiting:  # a form of this browser's flow: nobody else's, also before it was used
        assert thief.post(once.path, once.fields).response.status_code == 403
    zoe.post(once.path, once.fields)
    assert zoe.path == once.leads_to, "the positive control: it acts"
    assert zoe.response.status_code == 200
    if zoe.is_logged_in():
        zoe.log_out()
    mails = len(mails_to(portal_server, once.email))
    for person in (zoe, thief):
        person.post(once.path, once.fields)
        person.post(once.path, once.fields)
        assert not person.is_logged_in()
        # In the browser where it was used a form may lead on to the step that it opened, and no further.
        assert person.response.status_code in (403, 410, 422) or (person is zoe and person.path == once.leads_to)
    assert len(mails_to(portal_server, once.email)) == mails
    assert refused(thief) & {"foreign_flow", "dead_link"}


def test_f8_an_app_is_set_up_once_by_a_page(portal_server: PortalServer, zoe: Person, somebody: Somebody) -> None:
    """A copy of the app would accept, beside it, a code that it has used; and come back after it was removed."""
    email = an_email("bo")
    zoe.sign_up(email)
    app = App(key_on(zoe.open(SET_UP)))
    fields = {**zoe.page.form(SET_UP).fields, "name": "Phone"}
    other = somebody().log_in(email)
    stranger = somebody().sign_up(an_email("mallory"))
    stranger.post(SET_UP, {**fields, "code": app.code(0)})
    assert stranger.response.status_code == 422, "a page of somebody else"
    zoe.post(SET_UP, {**fields, "code": app.code(0)})
    assert zoe.path == "/account/security", "the positive control"
    assert apps(zoe) == 1
    other.log_in(email).submit("/login/totp", code=app.code(1))
    assert other.is_logged_in()
    for person in (zoe, other):
        person.post(SET_UP, {**fields, "code": app.code(1)})
        assert apps(person) == 1
        assert "used_set_up" in refused(person)
    [action] = [form.action for form in zoe.open("/account/security").page.forms if is_app(form.action)]
    zoe.submit(action)
    zoe.post(SET_UP, {**fields, "code": app.code(0)})
    assert apps(zoe) == 0, "nor does it come back"
    set_up_app(zoe)
    assert apps(zoe) == 1, "a new page sets a new one up"


def is_app(action: str) -> bool:
    return action.startswith(SET_UP) and action.endswith("/remove")


def apps(person: Person) -> int:
    return len([form for form in person.open("/account/security").page.forms if is_app(form.action)])


def test_f8_a_ceremony_adds_one_passkey(portal_server: PortalServer, zoe: Person, somebody: Somebody) -> None:
    email = an_email("chen")
    zoe.sign_up(email)
    other = somebody().log_in(email, PASSWORD)
    authenticator = Authenticator(zoe.origin)
    begun = ask(zoe, "/account/passkeys/options")
    fields = {"ceremony": begun["ceremony"], "credential": authenticator.register(begun["publicKey"])}
    other.post("/account/passkeys", fields)
    assert other.response.status_code == 422, "another browser of the same person"
    zoe.post("/account/passkeys", fields)
    assert zoe.path == "/account/security", "the positive control"
    for person in (zoe, other):
        person.post("/account/passkeys", fields)
        assert person.response.status_code == 422
    assert happened(portal_server, email, "passkey_refused", reason="ceremony")
    assert passkeys(zoe) == 1
    add_passkey(zoe)
    assert passkeys(zoe) == 2


def passkeys(person: Person) -> int:
    forms = person.open("/account/security").page.forms
    return len([form for form in forms if form.action.startswith("/account/passkeys/") and "/remove" in form.action])

"""Sign-ups, approvals and ways of recovery that begin at the demo app's "Log in" and end in it, at plain forms.

The methods of a login, alone and in pairs: test_every_pair_of_methods.py. What a policy puts in the way:
test_what_a_policy_asks_on_the_way.py. The same in a browser on a phone: test_from_the_app_and_back_on_a_phone.py.
"""

from collections.abc import Callable

import pytest

from tests.flows.test_an_app_logs_people_in import claim
from tests.methods.email_code.test_approving_elsewhere import digits_on
from tests.methods.passkey.test_passkeys import ask, use_passkey
from tests.methods.sms_code.test_the_code_in_the_message import a_phone
from tests.recovery.test_a_lost_second_step import Account
from tests.security.test_unlock import use_up_the_day
from tests.support.authenticator import Authenticator
from tests.support.person import IPHONE, PASSWORD, Person, an_email, newest_mail
from tests.support.second_step import get_codes, set_up_app
from tests.support.server import PortalServer
from tests.support.tenant import Tenant

NEW_PASSWORD = "seven patient herons"

Somebody = Callable[..., Person]


def at_the_app(person: Person, demo_app: str) -> Person:
    """Press the app's "Log in"."""
    person.open(demo_app).follow("Log in")
    assert "to continue to Demo app" in person.page.text
    return person


def code_for(portal: PortalServer, who: str) -> str:
    return newest_mail(portal, who).code or ""


def told(person: Person) -> tuple[str, str]:
    """What the app was told about how: `amr` and `acr`. Allows it first where that is asked."""
    if "know who you are" in person.page.heading:
        person.submit("/oauth2/consent", {"decision": "allow"})
    assert person.page.heading == "You are logged in", person.page.text
    return claim(person, "amr"), claim(person, "acr")


def leave(person: Person, demo_app: str) -> Person:
    """Log out of the app and of the portal."""
    person.http.post(f"{demo_app}/logout", headers={"origin": demo_app})
    return person.log_out()


def prove_by_mail(portal: PortalServer, person: Person, email: str, *, by_link: bool) -> None:
    """Prove the mailbox of a forgotten password."""
    if by_link:
        link = newest_mail(portal, email).link
        person.open(link).submit(link)
    else:
        person.submit("/recover/verify", code=code_for(portal, email))


def an_account(portal: PortalServer, *, password: str | None = PASSWORD) -> str:
    email = an_email("way")
    Tenant(portal, "default", []).account(email, password=password)
    return email


def test_prompt_create_begins_with_the_sign_up(portal_server: PortalServer, demo_app: str, zoe: Person) -> None:
    email = an_email()
    zoe.open(demo_app).follow("Create an account")
    assert zoe.path == "/signup"
    zoe.submit("/signup", email=email, new_password=PASSWORD)
    zoe.submit("/signup/verify", code=code_for(portal_server, email))
    assert told(zoe) == ("pwd", "aal1")
    assert claim(zoe, "email") == email


def test_a_new_number_signs_up_and_logs_in_again(
    portal_server: PortalServer, demo_app: str, zoe: Person, somebody: Somebody
) -> None:
    phone = a_phone()
    for person in (zoe, somebody()):
        at_the_app(person, demo_app).follow("Log in with your phone").submit("/login/code", phone=phone)
        assert "to continue to Demo app" in person.page.text
        person.submit("/login/code/verify", code=code_for(portal_server, phone))
        assert told(person) == ("sms", "aal1")
        portal_server.sql("UPDATE authn.verifications SET created_at = created_at - interval '2 minutes'")


def test_a_sign_up_by_passkey(portal_server: PortalServer, demo_app: str, zoe: Person) -> None:
    email = an_email("chen")
    at_the_app(zoe, demo_app).follow("Create an account")
    flow = zoe.page.form("/signup").fields["flow"]
    zoe.post("/signup", {"flow": flow, "email": email, "instead": "passkey"})
    zoe.submit("/signup/verify", code=code_for(portal_server, email))
    assert zoe.page.heading == "Add a passkey"
    begun = ask(zoe, "/account/passkeys/options")
    passkey = Authenticator(zoe.origin)
    fields = zoe.page.form("/account/passkeys").fields
    credential = passkey.register(begun["publicKey"])
    zoe.post("/account/passkeys", {**fields, "ceremony": begun["ceremony"], "credential": credential})
    assert told(zoe) == ("email", "aal1")
    assert claim(zoe, "email") == email

    at_the_app(leave(zoe, demo_app), demo_app)
    use_passkey(zoe, passkey, flow=zoe.response.url.params["flow"])
    assert told(zoe) == ("swk, user, mfa", "aal2")


def test_an_approval_on_another_device(
    portal_server: PortalServer, demo_app: str, zoe: Person, somebody: Somebody
) -> None:
    email = an_account(portal_server)
    at_the_app(zoe, demo_app).submit("/login", email=email).submit("/login/code")
    digits, waiting, link = digits_on(zoe), zoe.place, newest_mail(portal_server, email).link
    phone = somebody(agent=IPHONE).open(link).submit(link, digits=digits)
    assert phone.page.heading == "Approved"
    zoe.open(waiting).submit("/login/code/continue")
    assert told(zoe) == ("email", "aal1")
    assert claim(zoe, "email") == email


@pytest.mark.parametrize("by_link", [False, True], ids=["by_code", "by_link"])
def test_a_forgotten_password_with_a_second_step(
    portal_server: PortalServer, demo_app: str, zoe: Person, somebody: Somebody, by_link: bool
) -> None:
    email, owner = an_email("bo"), somebody()
    app = set_up_app(owner.sign_up(email))
    at_the_app(zoe, demo_app).submit("/login", email=email).follow("Forgot it?").submit("/recover")
    prove_by_mail(portal_server, zoe, email, by_link=by_link)
    zoe.submit("/recover/password", new_password=NEW_PASSWORD)
    assert zoe.page.heading == "Second step"
    assert "to continue to Demo app" in zoe.page.text
    zoe.submit("/login/totp", code=app.code())
    assert told(zoe) == ("email, otp, mfa", "aal2")
    at_the_app(leave(zoe, demo_app), demo_app).submit("/login", email=email)
    zoe.submit("/login/password", password=NEW_PASSWORD)
    assert zoe.page.heading == "Second step"


@pytest.mark.parametrize("by_link", [False, True], ids=["code", "link"])
def test_a_forgotten_password_without_one(
    portal_server: PortalServer, demo_app: str, zoe: Person, by_link: bool
) -> None:
    email = an_account(portal_server)
    at_the_app(zoe, demo_app).submit("/login", email=email).follow("Forgot it?").submit("/recover")
    prove_by_mail(portal_server, zoe, email, by_link=by_link)
    zoe.submit("/recover/password", new_password=NEW_PASSWORD)
    assert told(zoe) == ("email", "aal1")
    assert claim(zoe, "email") == email


def test_a_login_that_strangers_locked(portal_server: PortalServer, demo_app: str, zoe: Person) -> None:
    email = an_account(portal_server)
    use_up_the_day(portal_server, email)
    at_the_app(zoe, demo_app).submit("/login", email=email).submit("/login/password", password=PASSWORD)
    assert zoe.page.heading == "Check your mail"
    link = newest_mail(portal_server, email).link
    zoe.open(link).submit(link).submit("/login/password", password=PASSWORD)
    assert told(zoe) == ("pwd", "aal1")
    assert claim(zoe, "email") == email


def test_everything_lost(portal_server: PortalServer, demo_app: str, zoe: Person, somebody: Somebody) -> None:
    bo = Account(portal_server, somebody())
    at_the_app(zoe, demo_app).submit("/login", email=bo.email).submit("/login/password", password=PASSWORD)
    zoe.follow("I have none of these")
    assert "to continue to Demo app" in zoe.page.text
    zoe.submit("/login/lost")
    _stop, finish = bo.links()
    bo.wait(72)
    zoe.open(finish).submit(zoe.path)
    assert zoe.page.heading == "Your second step is off"
    zoe.follow("Log in").submit("/login", email=bo.email).submit("/login/password", password=PASSWORD)
    assert zoe.path == "/account/security", "first a new second step; the app knows them from here on"
    zoe.open(demo_app).follow("Log in")
    assert told(zoe) == ("pwd", "aal1")
    assert claim(zoe, "email") == bo.email


def test_a_recovery_code_and_new_ones(
    portal_server: PortalServer, demo_app: str, zoe: Person, somebody: Somebody
) -> None:
    email, owner = an_email("bo"), somebody()
    set_up_app(owner.sign_up(email))
    codes = get_codes(owner)
    at_the_app(zoe, demo_app).submit("/login", email=email).submit("/login/password", password=PASSWORD)
    zoe.follow("Recovery code").submit("/login/recovery-code", code=codes[0])
    assert told(zoe) == ("pwd, otp, mfa", "aal2")
    new = get_codes(zoe)
    at_the_app(leave(zoe, demo_app), demo_app).submit("/login", email=email)
    zoe.submit("/login/password", password=PASSWORD).follow("Recovery code")
    zoe.submit("/login/recovery-code", code=codes[1])
    assert zoe.response.status_code == 422
    zoe.submit("/login/recovery-code", code=new[0])
    assert told(zoe) == ("pwd, otp, mfa", "aal2")


def test_a_first_password(portal_server: PortalServer, demo_app: str, zoe: Person) -> None:
    email = an_account(portal_server, password=None)
    at_the_app(zoe, demo_app).submit("/login", email=email).submit("/login/code")
    zoe.submit("/login/code/verify", code=code_for(portal_server, email))
    assert told(zoe) == ("email", "aal1")
    zoe.follow("Your account at the portal").follow("Security").follow("Set a password")
    zoe.submit("/account/password", new_password=NEW_PASSWORD)
    assert zoe.path == "/account/security"
    at_the_app(leave(zoe, demo_app), demo_app).submit("/login", email=email)
    zoe.submit("/login/password", password=NEW_PASSWORD)
    assert told(zoe) == ("pwd", "aal1")
    assert claim(zoe, "email") == email

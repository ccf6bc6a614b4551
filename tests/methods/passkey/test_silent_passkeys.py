"""Conditional create, server side: the browser makes a passkey after a login by password, its owner takes it back."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.methods.passkey.test_passkeys import FORM, Somebody, add_passkey, ask, use_passkey
from tests.support.authenticator import BE, BS, UP, UV, Authenticator
from tests.support.person import PASSWORD, Person, an_email, mails_to, newest_mail
from tests.support.server import PortalServer

UPGRADE = "/account/passkeys/upgrade"


def save_passkey(person: Person, *, return_to: str = "/account/devices", **bent: Any) -> Authenticator:
    """What the page's script does where the browser makes passkeys unasked: nobody is present, nobody verified."""
    authenticator = Authenticator(person.origin)
    begun = ask(person, f"{UPGRADE}/options")
    credential = authenticator.register(begun["publicKey"], **{"flags": BE | BS, **bent})
    fields = {"ceremony": begun["ceremony"], "credential": credential, "return_to": return_to}
    person.post(UPGRADE, fields)
    return authenticator


def passkeys_of(portal: PortalServer, email: str) -> int:
    query = "select count(*) as n from authn.mfa_secrets m join authn.users u on u.id = m.user_id where u.email = $1"
    return int(str(portal.rows(query, email)[0]["n"]))


def undo_link(portal: PortalServer, email: str) -> str:
    """The path of the link in the mail."""
    [link] = {link for link in newest_mail(portal, email).links if "/passkeys/undo/" in link}
    return urlsplit(link).path


def events(portal: PortalServer, event_type: str, email: str) -> int:
    query = (
        "select count(*) as n from authn.audit_events e where e.event_type = $1 and "
        "(select id::text from authn.users where email = $2) in (e.resource_id, e.new_values ->> 'user_id')"
    )
    return int(str(portal.rows(query, event_type, email)[0]["n"]))


@pytest.fixture
def chen(zoe: Person) -> tuple[Person, str]:
    """Chen, logged in by password in a browser that the account knew before."""
    email = an_email("chen")
    zoe.sign_up(email)
    zoe.log_out()
    zoe.log_in(email, PASSWORD)
    assert zoe.is_logged_in()
    return zoe, email


def test_a_browser_saves_a_passkey_after_a_password_and_its_owner_hears_of_it(
    chen: tuple[Person, str], somebody: Somebody, portal_server: PortalServer
) -> None:
    person, email = chen
    authenticator = save_passkey(person)
    assert person.path == "/account/devices", "the way leads on"
    assert passkeys_of(portal_server, email) == 1
    assert events(portal_server, "mfa_added", email) == 1
    assert "Saved by your browser" in person.open("/account/security").page.text
    assert "saved a passkey" in newest_mail(portal_server, email).subject
    other = use_passkey(somebody(), authenticator)
    assert other.is_logged_in()
    assert "Saved by your browser" not in other.open("/account/security").page.text


def test_it_cannot_confirm_who_it_is_until_a_login_verified_its_user(
    chen: tuple[Person, str], somebody: Somebody
) -> None:
    person, _email = chen
    authenticator = save_passkey(person)
    person.portal.sql("update authn.sessions set auth_time = auth_time - interval '11 minutes'")
    # The page does not even name it; a program may try all the same.
    flow = person.open("/account/passkeys/add").page.form("/login/password").fields["flow"]
    use_passkey(person, authenticator, flow=flow)
    assert person.response.status_code == 422
    assert "log in with it once" in person.page.text
    assert use_passkey(somebody(), authenticator).is_logged_in()
    use_passkey(person, authenticator, flow=flow)
    assert person.path == "/account/passkeys/add", "the very page that asked"


def refused(person: Person) -> bool:
    return ask(person, f"{UPGRADE}/options") == {}


def test_no_passkey_is_saved_in_a_browser_that_the_account_did_not_know(
    chen: tuple[Person, str], somebody: Somebody
) -> None:
    _person, email = chen
    stranger = somebody().log_in(email, PASSWORD)
    assert stranger.is_logged_in()
    assert refused(stranger)


def test_no_passkey_is_saved_later_than_five_minutes_after_the_login(
    chen: tuple[Person, str], portal_server: PortalServer
) -> None:
    person, _email = chen
    assert not refused(person)
    # The browser is known for longer than that: only the login is old.
    portal_server.sql("update authn.known_browsers set first_seen_at = first_seen_at - interval '1 day'")
    portal_server.sql("update authn.sessions set auth_time = auth_time - interval '4 minutes'")
    assert not refused(person)
    portal_server.sql("update authn.sessions set auth_time = auth_time - interval '1 minute'")
    assert refused(person)


def test_no_passkey_is_saved_after_a_login_without_a_password(
    chen: tuple[Person, str], portal_server: PortalServer
) -> None:
    person, email = chen
    where = f"where user_id = (select id from authn.users where email = '{email}')"
    portal_server.sql(f"update authn.sessions set amr = '{{email}}' {where}")
    assert refused(person), "such as the login that a recovery ends with"


def test_no_passkey_is_saved_while_somebody_takes_the_second_step_off(
    chen: tuple[Person, str], portal_server: PortalServer
) -> None:
    person, email = chen
    portal_server.sql(
        "insert into authn.second_step_recoveries "
        "(namespace, user_id, finish_digest, stop_digest, opens_at, expires_at) "
        f"select namespace, id, 'finish ' || id, 'stop ' || id, now() + interval '3 days', now() + interval '9 days' "
        f"from authn.users where email = '{email}'"
    )
    assert refused(person)


def test_no_passkey_is_saved_for_somebody_who_has_one_or_wants_none(chen: tuple[Person, str]) -> None:
    person, _email = chen
    person.post("/account/passkeys/offer", {"answer": "never"})
    assert refused(person)


def test_no_second_passkey_is_saved(chen: tuple[Person, str]) -> None:
    person, _email = chen
    add_passkey(person)
    assert refused(person)


def test_what_may_be_is_asked_again_when_the_browser_answers(
    chen: tuple[Person, str], portal_server: PortalServer
) -> None:
    person, email = chen
    begun = ask(person, f"{UPGRADE}/options")
    portal_server.sql("update authn.sessions set auth_time = auth_time - interval '5 minutes'")
    credential = Authenticator(person.origin).register(begun["publicKey"], flags=BE | BS)
    person.post(UPGRADE, {"ceremony": begun["ceremony"], "credential": credential})
    assert person.path == "/account"
    assert passkeys_of(portal_server, email) == 0


def test_a_silent_challenge_makes_no_whole_passkey_and_a_whole_one_no_silent_one(
    chen: tuple[Person, str], portal_server: PortalServer
) -> None:
    person, email = chen
    for begin, finish in ((f"{UPGRADE}/options", "/account/passkeys"), ("/account/passkeys/options", UPGRADE)):
        begun = ask(person, begin)
        credential = Authenticator(person.origin).register(begun["publicKey"], flags=UP | UV | BE | BS)
        person.post(finish, {"ceremony": begun["ceremony"], "credential": credential})
        assert passkeys_of(portal_server, email) == 0


@pytest.mark.parametrize(
    "bent", [{"origin": "https://evil.example"}, {"rp_id": "evil.example"}, {"cross_origin": True}]
)
def test_k1_a_bent_answer_saves_nothing(
    chen: tuple[Person, str], bent: dict[str, Any], portal_server: PortalServer
) -> None:
    person, email = chen
    save_passkey(person, **bent)
    assert person.path == "/account/devices", "nobody asked for it, nobody is held up"
    assert passkeys_of(portal_server, email) == 0
    assert events(portal_server, "passkey_refused", email) == 1
    save_passkey(person)
    assert passkeys_of(portal_server, email) == 1, "the positive control"


def test_it_leads_to_no_other_site(chen: tuple[Person, str]) -> None:
    person, _email = chen
    save_passkey(person, return_to="https://evil.example/")
    assert person.path == "/account"


def test_of_two_answers_at_once_one_is_saved(chen: tuple[Person, str], portal_server: PortalServer) -> None:
    person, email = chen
    cookie = "; ".join(f"{cookie.name}={cookie.value}" for cookie in person.http.cookies.jar)
    posts = []
    for _turn in range(4):
        begun = ask(person, f"{UPGRADE}/options")
        credential = Authenticator(person.origin).register(begun["publicKey"], flags=BE | BS)
        posts.append({"ceremony": begun["ceremony"], "credential": credential})

    def send(fields: dict[str, str]) -> int:
        headers = {**FORM, "origin": person.origin, "cookie": cookie}
        return httpx.post(person.origin + UPGRADE, data=fields, headers=headers, timeout=30).status_code

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(send, posts)) == [303] * 4
    assert passkeys_of(portal_server, email) == 1


def test_the_mailed_link_takes_it_back_and_ends_every_session_once(
    chen: tuple[Person, str], somebody: Somebody, portal_server: PortalServer
) -> None:
    person, email = chen
    authenticator = save_passkey(person)
    thief = use_passkey(somebody(), authenticator)
    assert thief.is_logged_in()
    link = undo_link(portal_server, email)
    owner = somebody()
    for _scanner in range(2):
        assert owner.open(link).response.status_code == 200
    assert passkeys_of(portal_server, email) == 1, "opening the link changes nothing"
    owner.submit(link)
    assert "The passkey is removed" in owner.page.text
    assert passkeys_of(portal_server, email) == 0
    assert events(portal_server, "passkey_undone", email) == 1
    assert not thief.is_logged_in()
    assert not person.is_logged_in()
    assert not use_passkey(somebody(), authenticator).is_logged_in()
    assert owner.post(link).response.status_code == 410
    assert owner.open(link).response.status_code == 410
    person.log_in(email, PASSWORD)
    assert refused(person), "no second one next week"


def test_the_link_works_for_a_week(chen: tuple[Person, str], somebody: Somebody, portal_server: PortalServer) -> None:
    person, email = chen
    save_passkey(person)
    link = undo_link(portal_server, email)
    portal_server.sql("update authn.mfa_secrets set undo_until = undo_until - interval '7 days'")
    assert somebody().open(link).response.status_code == 410
    assert somebody().post(link).response.status_code == 410
    assert passkeys_of(portal_server, email) == 1
    assert len(mails_to(portal_server, email)) >= 1

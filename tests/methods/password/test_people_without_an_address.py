"""People with a phone number and no address: no password is offered that could not log in, no page is a dead end."""

import httpx

from tests.support.person import PASSWORD, Person, an_email, mails_to
from tests.support.phone import a_phone, code_for
from tests.support.second_step import choose_way, get_codes, set_up_app
from tests.support.server import PortalServer

PAGE = "/account/password"
NO_PASSWORD = "A password goes with an e-mail address, and your account has none."


def log_in(person: Person, phone: str) -> Person:
    person.open("/login/phone").submit("/login/code", phone=phone)
    return person.submit("/login/code/verify", code=code_for(person.portal, phone))


def user_of(portal: PortalServer, phone: str) -> dict[str, object]:
    [row] = portal.rows(
        "select u.email, u.password_hash from authn.users u join authn.identities i on i.user_id = u.id "
        "where i.value = $1",
        phone,
    )
    return row


def test_no_password_is_offered_that_needs_an_address(portal_server: PortalServer, zoe: Person) -> None:
    phone = a_phone()
    log_in(zoe, phone).open("/account/security")
    assert NO_PASSWORD in zoe.page.text
    assert not [href for _words, href in zoe.page.links if href == PAGE]
    zoe.open(PAGE)
    assert zoe.response.status_code == 200
    assert "Your account has no address, so nobody could log in with its password." in zoe.page.text
    zoe.follow("Back to security")
    assert zoe.path == "/account/security"
    zoe.post(PAGE, {"new_password": PASSWORD})
    assert zoe.response.status_code == 409
    assert user_of(portal_server, phone) == {"email": None, "password_hash": None}


def test_who_has_an_address_is_still_offered_one(zoe: Person) -> None:
    """The positive control."""
    zoe.sign_up(an_email()).open("/account/security")
    assert NO_PASSWORD not in zoe.page.text
    assert zoe.follow("Change").path == PAGE


def test_no_page_calls_them_none(zoe: Person) -> None:
    log_in(zoe, a_phone())
    for path in ("/account", "/account/security", "/account/devices", "/account/passkeys/add", "/logout"):
        zoe.open(path)
        assert zoe.response.status_code == 200
        words = zoe.page.text.replace("None yet", "").replace("None made yet", "")
        assert "None" not in words, path
    assert "Your account" in zoe.page.text


def test_who_lost_the_second_step_and_has_no_mailbox_is_led_on(portal_server: PortalServer, zoe: Person) -> None:
    phone = a_phone()
    log_in(zoe, phone)
    set_up_app(zoe)
    codes = get_codes(zoe)
    portal_server.sql("UPDATE authn.verifications SET created_at = created_at - interval '31 seconds'")
    log_in(zoe.log_out(), phone)
    assert zoe.page.heading == "Second step"
    second_step = zoe.place
    zoe.follow("I have none of these")
    assert zoe.response.status_code == 200
    assert phone in zoe.page.text
    assert "Your account has no e-mail address that we could write to." in zoe.page.text
    flow = httpx.URL(second_step).params["flow"]
    zoe.post("/login/lost", {"flow": flow})
    assert zoe.response.status_code == 200
    assert "Please ask the people who run this site for help." in zoe.page.text
    assert not portal_server.rows(
        "select 1 from authn.second_step_recoveries r join authn.identities i on i.user_id = r.user_id "
        "where i.value = $1",
        phone,
    )
    zoe.follow("Back to the second step")
    choose_way(zoe, "recovery_codes").submit("/login/recovery-code", code=codes[0])
    assert zoe.is_logged_in()
    assert all(mail.html == "" for mail in mails_to(portal_server, phone)), "text messages only"


def test_the_title_of_a_refusal_says_so(zoe: Person) -> None:
    zoe.sign_up(an_email()).open(PAGE)
    assert "<title>Password" in zoe.response.text
    zoe.submit(PAGE, password="", new_password="short")
    assert zoe.response.status_code == 422
    assert "<title>Error: Password" in zoe.response.text

"""The main journey at plain forms: sign up with the code from the mail, log out, log in again by password."""

from tests.support.person import PASSWORD, Person, Somebody, an_email, newest_mail
from tests.support.server import PortalServer


def test_a_person_signs_up_logs_out_and_logs_in_again(portal_server: PortalServer, zoe: Person) -> None:
    email = an_email()
    zoe.open("/").follow("Create an account")
    zoe.submit("/signup", email=email, new_password=PASSWORD)
    assert zoe.page.heading == "Check your mail"
    assert email in zoe.page.text
    assert not zoe.is_logged_in()

    mail = newest_mail(portal_server, email)
    assert mail.code in mail.text
    assert mail.code in mail.html
    zoe.submit("/signup/verify", code=mail.code or "")
    assert zoe.path == "/account"
    assert email in zoe.page.text
    assert "Confirmed" in zoe.page.text

    zoe.submit("/logout")
    assert zoe.page.heading == "You are logged out"
    zoe.open("/account")
    assert zoe.path == "/login"

    zoe.submit("/login", email=email)
    assert email in zoe.page.text
    zoe.submit("/login/password", password=PASSWORD)
    assert zoe.path == "/account"


def test_an_address_and_password_posted_without_an_earlier_page_log_in_at_once(zoe: Person) -> None:
    zoe.post("/login/password", {"email": "alice@example.com", "password": "correct-horse-battery"})
    assert zoe.path == "/account"


def test_an_address_and_password_posted_without_an_earlier_page_begin_a_sign_up(zoe: Person) -> None:
    zoe.post("/signup", {"email": an_email(), "new_password": PASSWORD})
    assert zoe.path == "/signup/verify"


def test_a_page_that_needs_a_login_leads_there_and_back(zoe: Person) -> None:
    zoe.open("/account/devices")
    assert zoe.path == "/login"
    zoe.submit("/login", email="alice@example.com").submit("/login/password", password="correct-horse-battery")
    assert zoe.path == "/account/devices"


def test_capitals_and_blanks_around_an_address_do_not_matter(zoe: Person) -> None:
    zoe.log_in("  Alice@EXAMPLE.com ", "correct-horse-battery")
    assert zoe.path == "/account"


def test_two_people_in_two_browsers_have_nothing_of_each_other(somebody: Somebody) -> None:
    zoe, yan = somebody(), somebody()
    zoe_email, yan_email = an_email("zoe"), an_email("yan")
    zoe.sign_up(zoe_email)
    yan.sign_up(yan_email)
    assert zoe_email in zoe.open("/account").page.text
    assert yan_email in yan.open("/account").page.text
    assert yan_email not in zoe.open("/account").page.text


def test_a_logged_in_person_is_led_past_the_login_and_sign_up_pages(zoe: Person) -> None:
    zoe.log_in("alice@example.com", "correct-horse-battery")
    for door in ("/", "/login", "/signup", "/login?return_to=/account"):
        assert zoe.open(door).path == "/account"

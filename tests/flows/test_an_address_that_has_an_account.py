"""Signing up with an address that has an account: the page says nothing, the mail does, and it keeps the way."""

from tests.support.person import PASSWORD, Person, Somebody, an_email, newest_mail
from tests.support.server import PortalServer


def test_the_mail_says_so_and_leads_to_the_login_with_the_address_filled_in(
    portal_server: PortalServer, zoe: Person, somebody: Somebody
) -> None:
    email = an_email()
    zoe.sign_up(email).log_out()
    forgetful = somebody()
    forgetful.ask_to_sign_up(email, "another password entirely")
    assert "account" not in forgetful.page.heading
    mail = newest_mail(portal_server, email)
    assert "already" in mail.subject
    assert mail.code is None
    forgetful.open(mail.link)
    assert forgetful.page.heading == "You already have an account"
    forgetful.submit(mail.link)
    assert forgetful.path == "/login"
    assert email in forgetful.page.text
    forgetful.submit("/login/password", password="another password entirely")
    assert forgetful.response.status_code == 422
    forgetful.submit("/login/password", password=PASSWORD)
    assert forgetful.path == "/account"


def test_the_link_opened_in_another_browser_leads_to_the_login_there(
    portal_server: PortalServer, zoe: Person, somebody: Somebody
) -> None:
    email = an_email()
    zoe.sign_up(email).log_out()
    somebody().ask_to_sign_up(email)
    link = newest_mail(portal_server, email).link
    phone = somebody().open(link).submit(link)
    assert phone.path == "/login"
    phone.submit("/login/password", password=PASSWORD)
    assert phone.path == "/account"


def test_no_code_of_any_kind_opens_a_registered_address(portal_server: PortalServer, somebody: Somebody) -> None:
    stranger = somebody()
    stranger.ask_to_sign_up("alice@example.com")
    for code in ("000000", "123456", "999999"):
        stranger.submit("/signup/verify", code=code)
        assert stranger.response.status_code == 422
    assert not stranger.is_logged_in()

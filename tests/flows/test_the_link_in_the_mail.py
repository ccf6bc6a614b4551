"""The link instead of the code: in the browser that signed up, in another one, too late, too often."""

from tests.support.person import IPHONE, PASSWORD, Person, Somebody, an_email, newest_mail
from tests.support.server import PortalServer


def test_the_link_in_the_same_browser_logs_in_and_the_waiting_tab_moves_on(
    portal_server: PortalServer, zoe: Person
) -> None:
    email = an_email()
    zoe.ask_to_sign_up(email)
    waiting_tab = zoe.place
    link = newest_mail(portal_server, email).link
    zoe.open(link)
    assert zoe.page.heading == "Confirm your address"
    zoe.submit(link)
    assert zoe.path == "/account"
    assert zoe.open(waiting_tab).path == "/account"
    zoe.submit("/logout")
    assert zoe.log_in(email, PASSWORD).path == "/account"


def test_the_link_in_another_browser_asks_for_a_password_there_and_never_logs_in_the_first(
    portal_server: PortalServer, somebody: Somebody
) -> None:
    email = an_email()
    desk, phone = somebody(), somebody(agent=IPHONE)
    desk.ask_to_sign_up(email, "the password typed first")
    waiting_tab = desk.place
    link = newest_mail(portal_server, email).link

    phone.open(link)
    assert "Firefox on Linux" in phone.page.text
    phone.submit(link)
    assert phone.page.heading == "Choose a password"
    assert not phone.is_logged_in()
    phone.submit("/signup/password", new_password="short")
    assert phone.response.status_code == 422
    phone.submit("/signup/password", new_password="chosen on the phone")
    assert phone.path == "/account"

    desk.open(waiting_tab)
    assert desk.path == "/login"
    assert not desk.is_logged_in()
    assert email in desk.page.text
    desk.submit("/login/password", password="the password typed first")
    assert desk.response.status_code == 422
    desk.submit("/login/password", password="chosen on the phone")
    assert desk.path == "/account"


def test_the_waiting_tab_asks_in_json_whether_it_may_move_on(portal_server: PortalServer, zoe: Person) -> None:
    email = an_email()
    zoe.ask_to_sign_up(email)
    flow = zoe.page.form("/signup/verify").fields["flow"]
    status = f"/signup/status?flow={flow}"
    assert zoe.http.get(status).json() == {"state": "waiting"}
    link = newest_mail(portal_server, email).link
    zoe.open(link).submit(link)
    assert zoe.http.get(status).json() == {"state": "moved", "next": "/account"}


def test_a_used_link_leads_on_to_the_account(portal_server: PortalServer, zoe: Person, somebody: Somebody) -> None:
    email = an_email()
    zoe.ask_to_sign_up(email)
    link = newest_mail(portal_server, email).link
    zoe.open(link).submit(link)
    zoe.open(link)
    assert zoe.response.status_code == 410
    zoe.follow("Go to your account")
    assert zoe.path == "/account"
    stranger = somebody().open(link)
    assert stranger.response.status_code == 410
    assert email not in stranger.page.text


def test_a_link_works_for_a_day(portal_server: PortalServer, zoe: Person) -> None:
    email = an_email()
    zoe.ask_to_sign_up(email)
    link = newest_mail(portal_server, email).link
    shift = "update authn.verifications set expires_at = expires_at - interval '{}' where email = '{}'"
    portal_server.sql(shift.format("23 hours 58 minutes", email))
    assert zoe.open(link).response.status_code == 200
    portal_server.sql(shift.format("3 minutes", email))
    zoe.open(link)
    assert zoe.response.status_code == 410
    assert zoe.page.heading == "This link no longer works"
    zoe.post(link)
    assert zoe.response.status_code == 410
    assert not zoe.is_logged_in()


def test_a_link_that_is_none_is_a_friendly_page(zoe: Person) -> None:
    for token in ("x", "A" * 43, "A" * 3000, "%00", "%ff", "..%2f..", "\u202e"):
        zoe.open(f"/link/{token}")
        assert zoe.response.status_code in (400, 404), token
        assert zoe.page.heading

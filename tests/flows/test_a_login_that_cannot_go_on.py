"""Flows that are over, or another browser's: never a dead end, never somebody else's state."""

from tests.support.person import PASSWORD, Person, Somebody, an_email, newest_mail
from tests.support.server import SEEDED_PASSWORD, PortalServer


def flow_of(person: Person) -> str:
    return person.response.url.params["flow"]


def test_an_expired_login_starts_again_and_ends_in_the_same_place(portal_server: PortalServer, zoe: Person) -> None:
    zoe.open("/account/devices")
    portal_server.sql(f"update authn.login_flows set expires_at = now() where id = '{flow_of(zoe)}'")
    zoe.submit("/login", email="alice@example.com")
    assert zoe.response.status_code == 410
    assert zoe.page.heading == "This page has expired"
    zoe.follow("Log in").submit("/login", email="alice@example.com")
    zoe.submit("/login/password", password=SEEDED_PASSWORD)
    assert zoe.path == "/account/devices"


def test_the_back_button_after_a_login_leads_on_to_where_it_led(zoe: Person) -> None:
    zoe.open("/account/devices")
    login = zoe.place
    form = zoe.submit("/login", email="alice@example.com").page.form("/login/password").fields
    zoe.submit("/login/password", password=SEEDED_PASSWORD)
    assert zoe.open(login).path == "/account/devices"
    zoe.post("/login/password", {**form, "password": SEEDED_PASSWORD})
    assert zoe.path == "/account/devices"


def test_a_used_login_after_logging_out_says_so_and_starts_again(zoe: Person) -> None:
    zoe.open("/account/devices")
    login = zoe.place
    zoe.submit("/login", email="alice@example.com").submit("/login/password", password=SEEDED_PASSWORD)
    zoe.log_out().open(login)
    assert zoe.response.status_code == 410
    assert zoe.page.heading == "This login is finished"
    zoe.follow("Log in").submit("/login", email="alice@example.com")
    zoe.submit("/login/password", password=SEEDED_PASSWORD)
    assert zoe.path == "/account/devices"


def test_another_browser_sees_a_fresh_start_and_nothing_of_the_first(zoe: Person, somebody: Somebody) -> None:
    zoe.open("/account/devices").submit("/login", email="alice@example.com")
    other = somebody().open(zoe.place)
    assert other.response.status_code == 403
    assert other.page.heading == "This login began in another browser"
    assert "alice" not in other.response.text
    assert "devices" not in other.response.text


def test_a_login_that_nobody_knows_is_a_fresh_start(zoe: Person) -> None:
    for flow in ("nonsense", "00000000-0000-4000-8000-000000000000", "%00", "a" * 3000):
        for path in ("/login", "/signup", "/signup/verify", "/signup/password"):
            zoe.open(f"{path}?flow={flow}")
            assert zoe.response.status_code == 404, (path, flow)
            assert zoe.page.heading == "Start again here"


def test_two_tabs_that_sign_up_for_two_places_each_end_in_their_own(
    portal_server: PortalServer, zoe: Person, somebody: Somebody
) -> None:
    # Two tabs of one browser: the same cookies, two pages.
    devices, account = zoe.open("/account/devices").place, zoe.open("/account").place
    first, second = an_email("first"), an_email("second")
    zoe.open(devices).follow("Create an account").submit("/signup", email=first, new_password=PASSWORD)
    devices_tab = zoe.page.form("/signup/verify").fields
    zoe.open(account).follow("Create an account").submit("/signup", email=second, new_password=PASSWORD)
    account_tab = zoe.page.form("/signup/verify").fields
    zoe.post("/signup/verify", {**devices_tab, "code": newest_mail(portal_server, first).code})
    assert zoe.path == "/account/devices"
    zoe.post("/signup/verify", {**account_tab, "code": newest_mail(portal_server, second).code})
    assert zoe.path == "/account"
    assert second in zoe.page.text


def test_without_cookies_the_page_says_what_is_missing(zoe: Person) -> None:
    zoe.open("/account")
    login = zoe.place
    zoe.http.cookies.clear()
    zoe.open(login)
    assert zoe.response.status_code == 403
    assert "Allow cookies for this site" in zoe.page.text

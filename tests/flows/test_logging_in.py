"""Login: wrong password, somebody else's address, a disabled account, stay logged in or not."""

import pytest

from tests.support.person import Person, Somebody, an_email
from tests.support.server import SEEDED_PASSWORD, PortalServer

NOT_A_MATCH = "That address and password do not match"


def test_a_wrong_password_is_told_and_the_right_one_then_works(zoe: Person) -> None:
    zoe.log_in("alice@example.com", "not this one")
    assert zoe.response.status_code == 422
    assert NOT_A_MATCH in zoe.page.text
    assert "not this one" not in zoe.response.text
    zoe.submit("/login/password", password="")
    assert "Enter your password" in zoe.page.text
    zoe.submit("/login/password", password=SEEDED_PASSWORD)
    assert zoe.path == "/account"


def test_not_you_leads_back_to_the_address(zoe: Person) -> None:
    zoe.open("/login").submit("/login", email="dana@example.com")
    assert "dana@example.com" in zoe.page.text
    zoe.open(next(href for _words, href in zoe.page.links if "change=1" in href))
    assert zoe.page.form("/login").fields["email"] == "dana@example.com"
    zoe.submit("/login", email="alice@example.com").submit("/login/password", password=SEEDED_PASSWORD)
    assert "alice@example.com" in zoe.page.text


@pytest.mark.parametrize(
    "typed", ["", "nobody", "two@example.com, three@example.com", "a@b@c.example", "<a@b.example>"]
)
def test_what_is_no_address_is_told_at_the_field(zoe: Person, typed: str) -> None:
    zoe.open("/login").submit("/login", email=typed)
    assert zoe.response.status_code == 422
    assert "Enter an e-mail address" in zoe.page.text
    assert zoe.page.form("/login").fields["email"] == typed


def test_a_disabled_account_is_told_nothing_more_than_a_wrong_password(
    portal_server: PortalServer, zoe: Person, somebody: Somebody
) -> None:
    email = an_email()
    zoe.sign_up(email)
    portal_server.sql(f"update authn.users set disabled_at = now() where email = '{email}'")
    late = somebody().log_in(email)
    assert late.response.status_code == 422
    assert NOT_A_MATCH in late.page.text
    assert not late.is_logged_in()
    assert not zoe.is_logged_in()


def test_stay_logged_in_decides_how_long_the_browser_keeps_the_session(somebody: Somebody) -> None:
    staying, leaving = somebody(), somebody()
    fields = {"email": "alice@example.com", "password": SEEDED_PASSWORD}
    origin = {"origin": staying.origin}
    kept = staying.http.post("/login/password", data={**fields, "remember_device": "1"}, headers=origin)
    assert kept.status_code == 303
    [cookie] = [line for line in kept.headers.get_list("set-cookie") if line.startswith("portal_session=")]
    assert f"Max-Age={90 * 24 * 3600}" in cookie
    until_closed = leaving.http.post("/login/password", data=fields, headers=origin)
    [cookie] = [line for line in until_closed.headers.get_list("set-cookie") if line.startswith("portal_session=")]
    assert "Max-Age" not in cookie
    assert "expires" not in cookie.lower()


def test_a_second_login_in_the_same_browser_replaces_the_first_person(zoe: Person) -> None:
    zoe.log_in("alice@example.com", SEEDED_PASSWORD)
    alices = zoe.session_cookie
    zoe.post("/login/password", {"email": "dana@example.com", "password": SEEDED_PASSWORD})
    assert "dana@example.com" in zoe.page.text
    zoe.http.cookies.clear()
    zoe.http.cookies.set("portal_session", alices or "")
    assert not zoe.is_logged_in()

"""A second step with an authenticator app and recovery codes, at plain forms."""

from collections.abc import Callable

import pytest

from tests.support.person import PASSWORD, Person, an_email, mails_to, newest_mail
from tests.support.second_step import App, choose_way, get_codes, key_on, set_up_app
from tests.support.server import PortalServer

Somebody = Callable[[], Person]


@pytest.fixture
def bo(zoe: Person) -> tuple[str, App, Person]:
    email = an_email("bo")
    zoe.sign_up(email)
    return email, set_up_app(zoe), zoe


def test_a_password_alone_is_not_enough_any_more(bo: tuple[str, App, Person], somebody: Somebody) -> None:
    email, app, _zoe = bo
    other = somebody().log_in(email, PASSWORD)
    assert other.path == "/login"
    assert "Second step" in other.page.text
    assert not other.is_logged_in()
    other.submit("/login/totp", code=app.wrong_code())
    assert other.response.status_code == 422
    assert "does not match" in other.page.text
    other.submit("/login/totp", code=app.code())
    assert other.path == "/account"


def test_a_code_opens_one_login(bo: tuple[str, App, Person], somebody: Somebody) -> None:
    email, app, _zoe = bo
    code = app.code()
    somebody().log_in(email, PASSWORD).submit("/login/totp", code=code)
    second = somebody().log_in(email, PASSWORD).submit("/login/totp", code=code)
    assert second.response.status_code == 422
    assert "used before" in second.page.text
    assert not second.is_logged_in()


def test_the_code_that_set_the_app_up_opens_nothing(zoe: Person, somebody: Somebody) -> None:
    email = an_email("bo")
    zoe.sign_up(email)
    zoe.open("/account/authenticator-app")
    key = key_on(zoe)
    code = App(key).code()
    zoe.submit("/account/authenticator-app", code=code)
    other = somebody().log_in(email, PASSWORD).submit("/login/totp", code=code)
    assert other.response.status_code == 422


def test_an_app_counts_only_when_it_has_shown_a_code(zoe: Person, somebody: Somebody) -> None:
    email = an_email("bo")
    zoe.sign_up(email).open("/account/authenticator-app")
    key = key_on(zoe)
    zoe.submit("/account/authenticator-app", code=App(key).wrong_code())
    assert zoe.response.status_code == 422
    assert key in zoe.response.text, "the same key, or the app would have to be set up again"
    assert somebody().log_in(email, PASSWORD).path == "/account"


def test_a_mailed_code_needs_the_second_step_too(
    bo: tuple[str, App, Person], somebody: Somebody, portal_server: PortalServer
) -> None:
    email, app, _zoe = bo
    other = somebody().open("/login").submit("/login", email=email).submit("/login/code")
    other.submit("/login/code/verify", code=newest_mail(portal_server, email).code or "")
    assert "Second step" in other.page.text
    assert not other.is_logged_in()
    other.submit("/login/totp", code=app.code())
    assert other.is_logged_in()


def test_mailbox_and_password_together_are_no_second_step(
    bo: tuple[str, App, Person], somebody: Somebody, portal_server: PortalServer
) -> None:
    email, _app, _zoe = bo
    other = somebody().open("/login").submit("/login", email=email).submit("/login/code")
    other.submit("/login/code/verify", code=newest_mail(portal_server, email).code or "")
    flow = other.page.form("/login/totp").fields["flow"]
    other.post("/login/password", {"flow": flow, "email": email, "password": PASSWORD})
    assert not other.is_logged_in()
    assert "Second step" in other.page.text


def test_a_recovered_account_still_asks_for_the_second_step(
    bo: tuple[str, App, Person], somebody: Somebody, portal_server: PortalServer
) -> None:
    email, app, _zoe = bo
    other = somebody().open("/recover").submit("/recover", email=email)
    other.submit("/recover/verify", code=newest_mail(portal_server, email).code or "")
    other.submit("/recover/password", new_password="seven slow bicycles")
    assert not other.is_logged_in()
    assert "Second step" in other.page.text
    other.submit("/login/totp", code=app.code())
    assert other.is_logged_in()


def test_after_five_wrong_codes_even_the_right_one_waits_elsewhere_but_not_in_the_owners_browser(
    bo: tuple[str, App, Person], somebody: Somebody
) -> None:
    email, app, zoe = bo
    thief = somebody().log_in(email, PASSWORD)
    for _try in range(5):
        thief.submit("/login/totp", code=app.wrong_code())
    thief.submit("/login/totp", code=app.code())
    assert thief.response.status_code == 429
    assert int(thief.response.headers["retry-after"]) > 0
    assert not thief.is_logged_in()
    zoe.log_out().log_in(email, PASSWORD).submit("/login/totp", code=app.code())
    assert zoe.is_logged_in()


def test_a_recovery_code_stands_in_once(
    bo: tuple[str, App, Person], somebody: Somebody, portal_server: PortalServer
) -> None:
    email, _app, zoe = bo
    codes = get_codes(zoe)
    other = somebody().log_in(email, PASSWORD)
    choose_way(other, "recovery_codes")
    other.submit("/login/recovery-code", code="9-zzzzz-zzzzz-zzzzz")
    assert other.response.status_code == 422
    other.submit("/login/recovery-code", code=codes[3].upper().replace("-", " "))
    assert other.is_logged_in()
    assert "recovery code was used" in newest_mail(portal_server, email).text
    again = somebody().log_in(email, PASSWORD)
    choose_way(again, "recovery_codes")
    again.submit("/login/recovery-code", code=codes[3])
    assert again.response.status_code == 422
    assert not again.is_logged_in()
    assert "9 codes left" in other.open("/account/security").page.text


def test_new_recovery_codes_end_the_old_ones(bo: tuple[str, App, Person], somebody: Somebody) -> None:
    email, _app, zoe = bo
    old = get_codes(zoe)
    new = get_codes(zoe)
    other = somebody().log_in(email, PASSWORD)
    choose_way(other, "recovery_codes")
    other.submit("/login/recovery-code", code=old[0])
    assert other.response.status_code == 422
    other.submit("/login/recovery-code", code=new[0])
    assert other.is_logged_in()


def test_the_codes_come_as_a_file_too(bo: tuple[str, App, Person]) -> None:
    _email, _app, zoe = bo
    codes = get_codes(zoe)
    zoe.submit("/account/recovery-codes/download")
    assert zoe.response.headers["content-disposition"].startswith("attachment")
    assert all(code in zoe.response.text for code in codes)


def test_removing_the_app_ends_other_sessions_and_tells_the_owner(
    bo: tuple[str, App, Person], somebody: Somebody, portal_server: PortalServer
) -> None:
    email, app, zoe = bo
    get_codes(zoe)
    other = somebody().log_in(email, PASSWORD).submit("/login/totp", code=app.code())
    assert other.is_logged_in()
    zoe.open("/account/security")
    [action] = [form.action for form in zoe.page.forms if form.action.endswith("/remove")]
    zoe.submit(action)
    assert "removed" in zoe.page.text
    assert not other.is_logged_in()
    assert "removed" in newest_mail(portal_server, email).text
    assert somebody().log_in(email, PASSWORD).path == "/account"
    assert "Recovery codes" not in zoe.open("/account/security").page.text, "they stand in for nothing any more"


def test_an_app_gets_another_name(bo: tuple[str, App, Person]) -> None:
    _email, _app, zoe = bo
    zoe.open("/account/security")
    [action] = [form.action for form in zoe.page.forms if form.action.endswith("/rename")]
    zoe.submit(action, name="New <b>phone</b>")
    assert "New <b>phone</b>" in zoe.page.text


def test_somebody_elses_app_cannot_be_removed(bo: tuple[str, App, Person], somebody: Somebody) -> None:
    email, _app, zoe = bo
    zoe.open("/account/security")
    [action] = [form.action for form in zoe.page.forms if form.action.endswith("/remove")]
    mallory = somebody()
    mallory.sign_up(an_email("mallory"))
    mallory.post(action)
    assert mallory.response.status_code == 404
    assert "Second step" in somebody().log_in(email, PASSWORD).page.text


def test_not_you_at_the_second_step_begins_again(bo: tuple[str, App, Person], somebody: Somebody) -> None:
    email, _app, _zoe = bo
    other = somebody().log_in(email, PASSWORD)
    other.open(next(href for _words, href in other.page.links if "change=1" in href))
    other.submit("/login", email="alice@example.com").submit("/login/password", password="correct-horse-battery")
    assert "alice@example.com" in other.page.text


def test_the_mail_tells_that_an_app_was_added(bo: tuple[str, App, Person], portal_server: PortalServer) -> None:
    email, _app, _zoe = bo
    assert any("authenticator app was added" in mail.text for mail in mails_to(portal_server, email))

"""A namespace that asks everybody for a second step: whoever has none sets one up on the way, and only they do."""

import pytest

from tests.support.person import PASSWORD, Person, an_email, mails_to, newest_mail
from tests.support.second_step import App, key_on
from tests.support.tenant import MakeTenant, Tenant, Visitor

SET_UP = "/login/totp/set-up"


@pytest.fixture
def strict(a_tenant: MakeTenant) -> Tenant:
    return a_tenant(second_factor="required")


def by_mail(tenant: Tenant, email: str) -> Visitor:
    visitor = tenant.visitor()
    visitor.open("/login?return_to=/account/devices").submit("/login", email=email).submit("/login/code")
    visitor.submit("/login/code/verify", code=newest_mail(tenant, email).code or "")
    return visitor


def set_up(person: Person) -> App:
    app = App(key_on(person.follow("Authenticator app")))
    person.submit(SET_UP, code=app.code(0), name="New phone")
    return app


def test_whoever_has_none_sets_one_up_and_goes_on(strict: Tenant) -> None:
    email = an_email()
    strict.account(email)
    zoe = by_mail(strict, email)
    assert zoe.page.heading == "Set up a second step"
    assert not zoe.is_logged_in()
    zoe = by_mail(strict, email)
    app = set_up(zoe)
    assert zoe.path == "/account/devices"
    assert zoe.is_logged_in()
    assert "authenticator app was added" in newest_mail(strict, email).text
    assert len(strict.events("mfa_added")) == 1
    [session] = strict.rows("select amr from authn.sessions where namespace = $1 and revoked_at is null", strict.name)
    assert set(session["amr"]) == {"email", "otp", "mfa"}  # type: ignore[arg-type]

    again = strict.visitor().open("/login").submit("/login", email=email).submit("/login/password", password=PASSWORD)
    assert again.page.heading == "Second step"
    assert again.submit("/login/totp", code=app.code()).is_logged_in()


@pytest.mark.adversarial("F3")
def test_a_stolen_password_puts_no_app_on_the_account(strict: Tenant) -> None:
    email = an_email()
    strict.account(email)
    mallory = strict.visitor().open("/login").submit("/login", email=email)
    mallory.submit("/login/password", password=PASSWORD)
    assert mallory.page.heading == "Set up a second step"
    assert "Mail me a code" in mallory.page.text
    flow = mallory.response.url.params["flow"]
    assert SET_UP not in mallory.response.text
    mallory.open(f"{SET_UP}?flow={flow}")
    assert mallory.path == "/login"
    # Nor with a secret that was sealed for the same account in an honest flow.
    zoe = by_mail(strict, email)
    app = App(key_on(zoe.follow("Authenticator app")))
    fields = zoe.page.form(SET_UP).fields
    mallory.post(SET_UP, {**fields, "flow": flow, "code": app.code(0)})
    assert not mallory.is_logged_in()
    assert strict.events("mfa_added") == []
    # The owner goes on from the same page: the mailed code leads to the set-up.
    mallory.open(f"/login?flow={flow}").submit("/login/code")
    assert mallory.path == "/login/code"
    zoe.submit(SET_UP, code=app.code(0))
    assert zoe.is_logged_in()


def test_the_mailbox_opens_the_way_that_the_password_does_not(strict: Tenant) -> None:
    email = an_email()
    strict.account(email)
    zoe = strict.visitor().open("/login?return_to=/account/devices").submit("/login", email=email)
    zoe.submit("/login/password", password=PASSWORD).submit("/login/code")
    zoe.submit("/login/code/verify", code=newest_mail(strict, email).code or "")
    assert zoe.page.heading == "Set up a second step"
    set_up(zoe)
    assert zoe.path == "/account/devices"


def test_whoever_signs_up_sets_one_up_before_the_first_session(strict: Tenant) -> None:
    email = an_email()
    zoe = strict.visitor().ask_to_sign_up(email)
    zoe.submit("/signup/verify", code=newest_mail(strict, email).code or "")
    assert zoe.page.heading == "Set up a second step"
    set_up(zoe)
    assert zoe.is_logged_in()


def test_also_by_the_link_in_this_browser_and_in_another_one(strict: Tenant) -> None:
    email, other = an_email(), an_email()
    zoe = strict.visitor().ask_to_sign_up(email)
    link = newest_mail(strict, email).link
    zoe.open(link).submit(link)
    assert zoe.page.heading == "Set up a second step"
    set_up(zoe)
    assert zoe.is_logged_in()

    strict.visitor().ask_to_sign_up(other)
    link = newest_mail(strict, other).link
    elsewhere = strict.visitor().open(link).submit(link)
    elsewhere.submit("/signup/password", new_password=PASSWORD)
    assert elsewhere.page.heading == "Set up a second step"
    set_up(elsewhere)
    assert elsewhere.is_logged_in()


def test_nobody_who_has_one_gets_another_this_way(strict: Tenant) -> None:
    email = an_email()
    strict.account(email)
    first, second = by_mail(strict, email), by_mail(strict, email)
    second.follow("Authenticator app")
    fields, app = second.page.form(SET_UP).fields, App(key_on(second))
    set_up(first)
    second.post(SET_UP, {**fields, "code": app.code(0)})
    assert not second.is_logged_in()
    assert second.page.heading == "Second step"
    assert len(strict.events("mfa_added")) == 1


def test_where_no_second_step_is_asked_for_nothing_is_set_up_in_a_login(a_tenant: MakeTenant, strict: Tenant) -> None:
    email = an_email()
    strict.account(email)
    zoe = by_mail(strict, email)
    zoe.follow("Authenticator app")
    fields, app = zoe.page.form(SET_UP).fields, App(key_on(zoe))
    strict.set_policy(second_factor="optional")
    zoe.post(SET_UP, {**fields, "code": app.code(0)})
    assert not zoe.is_logged_in()
    assert strict.events("mfa_added") == []


def test_a_wrong_code_keeps_the_secret_and_the_name(strict: Tenant) -> None:
    email = an_email()
    strict.account(email)
    zoe = by_mail(strict, email).follow("Authenticator app")
    key = key_on(zoe)
    zoe.submit(SET_UP, code=App(key).wrong_code(), name="New phone")
    assert zoe.response.status_code == 422
    assert "does not match" in zoe.page.text
    assert key_on(zoe) == key
    assert zoe.page.form(SET_UP).fields["name"] == "New phone"
    zoe.submit(SET_UP, code="12", name="New phone")
    assert zoe.response.status_code == 422
    assert "six digits" in zoe.page.text


def test_without_mail_logins_the_password_is_what_there_is(a_tenant: MakeTenant) -> None:
    tenant, email = a_tenant(second_factor="required", methods=["password", "totp"]), an_email()
    tenant.account(email)
    zoe = tenant.visitor().open("/login").submit("/login", email=email).submit("/login/password", password=PASSWORD)
    set_up(zoe)
    assert zoe.is_logged_in()
    assert len(mails_to(tenant, email)) == 1


def test_where_nothing_can_be_set_up_the_page_says_whom_to_ask(a_tenant: MakeTenant) -> None:
    tenant, email = a_tenant(second_factor="required", methods=["password"]), an_email()
    tenant.account(email)
    zoe = tenant.visitor().open("/login").submit("/login", email=email).submit("/login/password", password=PASSWORD)
    assert zoe.response.status_code == 403 or zoe.page.heading == "A second step is needed"
    assert not zoe.is_logged_in()

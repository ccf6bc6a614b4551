"""What a namespace has switched off is neither offered nor answered, whatever door is tried."""

import pytest

from tests.support.person import PASSWORD, an_email, mails_to, newest_mail
from tests.support.tenant import MakeTenant, Tenant

PASSWORD_DOORS = [
    ("/login/password", {"email": "zoe@example.org", "password": PASSWORD}),
    ("/recover", {"email": "zoe@example.org"}),
    ("/recover/verify", {"code": "123456"}),
    ("/recover/password", {"new_password": PASSWORD}),
    ("/account/password", {"new_password": PASSWORD}),
]
MAIL_DOORS = [("/login/code", {"email": "zoe@example.org"}), ("/login/code/verify", {"code": "123456"})]


@pytest.fixture
def by_mail(a_tenant: MakeTenant) -> Tenant:
    return a_tenant(methods=["email_code"])


@pytest.fixture
def by_password(a_tenant: MakeTenant) -> Tenant:
    return a_tenant(methods=["password"])


def test_the_page_lists_only_what_is_on(by_mail: Tenant, by_password: Tenant) -> None:
    mail = by_mail.visitor().open("/login").submit("/login", email="zoe@example.org")
    assert "/login/password" not in mail.response.text
    assert "/recover" not in mail.response.text
    assert mail.page.form("/login/code")
    password = by_password.visitor().open("/login").submit("/login", email="zoe@example.org")
    assert "/login/code" not in password.response.text
    assert password.page.form("/login/password")


@pytest.mark.parametrize(("door", "fields"), PASSWORD_DOORS, ids=[door for door, _ in PASSWORD_DOORS])
def test_no_door_takes_a_password_where_they_are_off(by_mail: Tenant, door: str, fields: dict[str, str]) -> None:
    by_mail.account("zoe@example.org")
    zoe = by_mail.visitor().post(door, fields)
    assert zoe.response.status_code == 403
    assert zoe.page.heading == "This way to log in is switched off"
    assert zoe.session_cookie is None
    assert "/login" in [href for _words, href in zoe.page.links]


def test_the_right_password_logs_in_where_they_are_on(by_password: Tenant) -> None:
    """The positive control."""
    by_password.account("zoe@example.org")
    assert by_password.visitor().post(*PASSWORD_DOORS[0]).is_logged_in()


@pytest.mark.parametrize(("door", "fields"), MAIL_DOORS, ids=[door for door, _ in MAIL_DOORS])
def test_no_mail_is_sent_or_taken_where_that_is_off(by_password: Tenant, door: str, fields: dict[str, str]) -> None:
    by_password.account("zoe@example.org")
    zoe = by_password.visitor().post(door, fields)
    assert zoe.response.status_code == 403
    assert mails_to(by_password, "zoe@example.org") == []


def test_a_link_that_was_mailed_before_is_dead_when_its_method_is_off(a_tenant: MakeTenant) -> None:
    tenant, email = a_tenant(), an_email()
    tenant.account(email)
    zoe = tenant.visitor().open("/login").submit("/login", email=email).submit("/login/code")
    link = newest_mail(tenant, email).link
    assert tenant.visitor().open(link).page.heading == "Is this you?"
    tenant.set_policy(methods=["password"])
    assert zoe.open(link).response.status_code == 410
    assert zoe.post(link).response.status_code == 410
    assert zoe.session_cookie is None


def test_a_recovery_still_proves_the_mailbox_where_only_passwords_are_on(by_password: Tenant) -> None:
    email = an_email()
    by_password.account(email)
    zoe = by_password.visitor().open("/recover").submit("/recover", email=email)
    zoe.submit("/recover/verify", code=newest_mail(by_password, email).code or "")
    zoe.submit("/recover/password", new_password="another quiet lantern")
    assert zoe.is_logged_in()


def test_sign_up_asks_for_no_password_where_they_are_off(by_mail: Tenant) -> None:
    email = an_email()
    zoe = by_mail.visitor().open("/signup")
    assert "new_password" not in zoe.page.form("/signup").fields
    refused = by_mail.visitor().post("/signup", {"email": email, "new_password": PASSWORD})
    assert refused.response.status_code == 422
    assert "There are no passwords here" in refused.page.text
    zoe.submit("/signup", email=email)
    zoe.submit("/signup/verify", code=newest_mail(by_mail, email).code or "")
    assert zoe.is_logged_in()
    [user] = by_mail.rows("select password_hash from authn.users where email = $1", email)
    assert user["password_hash"] is None


def test_a_sign_up_link_opened_elsewhere_leads_to_the_login_where_passwords_are_off(by_mail: Tenant) -> None:
    email = an_email()
    by_mail.visitor().open("/signup").submit("/signup", email=email)
    link = newest_mail(by_mail, email).link
    phone = by_mail.visitor().open(link).submit(link)
    assert phone.path == "/login"
    phone.submit("/login/code")
    phone.submit("/login/code/verify", code=newest_mail(by_mail, email).code or "")
    assert phone.is_logged_in()


def test_a_refusal_is_told_also_where_no_form_of_a_password_could_show_it(a_tenant: MakeTenant) -> None:
    zoe = a_tenant(methods=["passkey", "email_code"]).visitor()
    zoe.open("/login").submit("/login", email="zoe@example.org")
    zoe.submit("/login/passkey", ceremony="none", credential="{}")
    assert zoe.response.status_code == 422
    assert "That passkey did not work. Try again, or log in another way." in zoe.page.text
    [alert] = [element for element in zoe.page.elements if element.attributes.get("role") == "alert"]
    assert "autofocus" in alert.attributes

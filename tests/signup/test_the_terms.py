"""The terms: accepted when signing up, asked again when the version rises, and no session before the answer."""

from typing import Any

import pytest

from tests.support.person import PASSWORD, Person, an_email, newest_mail
from tests.support.tenant import MakeTenant, Tenant

EMAIL = "zoe@example.org"


@pytest.fixture
def tenant(a_tenant: MakeTenant) -> Tenant:
    made = a_tenant(
        terms_version="1", terms_url="https://acme.example/terms", privacy_url="https://acme.example/privacy"
    )
    made.account(EMAIL)
    return made


def accepted(tenant: Tenant) -> list[Any]:
    return [event["new_values"]["version"] for event in tenant.events("terms_accepted")]


def at_the_terms(tenant: Tenant, **who: str) -> Person:
    person = tenant.visitor(**who).log_in(EMAIL)
    assert person.path == "/login/terms"
    return person


def test_a_sign_up_takes_the_box_and_records_the_version(tenant: Tenant) -> None:
    email = an_email()
    zoe = tenant.visitor().open("/signup")
    assert {"https://acme.example/terms", "https://acme.example/privacy"} <= {href for _words, href in zoe.page.links}
    zoe.submit("/signup", email=email, new_password=PASSWORD)
    assert zoe.response.status_code == 422
    assert "Read the terms and tick the box to go on." in zoe.page.text
    zoe.submit("/signup", email=email, new_password=PASSWORD, terms="1")
    zoe.submit("/signup/verify", code=newest_mail(tenant, email).code or "")
    assert zoe.is_logged_in()
    assert accepted(tenant) == ["1"]
    [row] = tenant.rows(
        "select t.version, t.accepted_at is not null as at from authn.terms_acceptances t join authn.users u "
        "on u.id = t.user_id where u.email = $1 and u.namespace = $2", email, tenant.name,
    )  # fmt: skip
    assert row == {"version": "1", "at": True}
    assert tenant.visitor().log_in(email).is_logged_in()


def test_a_sign_up_proven_elsewhere_asks_where_the_password_is_chosen(tenant: Tenant) -> None:
    email = an_email()
    tenant.visitor().open("/signup").submit("/signup", email=email, new_password=PASSWORD, terms="1")
    link = newest_mail(tenant, email).link
    phone = tenant.visitor().open(link).submit(link)
    assert phone.path == "/signup/password"
    phone.submit("/signup/password", new_password="another quiet lantern")
    assert phone.response.status_code == 422
    assert accepted(tenant) == []
    phone.submit("/signup/password", new_password="another quiet lantern", terms="1")
    assert phone.is_logged_in()
    assert accepted(tenant) == ["1"]


def test_a_login_ends_in_a_session_only_after_acceptance(tenant: Tenant) -> None:
    zoe = at_the_terms(tenant)
    assert zoe.session_cookie is None
    assert not zoe.is_logged_in()
    zoe.submit("/login/terms")
    assert zoe.response.status_code == 422
    assert not zoe.is_logged_in()
    zoe.submit("/login/terms", terms="1")
    assert zoe.path == "/account"
    assert zoe.is_logged_in()
    assert accepted(tenant) == ["1"]


def test_it_leads_back_to_where_the_login_began(tenant: Tenant) -> None:
    zoe = tenant.visitor().open("/account/devices")
    zoe.submit("/login", email=EMAIL).submit("/login/password", password=PASSWORD)
    zoe.submit("/login/terms", terms="1")
    assert zoe.path == "/account/devices"


def test_the_same_version_is_not_asked_twice_and_a_new_one_is(tenant: Tenant) -> None:
    zoe = at_the_terms(tenant).submit("/login/terms", terms="1")
    zoe.log_out()
    assert zoe.log_in(EMAIL).is_logged_in()
    tenant.set_policy(terms_version="2")
    assert zoe.is_logged_in(), "who is logged in stays so until the next login"
    zoe.log_out()
    zoe = at_the_terms(tenant).submit("/login/terms", terms="1")
    assert zoe.is_logged_in()
    assert accepted(tenant) == ["1", "2"]
    tenant.set_policy(terms_version="1")
    assert tenant.visitor().log_in(EMAIL).is_logged_in()


def test_declining_ends_the_login(tenant: Tenant) -> None:
    zoe = at_the_terms(tenant)
    terms = zoe.place
    flow = terms.rpartition("=")[2]
    zoe.post("/login/terms", {"flow": flow, "decision": "decline"})
    assert zoe.page.heading == "You are not logged in"
    assert not zoe.is_logged_in()
    assert zoe.post("/login/terms", {"flow": flow, "terms": "1"}).response.status_code == 410
    assert not zoe.is_logged_in()
    assert accepted(tenant) == []


def test_another_browser_cannot_accept_for_this_one(tenant: Tenant) -> None:
    zoe = at_the_terms(tenant)
    flow = zoe.place.rpartition("=")[2]
    stranger = tenant.visitor().open("/login").post("/login/terms", {"flow": flow, "terms": "1"})
    assert stranger.response.status_code == 403
    assert not stranger.is_logged_in()
    assert accepted(tenant) == []


def test_acceptance_is_no_way_around_the_factors(tenant: Tenant) -> None:
    """Neither in a login that has proven nothing, nor in a recovery that has only proven the mailbox so far."""
    fresh = tenant.visitor().open("/login").submit("/login", email=EMAIL)
    flow = fresh.place.rpartition("=")[2]
    fresh.post("/login/terms", {"flow": flow, "terms": "1"})
    assert not fresh.is_logged_in()
    recovering = tenant.visitor().open("/recover").submit("/recover", email=EMAIL)
    recovering.submit("/recover/verify", code=newest_mail(tenant, EMAIL).code or "")
    assert recovering.path == "/recover/password"
    flow = recovering.place.rpartition("=")[2]
    recovering.post("/login/terms", {"flow": flow, "terms": "1"})
    assert not recovering.is_logged_in()
    assert accepted(tenant) == []


def test_a_page_that_was_open_while_the_terms_changed_accepts_nothing(tenant: Tenant) -> None:
    zoe = at_the_terms(tenant)
    tenant.set_policy(terms_version="2")
    zoe.submit("/login/terms", terms="1")
    assert zoe.response.status_code == 422
    assert not zoe.is_logged_in()
    zoe.submit("/login/terms", terms="1")
    assert zoe.is_logged_in()
    assert accepted(tenant) == ["2"]


def test_a_mailed_code_asks_for_the_terms_too(tenant: Tenant) -> None:
    zoe = tenant.visitor().open("/login").submit("/login", email=EMAIL).submit("/login/code")
    zoe.submit("/login/code/verify", code=newest_mail(tenant, EMAIL).code or "")
    assert zoe.path == "/login/terms"
    assert not zoe.is_logged_in()


def test_a_forgotten_password_asks_for_them_too(tenant: Tenant) -> None:
    zoe = tenant.visitor().open("/recover").submit("/recover", email=EMAIL)
    zoe.submit("/recover/verify", code=newest_mail(tenant, EMAIL).code or "")
    zoe.submit("/recover/password", new_password="another quiet lantern")
    assert zoe.path == "/login/terms"
    assert not zoe.is_logged_in()
    assert zoe.submit("/login/terms", terms="1").is_logged_in()


def test_without_a_version_nobody_is_asked(a_tenant: MakeTenant) -> None:
    tenant = a_tenant()
    tenant.account(EMAIL)
    zoe = tenant.visitor()
    assert "terms" not in zoe.open("/signup").response.text.partition("<main")[2].partition("</main")[0]
    assert zoe.log_in(EMAIL).is_logged_in()

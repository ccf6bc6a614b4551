"""Sign-up open, by invitation or closed, and by domain: refused in a sentence, without telling who has an account."""

import re

from portal.signup.invites import VALID_FOR
from tests.support.person import PASSWORD, Person, an_email, mails_to, newest_mail
from tests.support.tenant import MakeTenant, Tenant

CREATE = "Create an account"


def has_account(tenant: Tenant, email: str) -> bool:
    return bool(tenant.rows("select from authn.users where namespace = $1 and email = $2", tenant.name, email))


def invite(tenant: Tenant, email: str, code: str) -> object:
    query = "select authn.create_invite($1, encode(sha256($2::bytea), 'hex'), 'sealed', '{}', $3) as outcome"
    return tenant.rows(query, email, code.encode(), tenant.name)[0]["outcome"]


def normal(text: str, *own: str) -> str:
    for word in own:
        text = text.replace(word, "…")
    return re.sub(r"Possible in [0-9:]+", "", text)


def test_a_closed_namespace_offers_no_account_and_makes_none(a_tenant: MakeTenant) -> None:
    tenant, email = a_tenant(signup="closed"), an_email()
    zoe = tenant.visitor().open("/login")
    assert CREATE not in zoe.page.text
    assert CREATE not in zoe.submit("/login", email=email).page.text
    for answer in (zoe.open("/signup"), zoe.post("/signup", {"email": email, "new_password": PASSWORD})):
        assert answer.response.status_code == 403
        assert answer.page.heading == "No new accounts here"
        assert "Tenant & Sons" in answer.page.text
        assert any(href.startswith("/login") for _words, href in answer.page.links)
    assert mails_to(tenant, email) == []


def test_the_mail_to_an_unknown_address_offers_no_sign_up_where_it_is_closed(a_tenant: MakeTenant) -> None:
    offered = {}
    for mode in ("open", "invite", "closed"):
        tenant, email = a_tenant(signup=mode), an_email()
        zoe = tenant.visitor().open("/login").submit("/login", email=email).submit("/login/code")
        assert zoe.path == "/login/code"
        mail = newest_mail(tenant, email)
        offered[mode] = "/link/" in mail.text, "/link/" in mail.html
    assert offered == {"open": (True, True), "invite": (False, False), "closed": (False, False)}


def test_a_sign_up_that_waits_for_its_code_ends_when_the_doors_close(a_tenant: MakeTenant) -> None:
    tenant, email = a_tenant(), an_email()
    zoe = tenant.visitor().ask_to_sign_up(email)
    code = newest_mail(tenant, email).code or ""
    tenant.set_policy(signup="closed")
    zoe.submit("/signup/verify", code=code)
    assert zoe.response.status_code == 403
    assert zoe.page.heading == "No new accounts here"
    assert not has_account(tenant, email)


def test_a_link_that_waits_ends_when_the_doors_close(a_tenant: MakeTenant) -> None:
    tenant, email = a_tenant(), an_email()
    tenant.visitor().ask_to_sign_up(email)
    link = newest_mail(tenant, email).link
    tenant.set_policy(signup="closed")
    phone = tenant.visitor().open(link).submit(link)
    assert phone.page.heading == "No new accounts here"
    assert not has_account(tenant, email)


def test_only_allowed_domains_sign_up(a_tenant: MakeTenant) -> None:
    tenant = a_tenant(signup_domains=["acme.example"])
    zoe = tenant.visitor().open("/signup").submit("/signup", email="zoe@acme.example.com", new_password=PASSWORD)
    assert zoe.response.status_code == 422
    assert "Use an address that ends in @acme.example." in zoe.page.text
    zoe.submit("/signup", email="zoe@acme.example", new_password=PASSWORD)
    assert zoe.path == "/signup/verify"
    other = zoe.post("/signup/resend", {"flow": zoe.place.rpartition("=")[2], "email": "zoe@evil.example"})
    assert other.response.status_code == 422
    assert mails_to(tenant, "zoe@evil.example") == []


def test_a_refused_domain_is_refused_with_everything_below_it(a_tenant: MakeTenant) -> None:
    tenant = a_tenant(signup_refused_domains=["throwaway.example"])
    zoe = tenant.visitor()
    for email in ("a@throwaway.example", "a@mx.throwaway.example"):
        zoe.open("/signup").submit("/signup", email=email, new_password=PASSWORD)
        assert "Addresses of this domain cannot sign up here" in zoe.page.text
    zoe.open("/signup").submit("/signup", email="a@nothrowaway.example", new_password=PASSWORD)
    assert zoe.path == "/signup/verify"


def test_the_refusal_of_a_domain_tells_nothing_of_accounts(a_tenant: MakeTenant) -> None:
    tenant = a_tenant(signup_domains=["acme.example"])
    tenant.account("known@other.example")
    answers = set()
    for email in ("known@other.example", "nobody@other.example"):
        zoe = tenant.visitor().open("/signup").submit("/signup", email=email, new_password=PASSWORD)
        answers.add((zoe.response.status_code, normal(zoe.page.text, email)))
    assert len(answers) == 1


def test_an_invited_address_signs_up_once_and_by_its_link(a_tenant: MakeTenant) -> None:
    tenant, email = a_tenant(signup="invite"), an_email()
    assert invite(tenant, email, "the-code") == "invited"
    zoe = tenant.visitor().open("/invite/the-code")
    assert zoe.page.heading == "You are invited"
    assert email in zoe.page.text
    zoe.submit("/invite/the-code")
    assert zoe.page.form("/signup").fields["email"] == email
    zoe.submit("/signup", new_password=PASSWORD)
    zoe.submit("/signup/verify", code=newest_mail(tenant, email).code or "")
    assert zoe.is_logged_in()
    again = tenant.visitor().open("/invite/the-code")
    assert again.response.status_code == 410
    assert again.page.heading == "This invitation no longer works"
    assert [event["new_values"] for event in tenant.events("invite_created")] == [{"email": email}]


def test_opening_an_invitation_changes_nothing(a_tenant: MakeTenant) -> None:
    tenant, email = a_tenant(signup="invite"), an_email()
    invite(tenant, email, "the-code")
    for _ in range(3):
        assert tenant.visitor().open("/invite/the-code").page.heading == "You are invited"


def test_an_invitation_opened_while_logged_in_says_so_and_offers_the_way(a_tenant: MakeTenant) -> None:
    tenant, mine, invited = a_tenant(signup="invite"), an_email(), an_email()
    tenant.account(mine)
    invite(tenant, invited, "the-code")
    zoe = tenant.visitor().open("/login").submit("/login", email=mine).submit("/login/password", password=PASSWORD)
    zoe.open("/invite/the-code")
    assert f"You are logged in as {mine}. The invitation is for another account" in zoe.page.text
    assert zoe.is_logged_in()
    zoe.open("/invite/the-code").submit("/invite/the-code")
    assert zoe.page.form("/signup").fields["email"] == invited
    assert not zoe.is_logged_in()


def test_an_invitation_works_for_seven_days(a_tenant: MakeTenant) -> None:
    tenant, email = a_tenant(signup="invite"), an_email()
    invite(tenant, email, "the-code")
    almost = f"{VALID_FOR.total_seconds() - 60} seconds"
    age = "update authn.invites set expires_at = expires_at - $1::text::interval where namespace = $2 returning 1"
    tenant.rows(age, almost, tenant.name)
    assert tenant.visitor().open("/invite/the-code").response.status_code == 200
    tenant.rows(age, "61 seconds", tenant.name)
    assert tenant.visitor().open("/invite/the-code").response.status_code == 410
    sign_up_in_vain(tenant, email)


def test_without_an_invitation_the_page_says_the_same_and_the_mail_says_why(a_tenant: MakeTenant) -> None:
    tenant = a_tenant(signup="invite")
    invited, registered, stranger = an_email(), an_email(), an_email()  # the page shows the first letter
    invite(tenant, invited, "the-code")
    tenant.account(registered)
    pages = {email: tenant.visitor().ask_to_sign_up(email) for email in (invited, registered, stranger)}
    answers = {
        (person.response.status_code, person.path, normal(person.page.text, email)) for email, person in pages.items()
    }
    assert len(answers) == 1
    assert newest_mail(tenant, invited).code
    assert newest_mail(tenant, registered).subject.startswith("You already have")
    refusal = newest_mail(tenant, stranger)
    assert "That takes an invitation" in refusal.text
    assert refusal.code is None
    assert refusal.links == []
    for person in (pages[registered], pages[stranger]):
        wrong = person.submit("/signup/verify", code="000000")
        assert wrong.response.status_code == 422


def test_g8_no_code_makes_an_account_without_an_invitation(a_tenant: MakeTenant) -> None:
    tenant, email = a_tenant(signup="invite"), an_email()
    sign_up_in_vain(tenant, email)


def sign_up_in_vain(tenant: Tenant, email: str) -> None:
    person: Person = tenant.visitor().ask_to_sign_up(email)
    assert newest_mail(tenant, email).code is None
    person.submit("/signup/verify", code="123456")
    assert person.response.status_code == 422
    assert not has_account(tenant, email)


def test_operators_are_told_why_somebody_cannot_be_invited(a_tenant: MakeTenant) -> None:
    tenant = a_tenant(signup="invite", signup_domains=["acme.example"])
    tenant.account("known@acme.example")
    assert invite(tenant, "known@acme.example", "a") == "registered"
    assert invite(tenant, "zoe@other.example", "b") == "domain_refused"
    tenant.set_policy(signup="closed")
    assert invite(tenant, "zoe@acme.example", "c") == "closed"


def test_an_app_that_asks_for_an_account_gets_the_page_and_the_way_back_stays(a_tenant: MakeTenant) -> None:
    """prompt=create begins a flow for sign-up; where that is closed its page leads on to the login of the same app."""
    tenant = a_tenant(signup="closed")
    tenant.account("zoe@example.org")
    zoe = tenant.visitor().open("/login?return_to=/account/security")
    flow = zoe.place.rpartition("=")[2]
    zoe.open(f"/signup?flow={flow}").follow("Log in")
    zoe.submit("/login", email="zoe@example.org").submit("/login/password", password=PASSWORD)
    assert zoe.path == "/account/security"

"""Whoever lost their say lost it everywhere: refreshing after what a person or an operator really did (row B7).

RFC 9700 section 4.14.2, https://www.rfc-editor.org/rfc/rfc9700#section-4.14.2. Each test does it on the page or by the
command, never in the rows.
"""

from collections.abc import Iterator

import pytest

from tests.oidc.issuer import Issuer, Tokens, make_issuer
from tests.support.person import PASSWORD, an_email, newest_mail
from tests.support.server import PortalServer

NEW = "seven patient herons"


@pytest.fixture
def issuer(portal_server: PortalServer) -> Iterator[Issuer]:
    """A namespace of this test's own; its app needs consent and goes on while its person is away."""
    made = make_issuer(portal_server, "after", an_email())
    yield made
    for person in made.tenant.people:
        person.close()


@pytest.fixture
def tokens(issuer: Issuer) -> Tokens:
    """What the app has, refreshed once: until then it works."""
    issuer.person.open(issuer.url(issuer.client[0])).page.form("/oauth2/consent")
    form = issuer.person.page.form("/oauth2/consent").fields
    allowed = issuer.person.http.post(
        "/oauth2/consent", data={**form, "decision": "allow"}, headers={"origin": issuer.person.origin}
    )
    given = issuer.redeem(issuer.code_in(allowed), issuer.client).json()
    refreshed = issuer.refresh(given["refresh_token"], issuer.client)
    assert refreshed.status_code == 200, refreshed.text
    assert issuer.userinfo(refreshed.json()["access_token"]).status_code == 200
    return dict(refreshed.json())


def assert_over(issuer: Issuer, tokens: Tokens, event: str) -> None:
    """Nothing that the app holds works any longer, and the audit log says what ended it and that it was tried."""
    refused = issuer.refresh(tokens["refresh_token"], issuer.client)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert issuer.userinfo(tokens["access_token"]).status_code == 401
    for token in (tokens["access_token"], tokens["refresh_token"]):
        assert issuer.call("/oauth2/introspect", issuer.client, token=token).json() == {"active": False}
    assert issuer.tenant.events(event), event
    assert issuer.tenant.events("refresh_refused")


@pytest.mark.adversarial("B7")
def test_after_the_app_was_disconnected(issuer: Issuer, tokens: Tokens) -> None:
    issuer.person.open("/account/apps").submit("/account/apps/disconnect")
    assert "That app is disconnected" in issuer.person.page.text
    assert_over(issuer, tokens, "consent_withdrawn")


@pytest.mark.adversarial("B7", "L4")
def test_after_the_password_was_changed(issuer: Issuer, tokens: Tokens) -> None:
    issuer.person.open("/account/password").submit("/account/password", password=PASSWORD, new_password=NEW)
    assert "Your password is changed" in issuer.person.page.text
    assert_over(issuer, tokens, "password_updated")


@pytest.mark.adversarial("B7", "L4")
def test_after_a_forgotten_password(issuer: Issuer, tokens: Tokens) -> None:
    other = issuer.tenant.visitor().open("/recover").submit("/recover", email=issuer.email)
    link = newest_mail(issuer.tenant, issuer.email).link
    other.open(link).submit(link)
    other.submit(next(form.action for form in other.page.forms if "new_password" in form.fields), new_password=NEW)
    assert other.is_logged_in(), other.page.text
    assert_over(issuer, tokens, "password_updated")


@pytest.mark.adversarial("B7", "L4")
def test_after_an_operator_set_another_password(issuer: Issuer, tokens: Tokens) -> None:
    issuer.command("users", "set-password", issuer.email, "--password-stdin", stdin=f"{NEW}\n")
    assert_over(issuer, tokens, "password_updated")


@pytest.mark.adversarial("B7", "I11")
def test_after_the_person_was_disabled_and_for_good(issuer: Issuer, tokens: Tokens) -> None:
    issuer.command("users", "disable", issuer.email)
    assert_over(issuer, tokens, "user_disabled")
    issuer.command("users", "enable", issuer.email)
    assert_over(issuer, tokens, "user_enabled")


@pytest.mark.adversarial("B7", "I11")
def test_after_the_person_was_deleted(issuer: Issuer, tokens: Tokens) -> None:
    issuer.command("users", "delete", issuer.email)
    assert_over(issuer, tokens, "user_deleted")


@pytest.mark.adversarial("B7", "R6")
def test_while_the_tenant_is_switched_off(issuer: Issuer, tokens: Tokens) -> None:
    issuer.switch("suspend")
    for answer in (
        issuer.refresh(tokens["refresh_token"], issuer.client),
        issuer.userinfo(tokens["access_token"]),
        issuer.get("/.well-known/openid-configuration"),
        issuer.person.http.get("/account"),
        issuer.person.http.get("/login"),
    ):
        assert answer.status_code == 421, answer.text
    assert issuer.tenant.events("namespace_suspended")
    issuer.switch("resume")
    assert issuer.refresh(tokens["refresh_token"], issuer.client).status_code == 200
    assert issuer.person.is_logged_in()

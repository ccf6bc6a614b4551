"""An invitation is for one address, once, until its last second (adversarial G8, G9)."""

import pytest

from tests.signup.test_who_may_sign_up import has_account, invite, sign_up_in_vain
from tests.support.person import PASSWORD, an_email, newest_mail
from tests.support.tenant import MakeTenant, Tenant

pytestmark = pytest.mark.adversarial("G8", "G9")


@pytest.fixture
def closed_club(a_tenant: MakeTenant) -> Tenant:
    return a_tenant(signup="invite")


def use(tenant: Tenant, email: str) -> bool:
    """Sign up by the invitation's link; whether that logs in."""
    zoe = tenant.visitor().open("/invite/the-code").submit("/invite/the-code").submit("/signup", new_password=PASSWORD)
    return zoe.submit("/signup/verify", code=newest_mail(tenant, email).code or "").is_logged_in()


def test_g9_an_invitation_is_good_for_no_other_address(closed_club: Tenant) -> None:
    invited, mallory = an_email(), an_email("mallory")
    invite(closed_club, invited, "the-code")
    page = closed_club.visitor().open("/invite/the-code").submit("/invite/the-code")
    fields = {**page.page.form("/signup").fields, "email": mallory, "new_password": PASSWORD, "role": "admin"}
    page.post("/signup", fields)
    assert page.path == "/signup/verify", "as for everybody"
    assert newest_mail(closed_club, mallory).code is None
    page.submit("/signup/verify", code="123456")
    assert page.response.status_code == 422
    assert not has_account(closed_club, mallory)
    assert use(closed_club, invited)


def test_g9_two_who_use_one_invitation_at_once_make_one_account(closed_club: Tenant) -> None:
    """Both were let in by it; only the mailbox decides, and the second one finds the account made."""
    email = an_email()
    invite(closed_club, email, "the-code")
    first, second = (
        closed_club.visitor().open("/invite/the-code").submit("/invite/the-code").submit("/signup", new_password=word)
        for word in (PASSWORD, "a password of somebody else")
    )
    code = newest_mail(closed_club, email).code or ""
    assert second.submit("/signup/verify", code=code).is_logged_in()
    first.submit("/signup/verify", code=code)
    assert not first.is_logged_in()
    [made] = closed_club.rows("select count(*) as n from authn.users where email = $1", email)
    assert made["n"] == 1


def test_g9_an_invitation_ends_with_its_last_second(closed_club: Tenant) -> None:
    email = an_email()
    invite(closed_club, email, "the-code")
    ends = "update authn.invites set expires_at = now() + $1::text::interval where namespace = $2 returning 1"
    closed_club.rows(ends, "0 seconds", closed_club.name)
    assert closed_club.visitor().open("/invite/the-code").response.status_code == 410
    sign_up_in_vain(closed_club, email)
    closed_club.rows(ends, "1 minute", closed_club.name)
    assert use(closed_club, email)


def test_g8_guessed_invitations_open_nothing(closed_club: Tenant) -> None:
    email = an_email()
    invite(closed_club, email, "the-code")
    for guess in ("the-cod", "the-code0", "THE-CODE", "the-code%00", "%", "_", "' or true --", "a" * 43):
        assert closed_club.visitor().open(f"/invite/{guess}").response.status_code in (404, 410, 422), guess
    assert use(closed_club, email)

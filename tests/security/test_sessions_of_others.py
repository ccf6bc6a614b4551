"""Sessions by their ids: one's own, after a recent login; another's is as if it did not exist (adversarial L1)."""

from uuid import UUID, uuid4

import pytest

from tests.support.events import happened, refused
from tests.support.person import PASSWORD, Person, Somebody, an_email
from tests.support.server import PortalServer
from tests.support.tenant import MakeTenant, Tenant

DEVICES, END, END_OTHERS = "/account/devices", "/account/devices/end", "/account/devices/end-others"
AS_HTMX = {"hx-request": "true", "hx-current-url": DEVICES}

pytestmark = pytest.mark.adversarial("L1")


def session_of(portal: PortalServer | Tenant, email: str) -> str:
    [row] = portal.rows(
        "select s.id::text from authn.sessions s join authn.users u on u.id = s.user_id "
        "where u.email = $1 and s.revoked_at is null order by s.created_at desc limit 1",
        email,
    )
    return str(row["id"])


def later(portal: PortalServer, email: str) -> None:
    portal.sql(
        "update authn.sessions s set auth_time = now() - interval '11 minutes' from authn.users u "
        f"where u.id = s.user_id and u.email = '{email}'"
    )


@pytest.mark.asvs("8.2.2")
@pytest.mark.parametrize("headers", [{}, AS_HTMX], ids=["form", "htmx"])
def test_l1_nobody_ends_somebody_elses_session(
    portal_server: PortalServer, somebody: Somebody, a_tenant: MakeTenant, headers: dict[str, str]
) -> None:
    email, abroad, tenant = an_email(), an_email("abroad"), a_tenant()
    victim, attacker = somebody().sign_up(email), somebody().sign_up(an_email("mallory"))
    tenant.account(abroad)
    foreigner = tenant.visitor().log_in(abroad, PASSWORD)
    theirs, elsewhere = session_of(portal_server, email), session_of(tenant, abroad)
    swapped = str(UUID(int=UUID(theirs).int ^ 1))
    for session in (theirs, theirs.upper(), elsewhere, swapped, str(uuid4()), "", "x", "1", f"{theirs}' or true --"):
        attacker.post(END, {"session": session, "user_id": "1"}, **headers)
        assert attacker.response.status_code == 404, session
        assert "had already ended" in attacker.page.text, "as if it did not exist"
        assert email not in attacker.page.text
    attacker.post(END_OTHERS, {"session": theirs}, **headers)
    assert "not_theirs" in refused(attacker)
    assert victim.is_logged_in()
    assert foreigner.is_logged_in()
    assert theirs not in attacker.open(f"{DEVICES}?user={email}&session={theirs}").response.text
    # The positive control: the owner ends it, from another browser, and an event names it.
    other = somebody().log_in(email)
    other.post(END, {"session": theirs}, **headers)
    assert other.response.status_code == 200
    assert not victim.is_logged_in()
    assert happened(portal_server, email, "session_revoked")


@pytest.mark.asvs("7.5.2")
@pytest.mark.parametrize("form", [END, END_OTHERS])
def test_l1_ending_other_sessions_takes_a_recent_login(
    portal_server: PortalServer, zoe: Person, somebody: Somebody, form: str
) -> None:
    email = an_email()
    victim = somebody().sign_up(email)
    zoe.log_in(email)
    fields = zoe.open(DEVICES).page.form(form).fields
    later(portal_server, email)
    zoe.post(form, fields)
    assert zoe.page.heading == "Confirm it is you"
    assert victim.is_logged_in()
    assert "login_not_recent" in refused(zoe)
    htmx = zoe.http.post(form, data=fields or {"x": ""}, headers={"origin": zoe.origin, **AS_HTMX})
    assert htmx.headers["hx-redirect"].startswith("/login?flow=")
    assert victim.is_logged_in()
    # The positive control: whoever proves it again is back on the list, and may.
    zoe.submit("/login/password", password=PASSWORD)
    assert zoe.path == DEVICES
    zoe.submit(form)
    assert not victim.is_logged_in()
    assert zoe.is_logged_in()


def test_l1_the_very_session_of_the_request_is_a_log_out_at_any_time(portal_server: PortalServer, zoe: Person) -> None:
    email = an_email()
    zoe.sign_up(email)
    later(portal_server, email)
    own = session_of(portal_server, email)
    zoe.post(END, {"session": own})
    assert zoe.path == "/login"
    assert not zoe.is_logged_in()
    zoe.post(END, {"session": own})
    assert zoe.path == "/login", "and a second press finds nobody"
    assert "no_session" in refused(zoe)

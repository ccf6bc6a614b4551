"""A text message as the second step, as plain forms: enrolled by its first code, asked for behind another factor."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.person import PASSWORD, Person, Somebody, an_email, newest_mail
from tests.support.phone import SET_UP, a_phone, another, code_for, forget_the_wait, set_up_phone
from tests.support.second_step import set_up_app
from tests.support.server import PortalServer
from tests.support.tenant import MakeTenant, Tenant

SEND, VERIFY = "/login/text-message/send", "/login/text-message"


def at_second_step(person: Person, email: str) -> Person:
    person.open("/login").submit("/login", email=email).submit("/login/password", password=PASSWORD)
    assert person.page.heading == "Second step", person.page.text
    return person


@pytest.fixture
def owner(portal_server: PortalServer, zoe: Person) -> tuple[str, str]:
    """An account with a number as its second step: address and number."""
    email, phone = an_email(), a_phone()
    zoe.sign_up(email)
    set_up_phone(zoe, phone)
    return email, phone


def events(portal: PortalServer, email: str, like: str) -> list[str]:
    rows = portal.rows(
        "select e.event_type from authn.audit_events e join authn.users u on u.email = $1 "
        "where (e.resource_id = u.id::text or e.new_values ->> 'user_id' = u.id::text) and e.event_type like $2 "
        "order by e.id",
        email,
        like,
    )
    return [str(row["event_type"]) for row in rows]


def test_it_is_enrolled_by_its_code_and_then_asked_for(
    portal_server: PortalServer, zoe: Person, somebody: Somebody, owner: tuple[str, str]
) -> None:
    email, phone = owner
    assert phone in zoe.page.text
    assert "phone number was added" in newest_mail(portal_server, email).text
    again = at_second_step(somebody(), email)
    assert f"ends in {phone[-2:]}" in again.page.text
    assert phone not in again.response.text, "a thief of the password does not learn the number"
    again.submit(SEND)
    assert again.page.heading == "Second step"
    assert again.submit(VERIFY, code=code_for(portal_server, phone)).is_logged_in()
    rows = portal_server.rows(
        "select s.amr from authn.sessions s join authn.users u on u.id = s.user_id "
        "where u.email = $1 order by s.created_at",
        email,
    )
    assert set(rows[-1]["amr"]) == {"pwd", "sms", "mfa"}  # type: ignore[arg-type]
    assert events(portal_server, email, "mfa_%") == ["mfa_added", "mfa_used"]


def test_opening_the_page_sends_nothing(
    portal_server: PortalServer, somebody: Somebody, owner: tuple[str, str]
) -> None:
    email, phone = owner
    before = newest_mail(portal_server, phone)
    again = at_second_step(somebody(), email)
    again.open(again.place).open(again.place)
    assert newest_mail(portal_server, phone) == before


@pytest.mark.adversarial("F8")
def test_a_code_works_once_in_its_own_login_and_the_newest_only(
    portal_server: PortalServer, somebody: Somebody, owner: tuple[str, str]
) -> None:
    email, phone = owner
    first = at_second_step(somebody(), email).submit(SEND)
    code = code_for(portal_server, phone)
    other = at_second_step(somebody(), email).submit(SEND)
    other.submit(VERIFY, code=code)
    assert other.response.status_code == 422, "a code of another login"
    flow = first.response.url.params["flow"]
    stranger = somebody().open("/login").post(VERIFY, {"flow": flow, "code": code})
    assert stranger.response.status_code == 403
    assert first.submit(SEND).response.status_code == 429, "half a minute has not passed"
    forget_the_wait(portal_server)
    first.submit(SEND)
    first.submit(VERIFY, code=code)
    assert first.response.status_code == 422, "an older code"
    assert "Check the newest message" in first.page.text
    newest = code_for(portal_server, phone)
    assert first.submit(VERIFY, code=newest).is_logged_in()
    first.post(VERIFY, {"flow": flow, "code": newest})
    assert events(portal_server, email, "mfa_used") == ["mfa_used"], "used up"
    assert events(portal_server, email, "second_step_failed") == ["second_step_failed"] * 2


def test_five_wrong_codes_and_the_right_one_has_to_wait(
    portal_server: PortalServer, somebody: Somebody, owner: tuple[str, str]
) -> None:
    email, phone = owner
    again = at_second_step(somebody(), email).submit(SEND)
    code = code_for(portal_server, phone)
    for _ in range(5):
        assert again.submit(VERIFY, code=another(code)).response.status_code == 422
    again.submit(VERIFY, code=code)
    assert again.response.status_code == 429
    assert "retry-after" in again.response.headers
    assert not again.is_logged_in()


@pytest.mark.adversarial("F8")
def test_of_ten_at_once_with_one_code_one_logs_in(
    portal_server: PortalServer, somebody: Somebody, owner: tuple[str, str]
) -> None:
    email, phone = owner
    again = at_second_step(somebody(), email).submit(SEND)
    fields = {"flow": again.response.url.params["flow"], "code": code_for(portal_server, phone)}
    own = {"origin": again.origin}
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda _: again.http.post(VERIFY, data=fields, headers=own).status_code, range(10)))
    sessions = portal_server.rows(
        "select 1 from authn.sessions s join authn.users u on u.id = s.user_id "
        "where u.email = $1 and 'sms' = any (s.amr)",
        email,
    )
    assert len(sessions) == 1


def test_a_number_that_is_not_one_and_a_wrong_code_are_told_at_their_fields(
    portal_server: PortalServer, zoe: Person
) -> None:
    zoe.sign_up(an_email())
    zoe.open(SET_UP).submit(SET_UP, phone="079 123 45 67")
    assert zoe.response.status_code == 422
    assert "Enter a number with its country" in zoe.page.text
    assert 'value="079 123 45 67"' in zoe.response.text, "what was typed is kept"
    phone = a_phone()
    zoe.submit(SET_UP, phone=phone)
    code = code_for(portal_server, phone)
    for tries_left in (4, 3, 2, 1, 0):
        zoe.submit(f"{SET_UP}/verify", code=another(code))
        assert zoe.response.status_code == 422, tries_left
    zoe.submit(f"{SET_UP}/verify", code=code)
    assert "no longer works" in zoe.page.text
    zoe.open("/account/security")
    assert phone not in zoe.page.text
    [failed] = portal_server.rows(
        "select count(*) as n from authn.audit_events where event_type = 'sms_set_up_code_failed' and resource_id = $1",
        phone,
    )
    assert failed["n"] == 5


@pytest.mark.adversarial("F5", "L1")
def test_a_number_is_proven_by_whom_it_was_asked_for_and_with_a_recent_login(
    portal_server: PortalServer, zoe: Person, somebody: Somebody
) -> None:
    phone = a_phone()
    zoe.sign_up(an_email())
    zoe.open(SET_UP).submit(SET_UP, phone=phone)
    fields = {"flow": zoe.response.url.params["flow"], "code": code_for(portal_server, phone)}
    mallory = somebody()
    mallory.sign_up(an_email("mallory"))
    mallory.post(f"{SET_UP}/verify", fields)
    assert phone not in mallory.open("/account/security").page.text
    portal_server.sql("UPDATE authn.sessions SET auth_time = now() - interval '11 minutes'")
    zoe.post(f"{SET_UP}/verify", fields)
    assert zoe.path == "/login", "the login is asked for anew"
    assert phone not in zoe.open("/account/security").page.text
    portal_server.sql("UPDATE authn.sessions SET auth_time = now()")
    zoe.post(f"{SET_UP}/verify", fields)
    assert phone in zoe.open("/account/security").page.text


def test_another_number_takes_its_place_and_the_old_ones_code_is_nothing(
    portal_server: PortalServer, zoe: Person, somebody: Somebody, owner: tuple[str, str]
) -> None:
    email, old = owner
    waiting = at_second_step(somebody(), email).submit(SEND)
    code = code_for(portal_server, old)
    new = a_phone()
    set_up_phone(zoe, new)
    assert new in zoe.page.text
    assert old not in zoe.page.text
    assert not waiting.submit(VERIFY, code=code).is_logged_in()
    again = at_second_step(somebody(), email).submit(SEND)
    assert again.submit(VERIFY, code=code_for(portal_server, new)).is_logged_in()


@pytest.mark.adversarial("L4")
def test_removing_it_ends_other_sessions_and_tells_the_owner(
    portal_server: PortalServer, zoe: Person, somebody: Somebody, owner: tuple[str, str]
) -> None:
    email, phone = owner
    other = at_second_step(somebody(), email).submit(SEND)
    other.submit(VERIFY, code=code_for(portal_server, phone))
    assert other.is_logged_in()
    [remove] = [form.action for form in zoe.open("/account/security").page.forms if form.action.startswith(SET_UP)]
    zoe.submit(remove)
    assert phone not in zoe.page.text
    assert not other.is_logged_in()
    assert "was removed from your account" in newest_mail(portal_server, email).text
    removed = "select 1 from authn.audit_events where event_type = 'mfa_removed' and resource_id = $1"
    assert len(portal_server.rows(removed, remove.split("/")[3])) == 1
    assert somebody().log_in(email).is_logged_in(), "the password is enough again"


@pytest.mark.adversarial("F3")
def test_a_phone_that_logs_in_is_no_second_step_to_itself(portal_server: PortalServer, zoe: Person) -> None:
    phone = a_phone()
    zoe.open("/login/phone").submit("/login/code", phone=phone)
    zoe.submit("/login/code/verify", code=code_for(portal_server, phone))
    assert zoe.is_logged_in()
    forget_the_wait(portal_server)
    zoe.open(SET_UP).submit(SET_UP, phone=phone)
    zoe.submit(f"{SET_UP}/verify", code=code_for(portal_server, phone))
    assert zoe.response.status_code == 409
    assert "Add another way to log in first" in zoe.page.text
    assert "so another one adds nothing" in zoe.open("/account/security").page.text


@pytest.mark.adversarial("F3")
def test_who_has_an_app_too_and_comes_by_text_message_needs_the_app(
    portal_server: PortalServer, zoe: Person, somebody: Somebody
) -> None:
    email, phone = an_email(), a_phone()
    zoe.sign_up(email)
    portal_server.rows(
        "insert into authn.identities (namespace, user_id, kind, value, verified_at) "
        "select namespace, id, 'phone', $2, now() from authn.users where email = $1 returning 1",
        email,
        phone,
    )
    set_up_phone(zoe, phone)
    app = set_up_app(zoe)
    forget_the_wait(portal_server)
    again = somebody().open("/login/phone")
    again.submit("/login/code", phone=phone).submit("/login/code/verify", code=code_for(portal_server, phone))
    assert again.page.heading == "Second step"
    assert SEND not in again.response.text, "the same phone proves nothing new"
    flow = again.response.url.params["flow"]
    forget_the_wait(portal_server)
    again.post(SEND, {"flow": flow})
    again.post(VERIFY, {"flow": flow, "code": code_for(portal_server, phone)})
    assert not again.is_logged_in()
    again.open(f"/login?flow={flow}").submit("/login/totp", code=app.code())
    assert again.is_logged_in()


@pytest.mark.adversarial("G6", "G7")
def test_strangers_do_not_use_up_what_the_owner_needs(a_tenant: MakeTenant) -> None:
    tenant = a_tenant(sms_per_number=1, sms_per_country=1, sms_per_day=1)
    email, phone = an_email(), a_phone()
    tenant.account(email)
    zoe = tenant.visitor().log_in(email)
    set_up_phone(zoe, phone)
    forget_the_wait(tenant.server)
    stranger = tenant.visitor().open("/login/phone")
    stranger.submit("/login/code", phone=phone)
    assert len(tenant.events("sms_suppressed")) == 1, "the front door is closed for today"
    again = at_second_step(tenant.visitor(), email).submit(SEND)
    assert again.submit(VERIFY, code=code_for(tenant, phone)).is_logged_in()
    late = at_second_step(tenant.visitor(), email).submit(SEND)
    assert late.response.status_code == 429, "its own cap is reached"
    assert "cannot send more messages" in late.page.text


def test_a_namespace_can_leave_it_out(a_tenant: MakeTenant) -> None:
    tenant: Tenant = a_tenant(methods=["password", "email_code", "totp", "recovery_codes"])
    email = an_email()
    tenant.account(email)
    zoe = tenant.visitor().log_in(email)
    assert "Text message" not in zoe.open("/account/security").page.text
    assert zoe.open(SET_UP).response.status_code == 403
    assert zoe.post(SET_UP, {"phone": a_phone()}).response.status_code == 403


def test_it_can_be_second_where_it_is_no_first_step(a_tenant: MakeTenant) -> None:
    tenant = a_tenant(methods=["password", "sms_second_step"])
    email, phone = an_email(), a_phone()
    tenant.account(email)
    set_up_phone(tenant.visitor().log_in(email), phone)
    again = tenant.visitor().open("/login")
    assert "phone" not in again.page.text
    at_second_step(again, email).submit(SEND)
    assert again.submit(VERIFY, code=code_for(tenant, phone)).is_logged_in()


def test_where_everybody_needs_a_second_step_a_number_can_be_set_up_on_the_way(a_tenant: MakeTenant) -> None:
    tenant = a_tenant(second_factor="required")
    email, phone, set_up = an_email(), a_phone(), "/login/text-message/set-up"
    tenant.account(email)
    zoe = tenant.visitor().open("/login?return_to=/account/devices").submit("/login", email=email)
    zoe.submit("/login/password", password=PASSWORD)
    flow = zoe.response.url.params["flow"]
    assert zoe.open(f"{set_up}?flow={flow}").path == "/login", "not behind a password alone"
    zoe.post(set_up, {"flow": flow, "phone": phone})
    assert zoe.path == "/login"
    zoe.submit("/login/code").submit("/login/code/verify", code=newest_mail(tenant, email).code or "")
    zoe.follow("Text message We send a code to your phone. An app is safer, as numbers can be taken over.")
    zoe.submit(set_up, phone=phone)
    code = code_for(tenant, phone)
    assert not zoe.submit(f"{set_up}/verify", code=another(code)).is_logged_in()
    assert zoe.submit(f"{set_up}/verify", code=code).is_logged_in()
    assert zoe.path == "/account/devices"
    assert len(tenant.events("mfa_added")) == 1
    again = at_second_step(tenant.visitor(), email).submit(SEND)
    assert again.submit(VERIFY, code=code_for(tenant, phone)).is_logged_in()

"""Login and sign-up by a code in a text message, as plain forms; the same page for every number."""

import re
import secrets

import pytest

from tests.support.person import Person, Somebody, mails_to, newest_mail
from tests.support.server import PortalServer
from tests.support.tenant import MakeTenant, Tenant

OPTION = "Text me a code To the phone number of your account."
WRITTEN = ("outbox", "sms_sent", "verifications", "login_flows", "audit_events")
MALFORMED = ["", "079 123 45 67", "+0791234567", "+41 79 ABC", "+41", "+" + "1" * 16, "٠٠٤١٧٩١٢٣٤٥٦٧"]


def a_phone() -> str:
    return f"+4179{secrets.randbelow(10**7):07d}"


def code_for(portal: object, phone: str) -> str:
    return newest_mail(portal, phone).code or ""


def account(tenant: Tenant, phone: str) -> object:
    return tenant.rows("select authn.create_user_with_phone($1, $2) as id", phone, tenant.name)[0]["id"]


def ask(person: Person, phone: str) -> Person:
    return person.open("/login/phone").submit("/login/code", phone=phone)


def normal(person: Person, phone: str) -> tuple[int, str, str]:
    text = re.sub(r"Possible in [0-9:]+", "", person.page.text.replace(phone, "…"))
    return person.response.status_code, person.path, text


def because(tenant: Tenant) -> list[object]:
    return [event["new_values"]["because"] for event in tenant.events("sms_suppressed")]


def test_a_new_number_signs_up_and_logs_in_again(portal_server: PortalServer, zoe: Person, somebody: Somebody) -> None:
    phone = a_phone()
    ask(zoe, f"00{phone[1:3]} (79) {phone[5:8]}-{phone[8:]}")
    assert zoe.path == "/login/code"
    assert zoe.page.heading == "Check your phone"
    message = newest_mail(portal_server, phone)
    assert "is your code for" in message.text
    assert message.html == ""
    zoe.submit("/login/code/verify", code=message.code or "")
    assert zoe.is_logged_in()
    again = ask(somebody(), phone)
    again.submit("/login/code/verify", code=code_for(portal_server, phone))
    assert again.is_logged_in()
    rows = portal_server.rows(
        "select s.amr from authn.sessions s join authn.identities i on i.user_id = s.user_id where i.value = $1", phone
    )
    assert [row["amr"] for row in rows] == [["sms"], ["sms"]]


def test_a_program_needs_no_page(portal_server: PortalServer, zoe: Person) -> None:
    phone = a_phone()
    zoe.post("/login/code", {"phone": phone})
    flow = zoe.place.rpartition("=")[2]
    zoe.post("/login/code/verify", {"flow": flow, "code": code_for(portal_server, phone)})
    assert zoe.is_logged_in()


def test_the_way_back_stays(portal_server: PortalServer, zoe: Person) -> None:
    phone = a_phone()
    zoe.open("/account/devices").submit("/login", email="zoe@example.org").follow(OPTION)
    zoe.submit("/login/code", phone=phone)
    zoe.submit("/login/code/verify", code=code_for(portal_server, phone))
    assert zoe.path == "/account/devices"


@pytest.mark.parametrize("typed", MALFORMED)
def test_what_is_no_number_is_told_at_the_field(zoe: Person, typed: str) -> None:
    ask(zoe, typed)
    assert zoe.response.status_code == 422
    assert "Enter a number with its country" in zoe.page.text


def test_a_code_works_once_in_its_browser_and_has_five_tries(
    portal_server: PortalServer, zoe: Person, somebody: Somebody
) -> None:
    phone = a_phone()
    ask(zoe, phone)
    code, flow = code_for(portal_server, phone), zoe.place.rpartition("=")[2]
    stranger = somebody().open("/login").post("/login/code/verify", {"flow": flow, "code": code})
    assert stranger.response.status_code == 403
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    for _ in range(5):
        zoe.submit("/login/code/verify", code=wrong)
        assert zoe.response.status_code == 422
    zoe.submit("/login/code/verify", code=code)
    assert zoe.response.status_code == 422
    assert not zoe.is_logged_in()
    events = portal_server.rows(
        "select event_type from authn.audit_events where resource_type = 'phone' and resource_id = $1 order by id",
        phone,
    )
    assert [event["event_type"] for event in events] == ["sms_code_sent"] + ["sms_code_failed"] * 5


def test_a_new_message_ends_the_old_code(portal_server: PortalServer, zoe: Person) -> None:
    phone = a_phone()
    ask(zoe, phone)
    old = code_for(portal_server, phone)
    assert zoe.submit("/login/code/resend").response.status_code == 429
    portal_server.sql(
        f"update authn.verifications set created_at = created_at - interval '31 seconds' where email = '{phone}'"
    )
    zoe.submit("/login/code/resend")
    assert "We sent a new message" in zoe.page.text
    zoe.submit("/login/code/verify", code=old)
    assert zoe.response.status_code == 422
    zoe.submit("/login/code/verify", code=code_for(portal_server, phone))
    assert zoe.is_logged_in()


def test_known_unknown_and_disabled_numbers_look_the_same_and_only_one_gets_a_message(a_tenant: MakeTenant) -> None:
    tenant = a_tenant(signup="closed")
    known, unknown, disabled = a_phone(), a_phone(), a_phone()
    account(tenant, known)
    tenant.rows("select authn.disable_user($1, $2)", account(tenant, disabled), tenant.name)
    people = {phone: ask(tenant.visitor(), phone) for phone in (known, unknown, disabled)}
    assert len({normal(person, phone) for phone, person in people.items()}) == 1
    assert [len(mails_to(tenant, phone)) for phone in (known, unknown, disabled)] == [1, 0, 0]
    assert sorted(str(reason) for reason in because(tenant)) == ["disabled", "no_account"]
    for phone in (unknown, disabled):
        people[phone].submit("/login/code/verify", code="123456")
        assert not people[phone].is_logged_in()
    people[known].submit("/login/code/verify", code=code_for(tenant, known))
    assert people[known].is_logged_in()


def test_every_number_costs_as_many_rows(a_tenant: MakeTenant) -> None:
    tenant = a_tenant(signup="closed")
    known, unknown, disabled = a_phone(), a_phone(), a_phone()
    account(tenant, known)
    tenant.rows("select authn.disable_user($1, $2)", account(tenant, disabled), tenant.name)
    counts = ", ".join(f"(select count(*) from authn.{table} where namespace = $1) as {table}" for table in WRITTEN)
    costs = []
    for phone in (known, unknown, disabled):
        [before] = tenant.rows(f"select {counts}", tenant.name)
        ask(tenant.visitor(), phone)
        [after] = tenant.rows(f"select {counts}", tenant.name)
        costs.append({table: int(str(after[table])) - int(str(before[table])) for table in WRITTEN})
    assert costs == [dict.fromkeys(WRITTEN, 1)] * 3


def test_no_account_is_made_when_the_doors_close_before_the_code(a_tenant: MakeTenant) -> None:
    tenant, phone = a_tenant(), a_phone()
    zoe = ask(tenant.visitor(), phone)
    tenant.set_policy(signup="closed")
    zoe.submit("/login/code/verify", code=code_for(tenant, phone))
    assert zoe.response.status_code == 422
    assert not zoe.is_logged_in()
    assert tenant.rows("select from authn.users where namespace = $1", tenant.name) == []


@pytest.mark.parametrize(
    ("policy", "reason"),
    [({"sms_per_number": 2}, "number"), ({"sms_per_country": 2}, "country"), ({"sms_per_day": 2}, "namespace")],
)
@pytest.mark.adversarial("G7")
def test_g7_a_cap_is_silent_outside_and_visible_in_the_audit_log(
    a_tenant: MakeTenant, policy: dict[str, int], reason: str
) -> None:
    tenant, phone = a_tenant(**policy), a_phone()
    phones = [phone] * 3 if reason == "number" else [phone, a_phone(), a_phone()]
    answers = {normal(ask(tenant.visitor(), each), each) for each in phones}
    assert len(answers) == 1
    [sent] = tenant.rows("select count(*) as n from authn.outbox where namespace = $1 and kind = 'sms'", tenant.name)
    assert sent["n"] == 2
    assert because(tenant) == [reason]


def test_the_cap_of_a_country_leaves_other_countries_alone(a_tenant: MakeTenant) -> None:
    tenant = a_tenant(sms_per_country=1)
    for phone in ("+41791234567", "+41797654321", "+4366412345678", "+12025550123"):
        ask(tenant.visitor(), phone)
    query = (
        "select array_agg(phone order by id) as to from authn.sms_sent "
        "where namespace = $1 and sent_at > now() - interval '1 day'"
    )
    [sent] = tenant.rows(query, tenant.name)
    assert sent["to"] == ["+41791234567", "+4366412345678", "+12025550123"]


def test_countries_that_are_not_served_are_told_so(a_tenant: MakeTenant) -> None:
    tenant = a_tenant(sms_countries=["+41", "+49"])
    zoe = ask(tenant.visitor(), "+8821612345678")
    assert zoe.response.status_code == 422
    assert "We cannot send text messages to numbers of that country" in zoe.page.text
    assert ask(tenant.visitor(), "+4915112345678").path == "/login/code"


def test_one_network_asks_for_so_many_messages_only(a_tenant: MakeTenant) -> None:
    tenant = a_tenant()
    zoe = tenant.visitor()
    for _ in range(20):
        assert ask(zoe, a_phone()).path == "/login/code"
    assert ask(zoe, a_phone()).response.status_code == 429
    assert "Too many messages" in zoe.page.text


def test_a_second_factor_is_still_asked_for(a_tenant: MakeTenant) -> None:
    tenant, phone = a_tenant(second_factor="required"), a_phone()
    account(tenant, phone)
    zoe = ask(tenant.visitor(), phone)
    zoe.submit("/login/code/verify", code=code_for(tenant, phone))
    assert not zoe.is_logged_in()


def test_the_security_page_warns_and_names_something_stronger(portal_server: PortalServer, zoe: Person) -> None:
    phone = a_phone()
    ask(zoe, phone).submit("/login/code/verify", code=code_for(portal_server, phone))
    zoe.open("/account/security")
    assert phone in zoe.page.text
    assert "the weakest way to log in" in zoe.page.text
    assert "passkey" in zoe.page.text


def test_where_it_is_off_no_number_is_taken(a_tenant: MakeTenant) -> None:
    tenant = a_tenant(methods=["password", "email_code"])
    assert tenant.visitor().post("/login/code", {"phone": a_phone()}).response.status_code == 403
    assert tenant.visitor().open("/login/phone").response.status_code == 403
    assert tenant.rows("select from authn.sms_sent where namespace = $1", tenant.name) == []


def test_an_address_takes_no_detour_over_the_phone(portal_server: PortalServer, zoe: Person) -> None:
    """The two methods share the address; the field tells them apart."""
    zoe.post("/login/code", {"email": "alice@example.com"})
    assert zoe.page.heading == "Check your mail"

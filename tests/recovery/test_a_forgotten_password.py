"""A forgotten password at plain forms: by code, by link here and elsewhere, back to the app, and what it ends."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from playwright.async_api import expect

from tests.support.browser import Visit
from tests.support.person import IPHONE, PASSWORD, Person, Somebody, an_email, mails_to, newest_mail
from tests.support.server import PortalServer

START, VERIFY, RESEND, SET = "/recover", "/recover/verify", "/recover/resend", "/recover/password"
NEW = "seven patient herons"
AT_ONCE = 40


@pytest.fixture
def email(somebody: Somebody) -> str:
    """The address of an account with a password."""
    address = an_email()
    somebody().sign_up(address)
    return address


def code_to(portal: PortalServer, email: str) -> str:
    code = newest_mail(portal, email).code
    assert code
    return code


def ask(person: Person, email: str) -> Person:
    person.open(START).submit(START, email=email)
    assert person.path == VERIFY, person.page.text
    return person


def prove(portal: PortalServer, person: Person, email: str) -> Person:
    ask(person, email).submit(VERIFY, code=code_to(portal, email))
    assert person.path == SET, person.page.text
    return person


def test_from_the_login_page_by_code_and_back_to_the_app(
    portal_server: PortalServer, demo_app: str, zoe: Person, email: str
) -> None:
    zoe.open(f"{demo_app}/login").submit("/login", email=email).follow("Forgot it?")
    assert zoe.page.form(START).fields["email"] == email
    assert "Demo app" in zoe.page.text
    zoe.submit(START)
    assert "Demo app" in newest_mail(portal_server, email).subject
    zoe.submit(VERIFY, code=code_to(portal_server, email))
    assert zoe.page.heading == "Set a new password"
    assert not zoe.is_logged_in()
    zoe.submit(SET, new_password=NEW)
    assert zoe.page.heading == "Let Demo app know who you are?"
    [session] = portal_server.rows(
        "select s.amr from authn.sessions s join authn.users u on u.id = s.user_id "
        "where u.email = $1 and s.revoked_at is null",
        email,
    )
    assert session == {"amr": ["email"]}


def test_the_new_password_works_the_old_one_not_and_everything_else_has_ended(
    portal_server: PortalServer, zoe: Person, somebody: Somebody, email: str
) -> None:
    before, code_waits, half_way = somebody().log_in(email), somebody(), somebody()
    assert before.is_logged_in()
    # Open beside it: a login by mail, and another recovery that is proven already.
    prove(portal_server, half_way, email)
    code_waits.post("/login/code", {"email": email})
    open_code, open_link = code_to(portal_server, email), newest_mail(portal_server, email).link
    prove(portal_server, zoe, email).submit(SET, new_password=NEW)
    assert zoe.path == "/account"

    assert not before.is_logged_in()
    code_waits.submit("/login/code/verify", code=open_code)
    assert not code_waits.is_logged_in()
    assert somebody().open(open_link).response.status_code == 410
    half_way.submit(SET, new_password="the attackers own choice")
    assert half_way.response.status_code == 410
    assert not half_way.is_logged_in()
    assert somebody().log_in(email, PASSWORD).response.status_code == 422
    assert somebody().log_in(email, NEW).path == "/account"

    mail = newest_mail(portal_server, email)
    assert "changed" in mail.subject
    assert "Firefox on Linux" in mail.text
    assert NEW not in mail.text
    kinds = portal_server.rows(
        "select event_type from authn.audit_events e join authn.users u on u.email = $1 "
        "where e.resource_id in (u.id::text, u.email) order by e.id",
        email,
    )
    names = [row["event_type"] for row in kinds]
    for name in (
        "recovery_mail_requested",
        "recovery_proven",
        "password_updated",
        "sessions_revoked_all",
        "account_recovered",
    ):
        assert name in names, names


def test_f1_without_the_mailed_proof_no_step_sets_a_password(
    portal_server: PortalServer, zoe: Person, somebody: Somebody, email: str
) -> None:
    """Adversarial F1: empty posts, skipped steps, somebody else's flow."""
    ask(zoe, email)
    flow = zoe.page.form(VERIFY).fields["flow"]
    hash_before = portal_server.rows("select password_hash from authn.users where email = $1", email)
    for fields in (
        {},
        {"new_password": NEW},
        {"flow": flow},
        {"flow": flow, "new_password": NEW},
        {"flow": flow, "new_password": NEW, "email": email, "recovered": "1", "user_id": "1"},
    ):
        zoe.post(SET, fields)
        assert zoe.path in (SET, VERIFY)
        assert zoe.page.heading != "Set a new password"
    zoe.open(f"{SET}?flow={flow}")
    assert zoe.path == VERIFY
    for code in ("", "000000", "12345"):
        zoe.post(VERIFY, {"flow": flow, "code": code})
        assert zoe.path == VERIFY
    # Proven by its owner, it is still nobody else's.
    zoe.post(VERIFY, {"flow": flow, "code": code_to(portal_server, email)})
    assert zoe.path == SET
    thief = somebody()
    assert thief.open(f"{SET}?flow={flow}").response.status_code == 403
    assert thief.post(SET, {"flow": flow, "new_password": NEW}).response.status_code == 403
    assert portal_server.rows("select password_hash from authn.users where email = $1", email) == hash_before
    assert not zoe.is_logged_in()
    assert not thief.is_logged_in()


def test_a_proof_waits_fifteen_minutes_and_works_once(portal_server: PortalServer, zoe: Person, email: str) -> None:
    prove(portal_server, zoe, email)
    fields = {**zoe.page.form(SET).fields, "new_password": NEW}
    portal_server.sql(
        f"update authn.login_flows set recovered_at = now() - interval '16 minutes' where id = '{fields['flow']}'"
    )
    zoe.post(SET, fields)
    assert zoe.response.status_code == 410
    assert not zoe.is_logged_in()
    portal_server.sql("update authn.verifications set created_at = created_at - interval '1 minute'")
    prove(portal_server, zoe, email)
    fields = {**zoe.page.form(SET).fields, "new_password": NEW}
    zoe.post(SET, fields)
    zoe.post(SET, {**fields, "new_password": "another one entirely"})
    assert zoe.path == "/account"
    assert zoe.log_out().log_in(email, NEW).path == "/account"


def test_of_forty_new_passwords_at_once_one_is_set(portal_server: PortalServer, zoe: Person, email: str) -> None:
    prove(portal_server, zoe, email)
    fields = zoe.page.form(SET).fields
    barrier = threading.Barrier(AT_ONCE)

    def send(number: int) -> httpx.Response:
        with httpx.Client(base_url=zoe.origin, cookies=zoe.cookies, headers=zoe.http.headers, timeout=60) as http:
            barrier.wait()
            typed = {**fields, "new_password": f"{NEW} {number}"}
            return http.post(SET, data=typed, headers={"origin": zoe.origin})

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(send, range(AT_ONCE)))
    winners = [answer for answer in answers if "portal_session=" in answer.headers.get("set-cookie", "")]
    assert len(winners) == 1
    assert {answer.status_code for answer in answers} <= {303, 410, 503}
    changed = [mail for mail in mails_to(portal_server, email) if "changed" in mail.subject]
    assert len(changed) == 1


@pytest.mark.parametrize(
    ("password", "reason"),
    [("password123", "lists that attackers try first"), ("short", "at least 8 characters"), ("", "Enter a password")],
)
def test_a_poor_password_is_refused_with_the_reason_and_the_proof_stays(
    portal_server: PortalServer, zoe: Person, email: str, password: str, reason: str
) -> None:
    prove(portal_server, zoe, email).submit(SET, new_password=password)
    assert zoe.response.status_code == 422
    assert reason in zoe.page.text
    assert zoe.submit(SET, new_password=NEW).path == "/account"


def test_the_link_in_the_browser_that_asked(
    portal_server: PortalServer, demo_app: str, zoe: Person, email: str
) -> None:
    zoe.open(f"{demo_app}/login").submit("/login", email=email).follow("Forgot it?").submit(START)
    flow = zoe.page.form(VERIFY).fields["flow"]
    link = newest_mail(portal_server, email).link
    for _ in range(3):
        zoe.open(link)
        zoe.http.head(link)
    assert zoe.http.get(f"/recover/status?flow={flow}").json() == {"state": "waiting"}
    assert zoe.page.heading == "Set a new password"
    assert not [form for form in zoe.page.forms if "new_password" in form.fields]
    zoe.submit(link)
    assert zoe.place == f"{SET}?flow={flow}"
    assert zoe.http.get(f"/recover/status?flow={flow}").json() == {"state": "moved", "next": f"{SET}?flow={flow}"}
    zoe.submit(SET, new_password=NEW)
    assert zoe.page.heading == "Let Demo app know who you are?"


def test_the_link_in_another_browser_begins_again_at_the_app(
    portal_server: PortalServer, demo_app: str, zoe: Person, somebody: Somebody, email: str
) -> None:
    zoe.open(f"{demo_app}/login").submit("/login", email=email).follow("Forgot it?").submit(START)
    flow, link = zoe.page.form(VERIFY).fields["flow"], newest_mail(portal_server, email).link
    phone = somebody(agent=IPHONE).open(link)
    assert "Firefox on Linux" in phone.page.text
    phone.submit(link)
    assert phone.path == SET
    assert flow not in phone.place
    phone.submit(SET, new_password=NEW)
    assert any("/apps/" in step for step in phone.way), phone.way
    assert not zoe.is_logged_in()
    zoe.open(f"{VERIFY}?flow={flow}")
    assert not zoe.is_logged_in()
    zoe.open(f"/login?flow={flow}").submit("/login/password", password=NEW)
    assert zoe.page.heading == "Let Demo app know who you are?"


def test_of_forty_uses_of_the_link_at_once_one_proves(portal_server: PortalServer, zoe: Person, email: str) -> None:
    ask(zoe, email)
    link = newest_mail(portal_server, email).link
    barrier = threading.Barrier(AT_ONCE)

    def send(_number: int) -> httpx.Response:
        with httpx.Client(base_url=zoe.origin, timeout=60) as http:
            barrier.wait()
            return http.post(
                link, headers={"origin": zoe.origin, "content-type": "application/x-www-form-urlencoded"}, content=b""
            )

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(send, range(AT_ONCE)))
    assert sorted({answer.status_code for answer in answers}) == [303, 410]
    assert len([answer for answer in answers if answer.status_code == 303]) == 1


def test_a_login_code_proves_no_recovery_and_a_recovery_code_no_login(
    portal_server: PortalServer, zoe: Person, email: str
) -> None:
    ask(zoe, email)
    flow, code = zoe.page.form(VERIFY).fields["flow"], code_to(portal_server, email)
    zoe.post("/login/code/verify", {"flow": flow, "code": code})
    assert not zoe.is_logged_in()
    zoe.post("/login/code", {"flow": flow, "email": email})
    zoe.post(VERIFY, {"flow": flow, "code": code_to(portal_server, email)})
    assert zoe.path != SET


def test_an_address_without_an_account_gets_the_mail_that_says_so(portal_server: PortalServer, zoe: Person) -> None:
    email = an_email()
    ask(zoe, email)
    mail = newest_mail(portal_server, email)
    assert mail.code is None
    assert "no account" in mail.text.lower()
    zoe.submit(VERIFY, code="000000")
    assert zoe.response.status_code == 422
    zoe.open(mail.link).submit(mail.link)
    assert zoe.path == "/signup"
    assert zoe.page.form("/signup").fields["email"] == email


def test_recovery_takes_an_account_back_that_somebody_made_ahead(
    portal_server: PortalServer, zoe: Person, somebody: Somebody
) -> None:
    """Adversarial I2, I3: what was put on the account before the address was proven is gone."""
    email = an_email()
    portal_server.rows("select authn.provision_user($1, 'of the attacker', null, false, '{}', 'default')", email)
    [user] = portal_server.rows("select id from authn.users where email = $1", email)
    portal_server.rows("select authn.create_session($1, $2)", user["id"], f"session {email}")
    portal_server.rows("select authn.create_api_key($1, $2)", user["id"], f"key {email}")
    portal_server.rows("select authn.add_mfa($1, 'totp', 'the attackers app')", user["id"])
    prove(portal_server, zoe, email).submit(SET, new_password=NEW)
    assert zoe.path == "/account"
    [left] = portal_server.rows(
        "select u.email_verified_at is not null as proven, "
        "(select count(*) from authn.sessions s where s.user_id = u.id and s.revoked_at is null) as sessions, "
        "(select count(*) from authn.api_keys k where k.user_id = u.id and k.revoked_at is null) as keys, "
        "(select count(*) from authn.mfa_secrets m where m.user_id = u.id) as factors "
        "from authn.users u where u.email = $1",
        email,
    )
    assert left == {"proven": True, "sessions": 1, "keys": 0, "factors": 0}
    assert somebody().log_in(email, NEW).path == "/account"


def test_a_new_mail_and_the_one_before(portal_server: PortalServer, zoe: Person, email: str) -> None:
    ask(zoe, email)
    first = newest_mail(portal_server, email)
    assert zoe.submit(RESEND).response.status_code == 429
    portal_server.sql(
        f"update authn.verifications set created_at = created_at - interval '1 minute' where email = '{email}'"
    )
    zoe.submit(RESEND)
    assert "Only the newest code works" in zoe.page.text
    assert zoe.open(first.link).response.status_code == 410
    zoe.follow("Go on where you were").submit(VERIFY, code=code_to(portal_server, email))
    assert zoe.path == SET


@pytest.mark.parametrize("javascript", [False, True], ids=["without_javascript", "with_javascript"])
async def test_a_person_on_a_phone_sets_a_new_password(
    portal_server: PortalServer, demo_app: str, visit: Visit, email: str, javascript: bool
) -> None:
    page = await (await visit(phone=True, javascript=javascript)).new_page()
    await page.goto(f"{demo_app}/login")
    await page.get_by_label("E-mail address").fill(email)
    await page.get_by_role("button", name="Continue").click()
    await page.get_by_role("link", name="Forgot it?").click()
    await expect(page.get_by_label("E-mail address")).to_have_value(email)
    await page.get_by_role("button", name="Send the mail").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Check your mail")
    mail = await asyncio.to_thread(newest_mail, portal_server, email)
    await page.get_by_label("Code from the mail").press_sequentially(mail.code or "")
    if not javascript:
        await page.get_by_role("button", name="Continue").click()
    await page.get_by_label("New password", exact=True).fill(NEW)
    await page.get_by_role("button", name="Save and log in").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Let Demo app know who you are?")

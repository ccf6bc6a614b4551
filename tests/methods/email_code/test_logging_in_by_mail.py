"""Login by a mailed code or link at plain forms: the code, the link in the same browser, what is told to whom."""

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.support.html import HtmlPage
from tests.support.person import PASSWORD, Person, Somebody, an_email, mails_to, newest_mail
from tests.support.server import PortalServer

AT_ONCE = 40
A_MINUTE_PASSES = "update authn.verifications set created_at = created_at - interval '1 minute' where email = '{}'"
CODE, VERIFY, RESEND, CONTINUE = "/login/code", "/login/code/verify", "/login/code/resend", "/login/code/continue"


def account(portal: PortalServer, *, verified: bool = True, disabled: bool = False) -> str:
    """Make an account without a password and return its address."""
    email = an_email("chen")
    portal.rows("select authn.provision_user($1, null, null, $2, '{}', 'default')", email, verified)
    if disabled:
        portal.sql(f"update authn.users set disabled_at = now() where email = '{email}'")
    return email


def ask_for_code(person: Person, email: str) -> Person:
    """From the login page to the page that asks for the code."""
    person.open("/login").submit("/login", email=email).submit(CODE)
    assert person.path == CODE, person.page.text
    return person


def wrong(code: str | None) -> str:
    return "000000" if code != "000000" else "111111"


def code_to(portal: PortalServer, email: str) -> str:
    code = newest_mail(portal, email).code
    assert code
    return code


def test_a_person_without_a_password_logs_in_by_code(portal_server: PortalServer, zoe: Person) -> None:
    email = account(portal_server)
    ask_for_code(zoe, email)
    assert zoe.page.heading == "Check your mail"
    assert email in zoe.page.text
    zoe.submit(VERIFY, code=code_to(portal_server, email))
    assert zoe.path == "/account"
    [session] = portal_server.rows(
        "select s.amr, s.remembered from authn.sessions s join authn.users u on u.id = s.user_id where u.email = $1",
        email,
    )
    assert session == {"amr": ["email"], "remembered": False}


def test_a_post_without_an_earlier_page_starts_a_login(portal_server: PortalServer, zoe: Person) -> None:
    email = account(portal_server)
    zoe.post(CODE, {"email": f" {email.upper()} "})
    assert zoe.path == CODE
    zoe.submit(
        VERIFY, code=f"{code_to(portal_server, email)[:3]} {code_to(portal_server, email)[3:]}", remember_device="1"
    )
    assert zoe.path == "/account"
    assert portal_server.rows(
        "select s.remembered from authn.sessions s join authn.users u on u.id = s.user_id where u.email = $1", email
    ) == [{"remembered": True}]


def test_the_way_to_the_app_survives(portal_server: PortalServer, demo_app: str, zoe: Person) -> None:
    email = account(portal_server)
    zoe.open(f"{demo_app}/login").submit("/login", email=email).submit(CODE)
    assert "Demo app" in newest_mail(portal_server, email).subject
    zoe.submit(VERIFY, code=code_to(portal_server, email))
    assert zoe.page.heading == "Let Demo app know who you are?"


def test_a_wrong_code_is_told_five_tries_are_all_there_are(portal_server: PortalServer, zoe: Person) -> None:
    email = account(portal_server)
    ask_for_code(zoe, email)
    code = code_to(portal_server, email)
    zoe.submit(VERIFY, code="12")
    assert (zoe.response.status_code, "six digits" in zoe.page.text) == (422, True)
    for tries in range(5):
        zoe.submit(VERIFY, code=wrong(code))
        assert zoe.response.status_code == 422
        assert ("does not match" if tries < 4 else "no longer works") in zoe.page.text
    zoe.submit(VERIFY, code=code)
    assert zoe.response.status_code == 422
    assert not zoe.is_logged_in()


def test_g1_of_forty_wrong_codes_and_the_right_one_at_once_five_are_looked_at(
    portal_server: PortalServer, zoe: Person
) -> None:
    email = account(portal_server)
    ask_for_code(zoe, email)
    fields, code = zoe.page.form(VERIFY).fields, code_to(portal_server, email)
    codes = [f"{(int(code) + step) % 1_000_000:06d}" for step in range(AT_ONCE, 0, -1)]
    answers = at_once(zoe, VERIFY, [{**fields, "code": typed} for typed in codes])
    looked_at = [answer for answer in answers if "does not match" in answer.text]
    [tries] = portal_server.rows("select attempts from authn.verifications where email = $1", email)
    assert tries == {"attempts": 5}
    assert len(looked_at) <= 5
    zoe.submit(VERIFY, code=code)
    assert not zoe.is_logged_in()


def test_of_forty_right_codes_at_once_one_logs_in(portal_server: PortalServer, zoe: Person) -> None:
    email = account(portal_server)
    ask_for_code(zoe, email)
    fields = {**zoe.page.form(VERIFY).fields, "code": code_to(portal_server, email)}
    answers = at_once(zoe, VERIFY, [fields] * AT_ONCE)
    sessions = [answer for answer in answers if "portal_session=" in answer.headers.get("set-cookie", "")]
    assert len(sessions) == 1
    assert sessions[0].headers["location"] == "/account"
    assert {answer.status_code for answer in answers} <= {303, 410, 422}


def test_a_code_works_in_the_browser_that_asked_only(
    portal_server: PortalServer, zoe: Person, somebody: Somebody
) -> None:
    email = account(portal_server)
    ask_for_code(zoe, email)
    fields = {**zoe.page.form(VERIFY).fields, "code": code_to(portal_server, email)}
    thief = somebody().post(VERIFY, fields)
    assert thief.response.status_code == 403
    assert not thief.is_logged_in()
    assert email not in thief.page.text
    # Nor for a flow of the thief's own.
    ask_for_code(thief, account(portal_server)).submit(VERIFY, code=fields["code"])
    assert not thief.is_logged_in() or code_to(portal_server, email) == fields["code"]


def test_a_code_that_waited_eleven_minutes_is_dead_and_a_new_mail_loses_nothing(
    portal_server: PortalServer, demo_app: str, zoe: Person
) -> None:
    email = account(portal_server)
    zoe.open(f"{demo_app}/login").submit("/login", email=email).submit(CODE)
    portal_server.sql(
        "update authn.verifications set created_at = created_at - interval '11 minutes', "
        "code_expires_at = code_expires_at - interval '11 minutes', "
        f"expires_at = expires_at - interval '11 minutes' where email = '{email}'"
    )
    old = newest_mail(portal_server, email)
    zoe.submit(VERIFY, code=old.code or "")
    assert "no longer works" in zoe.page.text
    assert zoe.open(old.link).page.heading == "This link no longer works"
    zoe.follow("Go on where you were").submit(RESEND)
    assert "Only the newest code works" in zoe.page.text
    zoe.submit(VERIFY, code=code_to(portal_server, email))
    assert zoe.page.heading == "Let Demo app know who you are?"


def test_a_second_mail_comes_after_half_a_minute_and_ends_the_first(portal_server: PortalServer, zoe: Person) -> None:
    email = account(portal_server)
    ask_for_code(zoe, email)
    first = newest_mail(portal_server, email)
    zoe.submit(RESEND)
    assert zoe.response.status_code == 429
    assert "wait a moment" in zoe.page.text
    # Back, and "Mail me a code" once more: no second mail, and the first one still works.
    zoe.open(f"/login?flow={zoe.page.form(VERIFY).fields['flow']}").submit(CODE)
    assert zoe.path == CODE
    assert len(mails_to(portal_server, email)) == 1
    portal_server.sql(A_MINUTE_PASSES.format(email))
    zoe.submit(RESEND)
    second = newest_mail(portal_server, email)
    assert second.link != first.link
    if second.code != first.code:
        assert zoe.submit(VERIFY, code=first.code or "").response.status_code == 422
    assert zoe.submit(VERIFY, code=second.code or "").path == "/account"


def test_pressing_again_leads_on(portal_server: PortalServer, zoe: Person) -> None:
    email = account(portal_server)
    ask_for_code(zoe, email)
    fields = {**zoe.page.form(VERIFY).fields, "code": code_to(portal_server, email)}
    zoe.post(VERIFY, fields)
    session = zoe.session_cookie
    for path in (VERIFY, RESEND, CONTINUE):
        assert zoe.post(path, fields).path == "/account"
    assert zoe.session_cookie == session


def test_an_address_without_an_account_gets_a_mail_with_the_way_to_one(
    portal_server: PortalServer, demo_app: str, zoe: Person
) -> None:
    email = an_email()
    zoe.open(f"{demo_app}/login").submit("/login", email=email).submit(CODE)
    mail = newest_mail(portal_server, email)
    assert mail.code is None
    assert "no account" in mail.text.lower()
    for code in ("000000", "123456", "999999"):
        zoe.submit(VERIFY, code=code)
    assert not zoe.is_logged_in()
    zoe.open(mail.link)
    assert zoe.page.heading == "Create an account?"
    zoe.submit(mail.link)
    assert zoe.path == "/signup"
    assert "Demo app" in zoe.page.text
    assert zoe.page.form("/signup").fields["email"] == email
    zoe.submit("/signup", new_password=PASSWORD).submit("/signup/verify", code=code_to(portal_server, email))
    assert zoe.page.heading == "Let Demo app know who you are?"


def test_the_link_in_the_browser_that_asked_logs_in_by_its_button(portal_server: PortalServer, zoe: Person) -> None:
    email = account(portal_server)
    ask_for_code(zoe, email)
    waiting = zoe.place
    link = newest_mail(portal_server, email).link
    zoe.open(link)
    assert zoe.page.heading == "Log in"
    assert "Firefox on Linux" in zoe.page.text
    assert not zoe.is_logged_in()
    zoe.submit(link)
    assert zoe.path == "/account"
    flow = waiting.partition("flow=")[2]
    assert zoe.http.get(f"/login/code/status?flow={flow}").json() == {"state": "moved", "next": "/account"}
    assert zoe.open(waiting).path == "/account"
    assert zoe.open(link).response.status_code == 410


def test_a_sign_up_code_or_recovery_page_takes_no_login_code(portal_server: PortalServer, zoe: Person) -> None:
    email = account(portal_server)
    ask_for_code(zoe, email)
    fields = {**zoe.page.form(VERIFY).fields, "code": code_to(portal_server, email)}
    zoe.post("/signup/verify", fields)
    assert zoe.path == "/login"
    assert not zoe.is_logged_in()
    flow = fields["flow"]
    portal_server.sql(f"update authn.login_flows set purpose = 'signup' where id = '{flow}'")
    zoe.post("/signup/verify", fields)
    assert zoe.response.status_code == 422
    assert not zoe.is_logged_in()


def test_the_first_proof_of_an_address_removes_what_was_put_on_the_account_before(
    portal_server: PortalServer, zoe: Person
) -> None:
    """Adversarial I2, I3: an account made ahead of its owner keeps neither password nor session nor key."""
    email = account(portal_server, verified=False)
    [user] = portal_server.rows("select id from authn.users where email = $1", email)
    portal_server.sql(f"update authn.users set password_hash = 'of the attacker' where email = '{email}'")
    portal_server.rows("select authn.create_session($1, 'the attackers session')", user["id"])
    portal_server.rows("select authn.create_api_key($1, 'the attackers key')", user["id"])
    portal_server.rows("select authn.add_mfa($1, 'totp', 'the attackers app')", user["id"])
    # With the attacker's second factor on it the login is still the owner's: by code, where it began.
    ask_for_code(zoe, email).submit(VERIFY, code=code_to(portal_server, email))
    assert zoe.path == "/account"
    [left] = portal_server.rows(
        "select u.password_hash, u.email_verified_at is not null as proven, "
        "(select count(*) from authn.sessions s where s.user_id = u.id and s.revoked_at is null) as sessions, "
        "(select count(*) from authn.api_keys k where k.user_id = u.id and k.revoked_at is null) as keys, "
        "(select count(*) from authn.mfa_secrets m where m.user_id = u.id) as factors "
        "from authn.users u where u.email = $1",
        email,
    )
    assert left == {"password_hash": None, "proven": True, "sessions": 1, "keys": 0, "factors": 0}


def test_mails_to_one_address_end_silently_after_twenty_a_day(portal_server: PortalServer, somebody: Somebody) -> None:
    """Adversarial G7: the answer stays the same; after ten codes the mails carry the link only."""
    email = account(portal_server)
    shapes = set()
    people = [somebody() for _ in range(22)]
    for person in people:
        person.post(CODE, {"email": email})
        shapes.add((person.response.status_code, person.path, person.page.heading))
    assert len(shapes) == 1
    mails = mails_to(portal_server, email)
    assert len(mails) == 20
    assert [mail.code is not None for mail in reversed(mails)] == [True] * 10 + [False] * 10
    # Silent outside, and in the audit log.
    suppressed = portal_server.rows(
        "select new_values ->> 'kind' as kind from authn.audit_events where event_type = 'mail_suppressed' "
        "and resource_id = any ($1)",
        [f"{person.http.headers['x-forwarded-for']}/32" for person in people],
    )
    assert [event["kind"] for event in suppressed] == ["login_mail"] * 2


def test_g6_a_stranger_who_asks_for_all_mails_of_a_day_does_not_keep_the_owner_out(
    portal_server: PortalServer, zoe: Person, somebody: Somebody
) -> None:
    """Adversarial G6: the browser that logged in before still gets a code."""
    email = account(portal_server)
    ask_for_code(zoe, email).submit(VERIFY, code=code_to(portal_server, email)).log_out()
    for _ in range(20):
        somebody().post(CODE, {"email": email})
    newest = newest_mail(portal_server, email)
    assert newest.code is None
    late = somebody().post(CODE, {"email": email})
    assert newest_mail(portal_server, email) == newest, "nothing more for strangers"
    suppressed = portal_server.rows(
        "select 1 as n from authn.audit_events where event_type = 'mail_suppressed' and resource_id = $1",
        f"{late.http.headers['x-forwarded-for']}/32",
    )
    assert suppressed
    ask_for_code(zoe, email).submit(VERIFY, code=code_to(portal_server, email))
    assert zoe.path == "/account"


def test_a_network_that_asks_for_too_many_mails_is_told_to_wait(
    portal_server: PortalServer, somebody: Somebody
) -> None:
    address = "203.0.113.77"
    for number in range(51):
        person = somebody(address=address).post(CODE, {"email": an_email(f"n{number}")})
    assert person.response.status_code == 429
    assert person.response.headers["retry-after"] == "900"
    assert "Too many mails" in person.page.text


def test_an_abandoned_password_of_a_sign_up_does_not_come_along(portal_server: PortalServer, zoe: Person) -> None:
    email = account(portal_server)
    zoe.ask_to_sign_up(email)
    flow = zoe.page.form("/signup/verify").fields["flow"]
    zoe.post(CODE, {"flow": flow, "email": email}).submit(VERIFY, code=code_to(portal_server, email))
    assert zoe.path == "/account"
    assert portal_server.rows("select password_hash from authn.users where email = $1", email) == [
        {"password_hash": None}
    ]


@pytest.mark.parametrize("path", [CODE, VERIFY, RESEND, CONTINUE])
def test_empty_and_broken_forms_are_answered_kindly(zoe: Person, path: str) -> None:
    for fields in ({}, {"flow": ""}, {"flow": "nonsense"}, {"flow": "nonsense", "email": "nobody", "code": "1"}):
        zoe.post(path, fields)
        assert zoe.response.status_code in (404, 422), fields
        assert zoe.page.heading
    assert zoe.open(CODE).path == "/login"
    assert zoe.open("/login/code/answered/nonsense").response.status_code == 404


def at_once(person: Person, path: str, posts: list[dict[str, str]]) -> list[httpx.Response]:
    """Send forms from threads that start together, with the cookies of one browser."""
    barrier = threading.Barrier(len(posts))

    def send(fields: dict[str, str]) -> httpx.Response:
        with httpx.Client(
            base_url=person.origin, cookies=person.cookies, headers=person.http.headers, timeout=60
        ) as http:
            barrier.wait()
            return http.post(path, data=fields, headers={"origin": person.origin})

    with ThreadPoolExecutor(len(posts)) as pool:
        answers = list(pool.map(send, posts))
    assert all(HtmlPage(answer.text).heading or answer.status_code == 303 for answer in answers)
    return answers

"""/account/password: change it, set the first one; the current one counts against the login budget."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from argon2 import PasswordHasher
from playwright.async_api import expect

from tests.support.browser import Visit
from tests.support.person import PASSWORD, Person, Somebody, an_email, mails_to, newest_mail
from tests.support.server import PortalServer

PAGE, SECURITY = "/account/password", "/account/security"
NEW = "seven patient herons"
AT_ONCE = 40


@pytest.fixture
def email(zoe: Person) -> str:
    """The address of zoe, who has just signed up with a password and is logged in."""
    address = an_email()
    zoe.sign_up(address)
    return address


def an_hour_passes(portal: PortalServer, email: str) -> None:
    portal.sql(
        "update authn.sessions set auth_time = auth_time - interval '1 hour' where user_id = "
        f"(select id from authn.users where email = '{email}')"
    )


def test_a_changed_password_works_and_everything_else_has_ended(
    portal_server: PortalServer, zoe: Person, somebody: Somebody, email: str
) -> None:
    other = somebody().log_in(email)
    waiting = somebody().post("/login/code", {"email": email})
    open_code = newest_mail(portal_server, email)
    an_hour_passes(portal_server, email)
    zoe.open(SECURITY)
    assert "You have a password" in zoe.page.text
    zoe.follow("Change")
    zoe.submit(PAGE, password=PASSWORD, new_password=NEW)
    assert zoe.path == SECURITY
    assert "Your password is changed" in zoe.page.text
    assert zoe.is_logged_in()
    assert not other.is_logged_in()
    waiting.submit("/login/code/verify", code=open_code.code or "")
    assert not waiting.is_logged_in()
    assert somebody().log_in(email, PASSWORD).response.status_code == 422
    assert somebody().log_in(email, NEW).path == "/account"
    mail = newest_mail(portal_server, email)
    assert "changed" in mail.subject
    assert "/recover" in mail.text
    assert NEW not in mail.text
    assert portal_server.rows(
        "select count(*) as failures from authn.login_attempts where email = $1 and not success", email
    ) == [{"failures": 1}], "only the try with the old password stays a failure"


def test_a_wrong_current_password_is_told_and_counts_as_a_failed_login(
    portal_server: PortalServer, zoe: Person, email: str
) -> None:
    zoe.open(PAGE)
    for _ in range(10):
        zoe.submit(PAGE, password="a wrong guess", new_password=NEW)
        assert zoe.response.status_code == 422
        assert "not your current password" in zoe.page.text
    zoe.submit(PAGE, password=PASSWORD, new_password=NEW)
    assert zoe.response.status_code == 429
    assert int(zoe.response.headers["retry-after"]) > 60
    zoe.post("/login/password", {"email": email, "password": PASSWORD})
    assert zoe.response.status_code == 429, "one budget for both doors"
    assert [mail for mail in mails_to(portal_server, email) if "changed" in mail.subject] == []


@pytest.mark.parametrize(
    ("current", "new", "reason"),
    [
        ("", NEW, "Enter your current password"),
        (PASSWORD, "password123", "lists that attackers try first"),
        (PASSWORD, "short", "at least 8 characters"),
        (PASSWORD, PASSWORD, "the password you have"),
        (PASSWORD, "", "Enter a password"),
        ("x" * 257, NEW, "not your current password"),
    ],
)
def test_what_is_refused_says_why_and_changes_nothing(
    zoe: Person, somebody: Somebody, email: str, current: str, new: str, reason: str
) -> None:
    zoe.open(PAGE).submit(PAGE, password=current, new_password=new)
    assert zoe.response.status_code == 422
    assert reason in zoe.page.text
    assert somebody().log_in(email).path == "/account"


def test_a_first_password_needs_a_recent_login(portal_server: PortalServer, zoe: Person, somebody: Somebody) -> None:
    email = an_email("chen")
    portal_server.rows("select authn.provision_user($1, null, null, true, '{}', 'default')", email)

    def log_in_by_code() -> None:
        zoe.submit("/login/code").submit("/login/code/verify", code=newest_mail(portal_server, email).code or "")

    zoe.open("/login").submit("/login", email=email)
    log_in_by_code()
    assert "You have no password" in zoe.open(SECURITY).page.text
    an_hour_passes(portal_server, email)
    zoe.post(PAGE, {"new_password": NEW})
    assert zoe.page.heading == "Confirm it is you"
    session = portal_server.rows(
        "select s.id from authn.sessions s join authn.users u on u.id = s.user_id where u.email = $1", email
    )
    log_in_by_code()
    assert zoe.path == PAGE, "back to where it was asked"
    assert (
        portal_server.rows(
            "select s.id from authn.sessions s join authn.users u on u.id = s.user_id where u.email = $1", email
        )
        == session
    ), "the same session: apps know it by its id"
    zoe.submit(PAGE, new_password=NEW)
    assert "has a password now" in zoe.page.text
    assert "has a password now" in newest_mail(portal_server, email).subject
    assert somebody().log_in(email, NEW).path == "/account"


def test_the_database_itself_asks_for_the_recent_login(portal_server: PortalServer, zoe: Person, email: str) -> None:
    [row] = portal_server.rows(
        "select u.id as user_id, s.id as session_id, u.password_hash from authn.users u "
        "join authn.sessions s on s.user_id = u.id where u.email = $1",
        email,
    )
    an_hour_passes(portal_server, email)
    facts = "jsonb_build_object('old_hash', $3::text, 'new_hash', 'x')"
    change = f"select authn.change_password($1, $2, {facts}, '{{}}') as outcome"
    ids = (row["user_id"], row["session_id"])
    assert portal_server.rows(change, *ids, "another hash") == [{"outcome": "stale"}]
    portal_server.rows("select authn.add_mfa($1, 'totp', 'a secret')", row["user_id"])
    assert portal_server.rows(change, *ids, row["password_hash"]) == [{"outcome": "login_not_recent"}]
    portal_server.sql(f"update authn.users set password_hash = null where email = '{email}'")
    assert portal_server.rows(change, *ids, None) == [{"outcome": "login_not_recent"}]


def test_of_forty_changes_at_once_one_is_made(portal_server: PortalServer, zoe: Person, email: str) -> None:
    barrier = threading.Barrier(AT_ONCE)

    def send(number: int) -> httpx.Response:
        with httpx.Client(base_url=zoe.origin, cookies=zoe.cookies, headers=zoe.http.headers, timeout=60) as http:
            barrier.wait()
            typed = {"password": PASSWORD, "new_password": f"{NEW} {number}"}
            return http.post(PAGE, data=typed, headers={"origin": zoe.origin})

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(send, range(AT_ONCE)))
    assert len([answer for answer in answers if answer.headers.get("location") == SECURITY]) == 1
    assert {answer.status_code for answer in answers} <= {303, 409, 422, 429, 503}
    assert len([mail for mail in mails_to(portal_server, email) if "changed" in mail.subject]) == 1


def parameters(row: dict[str, object]) -> str:
    """The parameters in a PHC string."""
    return str(row["password_hash"]).split("$")[3]


def test_without_a_login_there_is_nothing_to_change(zoe: Person) -> None:
    for path in (PAGE, SECURITY):
        assert zoe.open(path).path == "/login"
    assert zoe.post(PAGE, {"password": PASSWORD, "new_password": NEW}).path == "/login"
    assert zoe.open("/.well-known/change-password").path == "/login"


def test_a_hash_made_with_less_work_is_made_anew_at_login(
    portal_server: PortalServer, somebody: Somebody, email: str
) -> None:
    stored = "select password_hash from authn.users where email = $1"
    [current] = portal_server.rows(stored, email)
    weak = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1).hash(PASSWORD)
    portal_server.sql(f"update authn.users set password_hash = '{weak}' where email = '{email}'")
    somebody().log_in(email, "a wrong guess")
    assert portal_server.rows(stored, email) == [{"password_hash": weak}]
    events = "select count(*) as written from authn.audit_events where event_type = 'password_updated'"
    before = portal_server.rows(events)
    assert somebody().log_in(email).path == "/account"
    [stronger] = portal_server.rows(stored, email)
    assert parameters(stronger) == parameters(current) != parameters({"password_hash": weak})
    assert portal_server.rows(events) == before, "nothing that its owner did"
    assert somebody().log_in(email).path == "/account"
    # A second login leaves it alone, and so does a hash with more work.
    assert portal_server.rows(stored, email) == [stronger]
    strong = PasswordHasher(time_cost=3, memory_cost=20 * 1024, parallelism=1).hash(PASSWORD)
    portal_server.sql(f"update authn.users set password_hash = '{strong}' where email = '{email}'")
    assert somebody().log_in(email).path == "/account"
    assert portal_server.rows(stored, email) == [{"password_hash": strong}]


@pytest.mark.parametrize("javascript", [False, True], ids=["without_javascript", "with_javascript"])
async def test_a_person_on_a_phone_changes_the_password(
    portal_server: PortalServer, visit: Visit, email: str, javascript: bool
) -> None:
    page = await (await visit(phone=True, javascript=javascript)).new_page()
    await page.goto(f"{portal_server.url}{SECURITY}")
    await page.get_by_label("E-mail address").fill(email)
    await page.get_by_role("button", name="Continue").click()
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Log in", exact=True).click()
    await page.get_by_role("link", name="Change", exact=True).click()
    await page.get_by_label("Current password", exact=True).fill(PASSWORD)
    await page.get_by_label("New password", exact=True).fill(NEW)
    await page.get_by_role("button", name="Change password").click()
    await expect(page.get_by_text("Your password is changed")).to_be_visible()
    assert await asyncio.to_thread(newest_mail, portal_server, email)

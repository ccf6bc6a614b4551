"""The link of a login mail in another browser: two digits, one try, "this was not me", and never a session there."""

import asyncio
import re

import pytest
from playwright.async_api import expect

from tests.support.browser import Visit
from tests.support.person import IPHONE, Person, Somebody, an_email, mails_to, newest_mail
from tests.support.server import PortalServer

CODE, VERIFY, RESEND, CONTINUE = "/login/code", "/login/code/verify", "/login/code/resend", "/login/code/continue"


def account(portal: PortalServer) -> str:
    email = an_email("chen")
    portal.rows("select authn.provision_user($1, null, null, true, '{}', 'default')", email)
    return email


def digits_on(person: Person) -> str:
    found = re.search(r'pairing__digits">(\d\d)<', person.response.text)
    assert found, person.page.text
    return found[1]


def events(portal: PortalServer, email: str) -> list[object]:
    rows = portal.rows(
        "select event_type from authn.audit_events where resource_type = 'email' and resource_id = $1 order by id",
        email,
    )
    return [row["event_type"] for row in rows]


@pytest.fixture
def email(portal_server: PortalServer) -> str:
    return account(portal_server)


@pytest.fixture
def desk(zoe: Person, email: str) -> Person:
    """The browser that asked, at the page that waits."""
    return zoe.open("/login").submit("/login", email=email).submit(CODE)


def other(digits: str) -> str:
    return f"{(int(digits) + 1) % 100:02d}"


def test_the_right_digits_let_the_first_screen_go_on_and_log_nobody_in_here(
    portal_server: PortalServer, desk: Person, email: str, somebody: Somebody
) -> None:
    digits, waiting = digits_on(desk), desk.place
    link = newest_mail(portal_server, email).link
    phone = somebody(agent=IPHONE).open(link)
    assert phone.page.heading == "Is this you?"
    assert "Firefox on Linux" in phone.page.text
    # Without what has other digits in it: times, addresses of networks and mail, hashes of files, sizes, the link.
    other = rf"<time.*?</time>|\d+\.\d+\.\d+\.\d+|/static/\w+/|{re.escape(email)}|(width|height)=\S+|{re.escape(link)}"
    assert digits not in re.sub(other, "", phone.response.text.partition("<main")[2])
    phone.submit(link, digits=digits)
    assert phone.page.heading == "Approved"
    assert not phone.is_logged_in()
    assert "/link/" not in phone.place

    flow = waiting.partition("flow=")[2]
    assert desk.http.get(f"/login/code/status?flow={flow}").json() == {"state": "moved"}
    assert not desk.is_logged_in(), "looking logs nobody in"
    desk.open(waiting)
    assert desk.page.heading == "Approved"
    assert not desk.is_logged_in()
    desk.submit(CONTINUE)
    assert desk.path == "/account"
    assert events(portal_server, email) == ["login_mail_requested", "login_approved"]
    assert desk.post(CONTINUE, {"flow": flow}).path == "/account"


def test_there_is_one_try_at_the_digits(
    portal_server: PortalServer, desk: Person, email: str, somebody: Somebody
) -> None:
    digits, waiting = digits_on(desk), desk.place
    mail = newest_mail(portal_server, email)
    phone = somebody().open(mail.link)
    phone.submit(mail.link, digits="4")
    assert phone.response.status_code == 422
    phone.submit(mail.link, digits=other(digits))
    assert phone.page.heading == "Those were other digits"
    phone.post(mail.link, {"digits": digits})
    assert phone.response.status_code == 410
    desk.open(waiting)
    assert "used on another device" in desk.page.text
    desk.submit(VERIFY, code=mail.code or "")
    assert desk.response.status_code == 422
    desk.submit(CONTINUE) if any(form.action == CONTINUE for form in desk.page.forms) else desk.post(CONTINUE, {})
    assert not desk.is_logged_in()
    assert "login_approval_failed" in events(portal_server, email)


def test_this_was_not_me_ends_the_login_and_warns_the_account(
    portal_server: PortalServer, desk: Person, email: str, somebody: Somebody
) -> None:
    waiting, mail = desk.place, newest_mail(portal_server, email)
    phone = somebody(agent=IPHONE).open(mail.link)
    phone.submit(mail.link, {"answer": "deny"})
    assert phone.page.heading == "That login has ended"
    assert not phone.is_logged_in()
    warning = newest_mail(portal_server, email)
    assert "not you" in warning.subject
    assert "Firefox on Linux" in warning.text
    assert not warning.links
    assert events(portal_server, email)[-1] == "login_denied"
    fields = {"flow": waiting.partition("flow=")[2], "code": mail.code or ""}
    for path in (VERIFY, CONTINUE, RESEND):
        desk.post(path, fields)
        assert desk.response.status_code == 410
    assert not desk.is_logged_in()
    assert len(mails_to(portal_server, email)) == 2


def test_only_the_browser_that_asked_goes_on_after_an_approval(
    portal_server: PortalServer, desk: Person, email: str, somebody: Somebody
) -> None:
    digits, flow = digits_on(desk), desk.place.partition("flow=")[2]
    link = newest_mail(portal_server, email).link
    somebody().open(link).submit(link, digits=digits)
    thief = somebody()
    assert thief.http.get(f"/login/code/status?flow={flow}").json() == {"state": "waiting"}
    assert thief.post(CONTINUE, {"flow": flow}).response.status_code == 403
    assert not thief.is_logged_in()
    portal_server.sql(
        f"update authn.verifications set approved_at = now() - interval '11 minutes' where flow_id = '{flow}'"
    )
    desk.post(CONTINUE, {"flow": flow})
    assert not desk.is_logged_in(), "an approval waits ten minutes, as the code does"


def test_a_new_mail_takes_an_approval_back(
    portal_server: PortalServer, desk: Person, email: str, somebody: Somebody
) -> None:
    digits, flow = digits_on(desk), desk.place.partition("flow=")[2]
    link = newest_mail(portal_server, email).link
    somebody().open(link).submit(link, digits=digits)
    portal_server.sql(
        f"update authn.verifications set created_at = created_at - interval '1 minute' where flow_id = '{flow}'"
    )
    desk.post(RESEND, {"flow": flow})
    assert (
        portal_server.rows("select approved_at from authn.verifications where email = $1", email)
        == [{"approved_at": None}] * 2
    )
    desk.post(CONTINUE, {"flow": flow})
    assert not desk.is_logged_in()


def test_continue_without_an_approval_logs_nobody_in(desk: Person) -> None:
    desk.post(CONTINUE, {"flow": desk.place.partition("flow=")[2]})
    assert desk.path == CODE
    assert not desk.is_logged_in()


def test_with_a_second_step_there_is_no_approval_but_the_code_works(
    portal_server: PortalServer, desk: Person, email: str, somebody: Somebody
) -> None:
    portal_server.rows("select authn.add_mfa(id, 'totp', 'a secret') from authn.users where email = $1", email)
    digits, link = digits_on(desk), newest_mail(portal_server, email).link
    phone = somebody().open(link)
    assert "second step" in phone.page.text
    assert "digits" not in phone.page.form(link).fields
    phone.post(link, {"digits": digits})
    assert phone.response.status_code == 422
    assert events(portal_server, email) == ["login_mail_requested"]
    desk.post(CONTINUE, {"flow": desk.place.partition("flow=")[2]})
    assert not desk.is_logged_in()


def test_opening_the_link_anywhere_changes_nothing(
    portal_server: PortalServer, desk: Person, email: str, somebody: Somebody
) -> None:
    link = newest_mail(portal_server, email).link
    look = "select used_at, approved_at, attempts from authn.verifications where email = $1"
    before = portal_server.rows(look, email)
    for person in (desk, somebody(), somebody(agent=IPHONE)):
        for method in ("GET", "HEAD", "GET"):
            assert person.http.request(method, link).status_code == 200
        assert not person.is_logged_in()
    assert portal_server.rows(look, email) == before
    assert events(portal_server, email) == ["login_mail_requested"]


def test_an_account_disabled_after_the_mail_stays_out(
    portal_server: PortalServer, desk: Person, email: str, somebody: Somebody
) -> None:
    mail = newest_mail(portal_server, email)
    portal_server.sql(f"update authn.users set disabled_at = now() where email = '{email}'")
    desk.submit(VERIFY, code=mail.code or "")
    assert desk.response.status_code == 422
    for person in (desk, somebody()):
        assert person.open(mail.link).response.status_code == 410
        assert person.post(mail.link).response.status_code == 410
    assert not desk.is_logged_in()


@pytest.mark.parametrize("javascript", [False, True], ids=["without_javascript", "with_javascript"])
async def test_the_phone_approves_and_the_desk_moves_on(
    portal_server: PortalServer, demo_app: str, visit: Visit, email: str, javascript: bool
) -> None:
    desk = await (await visit(javascript=javascript)).new_page()
    phone = await (await visit(phone=True, javascript=javascript)).new_page()
    await desk.goto(f"{demo_app}/login")
    await desk.get_by_label("E-mail address").fill(email)
    await desk.get_by_role("button", name="Continue").click()
    await desk.get_by_role("button", name="Mail me a code").click()
    digits = await desk.locator(".pairing__digits").inner_text()
    mail = await asyncio.to_thread(newest_mail, portal_server, email)
    await phone.goto(portal_server.url + mail.link)
    await phone.get_by_label("The two digits on that screen").fill(digits)
    await phone.get_by_role("button", name="Let it log in").click()
    await expect(phone.get_by_role("heading", level=1)).to_have_text("Approved")
    if not javascript:
        await desk.get_by_role("link", name="Continue here").click()
        await desk.get_by_role("button", name="Continue").click()
    await expect(desk.get_by_role("heading", level=1)).to_have_text("Let Demo app know who you are?")


@pytest.mark.parametrize("javascript", [False, True], ids=["without_javascript", "with_javascript"])
async def test_a_person_on_a_phone_types_the_code(
    portal_server: PortalServer, demo_app: str, visit: Visit, email: str, javascript: bool
) -> None:
    page = await (await visit(phone=True, javascript=javascript)).new_page()
    await page.goto(f"{demo_app}/login")
    await page.get_by_label("E-mail address").fill(email)
    await page.get_by_role("button", name="Continue").click()
    await page.get_by_role("button", name="Mail me a code").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Check your mail")
    mail = await asyncio.to_thread(newest_mail, portal_server, email)
    await page.get_by_label("Code from the mail").press_sequentially(mail.code or "")
    if not javascript:
        await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Let Demo app know who you are?")

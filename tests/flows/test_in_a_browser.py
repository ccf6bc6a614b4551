"""The main job in a real browser: with JavaScript and without, on a phone, in two tabs, over a restart."""

import asyncio
import re

import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.support.browser import Visit
from tests.support.demo_app import running_demo_app
from tests.support.person import PASSWORD, an_email, newest_mail
from tests.support.server import PortalServer


async def code_to(portal: PortalServer, email: str) -> str:
    mail = await asyncio.to_thread(newest_mail, portal, email)
    assert mail.code
    return mail.code


async def link_to(portal: PortalServer, email: str) -> str:
    mail = await asyncio.to_thread(newest_mail, portal, email)
    return portal.url + mail.link


async def begin_sign_up(page: Page, email: str) -> None:
    """From the login page to the page that asks for the code."""
    await page.get_by_role("link", name="Create an account").click()
    await page.get_by_label("E-mail address").fill(email)
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Create account").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Check your mail")


async def type_code(page: Page, code: str, *, javascript: bool) -> None:
    """With a script the form sends itself when the sixth digit is there."""
    field = page.get_by_label("Code from the mail")
    await field.press_sequentially(code)
    if not javascript:
        await page.get_by_role("button", name="Confirm").click()


async def log_in(page: Page, email: str) -> None:
    await page.get_by_label("E-mail address").fill(email)
    await page.get_by_role("button", name="Continue").click()
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Log in", exact=True).click()


async def expect_heading(page: Page, text: str) -> None:
    await expect(page.get_by_role("heading", level=1)).to_have_text(text)


async def expect_claims(page: Page, demo_app: str, email: str) -> None:
    await expect_heading(page, "You are logged in")
    assert page.url.startswith(demo_app)
    await expect(page.locator("[data-claim=email]")).to_have_text(email)
    await expect(page.locator("[data-claim=email_verified]")).to_have_text("yes")


@pytest.mark.parametrize("javascript", [False, True], ids=["without_javascript", "with_javascript"])
@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
async def test_a_person_comes_from_an_app_signs_up_and_logs_in(
    portal_server: PortalServer, demo_app: str, visit: Visit, javascript: bool, phone: bool
) -> None:
    email = an_email()
    page = await (await visit(javascript=javascript, phone=phone)).new_page()
    await page.goto(demo_app)
    await page.get_by_role("link", name="Log in").click()
    await begin_sign_up(page, email)
    assert await width_of_content(page, javascript=javascript) <= page.viewport_size["width"]
    await type_code(page, await code_to(portal_server, email), javascript=javascript)
    await expect_heading(page, "Let Demo app know who you are?")
    await page.get_by_role("button", name="Allow", exact=True).click()
    await expect_claims(page, demo_app, email)

    await page.get_by_role("button", name="Log out").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("You are logged out"))
    await page.goto(demo_app)  # out of the app and, on the way, of the portal
    await page.get_by_role("link", name="Log in").click()
    await log_in(page, email)
    await expect_claims(page, demo_app, email)


async def test_two_tabs_sign_up_and_log_in_at_once_and_each_returns_to_its_own_place(
    portal_server: PortalServer, demo_app: str, visit: Visit
) -> None:
    email = an_email()
    context = await visit()
    of_app, of_portal = await context.new_page(), await context.new_page()
    await of_app.goto(f"{demo_app}/login")
    await of_portal.goto(f"{portal_server.url}/account/devices")
    await begin_sign_up(of_app, email)
    await type_code(of_app, await code_to(portal_server, email), javascript=True)
    await of_app.get_by_role("button", name="Allow", exact=True).click()
    await expect_claims(of_app, demo_app, email)
    await of_portal.get_by_label("E-mail address").fill(email)
    await of_portal.get_by_role("button", name="Continue").click()
    await of_portal.wait_for_url("**/account/devices")


@pytest.mark.parametrize("javascript", [False, True], ids=["without_javascript", "with_javascript"])
async def test_the_server_restarts_in_the_middle(
    own_portal_server: PortalServer, visit: Visit, javascript: bool
) -> None:
    portal, email = own_portal_server, an_email()
    page = await (await visit(javascript=javascript)).new_page()
    with running_demo_app(portal) as demo_app:
        await page.goto(f"{demo_app}/login")
        await begin_sign_up(page, email)
        await asyncio.to_thread(portal.restart)
        await type_code(page, await code_to(portal, email), javascript=javascript)
        # Logged in before a restart is logged in after it.
        await expect_heading(page, "Let Demo app know who you are?")
        await asyncio.to_thread(portal.restart)
        await page.get_by_role("button", name="Allow", exact=True).click()
        await expect_claims(page, demo_app, email)


@pytest.mark.parametrize("javascript", [False, True], ids=["without_javascript", "with_javascript"])
async def test_the_waiting_tab_moves_on_when_the_link_is_used(
    portal_server: PortalServer, demo_app: str, visit: Visit, javascript: bool
) -> None:
    email = an_email()
    context = await visit(javascript=javascript)
    waiting = await context.new_page()
    await waiting.goto(f"{demo_app}/login")
    await begin_sign_up(waiting, email)
    from_mail = await context.new_page()
    await from_mail.goto(await link_to(portal_server, email))
    await expect_heading(from_mail, "Confirm your address")
    await from_mail.get_by_role("button", name="Confirm and continue").click()
    await expect_heading(from_mail, "Let Demo app know who you are?")
    await waiting.bring_to_front()
    if not javascript:
        await waiting.get_by_role("link", name="Continue here").click()
    # By itself, with a script.
    await expect_heading(waiting, "Let Demo app know who you are?")
    await waiting.get_by_role("button", name="Allow", exact=True).click()
    await expect_claims(waiting, demo_app, email)


@pytest.mark.parametrize("javascript", [False, True], ids=["without_javascript", "with_javascript"])
async def test_the_link_opened_on_a_phone_lets_the_waiting_desk_log_in(
    portal_server: PortalServer, visit: Visit, javascript: bool
) -> None:
    email = an_email()
    desk = await (await visit(javascript=javascript)).new_page()
    phone = await (await visit(phone=True)).new_page()
    await desk.goto(f"{portal_server.url}/login")
    await begin_sign_up(desk, email)
    await phone.goto(await link_to(portal_server, email))
    await phone.get_by_role("button", name="Confirm and continue here").click()
    await expect_heading(phone, "Choose a password")
    await phone.get_by_label("Password", exact=True).fill(PASSWORD)
    await phone.get_by_role("button", name="Save and continue").click()
    await expect_heading(phone, "Profile")

    if not javascript:
        await desk.get_by_role("link", name="Continue here").click()
    await expect_heading(desk, "Log in")
    await expect(desk.get_by_text(email)).to_be_visible()
    await desk.get_by_label("Password", exact=True).fill(PASSWORD)
    await desk.get_by_role("button", name="Log in", exact=True).click()
    await expect_heading(desk, "Profile")


async def two_devices(portal: PortalServer, visit: Visit, *, javascript: bool) -> tuple[Page, BrowserContext, str]:
    """Somebody logged in on a desk and on a phone: the desk's page, the phone, the address."""
    email = an_email()
    desk = await (await visit(javascript=javascript)).new_page()
    await desk.goto(f"{portal.url}/login")
    await begin_sign_up(desk, email)
    await type_code(desk, await code_to(portal, email), javascript=javascript)
    await expect_heading(desk, "Profile")
    phone = await visit(phone=True)
    page = await phone.new_page()
    await page.goto(f"{portal.url}/login")
    await log_in(page, email)
    await expect_heading(page, "Profile")
    await desk.goto(f"{portal.url}/account/devices")
    return desk, phone, email


@pytest.mark.parametrize("javascript", [False, True], ids=["without_javascript", "with_javascript"])
async def test_a_person_ends_the_session_on_the_phone(
    portal_server: PortalServer, visit: Visit, javascript: bool
) -> None:
    desk, phone, email = await two_devices(portal_server, visit, javascript=javascript)
    loads: list[str] = []
    desk.on("request", lambda request: loads.append(request.url) if request.is_navigation_request() else None)
    await desk.get_by_role("button", name=re.compile("^End session")).click()
    await expect(desk.get_by_text("That session has ended")).to_be_visible()
    assert bool(loads) is not javascript, "HTMX swaps the list alone, plain HTML loads the page"
    page = phone.pages[0]
    await page.goto(f"{portal_server.url}/account")
    await expect_heading(page, "Log in")

    await log_in(page, email)
    await desk.goto(f"{portal_server.url}/account/devices")
    await desk.get_by_role("button", name="End all other sessions").click()
    await expect(desk.get_by_text("All other sessions have ended")).to_be_visible()
    await page.goto(f"{portal_server.url}/account")
    await expect_heading(page, "Log in")


async def test_a_list_that_waited_too_long_leads_to_the_login_and_back(
    portal_server: PortalServer, visit: Visit
) -> None:
    desk, _phone, email = await two_devices(portal_server, visit, javascript=True)
    portal_server.sql(
        "update authn.sessions set expires_at = now() where user_id = "
        f"(select id from authn.users where email = '{email}')"
    )
    await desk.get_by_role("button", name="End all other sessions").click()
    await expect_heading(desk, "Log in")
    await log_in(desk, email)
    await desk.wait_for_url("**/account**")


async def width_of_content(page: Page, *, javascript: bool) -> int:
    """How wide the page wants to be, in CSS pixels; wider than the screen means scrolling sideways."""
    if not javascript:
        box = await page.locator("main").bounding_box()
        assert box
        return int(box["x"] + box["width"])
    return int(await page.evaluate("document.documentElement.scrollWidth"))

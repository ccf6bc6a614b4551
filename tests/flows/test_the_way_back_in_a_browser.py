"""The way back in a real browser, on a small phone: its own back button and reload."""

import asyncio

import pytest
from playwright.async_api import Page, expect

from tests.security.test_unlock import use_up_the_day
from tests.support.browser import Visit
from tests.support.person import PASSWORD, Person, an_email, newest_mail
from tests.support.server import PortalServer

SMALL_PHONE = {"width": 360, "height": 740}
NEW_PASSWORD = "seven patient herons"
SCRIPTS = pytest.mark.parametrize("javascript", [False, True], ids=["without_javascript", "with_javascript"])


@pytest.fixture
async def email(portal_server: PortalServer) -> str:
    """The address of somebody with an account and a password."""
    address = an_email("small")

    def sign_up() -> None:
        with Person(portal_server) as person:
            person.sign_up(address)

    await asyncio.to_thread(sign_up)
    return address


async def small_phone(visit: Visit, demo_app: str, *, javascript: bool) -> Page:
    """A small phone at the portal's login page, sent there by the app."""
    page = await (await visit(phone=True, javascript=javascript)).new_page()
    await page.set_viewport_size({"width": SMALL_PHONE["width"], "height": SMALL_PHONE["height"]})
    await page.goto(demo_app)
    await page.get_by_role("link", name="Log in").click()
    await page.get_by_label("E-mail address").wait_for()
    return page


async def identify(page: Page, email: str) -> None:
    await page.get_by_label("E-mail address").fill(email)
    await page.get_by_role("button", name="Continue", exact=True).click()
    await page.get_by_label("Password", exact=True).wait_for()


async def expect_heading(page: Page, text: str) -> None:
    """The step is this one, and nothing of it hangs over the edge of the screen."""
    await expect(page.get_by_role("heading", level=1)).to_have_text(text)
    box = await page.locator("main").bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= SMALL_PHONE["width"]


async def expect_the_app(page: Page, demo_app: str, email: str) -> None:
    await expect_heading(page, "Let Demo app know who you are?")
    await page.get_by_role("button", name="Allow", exact=True).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("You are logged in")
    assert page.url.startswith(demo_app)
    await expect(page.locator("[data-claim=email]")).to_have_text(email)


async def type_code(page: Page, portal: PortalServer, email: str, button: str, *, javascript: bool) -> None:
    """With a script the form sends itself when the sixth digit is there."""
    mail = await asyncio.to_thread(newest_mail, portal, email)
    await page.get_by_label("Code from the mail").press_sequentially(mail.code or "")
    if not javascript:
        await page.get_by_role("button", name=button, exact=True).click()


@SCRIPTS
async def test_back_and_reload_on_the_way_to_the_password(
    demo_app: str, visit: Visit, email: str, javascript: bool
) -> None:
    page = await small_phone(visit, demo_app, javascript=javascript)
    await identify(page, email)
    await page.reload()
    await page.go_back()
    await page.go_forward()
    await page.get_by_label("Password", exact=True).fill("not this one")
    await page.get_by_role("button", name="Log in", exact=True).click()
    await expect(page.get_by_text("That address and password do not match.")).to_be_visible()
    await page.go_back()
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Log in", exact=True).click()
    await expect_the_app(page, demo_app, email)


@SCRIPTS
async def test_back_and_reload_on_the_way_to_the_mailed_code(
    portal_server: PortalServer, demo_app: str, visit: Visit, email: str, javascript: bool
) -> None:
    page = await small_phone(visit, demo_app, javascript=javascript)
    await identify(page, email)
    await page.get_by_role("button", name="Mail me a code").click()
    await expect_heading(page, "Check your mail")
    await page.reload()
    await page.go_back()
    await page.get_by_label("Password", exact=True).wait_for()
    await page.go_forward()
    await expect_heading(page, "Check your mail")
    await type_code(page, portal_server, email, "Log in", javascript=javascript)
    await expect_the_app(page, demo_app, email)


@SCRIPTS
async def test_the_back_button_after_the_login_is_no_dead_end(
    demo_app: str, visit: Visit, email: str, javascript: bool
) -> None:
    page = await small_phone(visit, demo_app, javascript=javascript)
    await identify(page, email)
    password_page = page.url
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Log in", exact=True).click()
    await expect_the_app(page, demo_app, email)
    await page.goto(password_page)
    if not page.url.startswith(demo_app):
        [way_on] = await page.locator(".button--primary").all()
        await way_on.click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("You are logged in")
    assert page.url.startswith(demo_app)


@SCRIPTS
async def test_the_link_in_the_mail_ends_at_the_app(
    portal_server: PortalServer, demo_app: str, visit: Visit, email: str, javascript: bool
) -> None:
    page = await small_phone(visit, demo_app, javascript=javascript)
    await identify(page, email)
    await page.get_by_role("button", name="Mail me a code").click()
    await expect_heading(page, "Check your mail")
    mail = await asyncio.to_thread(newest_mail, portal_server, email)
    await page.goto(portal_server.url + mail.link)
    await page.reload()
    await page.locator("main .button--primary").click()
    await expect_the_app(page, demo_app, email)


@SCRIPTS
@pytest.mark.parametrize("by_link", [False, True], ids=["by_code", "by_link"])
async def test_a_forgotten_password_ends_at_the_app(
    portal_server: PortalServer, demo_app: str, visit: Visit, email: str, javascript: bool, by_link: bool
) -> None:
    page = await small_phone(visit, demo_app, javascript=javascript)
    await identify(page, email)
    await page.get_by_role("link", name="Forgot it?").click()
    await page.get_by_role("button", name="Send the mail").click()
    await expect_heading(page, "Check your mail")
    await page.reload()
    if by_link:
        mail = await asyncio.to_thread(newest_mail, portal_server, email)
        await page.goto(portal_server.url + mail.link)
        await page.locator("main .button--primary").click()
    else:
        await type_code(page, portal_server, email, "Continue", javascript=javascript)
    await page.get_by_label("New password", exact=True).wait_for()
    await page.reload()
    await page.get_by_label("New password", exact=True).fill(NEW_PASSWORD)
    await page.get_by_role("button", name="Save and log in").click()
    await expect_the_app(page, demo_app, email)


@SCRIPTS
async def test_a_login_that_strangers_locked_is_unlocked_from_the_mailbox(
    portal_server: PortalServer, demo_app: str, visit: Visit, email: str, javascript: bool
) -> None:
    page = await small_phone(visit, demo_app, javascript=javascript)
    await identify(page, email)
    await asyncio.to_thread(use_up_the_day, portal_server, email)
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Log in", exact=True).click()
    await expect_heading(page, "Check your mail")
    mail = await asyncio.to_thread(newest_mail, portal_server, email)
    await page.goto(portal_server.url + mail.link)
    await expect_heading(page, "Unlock your login")
    await page.reload()
    await page.get_by_role("button", name="Unlock this browser").click()
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Log in", exact=True).click()
    await expect_the_app(page, demo_app, email)

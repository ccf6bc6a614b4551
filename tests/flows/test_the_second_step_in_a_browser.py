"""The second step in a real browser: an app is set up on the security page, and asked for on the way from an app."""

import asyncio

import pytest
from playwright.async_api import Page, expect

from tests.flows.test_in_a_browser import expect_heading, log_in, width_of_content
from tests.support.browser import Visit
from tests.support.person import Person, an_email
from tests.support.second_step import App
from tests.support.server import PortalServer


async def type_app_code(page: Page, app: App, label: str, *, javascript: bool, button: str) -> None:
    await page.get_by_label(label).press_sequentially(app.code())
    if not javascript:
        await page.get_by_role("button", name=button).click()


@pytest.mark.parametrize("javascript", [False, True], ids=["without_javascript", "with_javascript"])
async def test_on_a_phone_an_app_is_set_up_and_then_asked_for(
    portal_server: PortalServer, demo_app: str, visit: Visit, javascript: bool
) -> None:
    email = an_email("bo")
    with Person(portal_server) as person:
        await asyncio.to_thread(person.sign_up, email)
    page = await (await visit(javascript=javascript, phone=True)).new_page()
    await page.goto(f"{portal_server.url}/login")
    await log_in(page, email)
    await page.goto(f"{portal_server.url}/account/security")
    await page.get_by_role("link", name="Set up", exact=True).first.click()
    await expect_heading(page, "Authenticator app")
    await expect(page.get_by_role("img", name="QR code")).to_be_visible()
    assert await width_of_content(page, javascript=javascript) <= page.viewport_size["width"]
    app = App(await page.locator(".text-key").inner_text())
    await page.get_by_label("Code from the app").fill(app.code(0))
    await page.get_by_role("button", name="Finish").click()
    await expect_heading(page, "Login & security" if await page.get_by_text("Login & security").count() else "Security")
    await page.get_by_role("link", name="Get codes").click()
    await page.get_by_role("button", name="Show my codes").click()
    await expect(page.locator(".codes li")).to_have_count(10)
    await expect(page.get_by_role("button", name="Print")).to_have_count(1 if javascript else 0)
    async with page.expect_download() as download:
        await page.get_by_role("button", name="Download").click()
    assert (await download.value).suggested_filename == "recovery-codes.txt"

    other = await (await visit(javascript=javascript, phone=True)).new_page()
    await other.goto(f"{demo_app}/login")
    await log_in(other, email)
    await expect_heading(other, "Second step")
    await type_app_code(other, app, "Code from your authenticator app", javascript=javascript, button="Continue")
    await expect_heading(other, "Let Demo app know who you are?")
    await other.get_by_role("button", name="Allow", exact=True).click()
    await expect_heading(other, "You are logged in")
    await expect(other.locator("[data-claim=amr]")).to_contain_text("mfa")

"""From the demo app and back by a text message, on a phone, with scripts and without."""

import asyncio

import pytest
from playwright.async_api import expect

from tests.methods.sms_code.test_the_code_in_the_message import a_phone
from tests.support.browser import Visit
from tests.support.person import newest_mail
from tests.support.server import PortalServer


@pytest.mark.parametrize("javascript", [False, True], ids=["without_javascript", "with_javascript"])
async def test_a_person_with_a_number_alone_gets_into_the_app(
    portal_server: PortalServer, demo_app: str, visit: Visit, javascript: bool
) -> None:
    phone = a_phone()
    page = await (await visit(phone=True, javascript=javascript)).new_page()
    await page.goto(f"{demo_app}/login")
    await page.get_by_role("link", name="Log in with your phone").click()
    await page.get_by_label("Phone number").fill(phone)
    await page.get_by_role("button", name="Text me a code").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Check your phone")
    message = await asyncio.to_thread(newest_mail, portal_server, phone)
    await page.get_by_label("Code from the message").press_sequentially(message.code or "")
    if not javascript:
        await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Let Demo app know who you are?")
    await page.get_by_role("button", name="Allow", exact=True).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("You are logged in")
    await expect(page.locator('[data-claim="amr"]')).to_contain_text("sms")

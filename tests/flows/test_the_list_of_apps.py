"""/account/apps in a browser: seen, asked about in a dialog, disconnected without leaving the page."""

import asyncio
import re
from pathlib import Path

import pytest

from tests.support.browser import Visit
from tests.support.person import PASSWORD, Person, an_email
from tests.support.server import PortalServer


@pytest.mark.parametrize("phone", [True, False])
async def test_an_app_is_disconnected_on_the_page(
    portal_server: PortalServer, demo_app: str, visit: Visit, zoe: Person, phone: bool, tmp_path: Path
) -> None:
    email = an_email()
    await asyncio.to_thread(zoe.sign_up, email)
    page = await (await visit(phone=phone, dark=phone)).new_page()
    await page.goto(f"{demo_app}/login")
    await page.get_by_label("E-mail").first.fill(email)
    await page.keyboard.press("Enter")
    await page.locator("input[name=password]").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Allow", exact=True).click()
    await page.get_by_role("heading", name="You are logged in").wait_for()
    await page.goto(f"{portal_server.url}/account/apps")
    await page.screenshot(path=tmp_path / "apps.png", full_page=True)
    # Where several apps are listed, each link says which one it is about (WCAG 2.4.9).
    await page.get_by_role("link", name=re.compile("^Disconnect ?: Demo app$")).click()
    await page.screenshot(path=tmp_path / "dialog.png")
    await page.get_by_role("dialog").get_by_role("button", name="Disconnect").click()
    await page.get_by_text("No app knows you yet").wait_for()
    await page.screenshot(path=tmp_path / "empty.png", full_page=True)

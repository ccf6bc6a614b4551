"""After logging out neither the back button nor another tab shows whose account it was (adversarial L2)."""

import pytest
from playwright.async_api import Page, expect

from tests.flows.test_in_a_browser import log_in
from tests.support.browser import Visit
from tests.support.person import Somebody, an_email
from tests.support.server import PortalServer

DEVICES = "/account/devices"


async def shows(page: Page, email: str) -> bool:
    return email in await page.content()


@pytest.mark.asvs("14.3.1")
@pytest.mark.adversarial("L2")
async def test_l2_the_back_button_and_a_second_tab_show_nothing_after_logging_out(
    portal_server: PortalServer, visit: Visit, somebody: Somebody
) -> None:
    email = an_email()
    somebody().sign_up(email)
    context = await visit()
    page, other = await context.new_page(), await context.new_page()
    await page.goto(f"{portal_server.url}{DEVICES}")
    await log_in(page, email)
    await page.wait_for_url(f"**{DEVICES}")
    await page.goto(f"{portal_server.url}/account")
    await page.go_back()
    assert await shows(page, email), "the positive control: going back is no trouble while one is logged in"
    await other.goto(f"{portal_server.url}{DEVICES}")
    assert await shows(other, email)
    await page.get_by_role("button", name="Log out").first.click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("You are logged out")
    assert not await shows(page, email)
    for _ in range(2):
        await page.go_back()
        assert not await shows(page, email), page.url
    # What a tab that stayed open asks for, page or fragment, is answered as to anybody.
    fragment = await other.evaluate(
        "path => fetch(path, { headers: { 'HX-Request': 'true' } }).then((answer) => answer.text())", DEVICES
    )
    assert email not in fragment
    await other.reload()
    assert not await shows(other, email)

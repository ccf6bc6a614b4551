"""A double click that begins on another site's page does not end on "Allow" (adversarial L5)."""

import asyncio

import pytest
from playwright.async_api import expect

from tests.flows.test_in_a_browser import begin_sign_up, code_to, expect_claims, expect_heading, type_code
from tests.support.browser import Visit
from tests.support.person import an_email
from tests.support.server import PortalServer

CONSENT = "Let Demo app know who you are?"
# What a page of another site does: it lies in front, and is gone between the two clicks of one double click.
TAKE_ITSELF_AWAY_AND_CLICK = """() => {
  dispatchEvent(new Event("focus"));
  const allow = document.querySelector("button[value=allow]");
  allow.click();
  return allow.getAttribute("aria-disabled");
}"""
BEHIND_ANOTHER_WINDOW = 'dispatchEvent(new Event("blur"))'


@pytest.mark.adversarial("L5")
async def test_l5_allow_works_when_the_page_has_been_in_front_for_half_a_second(
    portal_server: PortalServer, demo_app: str, visit: Visit
) -> None:
    email = an_email()
    page = await (await visit()).new_page()
    await page.goto(f"{demo_app}/login")
    await begin_sign_up(page, email)
    await type_code(page, await code_to(portal_server, email), javascript=True)
    await expect_heading(page, CONSENT)
    allow = page.get_by_role("button", name="Allow", exact=True)
    await expect(page.locator("late-buttons:defined")).to_have_count(1)
    await expect(allow).to_be_enabled()
    assert await page.evaluate(TAKE_ITSELF_AWAY_AND_CLICK) == "true"
    await page.evaluate(BEHIND_ANOTHER_WINDOW)
    await asyncio.sleep(0.7)
    await page.evaluate('document.querySelector("button[value=allow]").click()')
    await asyncio.sleep(0.3)
    await expect_heading(page, CONSENT)
    assert not portal_server.rows(
        "select 1 from authn.audit_events e join authn.users u on e.actor_id = u.id::text "
        "where e.event_type = 'consent_given' and u.email = $1",
        email,
    )
    # The positive control: whoever comes to the page and reads it.
    await page.evaluate('dispatchEvent(new Event("focus"))')
    await allow.click()
    await expect_claims(page, demo_app, email)

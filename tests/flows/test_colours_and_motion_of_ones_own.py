"""Windows' high contrast (forced colours) and reduced motion: what carries meaning is still seen, and nothing moves.

CSS Color Adjustment Module 1, section 3. https://www.w3.org/TR/css-color-adjust-1/#forced
"""

from typing import Any

import pytest
from playwright.async_api import Page

from tests.support.browser import Visit
from tests.support.person import Person, an_email
from tests.support.server import PortalServer

WHITE = "rgb(255, 255, 255)"
MOVING = "document.getAnimations().filter((one) => one.effect.getTiming().iterations === Infinity).length"
STYLE = "(part, name) => getComputedStyle(part).getPropertyValue(name)"


async def style(page: Page, selector: str, name: str) -> str:
    return str(await page.locator(selector).first.evaluate(STYLE, name))


async def open_with(visit: Visit, person: Person | None = None, **options: Any) -> Page:
    context = await visit(phone=True, **options)
    if person:
        await context.add_cookies(
            [{"name": name, "value": value, "url": person.portal.url} for name, value in person.cookies.items()]
        )
    return await context.new_page()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_in_forced_colours_focus_choice_and_state_are_seen(
    portal_server: PortalServer, visit: Visit, dark: bool
) -> None:
    page = await open_with(visit, dark=dark, forced_colors="active")
    await page.goto(f"{portal_server.url}/login")
    assert await page.evaluate("matchMedia('(forced-colors: active)').matches")
    frame = ".field__frame:has(:focus)"
    assert (await style(page, frame, "outline-style"), await style(page, frame, "outline-width")) == ("solid", "2px")
    await page.get_by_label("E-mail address").fill("alice@example.com")
    await page.get_by_role("button", name="Continue").click()
    box = page.get_by_label("Stay logged in")
    before = await style(page, ".checkbox__control", "background-color")
    await box.check()
    assert await style(page, ".checkbox__control", "background-color") != before
    await page.get_by_role("button", name="Mail me a code").click()
    waiting = page.get_by_role("button", name="Send a new mail")
    await waiting.wait_for()
    assert await style(page, "#resend .ways__label", "opacity") == "1", "grey by itself, not by half"
    assert await style(page, ".code__places > span", "border-top-width") == "1px"


async def test_a_phone_can_read_the_picture_in_any_colours(
    portal_server: PortalServer, zoe: Person, visit: Visit
) -> None:
    zoe.sign_up(an_email())
    page = await open_with(visit, zoe, dark=True, forced_colors="active")
    await page.goto(f"{portal_server.url}/account/authenticator-app")
    assert await style(page, ".qr-frame", "background-color") == WHITE
    assert await style(page, "body", "background-color") != WHITE, "the positive control"


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
async def test_nothing_turns_for_whoever_wants_no_motion(
    portal_server: PortalServer, visit: Visit, motion: str
) -> None:
    page = await open_with(visit)
    await page.emulate_media(reduced_motion=motion)  # type: ignore[arg-type]
    await page.goto(f"{portal_server.url}/login")
    await page.evaluate("addEventListener('submit', (event) => event.preventDefault())")
    await page.get_by_label("E-mail address").fill("alice@example.com")
    await page.get_by_role("button", name="Continue").click()
    await page.locator("button[aria-busy=true]").wait_for()
    still = motion == "reduce"
    assert (await page.evaluate(MOVING) == 0) is still
    assert (float((await style(page, ".button", "transition-duration")).split("s")[0]) < 0.001) is still

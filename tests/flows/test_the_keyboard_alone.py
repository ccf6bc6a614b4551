"""The keyboard alone: Tab, Shift+Tab, Enter, Space and letters, from the demo app through the portal and back.

Whatever is reached shows a ring. That every page shows them all, in the order that one sees: test_accessibility.py.
"""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Browser, Page, expect

from tests.flows.test_from_the_app_and_back import NEW_PASSWORD, an_account
from tests.flows.test_from_the_app_and_back_on_a_phone import with_app
from tests.flows.test_managing_passkeys_in_a_browser import claim, no_autofill
from tests.flows.test_passkeys_in_a_browser import give_authenticator
from tests.flows.test_the_way_back_in_a_browser import SMALL_PHONE, expect_heading
from tests.support.browser import Visit
from tests.support.keyboard import Keyboard, focus_complaints
from tests.support.person import PASSWORD, Somebody, an_email, newest_mail
from tests.support.second_step import App
from tests.support.server import PortalServer


async def at_the_app(visit: Visit, demo_app: str) -> Keyboard:
    """Open the app on a small phone and go to its login."""
    page = await (await visit(phone=True)).new_page()
    await page.set_viewport_size({"width": SMALL_PHONE["width"], "height": SMALL_PHONE["height"]})
    await no_autofill(page)
    keys = Keyboard(page)
    await page.goto(demo_app)
    await keys.press("link", "Log in")
    return keys


async def allow(keys: Keyboard) -> None:
    await expect_heading(keys.page, "Let Demo app know who you are?")
    # The buttons of the consent page work once it has been in front for half a second.
    await expect(keys.page.locator("late-buttons:defined")).to_have_count(1)
    await expect(keys.page.get_by_role("button", name="Allow", exact=True)).to_be_enabled()
    await keys.press("button", "Allow")
    await expect(keys.page.get_by_role("heading", level=1)).to_have_text("You are logged in")


async def type_code(keys: Keyboard, portal: PortalServer, email: str) -> None:
    """The form sends itself when the sixth digit is there."""
    await expect_heading(keys.page, "Check your mail")
    mail = await asyncio.to_thread(newest_mail, portal, email)
    await keys.type("Code from the mail", mail.code or "", send=False)


async def password(keys: Keyboard, portal: PortalServer, email: str) -> None:
    await keys.type("E-mail address", email)
    await keys.type("Password", PASSWORD, send=False)
    # Looked at with Space, ticked with Space, and back to the field to send it from there.
    await keys.press("button", "Show password", "Space")
    await expect(keys.page.get_by_label("Password", exact=True)).to_have_attribute("type", "text")
    await keys.press("checkbox", "Stay logged in", "Space")
    await expect(keys.page.get_by_label("Stay logged in")).to_be_checked()
    await keys.reach(keys.page.get_by_label("Password", exact=True), backwards=True)
    await keys.page.keyboard.press("Enter")


async def mailed_code(keys: Keyboard, portal: PortalServer, email: str) -> None:
    await keys.type("E-mail address", email)
    button = keys.page.get_by_role("button", name="Mail me a code")
    await keys.reach(button)
    await keys.page.keyboard.press("Space")
    await type_code(keys, portal, email)


async def recovery(keys: Keyboard, portal: PortalServer, email: str) -> None:
    await keys.type("E-mail address", email)
    await keys.page.get_by_label("Password", exact=True).wait_for()
    await keys.reach(keys.page.get_by_role("link", name="Forgot it?"), backwards=True)
    await keys.page.keyboard.press("Enter")
    await keys.press("button", "Send the mail")
    await type_code(keys, portal, email)
    await keys.type("New password", NEW_PASSWORD)


async def sign_up(keys: Keyboard, portal: PortalServer, email: str) -> None:
    await keys.press("link", "Create an account")
    await keys.page.wait_for_url("**/signup**")
    await keys.type("E-mail address", email, send=False)
    await keys.type("Password", PASSWORD)
    await type_code(keys, portal, email)


@pytest.mark.parametrize("walk", [password, mailed_code, recovery, sign_up])
async def test_gets_to_the_app(
    portal_server: PortalServer,
    demo_app: str,
    visit: Visit,
    walk: Callable[[Keyboard, PortalServer, str], Awaitable[None]],
) -> None:
    email = an_email("keys") if walk is sign_up else await asyncio.to_thread(an_account, portal_server)
    keys = await at_the_app(visit, demo_app)
    await walk(keys, portal_server, email)
    await allow(keys)
    await expect(keys.page.locator("[data-claim=email]")).to_have_text(email)


async def test_takes_the_second_step_and_another_way(
    portal_server: PortalServer, demo_app: str, visit: Visit, somebody: Somebody
) -> None:
    email, app, _codes = await with_app(portal_server, somebody)
    keys = await at_the_app(visit, demo_app)
    await keys.type("E-mail address", email)
    await keys.type("Password", PASSWORD)
    await expect_heading(keys.page, "Second step")
    await press_row(keys, "Recovery code")
    await keys.page.get_by_label("Recovery code", exact=True).wait_for()
    await press_row(keys, "Authenticator app")
    await keys.type("Code from your authenticator app", app.code(), send=False)
    await allow(keys)
    assert await claim(keys.page, "acr") == "aal2"


async def press_row(keys: Keyboard, words: str, key: str = "Enter") -> None:
    """A row of another way, whose name goes on with what it is."""
    await keys.reach(keys.page.locator(".ways__row").filter(has_text=words))
    await keys.page.keyboard.press(key)


@pytest.mark.parametrize("answer", ["Create a passkey", "Later"])
async def test_answers_the_offer_of_a_passkey(
    portal_server: PortalServer, demo_app: str, visit: Visit, answer: str
) -> None:
    email = await asyncio.to_thread(an_account, portal_server)
    keys = await at_the_app(visit, demo_app)
    await give_authenticator(keys.page)
    await keys.type("E-mail address", email)
    await keys.type("Password", PASSWORD)
    await expect_heading(keys.page, "Log in without a password?")
    if answer == "Later":
        await press_row(keys, "Later", "Space")
    else:
        await keys.press("button", answer)
    await allow(keys)
    await expect(keys.page.locator("[data-claim=email]")).to_have_text(email)


async def test_adds_and_removes_factors_on_the_security_page(
    portal_server: PortalServer, demo_app: str, visit: Visit
) -> None:
    email = await asyncio.to_thread(an_account, portal_server)
    keys = await at_the_app(visit, demo_app)
    page = keys.page
    await password(keys, portal_server, email)
    await allow(keys)
    await keys.press("link", "Your account at the portal")
    await keys.press("link", "Security")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Security")

    await keys.press("link", "Set up", within=page.locator("#totp"))
    app = App(await page.locator(".text-key").inner_text())
    await keys.type("Code from the app", app.code(0))
    await expect(page.get_by_role("heading", level=1)).to_have_text("Security")
    await open_and_remove(keys, "#totp", "Remove this app")
    await expect(page.locator("#totp").get_by_text("Not set up")).to_be_visible()

    await give_authenticator(page)
    await keys.press("link", "Add a passkey", within=page.locator("#passkeys"))
    await keys.type("Name optional", "My keys", send=False)
    await keys.press("button", "Add a passkey", "Space")
    await expect(page.get_by_text("Your passkey is ready")).to_be_visible()
    await open_and_remove(keys, "#passkeys", "Remove this passkey")
    await expect(page.locator("#passkeys").get_by_text("None yet")).to_be_visible()

    await page.goto(f"{demo_app}/login")
    await expect(page.get_by_role("heading", level=1)).to_have_text("You are logged in")
    await expect(page.locator("[data-claim=email]")).to_have_text(email)


async def open_and_remove(keys: Keyboard, card: str, button: str) -> None:
    """Open "Change" with Space and press what removes it."""
    await keys.reach(keys.page.locator(f"{card} summary").first)
    await keys.page.keyboard.press("Space")
    await keys.reach(keys.page.locator(card).get_by_role("button", name=button))
    await keys.page.keyboard.press("Enter")


async def test_a_focus_that_is_lost_or_jumps_would_be_found(browser: Browser) -> None:
    """The positive control."""
    page: Page = await browser.new_page()
    await page.set_content(
        "<main><style>.bare:focus{outline:none} .pale:focus{outline:2px solid #eee} div{display:flex;flex-direction:"
        "column-reverse}</style><div><button>first</button><button>second</button></div>"
        "<a href='#' class=bare>bare</a><a href='#' class=pale>pale</a><a href='#' tabindex=3>queue</a></main>"
    )
    found = "\n".join(await focus_complaints(page))
    await page.close()
    assert 'a "bare" shows no ring' in found
    assert 'a "pale" shows no ring' in found
    assert 'button "second" comes after button "first"' in found
    assert 'a "queue" jumps the queue' in found

"""Passkeys in a real browser with a virtual authenticator, on a phone: add one, log in by it, be offered one."""

import contextlib
from typing import Any

import pytest
from playwright.async_api import Error, Page, expect

from tests.flows.test_in_a_browser import begin_sign_up, code_to, expect_heading, log_in, type_code
from tests.support.browser import Visit
from tests.support.person import an_email
from tests.support.server import PortalServer


async def give_authenticator(page: Page, **options: Any) -> Any:
    """Plug a platform authenticator into the page's browser; it presses every button by itself."""
    session = await page.context.new_cdp_session(page)
    await session.send("WebAuthn.enable", {"enableUI": False})
    made = await session.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
                **options,
            }
        },
    )
    return session, made["authenticatorId"]


async def sign_up(page: Page, portal: PortalServer, email: str) -> None:
    await page.goto(portal.url + "/login")
    await begin_sign_up(page, email)
    await type_code(page, await code_to(portal, email), javascript=True)
    await expect(page).to_have_url(portal.url + "/account")


async def add_passkey(page: Page, portal: PortalServer) -> None:
    await page.goto(portal.url + "/account/security")
    await page.locator("#passkeys").get_by_role("link", name="Add a passkey").click()
    await page.get_by_label("Name").fill("My phone")
    await page.get_by_role("button", name="Add a passkey").click()
    await expect(page.get_by_text("Your passkey is ready")).to_be_visible()
    await expect(page.get_by_text("My phone", exact=True)).to_be_visible()


async def test_a_passkey_is_added_and_logs_in_to_the_app_with_one_click(
    portal_server: PortalServer, demo_app: str, visit: Visit
) -> None:
    email = an_email("chen")
    context = await visit(phone=True)
    page = await context.new_page()
    await give_authenticator(page)
    await sign_up(page, portal_server, email)
    await add_passkey(page, portal_server)
    await page.goto(portal_server.url + "/logout")
    await page.get_by_role("button", name="Log out").click()
    posts: list[str] = []
    page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)
    await page.goto(demo_app)
    await page.get_by_role("link", name="Log in").click()
    # The browser suggests the passkey in the address field, and this authenticator agrees at once; else one click does.
    button = page.get_by_role("button", name="Use a passkey")
    if await button.is_visible():
        with contextlib.suppress(Error):  # it went on by itself meanwhile
            await button.click(timeout=2_000)
    await expect_heading(page, "Let Demo app know who you are?")
    await page.get_by_role("button", name="Allow", exact=True).click()
    await expect(page.locator("[data-claim=email]")).to_have_text(email)
    assert page.url.startswith(demo_app)
    assert len([url for url in posts if "/login" in url]) <= 4


async def test_a_cancelled_passkey_is_told_kindly_and_the_password_still_works(
    portal_server: PortalServer, visit: Visit
) -> None:
    email = an_email("chen")
    context = await visit(phone=True)
    page = await context.new_page()
    session, authenticator = await give_authenticator(page)
    await sign_up(page, portal_server, email)
    await add_passkey(page, portal_server)
    await page.goto(portal_server.url + "/logout")
    await page.get_by_role("button", name="Log out").click()
    await session.send("WebAuthn.setUserVerified", {"authenticatorId": authenticator, "isUserVerified": False})
    await page.goto(portal_server.url + "/login")
    await page.get_by_role("button", name="Use a passkey").click()
    await expect(page.get_by_role("status").filter(has_text="cancelled or took too long")).to_be_visible()
    await log_in(page, email)
    await expect(page).to_have_url(portal_server.url + "/account")


async def test_a_passkey_is_offered_after_a_password_where_the_device_can_make_one(
    portal_server: PortalServer, visit: Visit
) -> None:
    email = an_email("chen")
    context = await visit(phone=True)
    page = await context.new_page()
    await sign_up(page, portal_server, email)
    await page.goto(portal_server.url + "/logout")
    await page.get_by_role("button", name="Log out").click()
    await give_authenticator(page)
    await page.goto(portal_server.url + "/login")
    await log_in(page, email)
    await expect_heading(page, "Log in without a password?")
    await page.get_by_role("button", name="Create a passkey").click()
    await expect(page).to_have_url(portal_server.url + "/account")
    await page.goto(portal_server.url + "/account/security")
    await expect(page.locator("#passkeys")).to_contain_text("Added")


@pytest.mark.parametrize("phone", [True, False])
async def test_without_a_script_nothing_of_it_shows(portal_server: PortalServer, visit: Visit, phone: bool) -> None:
    context = await visit(javascript=False, phone=phone)
    page = await context.new_page()
    await page.goto(portal_server.url + "/login")
    await expect(page.get_by_role("button", name="Use a passkey")).to_be_hidden()
    await expect(page.get_by_role("button", name="Continue")).to_be_visible()

"""Three whole journeys at a desk: a passkey alone, an authenticator app from first day to last, and what was lost."""

import time

from playwright.async_api import Page, expect

from tests.flows.test_in_a_browser import expect_heading, log_in
from tests.flows.test_managing_passkeys_in_a_browser import claim, log_out, no_autofill, sign_up_by_passkey
from tests.flows.test_passkeys_in_a_browser import give_authenticator, sign_up
from tests.support.browser import Visit
from tests.support.person import an_email
from tests.support.second_step import App
from tests.support.server import PortalServer

CODE = "Code from your authenticator app"


async def set_up_app(page: Page, portal: PortalServer) -> App:
    await page.goto(f"{portal.url}/account/authenticator-app")
    app = App(await page.locator(".text-key").inner_text())
    await page.get_by_label("Code from the app").fill(app.code(0))
    await page.get_by_role("button", name="Finish").click()
    await expect_heading(page, "Security")
    return app


async def new_codes(page: Page, portal: PortalServer) -> list[str]:
    await page.goto(f"{portal.url}/account/recovery-codes")
    await page.get_by_role("button", name="my codes").or_(page.get_by_role("button", name="new codes")).click()
    await expect(page.locator(".codes li")).to_have_count(10)
    return [code.strip() for code in await page.locator(".codes li").all_inner_texts()]


async def start_at(page: Page, demo_app: str, email: str) -> None:
    await page.context.clear_cookies(domain="127.0.0.1")
    await page.goto(demo_app)
    await page.get_by_role("link", name="Log in").click()
    await log_in(page, email)


async def test_a_passkey_alone_from_sign_up_to_the_next_login(
    portal_server: PortalServer, demo_app: str, visit: Visit
) -> None:
    email = an_email("chen")
    page = await (await visit()).new_page()
    await give_authenticator(page)
    await no_autofill(page)
    await sign_up_by_passkey(page, portal_server, email)
    await page.goto(f"{demo_app}/login")
    await page.get_by_role("button", name="Allow", exact=True).click()
    await expect_heading(page, "You are logged in")
    assert await claim(page, "email") == email
    await log_out(page, portal_server)
    await page.context.clear_cookies(domain="127.0.0.1")
    await page.goto(demo_app)
    await page.get_by_role("link", name="Log in").click()
    await page.get_by_role("button", name="Use a passkey").click()
    await expect_heading(page, "You are logged in")
    assert await claim(page, "acr") == "aal2"


async def test_an_authenticator_app_from_its_first_day_to_its_last(
    portal_server: PortalServer, demo_app: str, visit: Visit
) -> None:
    email = an_email("bo")
    page = await (await visit()).new_page()
    await sign_up(page, portal_server, email)
    app = await set_up_app(page, portal_server)
    await log_out(page, portal_server)

    began = int(time.time())
    await start_at(page, demo_app, email)
    await expect_heading(page, "Second step")
    await page.get_by_label(CODE).press_sequentially(app.code())
    await page.get_by_role("button", name="Allow", exact=True).click()
    await expect_heading(page, "You are logged in")
    assert set((await claim(page, "amr")).replace(",", " ").split()) == {"pwd", "otp", "mfa"}
    assert time.time() - began < 60

    await page.goto(f"{portal_server.url}/account/security")
    await page.locator("#totp summary").first.click()
    await page.get_by_role("button", name="Remove this app").click()
    await expect_heading(page, "Security")
    await log_out(page, portal_server)
    await start_at(page, demo_app, email)
    await expect_heading(page, "You are logged in")
    assert await claim(page, "acr") == "aal1"


async def test_who_lost_the_phone_gets_in_by_a_code_and_makes_new_ones(
    portal_server: PortalServer, demo_app: str, visit: Visit
) -> None:
    email = an_email("bo")
    page = await (await visit()).new_page()
    await sign_up(page, portal_server, email)
    await set_up_app(page, portal_server)
    old = await new_codes(page, portal_server)
    await log_out(page, portal_server)

    async def use(code: str) -> None:
        await start_at(page, demo_app, email)
        await page.get_by_role("link", name="Recovery code").click()
        await page.get_by_label("Recovery code").fill(code)
        await page.get_by_role("button", name="Continue").click()

    await use(old[0])
    await page.get_by_role("button", name="Allow", exact=True).click()
    await expect_heading(page, "You are logged in")
    new = await new_codes(page, portal_server)
    assert not set(new) & set(old)
    await log_out(page, portal_server)

    await use(old[1])
    await expect(page.get_by_role("alert").or_(page.locator(".field__error")).first).to_be_visible()
    await expect_heading(page, "Second step")
    await page.get_by_label("Recovery code").fill(new[0])
    await page.get_by_role("button", name="Continue").click()
    await expect_heading(page, "You are logged in")

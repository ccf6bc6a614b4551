"""Sign-ups, approvals and ways of recovery that begin at the demo app's "Log in" and end in it, on a small phone.

As test_from_the_app_and_back.py does at plain forms. The methods of a login, alone and in pairs:
test_every_pair_in_a_browser.py. A forgotten password, a locked login: test_the_way_back_in_a_browser.py.
"""

import asyncio

from playwright.async_api import Page, expect

from tests.flows.test_from_the_app_and_back import NEW_PASSWORD, an_account
from tests.flows.test_in_a_browser import expect_claims
from tests.flows.test_managing_passkeys_in_a_browser import claim, no_autofill
from tests.flows.test_passkeys_in_a_browser import give_authenticator
from tests.flows.test_the_way_back_in_a_browser import (
    expect_heading,
    expect_the_app,
    identify,
    small_phone,
    type_code,
)
from tests.methods.sms_code.test_the_code_in_the_message import a_phone
from tests.recovery.test_a_lost_second_step import Account
from tests.support.browser import Visit
from tests.support.person import PASSWORD, Somebody, an_email, newest_mail
from tests.support.second_step import App, get_codes, set_up_app
from tests.support.server import PortalServer


async def come_again(page: Page, demo_app: str) -> None:
    """Out of the app and of the portal, and at the app's "Log in" once more."""
    await page.get_by_role("button", name="Log out").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("You are logged out")
    await page.goto(demo_app)
    await page.get_by_role("link", name="Log in").click()


async def give_password(page: Page, password: str = PASSWORD) -> None:
    await page.get_by_label("Password", exact=True).fill(password)
    await page.get_by_role("button", name="Log in", exact=True).click()


async def with_app(portal: PortalServer, somebody: Somebody) -> tuple[str, App, list[str]]:
    """Somebody whose other browser set up an authenticator app and recovery codes."""
    email, owner = an_email("bo"), somebody()

    def work() -> tuple[App, list[str]]:
        return set_up_app(owner.sign_up(email)), get_codes(owner)

    return email, *(await asyncio.to_thread(work))


async def test_prompt_create_begins_with_the_sign_up(portal_server: PortalServer, demo_app: str, visit: Visit) -> None:
    email = an_email()
    page = await small_phone(visit, demo_app, javascript=True)
    await page.goto(demo_app)
    await page.get_by_role("link", name="Create an account").click()
    await expect_heading(page, "Create your account")
    await expect(page.get_by_text("to continue to Demo app")).to_be_visible()
    await page.get_by_label("E-mail address").fill(email)
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Create account").click()
    await expect_heading(page, "Check your mail")
    await type_code(page, portal_server, email, "Confirm", javascript=True)
    await expect_the_app(page, demo_app, email)


async def test_a_new_number_signs_up_and_logs_in_again(
    portal_server: PortalServer, demo_app: str, visit: Visit
) -> None:
    phone = a_phone()
    page = await small_phone(visit, demo_app, javascript=True)

    async def by_text_message() -> None:
        await page.get_by_role("link", name="Log in with your phone").click()
        await expect_heading(page, "Log in with your phone")
        await page.get_by_label("Phone number").fill(phone)
        await page.get_by_role("button", name="Text me a code").click()
        await expect_heading(page, "Check your phone")
        message = await asyncio.to_thread(newest_mail, portal_server, phone)
        await page.get_by_label("Code from the message").press_sequentially(message.code or "")

    await by_text_message()
    await expect_heading(page, "Let Demo app know who you are?")
    await page.get_by_role("button", name="Allow", exact=True).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("You are logged in")
    sub = await claim(page, "sub")
    await come_again(page, demo_app)
    portal_server.sql("UPDATE authn.verifications SET created_at = created_at - interval '2 minutes'")
    await by_text_message()
    await expect(page.get_by_role("heading", level=1)).to_have_text("You are logged in")
    assert await claim(page, "sub") == sub
    assert await claim(page, "amr") == "sms"


async def test_a_sign_up_by_passkey(portal_server: PortalServer, demo_app: str, visit: Visit) -> None:
    email = an_email("chen")
    page = await small_phone(visit, demo_app, javascript=True)
    await give_authenticator(page)
    await no_autofill(page)
    await page.get_by_role("link", name="Create an account").click()
    await page.get_by_label("E-mail address").fill(email)
    await page.get_by_role("button", name="Use a passkey instead of a password").click()
    await expect_heading(page, "Check your mail")
    await type_code(page, portal_server, email, "Confirm", javascript=True)
    await expect_heading(page, "Add a passkey")
    await page.get_by_role("button", name="Add a passkey").click()
    await expect_the_app(page, demo_app, email)

    await come_again(page, demo_app)
    await page.get_by_role("button", name="Use a passkey").click()
    await expect_claims(page, demo_app, email)
    assert await claim(page, "acr") == "aal2"


async def test_an_approval_on_another_device(portal_server: PortalServer, demo_app: str, visit: Visit) -> None:
    email = await asyncio.to_thread(an_account, portal_server)
    page = await small_phone(visit, demo_app, javascript=True)
    await identify(page, email)
    await page.get_by_role("button", name="Mail me a code").click()
    await expect_heading(page, "Check your mail")
    digits = await page.locator(".pairing__digits").inner_text()
    tablet = await (await visit()).new_page()
    await tablet.goto(portal_server.url + (await asyncio.to_thread(newest_mail, portal_server, email)).link)
    await tablet.get_by_label("The two digits on that screen").fill(digits)
    await tablet.get_by_role("button", name="Let it log in").click()
    await expect(tablet.get_by_role("heading", level=1)).to_have_text("Approved")
    await expect_the_app(page, demo_app, email)
    assert await claim(page, "amr") == "email"


async def test_a_forgotten_password_with_a_second_step(
    portal_server: PortalServer, demo_app: str, visit: Visit, somebody: Somebody
) -> None:
    email, app, _codes = await with_app(portal_server, somebody)
    page = await small_phone(visit, demo_app, javascript=True)
    await identify(page, email)
    await page.get_by_role("link", name="Forgot it?").click()
    await page.get_by_role("button", name="Send the mail").click()
    await expect_heading(page, "Check your mail")
    await type_code(page, portal_server, email, "Continue", javascript=True)
    await page.get_by_label("New password", exact=True).fill(NEW_PASSWORD)
    await page.get_by_role("button", name="Save and log in").click()
    await expect_heading(page, "Second step")
    await page.get_by_label("Code from your authenticator app").press_sequentially(app.code())
    await expect_the_app(page, demo_app, email)
    assert await claim(page, "acr") == "aal2"


async def test_everything_lost(portal_server: PortalServer, demo_app: str, visit: Visit, somebody: Somebody) -> None:
    bo = await asyncio.to_thread(Account, portal_server, somebody())
    page = await small_phone(visit, demo_app, javascript=True)
    await identify(page, bo.email)
    await give_password(page)
    await expect_heading(page, "Second step")
    await page.get_by_role("link", name="I have none of these").click()
    await expect_heading(page, "Lost everything?")
    await page.get_by_role("button", name="Send the mail").click()
    await expect_heading(page, "Check your mail")
    _stop, finish = await asyncio.to_thread(bo.links)
    await page.goto(finish)
    await expect(page.get_by_text("Please come back then.")).to_be_visible()
    bo.wait(72)
    await page.reload()
    await page.get_by_role("button", name="Take the second step off").click()
    await expect_heading(page, "Your second step is off")
    await page.get_by_role("link", name="Log in").click()
    await identify(page, bo.email)
    await give_password(page)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Security")
    await page.goto(demo_app)
    await page.get_by_role("link", name="Log in").click()
    await expect_the_app(page, demo_app, bo.email)
    assert await claim(page, "acr") == "aal1"


async def test_a_first_password(portal_server: PortalServer, demo_app: str, visit: Visit) -> None:
    email = await asyncio.to_thread(lambda: an_account(portal_server, password=None))
    page = await small_phone(visit, demo_app, javascript=True)
    await identify(page, email)
    await page.get_by_role("button", name="Mail me a code").click()
    await expect_heading(page, "Check your mail")
    await type_code(page, portal_server, email, "Log in", javascript=True)
    await expect_the_app(page, demo_app, email)
    await page.get_by_role("link", name="Your account at the portal").click()
    await page.get_by_role("link", name="Security").click()
    await page.get_by_role("link", name="Set a password").click()
    await page.get_by_label("New password", exact=True).fill(NEW_PASSWORD)
    await page.get_by_role("button", name="Set password").click()
    await expect_heading(page, "Security")
    await page.goto(demo_app)
    await come_again(page, demo_app)
    await identify(page, email)
    await give_password(page, NEW_PASSWORD)
    await expect_claims(page, demo_app, email)
    assert await claim(page, "amr") == "pwd"

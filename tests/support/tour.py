"""A tour of every page in a real browser, each in the states that people see: for axe, for screenshots, for texts.

async for stop in tour(browser, portal, demo_app): look at stop.page
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page

from tests.support.browser import new_context
from tests.support.database import execute
from tests.support.passkey_pages import passkey_pages
from tests.support.person import IPHONE, PASSWORD, Mail, Person, an_email, newest_mail
from tests.support.second_step import App
from tests.support.server import SEEDED_PASSWORD, PortalServer
from tests.support.stop import Stop
from tests.support.tour_of_doors import doors, submit


class Guide:
    """Leads through the pages. Each `async for` of a part yields stops."""

    def __init__(self, portal: PortalServer, demo_app: str, desk: BrowserContext, phone: BrowserContext) -> None:
        self.portal, self.demo_app = portal, demo_app
        self.desk, self.phone = desk, phone
        self.page: Page

    async def entrance(self) -> AsyncIterator[Stop]:
        """The login pages, from an app."""
        await self.page.goto(self.demo_app)
        yield self._stop("app")
        await self.page.get_by_role("link", name="Log in").click()
        yield self._stop("login")
        await self._submit({"E-mail address": "zoe at example"}, "Continue")
        yield self._stop("login-address-error")
        await self._submit({"E-mail address": "alice@example.com"}, "Continue")
        yield self._stop("login-password")
        await self._submit({"Password": "not this one"}, "Log in")
        yield self._stop("login-password-error")

    async def sign_up(self, email: str) -> AsyncIterator[Stop]:
        """Sign-up up to the code, and the pages behind the links of its mails."""
        await self.page.goto(f"{self.demo_app}/signup")
        yield self._stop("signup")
        await self._submit({"E-mail address": "zoe at example", "Password": "short"}, "Create account")
        yield self._stop("signup-errors")
        await self._submit({"E-mail address": email, "Password": PASSWORD}, "Create account")
        yield self._stop("verify")
        waiting = self.page.url
        await self._submit({"Code from the mail": "12345"}, "Confirm")
        yield self._stop("verify-error")
        await self.page.goto(waiting)
        await self.page.get_by_role("link", name="Wrong address?").click()
        yield self._stop("verify-change-address")
        link = (await self._mail(email)).link
        await self.page.goto(self.portal.url + link)
        yield self._stop("link")
        elsewhere = await self.phone.new_page()
        await elsewhere.goto(self.portal.url + link)
        yield Stop("link-elsewhere", elsewhere)
        await elsewhere.get_by_role("button", name="Confirm and continue here").click()
        await elsewhere.wait_for_url("**/signup/password**")
        yield Stop("choose-password", elsewhere)
        await self._submit({"Password": "short"}, "Save and continue", page=elsewhere)
        yield Stop("choose-password-error", elsewhere)
        await elsewhere.goto(self.portal.url + link)
        yield Stop("link-dead", elsewhere)
        await elsewhere.goto(waiting)
        yield Stop("gone-other-browser", elsewhere)
        await elsewhere.close()

    async def registered(self) -> AsyncIterator[Stop]:
        """The mail to somebody who has an account."""
        await self.page.goto(f"{self.portal.url}/signup")
        await self._submit({"E-mail address": "dana@example.com", "Password": PASSWORD}, "Create account")
        await self.page.goto(self.portal.url + (await self._mail("dana@example.com")).link)
        yield self._stop("link-registered")

    async def by_mail(self, email: str) -> AsyncIterator[Stop]:
        """Login by a mailed code or link: here, on another device, and for an address without an account."""
        await self._ask_for_code(email)
        yield self._stop("login-code")
        await self._submit({"Code from the mail": "12345"}, "Log in")
        yield self._stop("login-code-error")
        link = self.portal.url + (await self._mail(email)).link
        await self.page.goto(link)
        yield self._stop("login-link")
        elsewhere = await self.phone.new_page()
        await elsewhere.goto(link)
        yield Stop("login-link-elsewhere", elsewhere)
        await self._submit({"The two digits on that screen": "4"}, "Let it log in", page=elsewhere)
        yield Stop("login-link-elsewhere-error", elsewhere)
        await elsewhere.get_by_role("button", name="This was not me").click()
        await elsewhere.get_by_role("heading", name="That login has ended").wait_for()
        yield Stop("login-denied", elsewhere)

        waiting = await self._ask_for_code(email)
        digits = await self.page.locator(".pairing__digits").inner_text()
        await self.page.goto("about:blank")  # it would go on by itself
        await elsewhere.goto(self.portal.url + (await self._mail(email)).link)
        await self._submit({"The two digits on that screen": digits}, "Let it log in", page=elsewhere)
        yield Stop("login-approved-elsewhere", elsewhere)
        await self.page.goto(waiting)
        yield self._stop("login-approved")

        nobody = an_email("nobody")
        await self._ask_for_code(nobody)
        await elsewhere.goto(self.portal.url + (await self._mail(nobody)).link)
        yield Stop("login-no-account", elsewhere)
        await elsewhere.close()

    async def by_phone(self) -> AsyncIterator[Stop]:
        """Login by a text message, and an invitation that is over."""
        await self.page.goto(f"{self.portal.url}/login/phone")
        yield self._stop("number")
        await self._submit({"Phone number": "079 123 45 67"}, "Text me a code")
        yield self._stop("number-error")
        await self._submit({"Phone number": "+41 79 123 45 67"}, "Text me a code")
        yield self._stop("number-code")
        await self.page.goto(f"{self.portal.url}/invite/one-that-is-over")
        yield self._stop("invite-gone")

    async def doors(self) -> AsyncIterator[Stop]:
        """What policies and limits put in the way."""
        page = await self.desk.new_page()
        async for name in doors(self.portal, page):
            yield Stop(name, page)
        await page.close()

    async def recovery(self, email: str) -> AsyncIterator[Stop]:
        """A forgotten password, up to the new one."""
        await self.page.goto(f"{self.demo_app}/login")
        await self._submit({"E-mail address": email}, "Continue")
        await self.page.get_by_role("link", name="Forgot it?").click()
        yield self._stop("recover")
        await self._submit({"E-mail address": email}, "Send the mail")
        yield self._stop("recover-code")
        link = self.portal.url + (await self._mail(email)).link
        elsewhere = await self.phone.new_page()
        await elsewhere.goto(link)
        yield Stop("recover-link-elsewhere", elsewhere)
        await elsewhere.get_by_role("button", name="Continue here").click()
        await elsewhere.wait_for_url("**/recover/password**")
        yield Stop("recover-password", elsewhere)
        await self._submit({"New password": "short"}, "Save and log in", page=elsewhere)
        yield Stop("recover-password-error", elsewhere)
        await elsewhere.close()

    async def account(self) -> AsyncIterator[Stop]:
        """Consent, the app, the account, and the way out."""
        elsewhere = await self.phone.new_page()
        await elsewhere.goto(f"{self.portal.url}/login")
        await self._log_in(elsewhere)
        await elsewhere.wait_for_url("**/account")
        await elsewhere.close()
        await self.page.goto(f"{self.demo_app}/login")
        if "/login" in self.page.url:
            await self._log_in(self.page)
        await self.page.wait_for_url("**/oauth2/**")
        yield self._stop("consent")
        await self.page.get_by_role("button", name="Allow", exact=True).click()
        await self.page.wait_for_url(f"{self.demo_app}/**")
        yield self._stop("app-logged-in")
        await self.page.goto(f"{self.portal.url}/account")
        yield self._stop("account")
        await self.page.goto(f"{self.portal.url}/account/security")
        yield self._stop("security")
        await self.page.get_by_role("link", name="Change", exact=True).click()
        yield self._stop("change-password")
        await self._submit({"Current password": "", "New password": "short"}, "Change password")
        yield self._stop("change-password-error")
        await self.page.goto(f"{self.portal.url}/account/devices")
        yield self._stop("devices")
        await self.page.get_by_role("button", name="End all other sessions").click()
        await self.page.get_by_text("All other sessions have ended").wait_for()
        yield self._stop("devices-ended")
        await self.page.goto(f"{self.portal.url}/account/apps")
        yield self._stop("apps-empty")
        await self.page.goto(f"{self.portal.url}/logout")
        yield self._stop("logout")
        await self.page.get_by_role("button", name="Log out", exact=True).click()
        await self.page.get_by_role("heading", name="You are logged out").wait_for()
        yield self._stop("logged-out")

    async def second_step(self) -> AsyncIterator[Stop]:
        """An authenticator app, recovery codes, the second step, and what becomes of somebody who lost everything."""
        email, origin = an_email("bo"), self.portal.url
        with Person(self.portal) as person:
            await asyncio.to_thread(person.sign_up, email)
        await self._log_in(self.page, email, PASSWORD)
        await self.page.goto(f"{origin}/account/authenticator-app")
        yield self._stop("authenticator-app")
        app = App(await self.page.locator(".text-key").inner_text())
        await self._submit({"Code from the app": app.wrong_code()}, "Finish")
        yield self._stop("authenticator-app-error")
        await self.page.locator("[name=name]").fill("Bo's phone")
        await self._submit({"Code from the app": app.code(0)}, "Finish")
        yield self._stop("security-second-step")
        await self.page.goto(f"{origin}/account/recovery-codes")
        yield self._stop("recovery-codes")
        await self._submit({}, "Show my codes")
        yield self._stop("recovery-codes-shown")
        await self.page.goto(f"{origin}/account/security")
        await self.page.locator("details.more summary").first.click()
        yield self._stop("security-authenticator-change")
        await self.page.goto(f"{origin}/logout")
        await self._submit({}, "Log out")

        await self.page.goto(self.demo_app)
        await self.page.get_by_role("link", name="Log in").click()
        await self._log_in(self.page, email, PASSWORD)
        yield self._stop("second-step")
        await self._submit({"Code from your authenticator app": app.wrong_code()}, "Continue")
        yield self._stop("second-step-error")
        await self.page.get_by_role("link", name="Recovery code").click()
        yield self._stop("second-step-recovery-code")
        await self.page.get_by_role("link", name="I have none of these").click()
        yield self._stop("second-step-lost")
        await self._submit({}, "Send the mail")
        yield self._stop("second-step-lost-waiting")
        stop, finish = dict.fromkeys(link for link in (await self._mail(email)).links if "/login/lost/link/" in link)
        await self.page.goto(finish)
        yield self._stop("second-step-lost-too-early")
        await self.page.goto(stop)
        yield self._stop("second-step-lost-stop")
        await self._submit({}, "No, keep it")
        yield self._stop("second-step-lost-stopped")
        await self.page.goto(finish)
        yield self._stop("second-step-lost-over")

    async def errors(self) -> AsyncIterator[Stop]:
        """What goes wrong."""
        addresses = {
            "gone": "/login?flow=00000000-0000-4000-8000-000000000000",
            "oidc-error": "/oauth2/authorize?client_id=unknown&redirect_uri=https://app.example/",
            "error-404": "/nothing-here",
            "error-405": "/login/password",
        }
        for name, address in addresses.items():
            await self.page.goto(self.portal.url + address)
            yield self._stop(name)
        with database_away(self.portal):
            await self.page.goto(f"{self.portal.url}/account")
            yield self._stop("error-503")
        await asyncio.to_thread(self.portal.wait_until_ready)

    async def development(self, email: str) -> AsyncIterator[Stop]:
        """The inbox and the gallery."""
        await self.page.goto(f"{self.portal.url}/dev/inbox")
        yield self._stop("inbox")
        await self.page.goto(f"{self.portal.url}/dev/inbox?to={email}")
        await self.page.locator("main a[href^='/dev/inbox/']").first.click()
        yield self._stop("inbox-mail")
        await self.page.goto(f"{self.portal.url}/dev/inbox?to=nobody@example.org")
        yield self._stop("inbox-empty")
        await self.page.goto(f"{self.portal.url}/dev/components")
        yield self._stop("components")

    def _stop(self, name: str) -> Stop:
        return Stop(name, self.page)

    async def _submit(self, typed: dict[str, str], button: str, *, page: Page | None = None) -> None:
        """Fill a form and send it, past the browser's own checks: the server's are what is looked at."""
        await submit(page or self.page, typed, button)

    async def _ask_for_code(self, email: str) -> str:
        """From the app to the page that waits for the code; returns where it is."""
        await self.page.goto(f"{self.demo_app}/login")
        await self._submit({"E-mail address": email}, "Continue")
        await self.page.get_by_role("button", name="Mail me a code").click()
        await self.page.wait_for_url("**/login/code**")
        return self.page.url

    async def _log_in(self, page: Page, email: str = "alice@example.com", password: str = SEEDED_PASSWORD) -> None:
        if not page.url.startswith(f"{self.portal.url}/login"):
            await page.goto(f"{self.portal.url}/login")
        await self._submit({"E-mail address": email}, "Continue", page=page)
        await self._submit({"Password": password}, "Log in", page=page)

    async def _mail(self, email: str) -> Mail:
        return await asyncio.to_thread(newest_mail, self.portal, email)


async def tour(
    browser: Browser, portal: PortalServer, demo_app: str, *, email: str | None = None, **options: Any
) -> AsyncIterator[Stop]:
    """Go everywhere once. `email` signs up on the way; `options` are those of `new_context`."""
    email = email or an_email()
    desk = await new_context(browser, **options)
    phone = await new_context(browser, **options, user_agent=IPHONE)
    guide = Guide(portal, demo_app, desk, phone)
    guide.page = await desk.new_page()
    parts = (
        guide.entrance(),
        guide.sign_up(email),
        guide.registered(),
        guide.by_mail(email),
        guide.by_phone(),
        guide.doors(),
        guide.recovery(email),
        guide.account(),
        guide.second_step(),
        passkey_pages(guide.page, portal),
        guide.development(email),
        guide.errors(),
    )
    try:
        for part in parts:
            async for stop in part:
                heading = await stop.page.get_by_role("heading", level=1).inner_text()
                assert heading, f"{stop.name} has no heading"
                assert "on our side" not in heading, f"{stop.name} is an error page"
                yield stop
    finally:
        await desk.close()
        await phone.close()


@contextlib.contextmanager
def database_away(portal: PortalServer) -> Iterator[None]:
    """Take the database away from a portal, and from nobody else, for as long as the block lasts."""
    database = portal.database
    assert database is not None
    execute(
        database.superuser_url,
        f"alter database {database.name} connection limit 0",
        f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{database.name}' "
        "and pid <> pg_backend_pid()",
    )
    try:
        yield
    finally:
        execute(database.superuser_url, f"alter database {database.name} connection limit -1")

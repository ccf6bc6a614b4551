"""Public apps with stock libraries: one in a browser (oidc-client-ts), one on a desktop (a loopback port, RFC 8252)."""

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import playwright.async_api
from playwright.async_api import expect

from tests.interop.stock_apps.python_apps import PYTHON
from tests.interop.stock_apps.stock_app import Browser, StockApp, prepared, register, running
from tests.support.node import WHEEL, npm_install
from tests.support.person import PASSWORD, Person, an_email
from tests.support.server import PortalServer


def _static(folder: Path) -> list[str]:
    npm_install(folder)
    return [str(WHEEL / "bin" / "node"), "serve.mjs"]


IN_A_BROWSER = StockApp("oidc_client_ts", _static, registration={"public": True})
ON_A_DESKTOP = StockApp(
    "native_app",
    lambda _folder: [str(PYTHON), "app.py"],
    registration={"public": True, "redirect_uris": ["http://127.0.0.1/callback"], "post_logout_redirect_uris": []},
)


async def test_an_app_in_a_browser_logs_in_again_refreshes_and_logs_out(
    portal_server: PortalServer, browser: playwright.async_api.Browser, zoe: Person
) -> None:
    email = an_email()
    zoe.sign_up(email)
    with running(portal_server, IN_A_BROWSER) as served:
        context = await browser.new_context()  # without the header of tests that would need another preflight
        page = await context.new_page()
        await page.goto(served.url)
        await expect(page.get_by_role("status")).to_have_text("Nobody is logged in")
        await page.get_by_role("button", name="Log in").click()
        await page.get_by_label("E-mail address").fill(email)
        await page.get_by_role("button", name="Continue").click()
        await page.get_by_label("Password", exact=True).fill(PASSWORD)
        await page.get_by_role("button", name="Log in", exact=True).click()
        await page.get_by_role("button", name="Allow", exact=True).click()
        await expect(page.get_by_role("status")).to_have_text(f"Logged in as {email}")
        await page.get_by_role("button", name="Refresh").click()
        await expect(page.get_by_role("status")).to_have_text("Refreshed")

        again = await context.new_page()  # its sessionStorage is empty: the portal's session is all there is
        await again.goto(served.url)
        await again.get_by_role("button", name="Log in").click()
        # A public app on a loopback address could be any program: the person is asked each time (RFC 8252 section 8.6).
        await again.get_by_role("button", name="Allow", exact=True).click()
        await expect(again.get_by_role("status")).to_have_text(f"Logged in as {email}")
        await again.get_by_role("button", name="Log out").click()
        await expect(again.get_by_role("status")).to_have_text("Nobody is logged in")
        await again.goto(f"{portal_server.url}/account")
        await expect(again.get_by_label("E-mail address")).to_be_visible()
        await context.close()


@contextlib.contextmanager
def on_a_desktop(portal: PortalServer, client_id: str) -> "Iterator[subprocess.Popen[str]]":
    """Start the program, and end it whatever happens."""
    folder = prepared(ON_A_DESKTOP)
    process = subprocess.Popen(
        ON_A_DESKTOP.build(folder),
        cwd=folder,
        env={"ISSUER": portal.url, "CLIENT_ID": client_id},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def test_an_app_on_a_desktop_logs_in_again_refreshes_and_logs_out(portal_server: PortalServer, zoe: Person) -> None:
    email = an_email()
    zoe.sign_up(email)
    client_id = register(portal_server, ON_A_DESKTOP, "http://127.0.0.1").client.client_id
    browser = Browser(portal_server)
    with on_a_desktop(portal_server, client_id) as process:
        assert process.stdout
        browser.open(json.loads(process.stdout.readline())["open"]).log_in(email)
        assert json.loads(process.stdout.readline()) == {"email": email}

    with on_a_desktop(portal_server, client_id) as process:  # another port, and nothing remembered
        assert process.stdin

        def told() -> dict[str, Any]:
            assert process.stdout
            return dict(json.loads(process.stdout.readline()))

        def ask(command: str) -> dict[str, Any]:
            assert process.stdin
            process.stdin.write(f"{command}\n")
            process.stdin.flush()
            return told()

        browser.open(told()["open"]).allow()  # no password, and consent each time (RFC 8252 section 8.6)
        assert "You can close this tab" in browser.response.text
        assert told() == {"email": email}
        assert ask("refresh") == {"refreshed": True}
        browser.open(ask("logout")["open"])
        assert browser.open(f"{portal_server.url}/account").response.url.path == "/login"

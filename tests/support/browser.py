"""A real browser: one Chromium for the test run, a fresh profile for each visit.

A visit fails its test when a page logs an error, breaks its Content-Security-Policy or throws.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright, expect

from tests.support.find_browser import find_browser
from tests.support.server import an_address

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
NAVIGATION_WITHIN = 20_000  # milliseconds; a busy machine hashes a password meanwhile
# What a browser logs about what a test does on purpose: a wrong password's 422, a server that restarts.
EXPECTED_IN_CONSOLE = ("responded with a status of 4", "responded with a status of 503", "net::ERR_CONNECTION_REFUSED")

Visit = Callable[..., Awaitable[BrowserContext]]


@dataclass
class Complaints:
    """What the pages of one context complained about."""

    lines: list[str] = field(default_factory=list)

    def listen(self, page: Page) -> None:
        """Note what a page logs and throws."""
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.lines.append(f"{page.url}: {error}"))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not any(text in message.text for text in EXPECTED_IN_CONSOLE):
            self.lines.append(f"{message.location.get('url', '')}: {message.text}")


@pytest.fixture(scope="session")
def browser_path() -> str:
    """Where the browser is."""
    return find_browser()


@pytest.fixture(scope="session")
async def browser(browser_path: str) -> AsyncIterator[Browser]:
    """The browser of this test run."""
    expect.set_options(timeout=NAVIGATION_WITHIN)
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=browser_path)
        yield launched
        await launched.close()


@pytest.fixture
async def visit(browser: Browser) -> AsyncIterator[Visit]:
    """Open another profile each time it is asked: `await visit(javascript=False, phone=True, dark=True)`."""
    contexts: list[BrowserContext] = []
    complaints = Complaints()

    async def open_context(**options: Any) -> BrowserContext:
        context = await new_context(browser, **options)
        context.on("page", complaints.listen)
        contexts.append(context)
        return context

    yield open_context
    for context in contexts:
        await context.close()
    assert not complaints.lines, complaints.lines


async def new_context(
    browser: Browser,
    *,
    javascript: bool = True,
    phone: bool = False,
    dark: bool = False,
    address: str | None = None,
    **options: Any,
) -> BrowserContext:
    """Make a profile with an address of its own behind the portal's trusted proxy."""
    context = await browser.new_context(
        java_script_enabled=javascript,
        viewport=PHONE if phone else DESKTOP,
        is_mobile=phone,
        has_touch=phone,
        device_scale_factor=options.pop("scale", 1),
        color_scheme="dark" if dark else "light",
        locale="en-GB",
        reduced_motion="reduce",
        extra_http_headers={"x-forwarded-for": address or an_address()},
        **options,
    )
    context.set_default_timeout(NAVIGATION_WITHIN)
    return context

"""axe finds nothing on any page, in any of its states, light and dark, on a desk and on a phone (WCAG 2.2 AA).

Nor does the keyboard: the focus shows wherever it lands, and its order is the one that is seen.
"""

import shutil
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from tests.support.browser import DESKTOP, PHONE
from tests.support.keyboard import focus_complaints
from tests.support.node import npm_install
from tests.support.screen_reader import not_heard
from tests.support.server import ROOT, PortalServer
from tests.support.tour import tour

AXE = ROOT / "tests" / "support" / "axe"
INSTALLED = ROOT / ".cache" / "axe"
# Everything that axe knows, best practices too, but what is experimental.
ALL_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# What depends on colours and sizes, and can differ from one look to another although the elements are the same.
LOOK_RULES = ["color-contrast", "link-in-text-block", "target-size", "scrollable-region-focusable"]
LOOKS = (
    ("light", "desktop", DESKTOP, ALL_RULES),
    ("dark", "desktop", DESKTOP, LOOK_RULES),
    ("dark", "phone", PHONE, ALL_RULES),
    ("light", "phone", PHONE, LOOK_RULES),
)


@pytest.fixture(scope="session")
def axe_source() -> str:
    """The script of axe-core, from npm by its hash."""
    INSTALLED.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(AXE / name, INSTALLED)
    return (npm_install(INSTALLED) / "axe-core" / "axe.min.js").read_text()


async def violations(page: Page, axe: str, rules: list[str]) -> list[str]:
    """What axe finds on the page as it is now, one line each."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(axe)
    # Colours may be on their way from one scheme to the other; half of the way has no contrast.
    await page.evaluate("Promise.all(document.getAnimations().map(animation => animation.finished))")
    options = {"resultTypes": ["violations"], "runOnly": rules}
    found: dict[str, Any] = await page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{violation['id']}: {violation['help']}: {node['target']} {node['html'][:160]}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


async def test_axe_and_the_keyboard_find_nothing_on_any_page(
    portal_server: PortalServer, demo_app: str, browser: Browser, axe_source: str
) -> None:
    found: list[str] = []
    seen: list[str] = []
    # bypass_csp lets axe in; that the pages obey their policy is looked at by every other browser test.
    async for stop in tour(browser, portal_server, demo_app, bypass_csp=True):
        seen.append(stop.name)
        if stop.name != "components":  # the gallery shows errors that nobody made
            found += [f"{stop.name}: {line}" for line in await not_heard(stop.page)]
        for scheme, screen, size, rules in LOOKS:
            await stop.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            await stop.page.set_viewport_size(size)
            lines = await violations(stop.page, axe_source, rules)
            if rules is ALL_RULES:
                lines += await focus_complaints(stop.page)
            found += [f"{stop.name}, {scheme}, {screen}: {line}" for line in lines]
        await stop.page.set_viewport_size(DESKTOP)
    assert len(seen) > 30
    assert not found, "\n".join(found)


async def test_axe_would_find_something(browser: Browser, axe_source: str) -> None:
    """The positive control."""
    page = await browser.new_page()
    await page.set_content("<html><title>x</title><body><img src='x'><p style='color:#ccc;background:#fff'>pale</p>")
    everything = "\n".join(await violations(page, axe_source, ALL_RULES))
    of_the_look = "\n".join(await violations(page, axe_source, LOOK_RULES))
    await page.close()
    assert "image-alt" in everything
    assert "color-contrast" in everything
    assert "color-contrast" in of_the_look
    assert "image-alt" not in of_the_look


def test_the_lock_names_the_script_by_its_hash() -> None:
    assert '"integrity": "sha512-' in (Path(AXE) / "package-lock.json").read_text()

"""What the login page weighs over the wire with everything that it loads (look.md: at most 50 KB)."""

import pytest
from playwright.async_api import Browser

from tests.support.browser import new_context
from tests.support.server import PortalServer

MAX_WEIGHT = 50_000  # bytes, headers included


@pytest.mark.parametrize("path", ["/login", "/signup"])
async def test_a_first_visit_weighs_at_most_fifty_kilobytes(
    portal_server: PortalServer, browser: Browser, path: str
) -> None:
    context = await new_context(browser)
    page = await context.new_page()
    devtools = await context.new_cdp_session(page)
    await devtools.send("Network.enable")
    weights: dict[str, float] = {}
    names: dict[str, str] = {}
    devtools.on("Network.requestWillBeSent", lambda event: names.update({event["requestId"]: event["request"]["url"]}))
    devtools.on(
        "Network.loadingFinished", lambda event: weights.update({event["requestId"]: event["encodedDataLength"]})
    )
    await page.goto(portal_server.url + path, wait_until="networkidle")
    await context.close()
    loaded = {names[request]: weight for request, weight in weights.items()}
    assert any("portal.css" in address for address in loaded), "nothing was measured"
    assert len(loaded) >= 5
    assert sum(loaded.values()) <= MAX_WEIGHT, loaded

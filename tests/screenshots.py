"""Photograph every page into docs/screenshots: `make screenshots`.

Phone and desktop, light and dark, on a portal of its own. The pages and their states: tests/support/tour.py.
"""

import asyncio
import socket
import struct
import sys
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from playwright.async_api import Page, async_playwright

from portal.db.embedded import EmbeddedPostgres
from portal.db.migrate import migrate
from tests.support.browser import DESKTOP, PHONE
from tests.support.database import NOT_DURABLE, TestDatabase, empty_database, run_now, temporary_data_dir
from tests.support.demo_app import register, running_demo_app
from tests.support.find_browser import find_browser
from tests.support.server import ROOT, PortalServer, free_port, serving
from tests.support.tour import Stop, tour

FOLDER = ROOT / "docs" / "screenshots"
TOTAL_MAX_SIZE = 8 * 1024 * 1024  # bytes; everybody who clones the repository gets them
SCREENS = {"phone": PHONE, "desktop": DESKTOP}
SCHEMES = ("light", "dark")
# Every page is in these two, a refused form in the first of them; in all four the pages that the README shows. axe sees
# all four of every page.
TWO_LOOKS = frozenset({("phone", "light"), ("desktop", "dark")})
REFUSED_LOOK = ("phone", "light")
IN_FOUR_LOOKS = frozenset({"login", "signup", "consent", "devices"})
WHOLE_PAGE = frozenset({"components-desktop-light"})  # many screens long: shown once for its whole length
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def main() -> int:
    """Take the photographs; return how the process ends."""
    browser_path = find_browser()
    with ExitStack() as stack:
        data_dir = stack.enter_context(temporary_data_dir())
        embedded = stack.enter_context(EmbeddedPostgres(data_dir, NOT_DURABLE))
        server = TestDatabase("portal", embedded.app_url, embedded.owner_url, embedded.superuser_url)
        template = empty_database(server)
        run_now(lambda: migrate(template.owner_url, template.app_url))
        port = preferred_port(8000)
        portal = stack.enter_context(serving(server, template, PORT=str(port), PORTAL_URL=f"http://localhost:{port}"))
        demo_app = stack.enter_context(
            running_demo_app(portal, register(portal, f"http://127.0.0.1:{preferred_port(8001)}"))
        )
        taken = asyncio.run(photograph(browser_path, portal, demo_app))
    for old in set(FOLDER.glob("*.png")) - taken:
        old.unlink()
    size = sum(file.stat().st_size for file in taken)
    print(f"{len(taken)} photographs in {FOLDER.relative_to(ROOT)}, {size / 1024 / 1024:.1f} MB")
    return 0 if size <= TOTAL_MAX_SIZE else 1


async def photograph(browser_path: str, portal: PortalServer, demo_app: str) -> set[Path]:
    """Go on the tour and take photographs at each stop."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    taken: set[Path] = set()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=browser_path)
        people = {"email": "zoe@example.org", "address": "198.51.100.7"}
        async for stop in tour(browser, portal, demo_app, **people):
            for scheme in SCHEMES:
                for screen, size in SCREENS.items():
                    if _wanted(stop, screen, scheme):
                        taken.add(await take(stop, scheme, screen, size))
            await stop.page.set_viewport_size(DESKTOP)
        await browser.close()
    return taken


async def take(stop: Stop, scheme: str, screen: str, size: dict[str, int]) -> Path:
    """Take one photograph."""
    page = stop.page
    await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
    await page.set_viewport_size({"width": size["width"], "height": size["height"]})
    await settled(page)
    file = FOLDER / f"{stop.name}-{screen}-{scheme}.png"
    image = await page.screenshot(full_page=file.stem in WHOLE_PAGE, caret="hide", animations="disabled")
    file.write_bytes(smaller_png(image))
    return file


def _wanted(stop: Stop, screen: str, scheme: str) -> bool:
    if "-error" in stop.name:
        return (screen, scheme) == REFUSED_LOOK
    return (screen, scheme) in TWO_LOOKS or stop.name in IN_FOUR_LOOKS or _whole(stop, screen, scheme)


def _whole(stop: Stop, screen: str, scheme: str) -> bool:
    return f"{stop.name}-{screen}-{scheme}" in WHOLE_PAGE


async def settled(page: Page) -> None:
    """Return when fonts are there, the page was painted with its new size, and its buttons are awake."""
    await page.wait_for_selector("late-buttons button[aria-disabled]", state="detached")
    await page.evaluate(
        "document.fonts.ready.then(() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done))))"
    )


def smaller_png(image: bytes) -> bytes:
    """Return the same picture in fewer bytes: browsers compress in a hurry."""
    chunks = list(png_chunks(image))
    pixels = zlib.decompress(b"".join(content for kind, content in chunks if kind == b"IDAT"))
    packed = zlib.compress(pixels, 9)
    kept = [chunk for chunk in chunks if chunk[0] in (b"IHDR", b"PLTE", b"tRNS")]
    parts = [*kept, (b"IDAT", packed), (b"IEND", b"")]
    made = PNG_SIGNATURE + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in parts
    )
    return min(image, made, key=len)


def png_chunks(image: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of a PNG file, kind and content (https://www.w3.org/TR/png-3/#5Chunk-layout)."""
    place = len(PNG_SIGNATURE)
    while place < len(image):
        (length,) = struct.unpack(">I", image[place : place + 4])
        yield image[place + 4 : place + 8], image[place + 8 : place + 8 + length]
        place += length + 12


def preferred_port(port: int) -> int:
    """Return the port that the README names, or another one where it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return free_port()
    return port


if __name__ == "__main__":
    sys.exit(main())

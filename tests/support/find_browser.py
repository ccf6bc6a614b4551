"""Find or install a Chromium for the tests and print its path: `python -m tests.support.find_browser`.

In this order: $PORTAL_TEST_BROWSER, Playwright's own, chromium or Chrome on PATH, `playwright install chromium`,
apt-get where root is on Debian, and the npm package @sparticuz/chromium, which carries one inside. A browser counts
when it has shown a page. Where none does, this fails: a test that needs a browser is never skipped.
"""

import os
import shlex
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import sync_playwright

from tests.support.node import npm_install, run_node

ROOT = Path(__file__).parents[2]
REMEMBERED = ROOT / ".cache" / "browser-path"
UNPACKED = ROOT / ".cache" / "browser"
NAMES_ON_PATH = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
INSTALL_WITHIN = 300.0  # seconds

FONTS_CONF = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{fonts}</dir><dir>/usr/share/fonts</dir><cachedir>{cache}</cachedir></fontconfig>
"""


def find_browser() -> str:
    """Return the path of a browser that works here.

    Raises:
        RuntimeError: none does; the text says what was tried.
    """
    if chosen := os.environ.get("PORTAL_TEST_BROWSER"):
        if problem := why_unusable(chosen):
            raise RuntimeError(f"PORTAL_TEST_BROWSER={chosen} shows no page: {problem}")
        return chosen
    if REMEMBERED.exists() and why_unusable(remembered := REMEMBERED.read_text()) is None:
        return remembered
    tried: list[str] = []
    sources: tuple[Callable[[], str | None], ...] = (
        playwrights_own,
        on_path,
        installed_by_playwright,
        installed_by_apt,
        unpacked_from_npm,
    )
    for source in sources:
        try:
            found = source()
            problem = "not there" if found is None else why_unusable(found)
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            found, problem = None, str(error)
        if found is not None and problem is None:
            REMEMBERED.parent.mkdir(exist_ok=True)
            REMEMBERED.write_text(found)
            return found
        tried.append(f"  {source.__name__.replace('_', ' ')}: {problem}")
    raise RuntimeError(
        "The tests need a browser and none could be found or installed. Install chromium, or set PORTAL_TEST_BROWSER "
        "to the path of one. Tried:\n" + "\n".join(tried)
    )


def why_unusable(browser: str) -> str | None:
    """Let the browser show a page as the tests do; return what is wrong, or None."""
    with sync_playwright() as playwright:
        try:
            launched = playwright.chromium.launch(executable_path=browser, timeout=60_000)
            page = launched.new_page()
            page.goto("data:text/html,<p>shown</p>")
            shown = page.inner_text("p")
            launched.close()
        except PlaywrightError as error:
            return str(error)[:500]
    return None if shown == "shown" else f"it shows {shown!r}"


def playwrights_own() -> str | None:
    """The browser that an earlier `playwright install` brought."""
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def on_path() -> str | None:
    """The system's browser."""
    return next((found for name in NAMES_ON_PATH if (found := shutil.which(name))), None)


def installed_by_playwright() -> str | None:
    """Playwright's own browser, downloaded."""
    say("trying playwright install chromium")
    subprocess.run(
        [sys.executable, "-m", "playwright", "install", "chromium"],
        env=os.environ | {"PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT": "10000"},
        capture_output=True,
        timeout=INSTALL_WITHIN,
        check=True,
    )
    return playwrights_own()


def installed_by_apt() -> str | None:
    """Debian's browser, where we may install it."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return None
    say("trying apt-get install chromium")
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", "chromium", "fonts-dejavu-core"]):
        subprocess.run(
            ["apt-get", *arguments],
            env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
            capture_output=True,
            timeout=INSTALL_WITHIN,
            check=True,
        )
    return on_path()


def unpacked_from_npm() -> str:
    """The browser inside an npm package, with the libraries and fonts that a bare machine lacks."""
    say("trying the npm package @sparticuz/chromium")
    UNPACKED.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(Path(__file__).parent / "npm_chromium" / name, UNPACKED)
    packed = npm_install(UNPACKED) / "@sparticuz" / "chromium" / "bin"
    unpack = (
        "const { createReadStream, createWriteStream } = require('fs');"
        "createReadStream(process.argv[1]).pipe(require('zlib').createBrotliDecompress())"
        ".pipe(createWriteStream(process.argv[2]))"
    )
    for archive in sorted(packed.glob("*.br")):
        target = UNPACKED / archive.stem
        run_node("-e", unpack, str(archive), str(target), folder=UNPACKED)
        if target.suffix == ".tar":
            with tarfile.open(target) as opened:
                opened.extractall(UNPACKED / target.stem)  # what npm has compared with the hash in our lock
    executable = UNPACKED / "chromium"
    executable.chmod(0o755)
    fonts = UNPACKED / "fonts.conf"
    fonts.write_text(FONTS_CONF.format(fonts=UNPACKED / "fonts", cache=UNPACKED / "fonts-cache"))
    libraries = ":".join(str(folder) for folder in _folders_with_libraries())
    starter = UNPACKED / "start"
    starter.write_text(
        "#!/bin/sh\n"
        f"export LD_LIBRARY_PATH={shlex.quote(libraries)}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}\n"
        f"export FONTCONFIG_FILE={shlex.quote(str(fonts))}\n"
        f'exec {shlex.quote(str(executable))} "$@"\n'
    )
    starter.chmod(0o755)
    return str(starter)


def say(line: str) -> None:
    """Tell what takes so long; stdout is for the path alone."""
    print(line, file=sys.stderr, flush=True)


def _folders_with_libraries() -> list[Path]:
    return sorted({file.parent for file in UNPACKED.glob("al2023/**/*.so*")} | {UNPACKED / "swiftshader"})


if __name__ == "__main__":
    try:
        print(find_browser())
    except RuntimeError as error:
        sys.exit(str(error))

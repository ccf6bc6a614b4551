"""Somebody on a machine of their own: an ordinary account, an empty home, a folder outside the checkout."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support.server import free_port

NOBODY = 65534  # an ordinary user without a home
PATH = "/usr/local/bin:/usr/bin:/bin"
INSTALLED_WITHIN = 300.0  # seconds; it downloads some sixty packages
READY_WITHIN = 90.0  # seconds; the embedded PostgreSQL makes its data folder first
STOPPED_WITHIN = 30.0  # seconds
EMAIL = "alice@example.com"
PASSWORD = "three quiet lanterns"


@dataclass
class Stranger:
    """Their folder, and what their commands find in the environment."""

    folder: Path
    environment: dict[str, str]

    def run(self, *command: str | Path, cwd: Path | None = None, stdin: str = "", **more: str) -> str:
        """Run a command to its end and return what it printed."""
        ran = subprocess.run(
            [str(word) for word in command],
            cwd=cwd or self.folder,
            env=self.environment | more,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=INSTALLED_WITHIN,
            check=False,
            **self._account(),
        )
        assert ran.returncode == 0, f"{command}\n{ran.stdout}\n{ran.stderr}"
        return ran.stdout

    @contextlib.contextmanager
    def serving(self, command: list[str], url: str) -> Iterator[None]:
        """Run a server until the block ends; it must then stop in order."""
        with (self.folder / "serve.log").open("wb") as log:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment | {"PORTAL_URL": url},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._account(),
            )
        try:
            self._wait_until_ready(process, url)
            yield
            process.send_signal(signal.SIGTERM)
            assert process.wait(STOPPED_WITHIN) == 0, self.log()
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def log(self) -> str:
        return (self.folder / "serve.log").read_text(errors="replace")

    def make_account(self, portal: Path, url: str) -> None:
        """Add somebody who can log in, with the command that was installed."""
        make = [portal, "users", "create", EMAIL, "--password-stdin", "--verified"]
        self.run(*make, stdin=f"{PASSWORD}\n", PORTAL_URL=url)

    def logs_in_with_curl(self, url: str) -> None:
        """Log in by the pages' own forms and see the account."""
        curl = ["curl", "--silent", "--show-error", "--cookie", "jar", "--cookie-jar", "jar", "--max-time", "30"]
        page = self.run(*curl, f"{url}/login")
        assert 'action="/login"' in page
        form = ["--data-urlencode", f"email={EMAIL}", "--data-urlencode", f"password={PASSWORD}"]
        answer = self.run(*curl, "--include", "--header", f"Origin: {url}", *form, f"{url}/login/password")
        assert re.match(r"HTTP/1\.1 303 ", answer), answer
        account = self.run(*curl, "--write-out", "%{http_code}", f"{url}/account")
        assert account.endswith("200"), account
        assert EMAIL in account
        # Everything that a page needs came along: templates above, styles here.
        [styles] = re.findall(r'<link rel="stylesheet" href="(/static/[^"]+)"', page)
        assert "color" in self.run(*curl, "--fail", url + styles)

    def _wait_until_ready(self, process: "subprocess.Popen[bytes]", url: str) -> None:
        deadline = time.monotonic() + READY_WITHIN
        while time.monotonic() < deadline:
            assert process.poll() is None, self.log()
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{url}/readyz").status_code == 200:
                    return
            time.sleep(0.1)
        raise AssertionError(self.log())

    def _account(self) -> dict[str, object]:
        return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


@contextlib.contextmanager
def a_stranger() -> Iterator[Stranger]:
    """Somebody with an empty folder and an empty home."""
    if shutil.which("curl") is None:
        raise SystemExit("curl is needed. Debian: apt-get install curl")
    folder = Path(tempfile.mkdtemp(prefix="portal-installed-"))
    try:
        (folder / "home").mkdir()
        if os.geteuid() == 0:
            for path in (folder, folder / "home"):
                os.chown(path, NOBODY, NOBODY)
        certificates = {
            name: value for name, value in os.environ.items() if name.endswith(("_proxy", "_PROXY", "_CERT"))
        }
        certificates |= {
            name: value for name, value in os.environ.items() if name in ("SSL_CERT_FILE", "PIP_INDEX_URL")
        }
        yield Stranger(folder, {"HOME": str(folder / "home"), "PATH": PATH, "LC_ALL": "C.UTF-8", **certificates})
    finally:
        shutil.rmtree(folder)


def an_address() -> str:
    return f"http://localhost:{free_port()}"


def give(stranger: Stranger, source: Path, place: Path) -> None:
    """Put a copy of a file or folder of the checkout where the stranger can read it."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, place, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, place)
    if os.geteuid() == 0:
        for path in (place.parent, place, *place.rglob("*")):
            if path.is_relative_to(stranger.folder):
                os.chown(path, NOBODY, NOBODY)

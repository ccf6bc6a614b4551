"""An app made of a stock library, as a process of its own, and a browser that goes between it and the portal.

Each app is one folder beside this file, in its own language, with the lock file of its package manager. It is told who
it is through APP_URL, ISSUER, CLIENT_ID, CLIENT_SECRET and PORT, and answers `/` with {"email": …} of whoever is
logged in.
"""

import contextlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from portal.db.engine import Database
from portal.oidc.clients import RegisteredClient, create_client
from tests.support.database import run_now
from tests.support.html import HtmlPage
from tests.support.person import FIREFOX, PASSWORD
from tests.support.server import ROOT, PortalServer, an_address, free_port

SOURCES = Path(__file__).parent
READY_WITHIN = 60.0  # seconds
CACHE = ROOT / ".cache" / "interop"

Command = Callable[[Path, dict[str, str]], list[str]]


@dataclass(frozen=True)
class StockApp:
    """How one library's app is built, started and used. Paths are the app's own."""

    name: str
    build: Callable[[Path], list[str]]  # makes the folder ready and returns the command that serves the app
    login: str = "/login"
    callback: str = "/callback"
    me: str = "/"
    refresh: str | None = "/refresh"
    token: str | None = None  # a page that shows the access token, for a library that wants it with `refresh`
    logout: str = "/logout"
    logged_out: str = "/"
    starts_by_form: bool = False  # `login` shows a form of the library's own, to be sent
    ends_by_form: bool = False  # `logout` does
    registration: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Running:
    """An app that serves."""

    app: StockApp
    url: str


@contextlib.contextmanager
def running(portal: PortalServer, app: StockApp) -> Iterator[Running]:
    """Register the app, build it and serve it until the block ends."""
    folder = prepared(app)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    registered = register(portal, app, url)
    command = app.build(folder)
    environment = {
        "APP_URL": url,
        "ISSUER": portal.url,
        "CLIENT_ID": registered.client.client_id,
        "CLIENT_SECRET": registered.client_secret or "",
        "PORT": str(port),
    }
    log = folder / "app.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [part.format(**environment) for part in command],
            cwd=folder,
            env=os.environ | environment | app.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_until_ready(process, url + app.me, log)
            yield Running(app, url)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def prepared(app: StockApp) -> Path:
    """Return a copy of the app's folder outside the checkout, where its packages may be installed."""
    folder = CACHE / app.name
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(SOURCES / app.name, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def register(portal: PortalServer, app: StockApp, url: str) -> RegisteredClient:
    """Register the app as `portal clients create` does."""
    assert portal.database is not None
    app_url = portal.database.app_url
    registration = {
        "redirect_uris": [url + app.callback],
        "post_logout_redirect_uris": [url, f"{url}/", url + app.logged_out],
        "grant_types": ["authorization_code", "refresh_token"],
        **app.registration,
    }

    async def work() -> RegisteredClient:
        database = Database(app_url, pool_size=1)
        made = await create_client(database, "default", name=app.name, **registration)
        await database.close()
        assert isinstance(made, RegisteredClient), made
        return made

    return run_now(work)


def _wait_until_ready(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while True:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(url, timeout=5).status_code < 500:
                return
        assert process.poll() is None, f"the app ended:\n{log.read_text()[-3000:]}"
        assert time.monotonic() < deadline, f"the app did not become ready:\n{log.read_text()[-3000:]}"
        time.sleep(0.1)


class Browser:
    """One browser without scripts that follows every redirect, between the portal and any app."""

    def __init__(self, portal: PortalServer) -> None:
        self.portal = portal
        self.http = httpx.Client(
            follow_redirects=True,
            timeout=30,
            headers={"user-agent": FIREFOX, "accept": "text/html,*/*", "x-forwarded-for": an_address()},
        )
        self.response: httpx.Response

    @property
    def page(self) -> HtmlPage:
        return HtmlPage(self.response.text)

    @property
    def place(self) -> str:
        return str(self.response.url)

    def open(self, url: str) -> "Browser":
        self.response = self.http.get(url)
        return self

    def submit(self, action: str, **typed: str) -> "Browser":
        """Send the form of this page that posts to `action`, with what was typed."""
        form = self.page.form(action)
        target = self.response.url.join(action)
        origin = f"{target.scheme}://{target.netloc.decode()}"
        self.response = self.http.post(target, data={**form.fields, **typed}, headers={"origin": origin})
        return self

    def start(self, running: Running) -> "Browser":
        """Begin to log in at the app."""
        self.open(running.url + running.app.login)
        if running.app.starts_by_form:
            self.submit(self.page.forms[0].action)
        return self

    def log_in(self, email: str) -> "Browser":
        """Fill in the portal's pages, and allow what the app asks for."""
        assert self.response.url.path == "/login", f"{self.place}: {self.response.text[:1500]}"
        self.submit("/login", email=email).submit("/login/password", password=PASSWORD)
        return self.allow()

    def allow(self) -> "Browser":
        if any(form.action == "/oauth2/consent" for form in self.page.forms):
            self.submit("/oauth2/consent", decision="allow")
        return self

    def refreshes(self, running: Running) -> bool:
        """Refresh at the app, and say whether it has another access token since."""
        app = running.app
        assert app.refresh
        if app.token is None:
            return bool(self.open(running.url + app.refresh).response.json()["refreshed"])
        before = self.http.get(running.url + app.token).text.strip()
        port = httpx.URL(running.url).port
        self.open(running.url + app.refresh.format(PORT=port, TOKEN=before))
        assert self.response.status_code == 200, f"{self.place}: {self.response.text[:1500]}"
        after = self.http.get(running.url + app.token).text.strip()
        return bool(before) and bool(after) and after != before

    def log_out(self, running: Running) -> "Browser":
        """Log out at the app, which leads through the portal and back."""
        port = httpx.URL(running.url).port
        self.open(running.url + running.app.logout.format(PORT=port))
        if running.app.ends_by_form:
            self.submit(self.page.forms[0].action)
        if self.place.startswith(f"{self.portal.url}/oauth2/logout"):
            self.submit("/oauth2/logout/confirm")  # no id_token_hint came: the portal asks
        return self

    def who(self, running: Running) -> str:
        """What the app says of who is there."""
        return self.http.get(running.url + running.app.me).text

    def forget(self) -> None:
        """Drop every cookie of apps; the portal's stay."""
        for cookie in list(self.http.cookies.jar):
            if re.match(r"127\.", cookie.domain):
                self.http.cookies.jar.clear(cookie.domain, cookie.path, cookie.name)

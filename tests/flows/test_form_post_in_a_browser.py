"""The answer to an app by POST, in a browser: its script sends it on, and without JavaScript its button does.

https://openid.net/specs/oauth-v2-form-post-response-mode-1_0.html
"""

import base64
import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlencode

import httpx
import pytest
from playwright.async_api import Page, expect

from portal.db.engine import Database
from portal.oidc.clients import RegisteredClient, create_client
from tests.support.browser import Visit
from tests.support.database import run_now
from tests.support.server import SEEDED_PASSWORD, PortalServer

VERIFIER = "a-verifier-that-is-long-enough-for-every-library"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
Posted = dict[str, list[str]]


@dataclass
class App:
    """An app that takes its answers by POST and by nothing else."""

    address: str
    client_id: str = ""
    client_secret: str = ""
    posted: list[Posted] = field(default_factory=list)

    def url(self, portal: PortalServer) -> str:
        return f"{portal.url}/oauth2/authorize?" + urlencode(
            {
                "response_type": "code", "response_mode": "form_post", "client_id": self.client_id, "scope": "openid",
                "redirect_uri": f"{self.address}/callback", "state": 'a "quoted" <state>&', "nonce": "n",
                "code_challenge": CHALLENGE, "code_challenge_method": "S256",
            }
        )  # fmt: skip


@pytest.fixture
def app(portal_server: PortalServer) -> Iterator[App]:
    """The app, registered as one of the house, so that nobody is asked for consent."""
    with_posts: list[Posted] = []

    class Callback(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            with_posts.append(parse_qs(body.decode(), keep_blank_values=True, strict_parsing=True))
            self._say(b"<!doctype html><title>App</title><link rel=icon href='data:,'><h1>Welcome back</h1>")

        def do_GET(self) -> None:
            self._say(b"<!doctype html><title>App</title><link rel=icon href='data:,'><h1>Nothing was posted</h1>")

        def _say(self, page: bytes) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.send_header("content-length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Callback)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made = App(f"http://127.0.0.1:{server.server_port}", posted=with_posts)
    _register(portal_server, made)
    yield made
    server.shutdown()
    server.server_close()


def _register(portal: PortalServer, app: App) -> None:
    async def work() -> RegisteredClient:
        assert portal.database is not None
        database = Database(portal.database.app_url, pool_size=1)
        callback = [f"{app.address}/callback"]
        made = await create_client(database, "default", name="Posted to", redirect_uris=callback, first_party=True)
        await database.close()
        assert isinstance(made, RegisteredClient), made
        return made

    made = run_now(work)
    app.client_id, app.client_secret = made.client.client_id, made.client_secret or ""


async def log_in(page: Page) -> None:
    await page.get_by_label("E-mail address").fill("alice@example.com")
    await page.get_by_role("button", name="Continue").click()
    await page.get_by_label("Password", exact=True).fill(SEEDED_PASSWORD)
    await page.get_by_role("button", name="Log in", exact=True).click()


@pytest.mark.parametrize("javascript", [True, False], ids=["with_javascript", "without_javascript"])
@pytest.mark.parametrize("phone", [True, False], ids=["phone", "desktop"])
async def test_the_answer_arrives_by_post(
    portal_server: PortalServer, app: App, visit: Visit, javascript: bool, phone: bool
) -> None:
    page = await (await visit(javascript=javascript, phone=phone)).new_page()
    await page.goto(app.url(portal_server))
    await log_in(page)
    if not javascript:
        await expect(page.get_by_role("heading", level=1)).to_have_text("Back to Posted to")
        assert not app.posted
        await page.get_by_role("button", name="Continue").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Welcome back")
    assert page.url == f"{app.address}/callback"
    [posted] = app.posted
    assert set(posted) == {"code", "state", "iss"}
    assert (posted["state"], posted["iss"]) == (['a "quoted" <state>&'], [portal_server.url])
    fields = {
        "grant_type": "authorization_code", "code": posted["code"][0], "code_verifier": VERIFIER,
        "redirect_uri": f"{app.address}/callback",
    }  # fmt: skip
    async with httpx.AsyncClient(auth=(app.client_id, app.client_secret), headers={"host": portal_server.host}) as http:
        redeemed = await http.post(f"{portal_server.address}/oauth2/token", data=fields)
    assert redeemed.status_code == 200, redeemed.text

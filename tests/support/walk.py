"""A walk through every page at plain forms: the pages in their states, and whatever they link to.

For rules about all pages: no inline code, every text translated.
"""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

import httpx

from tests.support.demo_app import register
from tests.support.html import HtmlPage
from tests.support.person import PASSWORD, Person, an_email, newest_mail
from tests.support.server import PortalServer

CALLBACK = "http://127.0.0.1:9"  # an app that nobody needs to visit
MAX_PAGES = 300
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(b"x" * 43).digest()).rstrip(b"=").decode()


@dataclass(frozen=True)
class Seen:
    """One page as it was answered."""

    step: str
    status: int
    html: str


class Walk:
    """One walk. `seen` has every HTML page that was answered on the way."""

    def __init__(self, portal: PortalServer) -> None:
        self.portal = portal
        self.seen: list[Seen] = []
        self.emails = [an_email("first"), an_email("second")]

    def everywhere(self) -> "list[Seen]":
        """Go everywhere and return what was seen."""
        for part in (self._sign_up, self._links, self._account, self._login, self._refusals):
            part()
        return self.seen

    def _somebody(self) -> Person:
        person = Person(self.portal)
        person.http.event_hooks["response"].append(self._note)
        return person

    def _note(self, response: httpx.Response) -> None:
        response.read()
        own = str(response.url).startswith(self.portal.url)
        if own and response.headers.get("content-type", "").startswith("text/html") and response.text:
            self.seen.append(
                Seen(f"{response.request.method} {response.url.path}", response.status_code, response.text)
            )

    def _sign_up(self) -> None:
        with self._somebody() as zoe:
            zoe.open(self._app_login("create")).submit("/signup", email="x", new_password="x")
            zoe.submit("/signup", email=self.emails[0], new_password="password123")
            zoe.submit("/signup", email=self.emails[0], new_password=PASSWORD)
            zoe.submit("/signup/verify", code="x").submit("/signup/verify", code="000000")
            zoe.submit("/signup/resend")
            zoe.open(zoe.response.url.path)
            flow = self._flow(self.emails[0])
            zoe.open(f"/signup/verify?flow={flow}&change=1").submit("/signup/resend", email="x")
            zoe.open(f"/signup/verify?flow={flow}")
            for _ in range(5):
                zoe.submit("/signup/verify", code="000000")
            link = newest_mail(self.portal, self.emails[0]).link
            zoe.open(link).submit(link)
            zoe.submit("/oauth2/consent", {"decision": "nonsense"})
            zoe.open(self._app_login()).open("/account")
            self._crawl(zoe)

    def _links(self) -> None:
        with self._somebody() as zoe, self._somebody() as other:
            zoe.ask_to_sign_up(self.emails[1])
            link = newest_mail(self.portal, self.emails[1]).link
            other.open(link).submit(link).submit("/signup/password", new_password="x")
            other.open(link).open("/link/unknown")
            other.open(f"/signup/verify?flow={self._flow(self.emails[1])}")
            other.open("/login?flow=unknown")
            other.post("/signup", {"email": self.emails[0], "new_password": PASSWORD})
            other.open(newest_mail(self.portal, self.emails[0]).link)
            self.portal.sql("update authn.login_flows set expires_at = now()")
            zoe.open(f"/signup/verify?flow={self._flow(self.emails[1])}")

    def _account(self) -> None:
        with self._somebody() as zoe, self._somebody() as elsewhere:
            elsewhere.post("/login/password", {"email": self.emails[0], "password": PASSWORD})
            zoe.post("/login/password", {"email": self.emails[0], "password": PASSWORD})
            zoe.open("/account/devices").submit("/account/devices/end")
            zoe.post("/account/devices/end-others", {}, **{"hx-request": "true"})
            zoe.open("/logout").submit("/logout").open("/logout")

    def _login(self) -> None:
        with self._somebody() as zoe:
            zoe.open(self._app_login()).submit("/login", email="x").submit("/login", email=self.emails[0])
            self._crawl(zoe)
            for password in ("", *["a wrong guess"] * 6):
                zoe.post("/login/password", {"email": self.emails[0], "password": password})

    def _refusals(self) -> None:
        with self._somebody() as zoe:
            zoe.open("/oauth2/authorize").open("/oauth2/authorize?client_id=unknown&redirect_uri=https://x.example")
            zoe.open("/nothing-here").open("/login/password").open("/oauth2/authorize/resume/unknown")
            zoe.post("/login", {"email": "x"}, origin="https://evil.example")
            zoe.post("/login", {"email": "x"}, **{"content-type": "text/plain"})
            zoe.post("/login", {"email": "\0"}).post("/login", {"email": "x" * 5000})

    def _crawl(self, person: Person) -> None:
        """Open everything that the page links to, and what those pages link to."""
        waiting = [href for _words, href in person.page.links]
        opened: set[str] = set()
        while waiting and len(opened) < MAX_PAGES:
            href = waiting.pop()
            plain = href.partition("?")[0]
            if not href.startswith("/") or plain in opened or plain.startswith("/apps/"):
                continue
            opened.add(plain)
            waiting += [found for _words, found in person.open(href).page.links]

    def _flow(self, email: str) -> str:
        rows = self.portal.rows(
            "select flow_id::text as id from authn.verifications where email = $1 order by created_at desc", email
        )
        return str(rows[0]["id"])

    def _app_login(self, prompt: str | None = None) -> str:
        """Where an app would send a browser."""
        registration = register(self.portal, CALLBACK)
        asked = {
            "client_id": registration["DEMO_CLIENT_ID"],
            "redirect_uri": f"{CALLBACK}/callback",
            "response_type": "code",
            "scope": "openid profile email",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }
        return "/oauth2/authorize?" + urlencode({**asked, **({"prompt": prompt} if prompt else {})})


def parsed(seen: list[Seen], *, keep: Callable[[Seen], bool] = lambda _seen: True) -> list[tuple[Seen, HtmlPage]]:
    """The pages with what is in them."""
    return [(page, HtmlPage(page.html)) for page in seen if keep(page)]

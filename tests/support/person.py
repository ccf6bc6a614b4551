"""A person at plain HTML forms, and the mailbox they read: no script, no knowledge of the inside."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

import httpx
import pytest

from tests.support.html import HtmlPage
from tests.support.server import PortalServer, an_address

PASSWORD = "three quiet lanterns"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.5 Mobile/15E148 Safari/604.1"
)
MAX_REDIRECTS = 10


def an_email(name: str = "zoe") -> str:
    """Return an address that nobody else uses."""
    return f"{name}-{secrets.token_hex(4)}@example.org"


@dataclass(frozen=True)
class Mail:
    """A mail as the development inbox tells it."""

    to: str
    subject: str
    text: str
    html: str
    links: list[str]
    code: str | None
    sent_at: str

    @property
    def link(self) -> str:
        """The path of its one-time link."""
        [found] = [link for link in self.links if "/link/" in link]
        return httpx.URL(found).raw_path.decode()


def mails_to(portal: PortalServer, address: str) -> list[Mail]:
    """Return the mails to an address, newest first."""
    answer = httpx.get(
        f"{portal.address}/dev/inbox.json", params={"to": address}, headers={"host": portal.host}, timeout=20
    )
    assert answer.status_code == 200, answer.text
    return [Mail(**item) for item in answer.json()]


def newest_mail(portal: PortalServer, address: str) -> Mail:
    """Return the newest mail to an address; the inbox has it as soon as the request that wrote it was answered."""
    mails = mails_to(portal, address)
    assert mails, f"no mail to {address}"
    return mails[0]


class Person:
    """One browser without scripts: it keeps cookies, follows redirects and sends forms with an Origin header.

    `response` and `page` are what it shows now; `way` the addresses that the last step went through.
    """

    def __init__(self, portal: PortalServer, *, agent: str = FIREFOX, address: str | None = None) -> None:
        self.portal = portal
        self.origin = portal.url
        self.http = httpx.Client(
            base_url=portal.url,
            headers={
                "user-agent": agent,
                "accept": "text/html",
                "accept-language": "en",
                "x-forwarded-for": address or an_address(),
            },
            timeout=30,
        )
        self.response: httpx.Response
        self.page: HtmlPage
        self.way: list[str] = []

    @property
    def cookies(self) -> dict[str, str]:
        """The portal's cookies by name."""
        return {cookie.name: cookie.value or "" for cookie in self.http.cookies.jar if "127" not in cookie.domain}

    @property
    def path(self) -> str:
        """Where it is now: the path, without the query."""
        return self.response.url.path

    @property
    def place(self) -> str:
        """Where it is now: path and query."""
        return self.response.url.raw_path.decode()

    @property
    def session_cookie(self) -> str | None:
        return self.cookies.get("portal_session")

    def open(self, address: str, **headers: str) -> Self:
        """Type an address; a path is one of the portal's."""
        return self._follow(self.http.get(address, headers=headers))

    def follow(self, text: str) -> Self:
        """Press the link with these words."""
        return self.open(str(self.response.url.join(self.page.link(text))))

    def submit(self, action: str, button: dict[str, str] | None = None, **typed: str) -> Self:
        """Fill the form of the page that posts to `action` and send it, with a named button where one is pressed."""
        form = self.page.form(action)
        unknown = set(typed) - set(form.fields) - _unticked(self.page)
        assert not unknown, f"the form for {action} has no field {unknown}, only {list(form.fields)}"
        return self.post(action, {**form.fields, **typed, **(button or {})})

    def post(self, path: str, fields: dict[str, Any] | None = None, **headers: str) -> Self:
        """Send a form that no page showed, as the portal's own pages would."""
        # Spelled out, as httpx leaves the content type away from an empty form and browsers do not.
        form = {"origin": self.origin, "content-type": "application/x-www-form-urlencoded"}
        return self._follow(self.http.post(path, content=urlencode(fields or {}), headers={**form, **headers}))

    def sign_up(self, email: str, password: str = PASSWORD) -> Self:
        """Go through sign-up to its end, from the page shown now or from the start."""
        self.ask_to_sign_up(email, password)
        return self.submit("/signup/verify", code=newest_mail(self.portal, email).code or "")

    def ask_to_sign_up(self, email: str, password: str = PASSWORD) -> Self:
        """Go through sign-up up to the page that asks for the code."""
        self.open("/signup").submit("/signup", email=email, new_password=password)
        assert self.path == "/signup/verify", self.page.text
        return self

    def log_in(self, email: str, password: str = PASSWORD, **more: str) -> Self:
        """Log in on the pages: the address first, then the password."""
        return self.open("/login").submit("/login", email=email).submit("/login/password", password=password, **more)

    def is_logged_in(self) -> bool:
        """Ask a page that needs a login."""
        return self.http.get("/account").status_code == 200

    def log_out(self) -> Self:
        return self.open("/logout").submit("/logout")

    def close(self) -> None:
        self.http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.close()

    def _follow(self, response: httpx.Response) -> Self:
        self.way = [str(response.url)]
        for _ in range(MAX_REDIRECTS):
            if not response.has_redirect_location:
                break
            assert response.status_code == 303, "a form's answer must not be posted again"
            response = self.http.get(response.url.join(response.headers["location"]))
            self.way.append(str(response.url))
        self.response = response
        self.page = HtmlPage(response.text)
        return self


def _unticked(page: HtmlPage) -> set[str]:
    return {
        element.attributes["name"]
        for element in page.elements
        if element.tag == "input" and element.attributes.get("type") == "checkbox" and "name" in element.attributes
    }


Somebody = Callable[..., Person]


@pytest.fixture
def somebody(portal_server: PortalServer) -> Iterator[Somebody]:
    """Another browser, with an address of its own, each time it is asked."""
    people: list[Person] = []

    def arrive(**who: str) -> Person:
        people.append(Person(portal_server, **who))
        return people[-1]

    yield arrive
    for person in people:
        person.close()


@pytest.fixture
def zoe(somebody: Somebody) -> Person:
    """A person at a browser without scripts."""
    return somebody()

"""The two sides of the provider in tests: a person's browser, and an app with a registered client."""

import asyncio
import base64
import contextlib
import hashlib
import json
import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import asyncpg
import httpx

from portal.crypto.sealing import Sealer
from portal.crypto.tokens import new_token
from portal.db.engine import Database
from portal.mail.message import Mail, open_mail
from portal.oidc.clients import RegisteredClient, create_client
from tests.support.database import STATEMENT_CACHE, TestDatabase, connect

ISSUER = "http://localhost:8000"
CALLBACK = "https://app.example/callback"
PASSWORD = "correct-horse-battery"
SECRET_KEY = "a-secret-key-for-tests-that-is-long-enough"
SEALER = Sealer((SECRET_KEY.encode(),))


class Browser:
    """A browser without JavaScript: cookies, links, forms, and no redirect followed off the portal."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self.http = httpx.AsyncClient(transport=transport, base_url=ISSUER, headers={"accept": "text/html"})

    async def open(self, url: str) -> httpx.Response:
        """Follow a link and the portal's own redirects; stop where a redirect leaves the portal."""
        response = await self.http.get(url)
        return await self._follow(response)

    async def submit(self, path: str, fields: dict[str, str]) -> httpx.Response:
        """Send a form, as a page of the portal would."""
        response = await self.http.post(path, data=fields, headers={"origin": ISSUER})
        return await self._follow(response)

    async def log_in(self, email: str = "alice@example.com") -> httpx.Response:
        """Log in by the real form, without an earlier page."""
        return await self.submit("/login/password", {"email": email, "password": PASSWORD})

    async def log_in_on(self, page: httpx.Response, email: str = "alice@example.com") -> httpx.Response:
        """Log in by the form of the page that is shown."""
        flow = parse_qs(page.url.query.decode())["flow"][0]
        return await self.submit("/login/password", {"email": email, "password": PASSWORD, "flow": flow})

    async def decide(self, page: httpx.Response, decision: str, **changes: str) -> httpx.Response:
        """Press a button of the consent page."""
        return await self.submit("/oauth2/consent", {**hidden_fields(page.text), "decision": decision, **changes})

    async def _follow(self, response: httpx.Response) -> httpx.Response:
        for _ in range(10):
            location = response.headers.get("location")
            if response.status_code != 303 or location is None or not location.startswith("/"):
                return response
            response = await self.http.get(location)
        raise AssertionError("a redirect loop")


@dataclass
class App:
    """An app that logs people in through the portal."""

    http: httpx.AsyncClient
    client_id: str
    client_secret: str | None
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    state: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(16))

    @property
    def challenge(self) -> str:
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()

    def parameters(self, **changes: str | None) -> dict[str, str]:
        """The parameters of an ordinary request; None leaves one out."""
        ordinary: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": CALLBACK,
            "scope": "openid profile email",
            "state": self.state,
            "nonce": self.nonce,
            "code_challenge": self.challenge,
            "code_challenge_method": "S256",
        }
        return {name: value for name, value in {**ordinary, **changes}.items() if value is not None}

    def url(self, **changes: str | None) -> str:
        """The address that the app sends a browser to."""
        return "/oauth2/authorize?" + urlencode(self.parameters(**changes))

    async def redeem(self, code: str, **changes: str | None) -> httpx.Response:
        """Exchange a code for tokens; None leaves a parameter out."""
        ordinary: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": self.verifier,
        }
        return await self.call("/oauth2/token", **{**ordinary, **changes})

    async def refresh(self, refresh_token: str, **changes: str | None) -> httpx.Response:
        """Exchange a refresh token for new tokens."""
        ordinary = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        return await self.call("/oauth2/token", **{**ordinary, **changes})

    async def revoke(self, token: str, **more: str | None) -> httpx.Response:
        return await self.call("/oauth2/revoke", token=token, **more)

    async def introspect(self, token: str, **more: str | None) -> httpx.Response:
        return await self.call("/oauth2/introspect", token=token, **more)

    async def call(self, path: str, **fields: str | None) -> httpx.Response:
        """Send a form to the provider as this app; None leaves a field out."""
        if self.client_secret is None:
            fields = {"client_id": self.client_id, **fields}
        data = {name: value for name, value in fields.items() if value is not None}
        auth = None if self.client_secret is None else httpx.BasicAuth(self.client_id, self.client_secret)
        return await self.http.post(path, data=data, auth=auth)

    async def userinfo(self, access_token: str) -> httpx.Response:
        return await self.http.get("/oauth2/userinfo", headers={"authorization": f"Bearer {access_token}"})


class World:
    """A running portal with its people and apps."""

    def __init__(
        self, transport: httpx.AsyncBaseTransport, database: "CountingDatabase", superuser: TestDatabase
    ) -> None:
        self.transport = transport
        self.database = database
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._turn = asyncio.Lock()
        self.app_url, self.superuser_url = superuser.app_url, superuser.superuser_url
        self.http = httpx.AsyncClient(transport=transport, base_url=ISSUER)

    def browser(self) -> Browser:
        return Browser(self.transport)

    async def app(self, name: str = "Acme", **registration: Any) -> App:
        """Register an app; first-party and confidential unless told otherwise."""
        registration = {"redirect_uris": [CALLBACK], "first_party": True, **registration}
        registered = await create_client(self.database, "default", name=name, **registration)
        assert isinstance(registered, RegisteredClient), registered
        return App(self.http, registered.client.client_id, registered.client_secret)

    async def logged_in(self, email: str = "alice@example.com") -> Browser:
        browser = self.browser()
        response = await browser.log_in(email)
        assert response.status_code == 200, response.text
        return browser

    async def events(self, event_type: str, client_id: str | None = None) -> list[dict[str, Any]]:
        """The audit events of a type, about one app where it is named, oldest first."""
        rows = await self.rows(
            "select * from authn.audit_events "
            "where event_type = $1 and ($2::text is null or resource_id = $2) order by id",
            event_type,
            client_id,
        )
        return [{**row, "new_values": json.loads(row["new_values"] or "null")} for row in rows]

    async def mails(self, to: str) -> list[Mail]:
        """The mails that wait for a person, oldest first."""
        rows = await self.rows("select payload from authn.outbox where payload <> '' order by id")
        mails = [open_mail(SEALER, row["payload"]) for row in rows]
        return [mail for mail in mails if mail.to == to]

    async def rows(self, query: str, *arguments: object) -> list[Any]:
        """Look into the database without row-level security."""
        async with self._superuser() as connection:
            return list(await connection.fetch(query, *arguments))

    async def tamper(self, statement: str) -> None:
        """Change rows as nobody can through the portal: clocks that have moved on, people who were disabled."""
        async with self._superuser() as connection:
            await connection.execute(statement)

    async def close(self) -> None:
        """Close every connection."""
        if self._connection is not None:
            await self._connection.close()
        await self.database.close()

    @contextlib.asynccontextmanager
    async def _superuser(self) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
        async with self._turn:
            if self._connection is None:
                self._connection = await connect(self.superuser_url)
            yield self._connection


class CountingDatabase(Database):
    """The real database, with a count of the round trips made to it."""

    def __init__(self, url: str) -> None:
        super().__init__(url, statement_cache=STATEMENT_CACHE)
        self.round_trips = 0

    async def fetch(self, query: str, *args: object) -> list[Any]:
        self.round_trips += 1
        return await super().fetch(query, *args)

    async def fetchrow(self, query: str, *args: object) -> Any:
        self.round_trips += 1
        return await super().fetchrow(query, *args)

    async def fetchval(self, query: str, *args: object) -> Any:
        self.round_trips += 1
        return await super().fetchval(query, *args)

    def transaction(self, namespace: str) -> Any:
        raise AssertionError("the provider's calls are single statements")


def answer(response: httpx.Response) -> dict[str, str]:
    """The parameters that a redirect carries to the app, each of them once."""
    assert response.status_code == 303, response.text
    location = response.headers["location"]
    assert location.startswith(CALLBACK + "?"), location
    found = parse_qs(urlsplit(location).query, keep_blank_values=True, strict_parsing=True)
    assert all(len(values) == 1 for values in found.values()), found
    return {name: values[0] for name, values in found.items()}


def hidden_fields(html: str) -> dict[str, str]:
    """The hidden inputs of a page."""
    tags = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', html)
    return {unescape(name): unescape(value) for name, value in tags}


def unverified_claims(token: str) -> dict[str, Any]:
    """The claims of a JWT, without a look at its signature."""
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


def random_token() -> str:
    return new_token().raw

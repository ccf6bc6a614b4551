"""The authorization code flow of an app whose person is logged in already: one request for a code, one for tokens.

OpenID Connect Core 1.0 section 3.1, https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowAuth, with PKCE.
"""

import base64
import hashlib
from dataclasses import dataclass, replace
from urllib.parse import parse_qs, urlencode, urlsplit

from benchmarks.cluster import DatabaseServer
from benchmarks.contenders.contender import Contender
from benchmarks.contenders.node import log_in_to_oidc_provider
from benchmarks.contenders.portal import PortalUnderTest
from benchmarks.http_client import Connection, request
from portal.db.engine import Database
from portal.oidc.clients import RegisteredClient, create_client

CALLBACK = "https://app.example/callback"
VERIFIER = "a-verifier-for-figures-only-with-more-than-forty-three-characters"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class AppCredentials:
    """What a confidential app proves itself with."""

    client_id: str
    client_secret: str

    @property
    def basic(self) -> str:
        """The Authorization header of client_secret_basic (RFC 6749 section 2.3.1)."""
        return "Basic " + base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()

    def authorize_path(self, endpoint: str) -> str:
        parameters = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": CALLBACK,
            "scope": "openid profile email",
            "state": "a-state",
            "nonce": "a-nonce",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }
        return f"{endpoint}?{urlencode(parameters)}"


@dataclass(frozen=True, slots=True)
class CodeFlow:
    """Both requests against one provider."""

    contender: Contender
    host: str
    app: AppCredentials
    cookie: str
    authorize_endpoint: str
    token_endpoint: str

    async def run(self, connection: Connection) -> None:
        """Get a code and exchange it."""
        await self.redeem(connection, await self.get_code(connection))

    async def get_code(self, connection: Connection) -> str:
        """Ask for a code as the person's browser does."""
        path = self.app.authorize_path(self.authorize_endpoint)
        answer = await connection.send(request("GET", self.host, path, {"cookie": self.cookie}))
        query = parse_qs(urlsplit(answer.header("location") or "").query)
        if "code" not in query:
            raise RuntimeError(f"{self.contender.name} gave no code: {answer.status} {answer.header('location')}")
        return query["code"][0]

    async def redeem(self, connection: Connection, code: str) -> None:
        """Exchange the code for tokens as the app's server does."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
        }
        headers = {"authorization": self.app.basic, "accept": "application/json"}
        answer = await connection.send(request("POST", self.host, self.token_endpoint, headers, form))
        if answer.status != 200 or b"id_token" not in answer.body:
            raise RuntimeError(f"{self.contender.name} gave no tokens: {answer.status} {answer.body[:300]!r}")

    def by_way_of(self, contender: Contender) -> "CodeFlow":
        """Return the same flow against another process of the same provider."""
        return replace(self, contender=contender)


async def register_app(server: DatabaseServer) -> AppCredentials:
    """Register a first-party app at the portal: nobody is asked for consent, as with a grant given before."""
    database = Database(server.app_url, pool_size=1)
    try:
        made = await create_client(database, "default", name="Figures", redirect_uris=[CALLBACK], first_party=True)
    finally:
        await database.close()
    if not isinstance(made, RegisteredClient) or made.client_secret is None:
        raise RuntimeError(f"the app was not registered: {made}")
    return AppCredentials(made.client.client_id, made.client_secret)


def flow_of_portal(portal: PortalUnderTest, app: AppCredentials, cookie: str) -> CodeFlow:
    """Return the flow against the portal."""
    return CodeFlow(portal.contender, portal.host, app, cookie, "/oauth2/authorize", "/oauth2/token")


async def flow_of_oidc_provider(contender: Contender) -> CodeFlow:
    """Return the flow against npm's oidc-provider."""
    app = AppCredentials("bench", "a-secret-for-figures-only")
    cookie = await log_in_to_oidc_provider(contender, app.authorize_path("/auth"))
    return CodeFlow(contender, f"127.0.0.1:{contender.port}", app, cookie, "/auth", "/token")

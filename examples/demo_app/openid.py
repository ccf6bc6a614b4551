"""Logging in with OpenID Connect: Authlib's client, and the checks that it leaves to the app.

What a login needs until it comes back (state, nonce, PKCE verifier) is in a cookie of its own, named after its state:
ten tabs can log in at once, in any order, and a restart of this app loses none of them. What it gives is kept fresh
with a refresh token, so that this app notices when the login has ended at the provider.

https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowSteps
"""

import time
import warnings
from dataclasses import dataclass, replace
from typing import Any

import httpx
from authlib.deprecate import AuthlibDeprecationWarning
from authlib.integrations.base_client import BaseApp, OAuthError
from authlib.integrations.base_client.async_app import AsyncOAuth2Mixin
from authlib.integrations.base_client.async_openid import AsyncOpenIDMixin
from joserfc.errors import JoseError

from settings import ANSWER_WITHIN, CALLBACK, CLIENT_ID, CLIENT_SECRET, DEMO_URL, ISSUER

with warnings.catch_warnings():
    warnings.simplefilter("ignore", AuthlibDeprecationWarning)  # it would rather have httpx2; httpx is there anyway
    from authlib.integrations.httpx_client import AsyncOAuth2Client

SCOPE = "openid profile email"
REFRESH_EARLY = 30  # seconds before an access token ends: its next use may take a moment

Claims = dict[str, Any]


class OpenIDClient(AsyncOAuth2Mixin, AsyncOpenIDMixin, BaseApp):  # type: ignore[misc] # Authlib has no types here
    """Authlib's client as its integrations for Starlette and FastAPI put it together, for any framework."""

    client_cls = AsyncOAuth2Client


@dataclass(frozen=True)
class StartedLogin:
    """Where to send the browser, and what to remember until it comes back."""

    url: str
    state: str
    nonce: str
    code_verifier: str


@dataclass(frozen=True)
class VerifiedLogin:
    """Who logged in, and what keeps knowing it fresh. `id_token` is kept for logging out."""

    id_token_claims: Claims
    userinfo: Claims
    id_token: str
    access_token: str
    access_token_ends_at: float  # seconds since 1970
    refresh_token: str | None  # where the provider gave one
    refreshed: int = 0  # how often

    @property
    def is_stale(self) -> bool:
        """Whether the access token has ended, or is about to."""
        return self.refresh_token is not None and time.time() > self.access_token_ends_at - REFRESH_EARLY


class LoginRefused(Exception):
    """The provider's answer cannot be trusted, or it gave none. The text is for the log."""


class LoginEnded(LoginRefused):
    """The provider no longer stands by the login: the person logged out there, or it was ended for them."""


def _client() -> OpenIDClient:
    return OpenIDClient(
        None,
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        server_metadata_url=f"{ISSUER}/.well-known/openid-configuration",
        client_kwargs={"scope": SCOPE, "code_challenge_method": "S256", "timeout": ANSWER_WITHIN},
    )


async def start_login(**parameters: str) -> StartedLogin:
    """Make an authorization request; `parameters` are added to it, such as prompt="create"."""
    client = _client()
    await _metadata(client)
    made = await _calling_provider(client.create_authorization_url(CALLBACK, **parameters))
    return StartedLogin(made["url"], made["state"], made["nonce"], made["code_verifier"])


async def finish_login(code: str, response_issuer: str | None, started: StartedLogin) -> VerifiedLogin:
    """Exchange the code and verify what comes. The caller has found `started` by the answer's state."""
    client = _client()
    metadata = await _metadata(client)
    # RFC 9207: an answer of another provider must not be taken for this one's (mix-up attack).
    if response_issuer != ISSUER and metadata.get("authorization_response_iss_parameter_supported"):
        raise LoginRefused(f"the answer came from {response_issuer!r}")
    token = await _calling_provider(client.fetch_access_token(CALLBACK, code=code, code_verifier=started.code_verifier))
    return await _verify(client, token, nonce=started.nonce)


async def refresh_login(login: VerifiedLogin) -> VerifiedLogin:
    """Exchange the refresh token for new tokens. Two at once for one login are the caller's to keep apart.

    Raises:
        LoginEnded: when the provider says that the login is over.
        LoginRefused: when it says nothing, or nothing that can be trusted; the old login may be tried again.
    """
    client = _client()
    metadata = await _metadata(client)
    token = await _refresh(metadata["token_endpoint"], login)
    fresh = await _verify(client, token, nonce=None)
    # Core section 12.2: the new ID token is about the same login, or it is none for us.
    for claim in ("sub", "auth_time", "sid"):
        if fresh.id_token_claims.get(claim) != login.id_token_claims.get(claim):
            raise LoginEnded(f"the refreshed {claim} is another")
    return replace(fresh, refresh_token=fresh.refresh_token or login.refresh_token, refreshed=login.refreshed + 1)


async def revoke_login(login: VerifiedLogin) -> None:
    """Tell the provider that this app needs its tokens no longer (RFC 7009)."""
    metadata = await _metadata(_client())
    if login.refresh_token is None or not metadata.get("revocation_endpoint"):
        return
    async with _token_client() as http:
        await _calling_provider(http.revoke_token(metadata["revocation_endpoint"], token=login.refresh_token))


async def end_session_url(id_token: str) -> str | None:
    """Return where to log out of the provider too, or None where it has no such place."""
    client = _client()
    metadata = await _metadata(client)
    if not metadata.get("end_session_endpoint"):
        return None
    made = await client.create_logout_url(f"{DEMO_URL}/", id_token_hint=id_token, client_id=CLIENT_ID)
    return str(made["url"])


async def provider_keys() -> dict[str, Any]:
    """Return the provider's public keys (a JWK set)."""
    client = _client()
    await _metadata(client)
    keys: dict[str, Any] = await _calling_provider(client.fetch_jwk_set())
    return keys


async def _refresh(token_endpoint: str, login: VerifiedLogin) -> dict[str, Any]:
    async with _token_client() as http:
        for last_try in (False, True):
            try:
                token: dict[str, Any] = await http.refresh_token(token_endpoint, refresh_token=login.refresh_token)
            except httpx.TransportError as error:
                # The answer may be lost while the token is used up: asked again at once, the provider repeats it.
                if last_try:
                    raise LoginRefused(f"{type(error).__name__}: {error}") from error
            except OAuthError as error:
                if error.error == "invalid_grant":
                    raise LoginEnded(str(error)) from error
                raise LoginRefused(str(error)) from error
            else:
                return token
    raise AssertionError


async def _verify(client: OpenIDClient, token: dict[str, Any], nonce: str | None) -> VerifiedLogin:
    if "id_token" not in token:
        raise LoginRefused("there is no ID token")
    asked = {"nonce": {"essential": True, "value": nonce}} if nonce is not None else {}
    # Authlib checks the signature with the provider's keys, the times, the nonce, azp and at_hash.
    claims = await _calling_provider(
        client.parse_id_token(
            token,
            nonce=nonce,
            claims_options={
                "iss": {"essential": True, "value": ISSUER},
                "aud": {"essential": True, "value": CLIENT_ID},
                **asked,
            },
        )
    )
    userinfo = await _calling_provider(client.userinfo(token=token))
    # Core section 5.3.2: "the UserInfo Response values MUST NOT be used" where its sub differs (token substitution).
    if userinfo.get("sub") != claims["sub"]:
        raise LoginRefused("userinfo is about somebody else")
    return VerifiedLogin(
        id_token_claims=dict(claims),
        userinfo=dict(userinfo),
        id_token=token["id_token"],
        access_token=token["access_token"],
        access_token_ends_at=time.time() + token["expires_in"],
        refresh_token=token.get("refresh_token"),
    )


def _token_client() -> AsyncOAuth2Client:
    # Without a scope, which Authlib would send along: a refresh is for all that was granted.
    return AsyncOAuth2Client(CLIENT_ID, CLIENT_SECRET, timeout=ANSWER_WITHIN)


async def _metadata(client: OpenIDClient) -> dict[str, Any]:
    metadata: dict[str, Any] = await _calling_provider(client.load_server_metadata())
    # Discovery section 4.3: the issuer in the document MUST be the one that it was asked of.
    if metadata.get("issuer") != ISSUER:
        raise LoginRefused(f"the discovery document is about {metadata.get('issuer')!r}")
    return metadata


async def _calling_provider(call: Any) -> Any:
    try:
        return await call
    except (OAuthError, JoseError, httpx.HTTPError, ValueError, KeyError) as error:
        raise LoginRefused(f"{type(error).__name__}: {error}") from error

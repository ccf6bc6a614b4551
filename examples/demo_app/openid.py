"""Logging in with OpenID Connect: Authlib's client, and the checks that it leaves to the app.

What a login needs until it comes back (state, nonce, PKCE verifier) is in a cookie of its own, named after its state:
ten tabs can log in at once, in any order, and a restart of this app loses none of them.

https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowSteps
"""

import warnings
from dataclasses import dataclass
from typing import Any

import httpx
from authlib.deprecate import AuthlibDeprecationWarning
from authlib.integrations.base_client import BaseApp, OAuthError
from authlib.integrations.base_client.async_app import AsyncOAuth2Mixin
from authlib.integrations.base_client.async_openid import AsyncOpenIDMixin
from joserfc.errors import JoseError

from settings import CALLBACK, CLIENT_ID, CLIENT_SECRET, DEMO_URL, ISSUER

with warnings.catch_warnings():
    warnings.simplefilter("ignore", AuthlibDeprecationWarning)  # it would rather have httpx2; httpx is there anyway
    from authlib.integrations.httpx_client import AsyncOAuth2Client

SCOPE = "openid profile email"
ANSWER_WITHIN = 10.0  # seconds for each call to the provider

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
    """Who logged in. `id_token` is kept for logging out."""

    id_token_claims: Claims
    userinfo: Claims
    id_token: str


class LoginRefused(Exception):
    """The provider's answer cannot be trusted, or it gave none. The text is for the log."""


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
    if "id_token" not in token:
        raise LoginRefused("there is no ID token")
    # Authlib checks the signature with the provider's keys, the times, the nonce, azp and at_hash.
    claims = await _calling_provider(
        client.parse_id_token(
            token,
            nonce=started.nonce,
            claims_options={
                "iss": {"essential": True, "value": ISSUER},
                "aud": {"essential": True, "value": CLIENT_ID},
                "nonce": {"essential": True, "value": started.nonce},
            },
        )
    )
    userinfo = await _calling_provider(client.userinfo(token=token))
    # Core section 5.3.2: "the UserInfo Response values MUST NOT be used" where its sub differs (token substitution).
    if userinfo.get("sub") != claims["sub"]:
        raise LoginRefused("userinfo is about somebody else")
    return VerifiedLogin(dict(claims), dict(userinfo), token["id_token"])


async def end_session_url(id_token: str) -> str | None:
    """Return where to log out of the provider too, or None where it has no such place."""
    client = _client()
    metadata = await _metadata(client)
    if not metadata.get("end_session_endpoint"):
        return None
    made = await client.create_logout_url(f"{DEMO_URL}/", id_token_hint=id_token, client_id=CLIENT_ID)
    return str(made["url"])


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

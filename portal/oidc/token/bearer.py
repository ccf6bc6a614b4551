"""The answer that carries tokens: RFC 6749 section 5.1, https://www.rfc-editor.org/rfc/rfc6749#section-5.1."""

from typing import Any

from portal.crypto.tokens import new_token
from portal.oidc.clients import Client
from portal.oidc.scopes import OFFLINE_ACCESS, split_scope
from portal.oidc.token.lifetimes import ACCESS_TOKEN_VALID_FOR


def new_bearer_token(
    grant_type: str, client: Client, user: Any, scope: str, expires_in: int | None, include_refresh_token: bool
) -> dict[str, Any]:
    """Make opaque tokens (RFC 6750) of 256 random bits, as Authlib's generator hook.

    A refresh token goes to an app that asked for offline_access or was registered with the grant.
    """
    asked = OFFLINE_ACCESS in split_scope(scope) or "refresh_token" in client.grant_types
    return bearer_answer(new_token().raw, scope, new_token().raw if asked else None)


def bearer_answer(access_token: str, scope: str, refresh_token: str | None) -> dict[str, Any]:
    """Return the members of the answer. The lifetime is said here: Authlib's own default is ten days."""
    answer = {
        "token_type": "Bearer",
        "access_token": access_token,
        "expires_in": int(ACCESS_TOKEN_VALID_FOR.total_seconds()),
        "scope": scope,
    }
    return answer if refresh_token is None else {**answer, "refresh_token": refresh_token}

"""The `claims` parameter: single claims, and demands on the login. OpenID Connect Core 1.0 section 5.5.

https://openid.net/specs/openid-connect-core-1_0.html#ClaimsParameter. What the app may not have is left out: all claims
are voluntary (section 5.5.1), but for `sub` and `acr` with a value, which name a person or a strength of the login.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from portal.oidc.clients import Client
from portal.oidc.scopes import claims_of, scope_of_claim


@dataclass(frozen=True, slots=True)
class RequestedClaims:
    """What a `claims` parameter asks for, of what the app may have."""

    subject: str | None = None  # the one user that the app will accept
    essential_acr: tuple[str, ...] = ()  # one of these must be reached; empty where none is essential
    wished_acr: tuple[str, ...] = ()
    id_token: tuple[str, ...] = ()
    userinfo: tuple[str, ...] = ()

    def by_name(self) -> dict[str, list[str]]:
        """Return the claims of the person by where they go, as they are stored with the code."""
        parts = {"id_token": list(self.id_token), "userinfo": list(self.userinfo)}
        return {part: names for part, names in parts.items() if names}

    def scopes(self) -> tuple[str, ...]:
        """Return the scopes that would open these claims: in their words the person is asked."""
        return tuple(dict.fromkeys(scope_of_claim(name) for name in (*self.id_token, *self.userinfo)))


def claims_problem(value: str) -> str | None:
    """Say what is wrong with a `claims` parameter, or return None."""
    return None if _parse(value) is not None else "The claims parameter is not a JSON object of objects."


def read_claims(parameters: Mapping[str, str], client: Client) -> RequestedClaims:
    """Return what a checked `claims` parameter asks for."""
    asked = _parse(parameters["claims"]) if "claims" in parameters else None
    if not asked:
        return RequestedClaims()
    may_have = claims_of(client.scopes) - {"sub"}
    subject = _options(asked, "id_token", "sub").get("value")
    acr = _options(asked, "id_token", "acr")
    values = _texts(acr.get("values")) or _texts([acr.get("value")])
    essential = acr.get("essential") is True
    return RequestedClaims(
        subject=subject if isinstance(subject, str) else None,
        essential_acr=values if essential else (),
        wished_acr=() if essential else values,
        id_token=tuple(sorted(may_have & asked.get("id_token", {}).keys())),
        userinfo=tuple(sorted(may_have & asked.get("userinfo", {}).keys())),
    )


def _parse(value: str) -> dict[str, Any] | None:
    try:
        asked = json.loads(value)
    except (ValueError, RecursionError):
        return None
    if not isinstance(asked, dict) or not all(
        isinstance(asked.get(part, {}), dict) for part in ("id_token", "userinfo")
    ):
        return None
    return asked


def _options(asked: dict[str, Any], part: str, claim: str) -> dict[str, Any]:
    options = asked.get(part, {}).get(claim)
    return options if isinstance(options, dict) else {}


def _texts(values: Any) -> tuple[str, ...]:
    return tuple(value for value in values if isinstance(value, str)) if isinstance(values, list) else ()

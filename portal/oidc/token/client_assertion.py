"""private_key_jwt: an app proves itself by a signature. RFC 7523 section 3, https://www.rfc-editor.org/rfc/rfc7523#section-3.

Checked with the keys that the app registered, and with nothing that the assertion brings along.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry

from portal.clock import now
from portal.crypto.base64url import decode_base64url
from portal.crypto.tokens import token_digest
from portal.oidc.client_keys import ASSERTION_ALGORITHMS, keys_for
from portal.oidc.clients import Client

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_MAX_LENGTH = 8192  # characters
ASSERTION_VALID_FOR_MAX = timedelta(hours=1)  # what Authlib gives its assertions; each is good for one request anyway
CLOCKS_DIFFER_BY = timedelta(seconds=60)
JTI_MAX_LENGTH = 512  # characters; any content
# Left out by most libraries; another one belongs to another kind of token (RFC 8725 section 3.11).
TYPES = frozenset({None, "JWT", "client-authentication+jwt"})


@dataclass(frozen=True, slots=True)
class ProvenAssertion:
    """An assertion whose signature and claims are good; whether it was used before is for the database."""

    jti_digest: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class RefusedAssertion:
    """An assertion that proves nothing. `reason` is for the log."""

    reason: str


def named_client(assertion: str) -> str | None:
    """Return which app an assertion says that it is from, before anything is believed: its keys are to be looked up."""
    claims = _json(assertion, 1)
    subject = claims.get("sub") if claims else None
    return subject if isinstance(subject, str) and subject else None


def check_assertion(assertion: str, client: Client, audiences: Collection[str]) -> ProvenAssertion | RefusedAssertion:
    """Check an assertion of a known app. `audiences` are the names by which it may mean us."""
    header = _json(assertion, 0)
    if header is None or client.jwks is None:
        return RefusedAssertion("assertion_malformed")
    algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ")
    if algorithm not in ASSERTION_ALGORITHMS or not isinstance(kid, str | None) or not isinstance(kind, str | None):
        return RefusedAssertion("assertion_algorithm")
    if kind not in TYPES:
        return RefusedAssertion("assertion_type")
    for key in keys_for(client.jwks, algorithm, kid):
        try:
            token = jwt.decode(assertion, key, registry=JWSRegistry(algorithms=[algorithm]))
        except (JoseError, ValueError, TypeError, RecursionError):
            continue
        return _check_claims(token.claims, client, audiences)
    return RefusedAssertion("assertion_signature")


def _check_claims(
    claims: dict[str, Any], client: Client, audiences: Collection[str]
) -> ProvenAssertion | RefusedAssertion:
    if claims.get("iss") != client.client_id or claims.get("sub") != client.client_id:
        return RefusedAssertion("assertion_issuer")
    audience = claims.get("aud")
    meant = audience if isinstance(audience, list) else [audience]
    if not any(isinstance(name, str) and name in audiences for name in meant):
        return RefusedAssertion("assertion_audience")
    moment = now()
    expires_at = _time(claims.get("exp"))
    if (
        expires_at is None
        or not moment - CLOCKS_DIFFER_BY < expires_at <= moment + ASSERTION_VALID_FOR_MAX + CLOCKS_DIFFER_BY
    ):
        return RefusedAssertion("assertion_lifetime")
    for name in ("iat", "nbf"):
        begins = _time(claims[name]) if name in claims else moment
        if begins is None or begins > moment + CLOCKS_DIFFER_BY:
            return RefusedAssertion("assertion_lifetime")
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= JTI_MAX_LENGTH:
        return RefusedAssertion("assertion_jti")
    # Kept as long as it could come again, the difference of clocks included.
    return ProvenAssertion(token_digest(jti), expires_at + CLOCKS_DIFFER_BY)


def _time(value: Any) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _json(assertion: str, part: int) -> dict[str, Any] | None:
    parts = assertion.split(".", 3)
    if len(assertion) > ASSERTION_MAX_LENGTH or len(parts) != 3:
        return None
    try:
        found = json.loads(decode_base64url(parts[part]))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None

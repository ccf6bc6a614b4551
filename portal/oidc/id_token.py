"""ID tokens: OpenID Connect Core 1.0 section 2, https://openid.net/specs/openid-connect-core-1_0.html#IDToken."""

import hashlib
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry

from portal.crypto.base64url import encode_base64url
from portal.oidc.scopes import claims_of
from portal.oidc.signing_keys import ALGORITHM, ALGORITHMS, PublishedKeys, SigningKey, public_key

ID_TOKEN_VALID_FOR = timedelta(minutes=10)  # it tells of a login, once; apps keep their own session from then on
HINT_MAX_LENGTH = 8192  # characters; ours have about a thousand


@dataclass(frozen=True, slots=True)
class Login:
    """The login that an ID token tells of."""

    user_id: str
    session_id: str
    auth_time: datetime
    amr: tuple[str, ...]
    nonce: str | None
    claims: Mapping[str, Any]  # everything known of the person; the scopes choose
    requested_claims: tuple[str, ...] = ()  # and what the app asked for by name


@dataclass(frozen=True, slots=True)
class Hint:
    """What an id_token_hint says, once its signature has been found ours."""

    user_id: str  # as its app knows the person, see `Client.subject_of`
    session_id: str | None
    client_ids: tuple[str, ...]


def sign_id_token(
    key: SigningKey,
    *,
    algorithm: str = ALGORITHM,
    issuer: str,
    client_id: str,
    login: Login,
    scopes: Iterable[str],
    access_token: str,
) -> str:
    """Return a signed ID token for an app."""
    now = int(time.time())
    # The person's claims first: nothing that stands in a profile may ever take the place of a protocol claim.
    claims = {
        **person_claims(login.claims, scopes, login.requested_claims),
        "iss": issuer,
        "sub": login.user_id,
        "aud": client_id,
        "azp": client_id,
        "iat": now,
        "exp": now + int(ID_TOKEN_VALID_FOR.total_seconds()),
        "auth_time": int(login.auth_time.timestamp()),
        "sid": login.session_id,
        "acr": acr_of(login.amr),
        "at_hash": _half_hash(access_token, algorithm),
    }
    if login.amr:
        claims["amr"] = list(login.amr)
    if login.nonce is not None:
        claims["nonce"] = login.nonce
    return jwt.encode({"alg": algorithm, "kid": key.thumbprint()}, claims, key, [algorithm])


def acr_of(amr: Iterable[str]) -> str:
    """Return how strong a login was: aal2 with two factors, aal1 with one (NIST SP 800-63B)."""
    return "aal2" if "mfa" in amr else "aal1"


def person_claims(known: Mapping[str, Any], scopes: Iterable[str], requested: Iterable[str] = ()) -> dict[str, Any]:
    """Return what these scopes open of what is known of a person, and what was asked for by name."""
    open_claims = (claims_of(scopes) | set(requested)) - {"sub"}
    return {name: value for name, value in known.items() if name in open_claims}


def read_hint(token: str, keys: PublishedKeys, issuer: str) -> Hint | None:
    """Return what an id_token_hint says, or None where it is not an ID token of ours.

    An expired one is fine: it tells who was logged in, and RP-initiated logout section 2 asks to accept it. The
    algorithm is ours to say, never the token's, and keys in its header are not looked at.
    """
    if len(token) > HINT_MAX_LENGTH or token.count(".") != 2:
        return None

    def choose(subject: Any) -> SigningKey:
        kid = subject.headers().get("kid")
        if not isinstance(kid, str) or kid not in keys.known:
            raise ValueError("unknown kid")
        # Each key has one algorithm: a token that names another of ours is a confusion of keys.
        if subject.headers().get("alg") != keys.known[kid]["alg"]:
            raise ValueError("another algorithm than the key's")
        return public_key(keys.known[kid])

    try:
        read = jwt.decode(token, choose, registry=JWSRegistry(algorithms=list(ALGORITHMS)))
    except (JoseError, ValueError, TypeError, RecursionError):
        return None
    claims = read.claims
    audience = claims.get("aud")
    audiences = (audience,) if isinstance(audience, str) else tuple(audience or ())
    if read.header.get("typ") != "JWT" or claims.get("iss") != issuer or not isinstance(claims.get("sub"), str):
        return None
    # Access and logout tokens may be signed by the same keys one day; only an ID token has both of these.
    if "at_hash" not in claims or "auth_time" not in claims:
        return None
    return Hint(claims["sub"], claims.get("sid"), audiences)


def _half_hash(value: str, algorithm: str) -> str:
    # OpenID Connect Core section 3.1.3.6: the left half of the hash of the ASCII octets, with the ID token's hash; that
    # of Ed25519 is SHA-512 (RFC 8032 section 5.1).
    digest = (hashlib.sha512 if algorithm == "EdDSA" else hashlib.sha256)(value.encode("ascii")).digest()
    return encode_base64url(digest[: len(digest) // 2])

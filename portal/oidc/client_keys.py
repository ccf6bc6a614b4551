"""The public keys of a client that proves itself by signing: RFC 7523, https://www.rfc-editor.org/rfc/rfc7523#section-3.

Keys are registered by value. An address to fetch them from would let whoever names it choose what we connect to, and
make a login wait for somebody else's server.
"""

from collections.abc import Mapping
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

ASSERTION_ALGORITHMS = ("RS256", "ES256", "EdDSA")
KEYS_MAX_COUNT = 10
RSA_MIN_BITS = 2048  # NIST SP 800-131A; shorter ones are refused by most libraries as well
PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})

PublicKey = RSAKey | ECKey | OKPKey


def jwks_problem(jwks: Any) -> str | None:
    """Say in one sentence why a JWK set may not be registered, or return None where it may."""
    keys = jwks.get("keys") if isinstance(jwks, Mapping) else None
    if not isinstance(keys, list) or not 0 < len(keys) <= KEYS_MAX_COUNT:
        return f"A JWK set needs a list of 1 to {KEYS_MAX_COUNT} keys under the name keys."
    for key in keys:
        if not isinstance(key, Mapping):
            return "Each key of a JWK set must be an object."
        if PRIVATE_MEMBERS & key.keys():
            return "A JWK set must hold public keys only: make a new pair, this one has been shown."
        if _import(key) is None:
            return f"Each key must be RSA of {RSA_MIN_BITS} bits or more, EC on P-256, or Ed25519."
    return None


def keys_for(jwks: Mapping[str, Any], algorithm: str, kid: str | None) -> list[PublicKey]:
    """Return the keys that a signature with this algorithm may be checked with, by kid where one is named."""
    found: list[PublicKey] = []
    for registered in jwks["keys"]:
        if kid is not None and registered.get("kid") not in (None, kid):
            continue
        key = _import(registered)
        # What a key is for follows from the key, never from the token: RS256 with an EC key is no question.
        if key is not None and _algorithm_of(key) == algorithm:
            found.append(key)
    return found


def _algorithm_of(key: PublicKey) -> str:
    return "RS256" if isinstance(key, RSAKey) else "ES256" if isinstance(key, ECKey) else "EdDSA"


def _import(key: Mapping[str, Any]) -> PublicKey | None:
    # Only the members that make the key: a `use` or `key_ops` that some tool left wrong shall not change what it is.
    try:
        if key.get("kty") == "RSA":
            rsa = RSAKey.import_key({"kty": "RSA", "n": key["n"], "e": key["e"]})
            return rsa if rsa.raw_value.key_size >= RSA_MIN_BITS else None
        if key.get("kty") == "EC" and key.get("crv") == "P-256":
            return ECKey.import_key({"kty": "EC", "crv": "P-256", "x": key["x"], "y": key["y"]})
        if key.get("kty") == "OKP" and key.get("crv") == "Ed25519":
            return OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": key["x"]})
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return None

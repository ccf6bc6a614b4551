"""Random tokens: the raw value leaves once, only its digest stays.

256 random bits need no slow hash: SHA-256 is enough against a leaked table (ASVS 6.5.2 asks for more only below 112).
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

TOKEN_BYTES = 32  # 256 bits: guessing is hopeless whatever the rate
MAX_TOKEN_LENGTH = 100  # characters of an address looked at as a token; ours have 43
SHORT_CODE_DIGITS = 6


@dataclass(frozen=True, slots=True, repr=False)
class IssuedToken:
    """A new token: `raw` (43 url-safe characters) goes to its holder, `digest` (SHA-256, hex) into the database."""

    raw: str
    digest: str


def new_token() -> IssuedToken:
    """Make a token of 256 random bits."""
    raw = secrets.token_urlsafe(TOKEN_BYTES)
    return IssuedToken(raw, token_digest(raw))


def token_digest(raw: str) -> str:
    """Return the SHA-256 of a token as hex. Never raises: what was sent may be anything."""
    return hashlib.sha256(raw.encode("utf-8", "surrogatepass")).hexdigest()


def new_short_code() -> str:
    """Make a code of six random digits for a person to type."""
    return f"{secrets.randbelow(10**SHORT_CODE_DIGITS):0{SHORT_CODE_DIGITS}d}"


def short_code_digest(key: bytes, verification_id: str, code: str) -> str:
    """Return the keyed digest of a short code, bound to the verification it was issued for.

    A plain hash of a million possibilities would be undone from a leaked table at once; the key is not in the table.
    """
    message = f"{verification_id}\0{code}".encode("utf-8", "surrogatepass")
    return hmac.new(key, message, hashlib.sha256).hexdigest()

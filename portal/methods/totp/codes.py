"""Time-based one-time passwords. RFC 6238: https://www.rfc-editor.org/rfc/rfc6238, on RFC 4226.

SHA-1, six digits, 30 seconds: what every authenticator app can do; most ignore other parameters of the key URI.
"""

import base64
import hashlib
import hmac
import secrets
from urllib.parse import quote, urlencode

STEP = 30  # seconds, RFC 6238 section 5.2
DIGITS = 6
DRIFT = 1  # steps before and after; section 5.2 recommends at most one for the network, clocks of phones are right
SECRET_BYTES = 20  # as long as the hash, RFC 4226 section 4 R6


def new_secret() -> bytes:
    """Return a new shared secret."""
    return secrets.token_bytes(SECRET_BYTES)


def code_at(secret: bytes, step: int) -> str:
    """Return the code of a time step (RFC 4226 section 5.3)."""
    digest = hmac.new(secret, step.to_bytes(8, "big"), hashlib.sha1).digest()
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**DIGITS:0{DIGITS}d}"


def step_of(secret: bytes, code: str, now: int) -> int | None:
    """Return the time step that a code belongs to, or None for a wrong one.

    Args:
        secret: the shared secret.
        code: six digits.
        now: seconds since 1970, by the clock of the database, the same for every process.
    """
    current = now // STEP
    found = None
    for step in range(current - DRIFT, current + DRIFT + 1):  # always all of them: time must not tell which
        if hmac.compare_digest(code_at(secret, step), code):
            found = step
    return found


def text_key(secret: bytes) -> str:
    """Return the secret as people type it: base32 without padding."""
    return base64.b32encode(secret).decode().rstrip("=")


def key_uri(secret: bytes, account: str, issuer: str) -> str:
    """Return what the QR code says (https://github.com/google/google-authenticator/wiki/Key-Uri-Format)."""
    # A colon divides issuer and account in the label, so neither may bring one along.
    label = f"{quote(issuer.replace(':', ' '), safe='')}:{quote(account.replace(':', ' '), safe='@')}"
    query = urlencode({"secret": text_key(secret), "issuer": issuer}, quote_via=quote)
    return f"otpauth://totp/{label}?{query}"

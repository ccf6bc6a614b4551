"""The text of API keys: recognisable by its prefix, and by a checksum that tells a typing error without the database.

`portal_` + 43 characters of secret + 6 of checksum, all letters and digits, so that a double click selects the whole
and a scanner for leaked secrets finds it by `portal_[0-9A-Za-z]{49}` with hardly a false alarm.
"""

import secrets
import string
import zlib

from portal.crypto.tokens import IssuedToken, token_digest

PREFIX = "portal_"
SECRET_BITS = 256  # guessing is hopeless whatever the rate, so the database keeps a plain SHA-256
SECRET_LENGTH = 43  # characters: 62^43 is the first power above 2^256
CHECKSUM_LENGTH = 6  # characters: 62^6 is above 2^32, the range of CRC-32

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase


def new_api_key() -> IssuedToken:
    """Make a key: `raw` goes to its holder and is never shown again, `digest` into the database."""
    body = PREFIX + _base62(secrets.randbits(SECRET_BITS), SECRET_LENGTH)
    raw = body + _checksum(body)
    return IssuedToken(raw, token_digest(raw))


def api_key_digest(text: str) -> str | None:
    """Return the digest to look a key up by, or None for what cannot be a key of ours: no need to ask the database.

    The checksum is no secret and protects nothing; whether the key exists says its digest alone.
    """
    body, checksum = text[:-CHECKSUM_LENGTH], text[-CHECKSUM_LENGTH:]
    if not text.startswith(PREFIX) or len(body) != len(PREFIX) + SECRET_LENGTH:
        return None
    if not text.isascii() or _checksum(body) != checksum:
        return None
    return token_digest(text)


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode("ascii")), CHECKSUM_LENGTH)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))

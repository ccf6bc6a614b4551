"""base64url without padding: https://www.rfc-editor.org/rfc/rfc4648#section-5."""

import base64
import re

ALPHABET = re.compile(r"[A-Za-z0-9_-]*=*")


def encode_base64url(value: bytes) -> str:
    """Return bytes as text."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def decode_base64url(text: str) -> bytes:
    """Return the bytes of a text, padded or not.

    Raises:
        ValueError: for what is none. The standard library skips characters that do not belong there.
    """
    if not ALPHABET.fullmatch(text):
        raise ValueError("not base64url")
    bare = text.rstrip("=")
    return base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4))

"""base64url without padding, as WebAuthn writes bytes in JSON (RFC 4648 section 5)."""

import base64


def encode_base64url(value: bytes) -> str:
    """Return bytes as text."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def decode_base64url(text: str) -> bytes:
    """Return the bytes of a text.

    Raises:
        ValueError: for what is none.
    """
    if not text.isascii() or any(not (character.isalnum() or character in "-_=") for character in text):
        raise ValueError("not base64url")
    return base64.urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))

"""Secrets that must be read again (mails that wait, signing keys) are sealed at rest with AES-256-GCM.

Format: `v1.<key id>.<nonce>.<ciphertext>`, url-safe base64. The key id says which of the keys in PORTAL_SECRET_KEY
sealed it, so that a new key can be put in front while old values still open. The purpose is authenticated: a value
sealed for one use does not open for another.
"""

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from portal.crypto.base64url import decode_base64url, encode_base64url

NONCE_BYTES = 12  # NIST SP 800-38D 8.2.2: random 96-bit nonces, fine below 2^32 messages a key
KEY_BYTES = 32


class CannotOpen(Exception):
    """The value was not sealed by any of our keys for this purpose, or was altered."""


class Sealer:
    """Seals and opens short secrets, and derives keys for other uses."""

    def __init__(self, keys: tuple[bytes, ...]) -> None:
        """Take the secret keys, newest first; the newest seals, all of them open."""
        if not keys:
            raise ValueError("a sealer needs at least one key")
        self._keys = keys
        self._newest = _key_id(keys[0])
        self._by_id = {_key_id(key): AESGCM(_derive(key, b"portal/sealing")) for key in keys}

    @property
    def newest(self) -> str:
        """The id of the key that seals, as it stands in every sealed value."""
        return self._newest

    def seal(self, plaintext: bytes, purpose: str) -> str:
        """Return the sealed form of `plaintext`, which opens for the same purpose only."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._by_id[self._newest].encrypt(nonce, plaintext, purpose.encode())
        return f"v1.{self._newest}.{encode_base64url(nonce)}.{encode_base64url(sealed)}"

    def open(self, sealed: str, purpose: str) -> bytes:
        """Return what was sealed.

        Raises:
            CannotOpen: for a foreign, altered or malformed value.
        """
        try:
            version, key_id, nonce, ciphertext = sealed.split(".")
            if version != "v1":
                raise CannotOpen
            return self._by_id[key_id].decrypt(decode_base64url(nonce), decode_base64url(ciphertext), purpose.encode())
        except (ValueError, KeyError, InvalidTag) as error:
            raise CannotOpen from error

    def derive(self, purpose: str) -> bytes:
        """Return a 256-bit key for another use, from the newest secret key."""
        return _derive(self._keys[0], purpose.encode())

    def derive_all(self, purpose: str) -> tuple[bytes, ...]:
        """Return the keys for another use from every secret key, newest first, for checking older values."""
        return tuple(_derive(key, purpose.encode()) for key in self._keys)


def _key_id(key: bytes) -> str:
    return hmac.new(key, b"portal/key-id", hashlib.sha256).hexdigest()[:8]


def _derive(key: bytes, info: bytes) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, None, info).derive(key)

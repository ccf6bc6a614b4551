"""The successor of a refresh token: the same however often it is asked for, though only digests are stored.

An app whose answer was lost, or whose ten tabs refresh at once, presents one token several times and must get one
successor: two would be two branches, and a thief's could live beside the app's. So the successor is not random but
HMAC-SHA-256 of its parent (https://www.rfc-editor.org/rfc/rfc2104) under a key that is not in the database: whoever
reads the tables knows neither, and whoever knows the key alone has no parent to begin with.
"""

import hashlib
import hmac

from portal.crypto.base64url import encode_base64url
from portal.crypto.sealing import Sealer

PURPOSE = "refresh successor"


def successors(sealer: Sealer, refresh_token: str) -> tuple[str, ...]:
    """Return what the successor of a token is under each secret key, newest first.

    The first is what a fresh rotation gives. While keys rotate, a successor that was made under the older key is found
    among the others; where its key was taken away in between it cannot be said again, and none is made in its place.
    """
    return tuple(_successor(key, refresh_token) for key in sealer.derive_all(PURPOSE))


def _successor(key: bytes, refresh_token: str) -> str:
    digest = hmac.new(key, refresh_token.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
    return encode_base64url(digest)

"""By which name an app knows a person: OpenID Connect Core 1.0 section 8, https://openid.net/specs/openid-connect-core-1_0.html#SubjectIDTypes.

Public: the user id, the same for every app. Pairwise: another one for the apps of every sector, so that two of them
cannot put together what each knows of a person.
"""

import hashlib
import hmac
from collections.abc import Iterable
from typing import Literal, get_args
from urllib.parse import urlsplit

from portal.crypto.base64url import encode_base64url

SubjectType = Literal["public", "pairwise"]
SUBJECT_TYPES: tuple[str, ...] = get_args(SubjectType)


def sector_of(redirect_uris: Iterable[str], client_id: str) -> str | None:
    """Return the host that stands for an app's sector, None where it has several (section 8.1).

    A native app with schemes of its own is a sector by itself: a scheme belongs to nobody.
    """
    hosts = {parts.hostname or "" for uri in redirect_uris if (parts := urlsplit(uri)).scheme in ("https", "http")}
    if len(hosts) > 1:
        return None
    return hosts.pop() if hosts else client_id


def pairwise_key(salt: str, sector: str) -> str:
    """Return what the names of one sector are made with."""
    return _hmac(salt, sector)


def pairwise_subject(key: str, user_id: str) -> str:
    """Return a person's name in one sector: nobody without the key can turn it back, or into another sector's."""
    return _hmac(key, user_id)


def _hmac(key: str, text: str) -> str:
    digest = hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()
    return encode_base64url(digest)

"""Signing keys: RS256 with 3072 bits, made on first start, sealed at rest. RFC 7517, https://www.rfc-editor.org/rfc/rfc7517."""

import asyncio
import json
import time
from dataclasses import dataclass
from typing import Any

from joserfc.jwk import RSAKey

from portal.crypto.sealing import Sealer
from portal.db.engine import Querier
from portal.oidc import queries

ALGORITHM = "RS256"  # what every client library understands without being told (OpenID Connect Core section 2)
KEY_BITS = 3072  # 128-bit strength, as NIST SP 800-57 wants beyond 2030
SEALING_PURPOSE = "signing-key"
CACHE_FOR = 1.0  # seconds; what a process remembers of the database lives no longer


@dataclass(frozen=True, slots=True)
class PublishedKeys:
    """The keys of a namespace: one signs, all of them verify."""

    signing_kid: str
    public: dict[str, dict[str, Any]]  # kid -> public JWK

    def as_jwks(self) -> dict[str, Any]:
        """Return the JWK set document."""
        return {"keys": list(self.public.values())}


class SigningKeys:
    """The signing keys of all namespaces, as this process needs them."""

    def __init__(self, querier: Querier, sealer: Sealer) -> None:
        self._querier = querier
        self._sealer = sealer
        self._published: dict[str, tuple[float, PublishedKeys]] = {}
        # What a kid stands for never changes (it is the key's thumbprint), so an opened key may stay.
        self._opened: dict[str, RSAKey] = {}
        self._making = asyncio.Lock()

    async def published(self, namespace: str) -> PublishedKeys:
        """Return the namespace's keys, making the first one where there is none."""
        known = self._published.get(namespace)
        if known and time.monotonic() - known[0] < CACHE_FOR:
            return known[1]
        rows = await self._usable(namespace)
        if not any(not row.retired for row in rows):
            await self._make_first(namespace)
            rows = await self._usable(namespace)
        signing = next(row for row in rows if not row.retired)
        if signing.kid not in self._opened:
            self._opened[signing.kid] = _open(signing, self._sealer)
        keys = PublishedKeys(signing.kid, {row.kid: dict(row.public_jwk) for row in rows})
        self._published[namespace] = (time.monotonic(), keys)
        return keys

    async def current(self, namespace: str) -> RSAKey:
        """Return the private key that signs now."""
        return self._opened[(await self.published(namespace)).signing_kid]

    async def _usable(self, namespace: str) -> list[queries.SigningKeyRow]:
        rows = await queries.list_signing_keys(self._querier, namespace)
        return [row for row in rows if row.algorithm == ALGORITHM]

    async def _make_first(self, namespace: str) -> None:
        # One at a time in this process; between processes the SQL function decides whose key counts.
        async with self._making:
            if any(not row.retired for row in await self._usable(namespace)):
                return
            # Finding two primes takes a third of a second or more: never on the event loop.
            key = await asyncio.to_thread(RSAKey.generate_key, KEY_BITS)
            await queries.add_first_signing_key(self._querier, namespace, seal_key(key, self._sealer))


def seal_key(key: RSAKey, sealer: Sealer) -> queries.SigningKeyRow:
    """Return a key as it is stored."""
    kid = key.thumbprint()  # RFC 7638: says nothing but which key it is, and cannot collide across namespaces
    public = {"kty": "RSA", "kid": kid, "use": "sig", "alg": ALGORITHM, **key.as_dict(private=False)}
    public |= {"kid": kid}
    private = json.dumps(key.as_dict(private=True)).encode()
    return queries.SigningKeyRow(kid, ALGORITHM, public, sealer.seal(private, SEALING_PURPOSE), retired=False)


def _open(row: queries.SigningKeyRow, sealer: Sealer) -> RSAKey:
    key = RSAKey.import_key(json.loads(sealer.open(row.sealed_private_key, SEALING_PURPOSE)))
    if key.thumbprint() != row.kid:
        raise ValueError(f"the sealed key of {row.kid} is another key")
    return key

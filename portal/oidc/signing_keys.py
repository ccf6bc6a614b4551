"""Signing keys, sealed at rest, each with a successor in time. RFC 7517, https://www.rfc-editor.org/rfc/rfc7517.

A key's life: published (next), signing, retired but published, and at last known to log-out hints alone. The database
says which it is, by its clock, so that every process hands over at the same moment.
"""

import asyncio
import json
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OKPKey, RSAKey

from portal.crypto.sealing import Sealer
from portal.db.engine import Querier
from portal.oidc import queries

# RFC 9864 renames it to Ed25519; apps' libraries, and OpenID Connect's registered values, know it by the old name.
warnings.filterwarnings("ignore", "EdDSA is deprecated", SecurityWarning)

SigningKey = RSAKey | ECKey | OKPKey
ALGORITHM = "RS256"  # what every client library understands without being told (OpenID Connect Core section 2)
ALGORITHMS = (ALGORITHM, "ES256", "EdDSA")
KEY_BITS = 3072  # 128-bit strength, as NIST SP 800-57 wants beyond 2030
SEALING_PURPOSE = "signing-key"
CACHE_FOR = 1.0  # seconds; what a process remembers of the database lives no longer
JWKS_CACHE_FOR = timedelta(minutes=5)  # the max-age that apps keep the list of keys by
# Whoever fetched the list just before the new key stood in it has fetched it again by then; a minute for slow answers.
PUBLISHED_BEFORE_SIGNING = JWKS_CACHE_FOR + timedelta(minutes=1)
# ID tokens live ten minutes, the list is kept for five: nothing that a retired key signed is good any longer.
PUBLISHED_AFTER_SIGNING = timedelta(hours=1)
# An app shows an old ID token when its person logs out, however long they were logged in (90 days at most).
KNOWN_AFTER_SIGNING = timedelta(days=100)
ROTATE_AFTER = timedelta(days=90)  # a key that leaked without anybody noticing is of use for so long


@dataclass(frozen=True, slots=True)
class PublishedKeys:
    """The keys of a namespace: one of each algorithm signs, those that are published verify."""

    signing: Mapping[str, str]  # algorithm -> kid
    public: Mapping[str, Mapping[str, Any]]  # kid -> public JWK, as published
    known: Mapping[str, Mapping[str, Any]]  # and those that no longer are: for hints, which may be old

    @property
    def signing_kid(self) -> str:
        """The key that signs where an app asked for no other algorithm."""
        return self.signing[ALGORITHM]

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
        self._opened: dict[str, SigningKey] = {}
        self._making = asyncio.Lock()

    async def published(self, namespace: str, algorithm: str = ALGORITHM) -> PublishedKeys:
        """Return the namespace's keys, making the first one of that algorithm where there is none."""
        known = self._published.get(namespace)
        if known and algorithm in known[1].signing and time.monotonic() - known[0] < CACHE_FOR:
            return known[1]
        rows = await queries.list_signing_keys(self._querier, namespace)
        if not _signs(rows, algorithm):
            await self._make_first(namespace, algorithm)
            rows = await queries.list_signing_keys(self._querier, namespace)
        for row in rows:
            if row.state == "signing" and row.kid not in self._opened:
                self._opened[row.kid] = _open(row, self._sealer)
        keys = PublishedKeys(
            # Newest first: reversed, so that of two that sign the newer one counts.
            {row.algorithm: row.kid for row in reversed(rows) if row.state == "signing"},
            {row.kid: dict(row.public_jwk) for row in rows if _is_published(row)},
            {row.kid: dict(row.public_jwk) for row in rows},
        )
        self._published[namespace] = (time.monotonic(), keys)
        return keys

    async def current(self, namespace: str, algorithm: str = ALGORITHM) -> SigningKey:
        """Return the private key that signs now."""
        return self._opened[(await self.published(namespace, algorithm)).signing[algorithm]]

    async def rotate(
        self, namespace: str, algorithm: str, *, older_than: timedelta | None, actor: Mapping[str, str]
    ) -> str | None:
        """Publish a successor, which signs once every app has seen it; return its kid.

        None, and nothing done, where there is no key of that algorithm, a successor waits already, or the newest is
        younger than `older_than`.
        """
        rows = await queries.list_signing_keys(self._querier, namespace)
        newest = next((row for row in rows if row.algorithm == algorithm and row.state != "retired"), None)
        # Looked at before the costly part; of several processes that come this far the SQL function takes one key.
        if newest is None or newest.state == "next" or (older_than is not None and newest.age < older_than):
            return None
        key = await asyncio.to_thread(generate_key, algorithm)
        made = seal_key(key, self._sealer)
        rotated = await queries.rotate_signing_key(
            self._querier, namespace, made, PUBLISHED_BEFORE_SIGNING, older_than, actor
        )
        return made.kid if rotated else None

    async def _make_first(self, namespace: str, algorithm: str) -> None:
        # One at a time in this process; between processes the SQL function decides whose key counts.
        async with self._making:
            if _signs(await queries.list_signing_keys(self._querier, namespace), algorithm):
                return
            # Finding two primes takes a third of a second or more: never on the event loop.
            key = await asyncio.to_thread(generate_key, algorithm)
            await queries.add_first_signing_key(self._querier, namespace, seal_key(key, self._sealer))


def generate_key(algorithm: str) -> SigningKey:
    """Return a new key for one of ALGORITHMS; takes up to a second for RS256."""
    if algorithm == "ES256":
        return ECKey.generate_key("P-256")
    return OKPKey.generate_key("Ed25519") if algorithm == "EdDSA" else RSAKey.generate_key(KEY_BITS)


def public_key(jwk: Mapping[str, Any]) -> SigningKey:
    """Read a public key as it is published."""
    return _KINDS[jwk["kty"]].import_key(dict(jwk))


def seal_key(key: SigningKey, sealer: Sealer) -> queries.SigningKeyRow:
    """Return a key as it is stored."""
    kid = key.thumbprint()  # RFC 7638: says nothing but which key it is, and cannot collide across namespaces
    algorithm = _ALGORITHM_OF[type(key)]
    public = {**key.as_dict(private=False), "kty": key.key_type, "kid": kid, "use": "sig", "alg": algorithm}
    private = json.dumps(key.as_dict(private=True)).encode()
    return queries.SigningKeyRow(kid, algorithm, public, sealer.seal(private, SEALING_PURPOSE))


_KINDS: dict[str, type[RSAKey] | type[ECKey] | type[OKPKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
_ALGORITHM_OF: dict[type, str] = {RSAKey: "RS256", ECKey: "ES256", OKPKey: "EdDSA"}


def _signs(rows: list[queries.SigningKeyRow], algorithm: str) -> bool:
    return any(row.algorithm == algorithm and row.state == "signing" for row in rows)


def _is_published(row: queries.SigningKeyRow) -> bool:
    return row.state != "retired" or (row.retired_for or timedelta()) < PUBLISHED_AFTER_SIGNING


def _open(row: queries.SigningKeyRow, sealer: Sealer) -> SigningKey:
    key = public_key(json.loads(sealer.open(row.sealed_private_key, SEALING_PURPOSE)))
    if key.thumbprint() != row.kid:
        raise ValueError(f"the sealed key of {row.kid} is another key")
    return key

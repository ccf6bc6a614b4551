"""argon2id in a bounded pool: one thread hashes, a short queue waits, and the rest is told to come back.

More threads than cores give no more logins and make every other page slower; a queue without a bound is memory for
whoever wants to exhaust it. No database connection is held while a hash is computed.
"""

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TypeVar

from argon2 import PasswordHasher as Argon2
from argon2 import extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION

from portal.errors import ServiceUnavailable

MEMORY_KIB = 19 * 1024  # OWASP's floor for argon2id with two passes; set explicitly, never the library's default
PASSES = 2
LANES = 1
QUEUE_LIMIT = 64  # hashes waiting; at about 55 a second a core, the last one waits little more than a second
KEPT_PLACES = 16  # behind those: strangers who fill the queue do not keep people out of browsers that know them
RETRY_AFTER = 2  # seconds; a full queue is worked off by then

T = TypeVar("T")


class HashQueueFull(ServiceUnavailable):
    """Too many hashes wait: the page that hears nothing of it answers 503 with Retry-After."""

    def __init__(self) -> None:
        super().__init__(retry_after=RETRY_AFTER)


class PasswordHasher:
    """Hashes and verifies passwords without blocking the event loop."""

    def __init__(self, *, memory_kib: int = MEMORY_KIB, passes: int = PASSES, queue_limit: int = QUEUE_LIMIT) -> None:
        self._argon2 = Argon2(time_cost=passes, memory_cost=memory_kib, parallelism=LANES)
        self._queue_limit = queue_limit
        self._waiting = 0
        self.work_done = 0  # hashes computed; tests compare it for known and unknown addresses

    async def hash(self, password: str) -> str:
        """Return the PHC string of a new password (NFC-normalised).

        Raises:
            HashQueueFull: when too many wait.
        """
        return await self._run(self._argon2.hash, normalise(password))

    async def verify(self, password_hash: str | None, password: str, *, known_browser: bool = False) -> bool:
        """Return whether the password is the one; for an account without a hash do the same work and return False.

        A `known_browser`, in which the person has logged in before, may wait in one of the places kept for them.

        Raises:
            HashQueueFull: when too many wait.
        """
        limit = self._queue_limit + (KEPT_PLACES if known_browser else 0)
        return await self._run(self._verify, password_hash, normalise(password), limit=limit)

    def is_outdated(self, password_hash: str) -> bool:
        """Return whether a hash was made with less work than is asked for now. One with more work stays as it is."""
        try:
            made = extract_parameters(password_hash)
        except InvalidHashError:
            return True
        wanted = self._argon2
        return (
            made.type is not wanted.type
            or made.version < ARGON2_VERSION
            or made.memory_cost * made.time_cost < wanted.memory_cost * wanted.time_cost
        )

    def _verify(self, password_hash: str | None, password: str) -> bool:
        try:
            matched = self._argon2.verify(password_hash or self._decoy, password)
        except (VerificationError, InvalidHashError):
            return False
        return password_hash is not None and matched

    @cached_property
    def _decoy(self) -> str:
        # Made with the same parameters, so that an unknown address costs exactly what a known one costs.
        return self._argon2.hash("a password that nobody has")

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        _ = self._decoy
        return ThreadPoolExecutor(max_workers=1, thread_name_prefix="argon2")

    async def _run(self, work: Callable[..., T], *args: str | None, limit: int | None = None) -> T:
        if self._waiting >= (limit or self._queue_limit):
            raise HashQueueFull
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work, *args)
        finally:
            self._waiting -= 1
            self.work_done += 1


PASSWORDS = PasswordHasher()  # one a process: the bound is what protects it


def normalise(password: str) -> str:
    """Return the password in NFC, so that the same typed text verifies whichever keyboard composed it."""
    return unicodedata.normalize("NFC", password)

"""How the SDK calls a SQL function: one statement, one round trip, errors translated, the actor with every write."""

import json
import uuid
from collections.abc import Awaitable
from typing import Any, Protocol, TypeVar

import asyncpg

from portal.authn.errors import AuthnError, AuthnValidationError
from portal.authn.records import Record

R = TypeVar("R", bound=Record)
T = TypeVar("T")

# Refusals that callers may expect. Anything else (a lost connection, a deadlock, a missing function) is a fault and
# passes as it came.
_REFUSALS = frozenset(
    {
        "23505",  # duplicate
        "23503",  # unknown user
        "42501",  # row of another tenant
        "54000",  # too many of something
        "55000",  # disabled user, primary address
    }
)
_DATA_EXCEPTION = "22"  # the class of SQLSTATEs for malformed values
_NOT_SENT = "22000"  # asyncpg's own refusal to encode an argument; its text quotes the argument, which may be a secret


class Querier(Protocol):
    """What runs a query: asyncpg's Connection and Pool do, and everything that has these three methods."""

    async def fetch(self, query: str, *args: Any) -> list[Any]:
        """Return all rows; parameters are `$1`, `$2` …"""
        ...

    async def fetchrow(self, query: str, *args: Any) -> Any:
        """Return the first row or None."""
        ...

    async def fetchval(self, query: str, *args: Any) -> Any:
        """Return the first column of the first row or None."""
        ...


class Caller:
    """The part of the client that all operations share.

    In the queries of a write, `authn.act_in(namespace, actor)` stands where the namespace does: PostgreSQL evaluates
    arguments before it calls, so the actor is set when the function writes its audit row, in one round trip and without
    a transaction around it.
    """

    def __init__(self, connection: Querier, namespace: str = "default") -> None:
        self._connection = connection
        self._namespace = namespace
        # None: nothing was said, a set_actor of the caller's own transaction stands. Empty: cleared.
        self._actor: dict[str, str | None] | None = None

    @property
    def namespace(self) -> str:
        """The namespace that every call of this client works in."""
        return self._namespace

    @property
    def _actor_json(self) -> str | None:
        # As text: whether a jsonb parameter takes text or objects depends on the connection's codecs.
        return None if self._actor is None else json.dumps(self._actor)

    async def _value(self, query: str, *args: Any) -> Any:
        return await _translated(self._connection.fetchval(query, *args))

    async def _row(self, record: type[R], query: str, *args: Any) -> R | None:
        row = await _translated(self._connection.fetchrow(query, *args))
        return None if row is None else record.from_row(row)

    async def _rows(self, record: type[R], query: str, *args: Any) -> list[R]:
        return [record.from_row(row) for row in await _translated(self._connection.fetch(query, *args))]


async def _translated(answer: Awaitable[T]) -> T:
    try:
        return await answer
    except asyncpg.PostgresError as error:
        sqlstate = error.sqlstate or ""
        if sqlstate == _NOT_SENT:
            raise AuthnValidationError("an argument has the wrong type or cannot be encoded", sqlstate) from None
        if sqlstate.startswith(_DATA_EXCEPTION):
            raise AuthnValidationError(str(error.args[0]), sqlstate) from error
        if sqlstate in _REFUSALS:
            raise AuthnError(str(error.args[0]), sqlstate) from error
        raise


def as_uuid(value: str | uuid.UUID | None, name: str) -> uuid.UUID | None:
    """Return an id for the database. None passes, so that the database says what is missing.

    Raises:
        AuthnValidationError: it is no UUID.
    """
    if value is None or isinstance(value, uuid.UUID):
        return value
    try:
        return uuid.UUID(value)
    except (ValueError, AttributeError, TypeError):
        raise AuthnValidationError(f"{name} must be a UUID", "22P02") from None

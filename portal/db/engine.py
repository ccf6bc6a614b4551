"""One SQLAlchemy engine and pool over asyncpg, used in three ways.

- `fetch`, `fetchrow`, `fetchval`: one SQL function call in autocommit on the pool's own asyncpg connection: one round
  trip, no BEGIN, no COMMIT. Nearly every request needs just this.
- `transaction`: several calls that belong together, with the tenant context set.
- `run_sync`: a SQLAlchemy session inside a greenlet, for Authlib, whose hooks are synchronous.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeVar, cast
from urllib.parse import parse_qs, urlsplit

import asyncpg
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session

POOL_SIZE = 8  # connections per worker; more gave no more answers on the measured machines
WAIT_FOR_CONNECTION = 5.0  # seconds; a caller is better served by 503 than by a longer wait
CONNECT_TIMEOUT = 5.0  # seconds
STATEMENT_TIMEOUT = 10.0  # seconds; no statement of ours comes near it

T = TypeVar("T")

# What a lost, refused or overloaded server looks like. 57P01-57P03: shut down, crashed, starting; 53300: too many.
_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InterfaceError,
    OSError,
    TimeoutError,
    PoolTimeout,
)


class DatabaseUnavailable(Exception):
    """The database did not answer. Nobody is let in meanwhile: the answer is 503 with Retry-After."""


class Querier(Protocol):
    """What runs a query: this pool, one of its transactions, or a bare asyncpg connection or pool."""

    async def fetch(self, query: str, *args: Any) -> list[Any]:
        """Return all rows; parameters are `$1`, `$2` …"""
        ...

    async def fetchrow(self, query: str, *args: Any) -> Any:
        """Return the first row or None."""
        ...

    async def fetchval(self, query: str, *args: Any) -> Any:
        """Return the first column of the first row or None."""
        ...


class Database:
    """The pool. jsonb columns and parameters are Python objects on its connections."""

    def __init__(self, url: str, *, statement_cache: int = 512, pool_size: int = POOL_SIZE) -> None:
        """Prepare the pool; nothing is connected before the first query.

        `url` is `postgresql://user:password@host:port/database`, or with `?host=/folder` for a unix socket.
        `statement_cache` is 0 behind a pooler that cannot keep prepared statements.
        """
        self._engine = _make_engine(url, statement_cache, pool_size)
        # asyncio's semaphore is first come, first served; asyncpg and SQLAlchemy pools are not under pressure.
        self._turn = asyncio.Semaphore(pool_size)

    async def fetch(self, query: str, *args: Any) -> list[Any]:
        """Run one statement in autocommit and return its rows."""
        async with self._borrow() as connection:
            return cast(list[Any], await connection.fetch(query, *args))

    async def fetchrow(self, query: str, *args: Any) -> Any:
        """Run one statement in autocommit and return its first row or None."""
        async with self._borrow() as connection:
            return await connection.fetchrow(query, *args)

    async def fetchval(self, query: str, *args: Any) -> Any:
        """Run one statement in autocommit and return its first value or None."""
        async with self._borrow() as connection:
            return await connection.fetchval(query, *args)

    @asynccontextmanager
    async def transaction(self, namespace: str) -> AsyncIterator[Querier]:
        """Open one transaction with the tenant context set; commits at the end, rolls back on an exception."""
        async with self._turn_taken(), self._engine.connect() as connection, connection.begin():
            await connection.exec_driver_sql("select set_config('authn.tenant_id', $1, true)", (namespace,))
            raw = await connection.get_raw_connection()
            yield cast(Querier, raw.driver_connection)

    async def run_sync(self, namespace: str, work: Callable[[Session], T]) -> T:
        """Run synchronous code with a SQLAlchemy session in one transaction, without a thread.

        Commits when `work` returns, also when what it returns is an error answer: an attempt that was counted stays
        counted.
        """
        async with self._turn_taken(), self._engine.connect() as connection, connection.begin():
            await connection.exec_driver_sql("select set_config('authn.tenant_id', $1, true)", (namespace,))
            async with AsyncSession(bind=connection, expire_on_commit=False) as session:
                return await session.run_sync(work)

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()

    @asynccontextmanager
    async def _borrow(self) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
        async with self._turn_taken():
            borrowed = await self._engine.raw_connection()
            connection = cast("asyncpg.Connection[asyncpg.Record]", borrowed.driver_connection)
            try:
                if connection.is_closed():  # noticed without a round trip: the server went away since it was used
                    raise asyncpg.ConnectionDoesNotExistError("the pooled connection was lost")
                yield connection
            except BaseException:
                if connection.is_closed():
                    borrowed.invalidate()
                raise
            finally:
                borrowed.close()

    @asynccontextmanager
    async def _turn_taken(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(WAIT_FOR_CONNECTION):
                await self._turn.acquire()
        except TimeoutError as error:
            raise DatabaseUnavailable("no connection became free in time") from error
        try:
            yield
        except _AWAY as error:
            await self._drop_lost_connections()
            raise DatabaseUnavailable(type(error).__name__) from error
        except DBAPIError as error:
            if not error.connection_invalidated and not isinstance(error.orig and error.orig.__cause__, _AWAY):
                raise
            await self._drop_lost_connections()
            raise DatabaseUnavailable(type(error.orig).__name__) from error
        finally:
            self._turn.release()

    async def _drop_lost_connections(self) -> None:
        # The others of the pool were most likely lost at the same moment; new ones are made as they are needed.
        await self._engine.dispose(close=False)


def _make_engine(url: str, statement_cache: int, pool_size: int) -> AsyncEngine:
    engine = create_async_engine(
        "postgresql+asyncpg://",
        connect_args={
            # asyncpg parses the URL itself (sockets, sslmode=verify-full), so that one form works everywhere.
            "async_creator_fn": _connector(url, statement_cache),
            "prepared_statement_cache_size": statement_cache,
        },
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=WAIT_FOR_CONNECTION,
    )

    def use_python_objects_for_jsonb(connection: Any, _record: Any) -> None:
        connection.run_async(_set_jsonb_codec)

    event.listen(engine.sync_engine, "connect", use_python_objects_for_jsonb)
    return engine


def _connector(url: str, statement_cache: int) -> Callable[[], Awaitable[Any]]:
    query = parse_qs(urlsplit(url).query)
    options: dict[str, Any] = {}
    if query.get("host", [""])[0].startswith("/"):
        options["ssl"] = False  # a unix socket

    async def connect(**_from_sqlalchemy: Any) -> Any:
        return await asyncpg.connect(
            url,
            timeout=CONNECT_TIMEOUT,
            command_timeout=STATEMENT_TIMEOUT,
            statement_cache_size=statement_cache,
            **options,
        )

    return connect


async def _set_jsonb_codec(connection: Any) -> None:
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=_encode_json, decoder=json.loads, format="text"
    )


def _encode_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

"""One SQLAlchemy engine and pool over asyncpg, used in two ways.

- `fetch`, `fetchrow`, `fetchval`: one SQL function call in autocommit on the pool's own asyncpg connection: one round
  trip, no BEGIN, no COMMIT. Nearly every request needs just this.
- `transaction`: several calls that belong together, with the tenant context set.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol, cast
from urllib.parse import parse_qs, urlsplit

import asyncpg
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import PoolProxiedConnection

POOL_SIZE = 8  # connections per worker; more gave no more answers on the measured machines
WAIT_FOR_CONNECTION = 5.0  # seconds; a caller is better served by 503 than by a longer wait
CONNECT_TIMEOUT = 5.0  # seconds
STATEMENT_TIMEOUT = 10.0  # seconds; no statement of ours comes near it

# What a lost, refused or overloaded server looks like. 57P01-57P03: shut down, crashed, starting; 53300: too many.
AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InterfaceError,
    # The server's farewell to an idle connection was read, its end was not yet: asyncpg then finds itself in a state in
    # which it can begin nothing. No connection is ever lent to two callers, so it means nothing else here.
    asyncpg.InternalClientError,
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
        # Connections of the pool that wait for the next call, the warmest last: checking one out and in again for
        # every call costs more than the call.
        self._idle: list[PoolProxiedConnection] = []

    async def fetch(self, query: str, *args: Any) -> list[Any]:
        """Run one statement in autocommit and return its rows."""
        return cast(list[Any], await self._run("fetch", query, args))

    async def fetchrow(self, query: str, *args: Any) -> Any:
        """Run one statement in autocommit and return its first row or None."""
        return await self._run("fetchrow", query, args)

    async def fetchval(self, query: str, *args: Any) -> Any:
        """Run one statement in autocommit and return its first value or None."""
        return await self._run("fetchval", query, args)

    @asynccontextmanager
    async def transaction(self, namespace: str) -> AsyncIterator[Querier]:
        """Open one transaction with the tenant context set; commits at the end, rolls back on an exception."""
        async with self._turn_taken(), self._engine.connect() as connection, connection.begin():
            await connection.exec_driver_sql("select set_config('authn.tenant_id', $1, true)", (namespace,))
            raw = await connection.get_raw_connection()
            yield cast(Querier, raw.driver_connection)

    async def close(self) -> None:
        """Close every connection."""
        while self._idle:
            self._idle.pop().close()
        await self._engine.dispose()

    async def _run(self, method: str, query: str, args: tuple[Any, ...]) -> Any:
        await self._take_turn()
        try:
            borrowed = self._warm() or await self._engine.raw_connection()
            connection = cast(Any, borrowed.driver_connection)
            try:
                answer = await getattr(connection, method)(query, *args)
            except BaseException as error:
                if isinstance(error, asyncpg.PostgresError) and not isinstance(error, AWAY):
                    self._give_back(borrowed)  # the server refused the statement; the connection is as good as before
                else:
                    # Cut off in the middle of something: the next caller must not meet what is left of it.
                    _drop(borrowed)
                raise
            self._give_back(borrowed)
            return answer
        except Exception as error:
            if not _is_away(error):
                raise
            raise self._outage(error) from error
        finally:
            self._turn.release()

    @asynccontextmanager
    async def _turn_taken(self) -> AsyncIterator[None]:
        await self._take_turn()
        try:
            if borrowed := self._warm():
                borrowed.close()  # back to the pool, which hands it out once more
            yield
        except Exception as error:
            if not _is_away(error):
                raise
            raise self._outage(error) from error
        finally:
            self._turn.release()

    async def _take_turn(self) -> None:
        if not self._turn.locked():
            await self._turn.acquire()
            return
        try:
            async with asyncio.timeout(WAIT_FOR_CONNECTION):
                await self._turn.acquire()
        except TimeoutError as error:
            raise DatabaseUnavailable("no connection became free in time") from error

    def _warm(self) -> PoolProxiedConnection | None:
        while self._idle:
            borrowed = self._idle.pop()
            if not cast(Any, borrowed.driver_connection).is_closed():
                return borrowed
            _drop(borrowed)  # the server went away since it was used, noticed without a round trip
        return None

    def _give_back(self, borrowed: PoolProxiedConnection) -> None:
        if cast(Any, borrowed.driver_connection).is_closed():
            _drop(borrowed)
        else:
            self._idle.append(borrowed)

    def _outage(self, error: BaseException) -> DatabaseUnavailable:
        # The others were most likely lost at the same moment; new connections are made as they are needed.
        while self._idle:
            _drop(self._idle.pop())
        return DatabaseUnavailable(type(error).__name__)


def _is_away(error: BaseException | None) -> bool:
    # SQLAlchemy wraps what asyncpg says, once or twice, and names it as the cause.
    while error is not None:
        if isinstance(error, AWAY) or (isinstance(error, DBAPIError) and error.connection_invalidated):
            return True
        error = error.__cause__
    return False


def _drop(borrowed: PoolProxiedConnection) -> None:
    borrowed.invalidate()
    borrowed.close()


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

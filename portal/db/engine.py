"""The way to PostgreSQL, used in two ways.

- `fetch`, `fetchrow`, `fetchval`: one SQL function call in autocommit on a warm asyncpg connection: one round trip, no
  BEGIN, no COMMIT. Nearly every request needs just this.
- `transaction`: several calls that belong together, with the tenant context set, through SQLAlchemy. Only the first of
  them imports it: it would be a quarter of a worker's memory and nearly half of the time that a worker takes to start.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import parse_qs, urlsplit

import asyncpg

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

OLDEST_POSTGRES = 15  # major version
POOL_SIZE = 8  # connections per worker; more gave no more answers on the measured machines
WAIT_FOR_CONNECTION = 5.0  # seconds; a caller is better served by 503 than by a longer wait
CONNECT_TIMEOUT = 5.0  # seconds
STATEMENT_TIMEOUT = 10.0  # seconds; no statement of ours comes near it
FAREWELL_WITHIN = 2.0  # seconds for a server to say goodbye; a dead one never does

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
        self._connect = _connector(url, statement_cache)
        # asyncio's semaphore is first come, first served; asyncpg's and SQLAlchemy's pools are not under pressure.
        self._turn = asyncio.Semaphore(pool_size)
        # Connections that wait for the next call, the warmest last. Who has a turn has one of these or makes one, so
        # there are never more of them than turns.
        self._idle: list[Any] = []
        self._engine: AsyncEngine | None = None

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
        if self._engine is None:
            self._engine = _make_engine(self._connect)
        async with self._turn_taken(), self._engine.connect() as connection, connection.begin():
            await connection.exec_driver_sql("select set_config('authn.tenant_id', $1, true)", (namespace,))
            raw = await connection.get_raw_connection()
            yield cast(Querier, raw.driver_connection)

    async def close(self) -> None:
        """Close every connection."""
        while self._idle:
            try:
                await self._idle.pop().close(timeout=FAREWELL_WITHIN)
            except AWAY:
                continue  # it is gone already

    async def _run(self, method: str, query: str, args: tuple[Any, ...]) -> Any:
        await self._take_turn()
        try:
            connection = self._warm() or await self._connect()
            try:
                answer = await getattr(connection, method)(query, *args)
            except BaseException as error:
                if isinstance(error, asyncpg.PostgresError) and not isinstance(error, AWAY):
                    self._give_back(connection)  # the server refused the statement; the connection is as good as before
                else:
                    # Cut off in the middle of something: the next caller must not meet what is left of it.
                    connection.terminate()
                raise
            self._give_back(connection)
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
            if connection := self._warm():
                connection.terminate()  # SQLAlchemy makes one of its own, and there shall be no more than turns
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

    def _warm(self) -> Any:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():  # the server may have gone away since: noticed without a round trip
                return connection
        return None

    def _give_back(self, connection: Any) -> None:
        if not connection.is_closed():
            self._idle.append(connection)

    def _outage(self, error: BaseException) -> DatabaseUnavailable:
        # The others were most likely lost at the same moment; new connections are made as they are needed.
        while self._idle:
            self._idle.pop().terminate()
        return DatabaseUnavailable(type(error).__name__)


def tls_of(url: str) -> bool | None:
    """Return asyncpg's `ssl` for an address of the database: a unix socket has none, elsewhere the address decides."""
    # Without this asyncpg looks for certificates in a home folder that may be unreadable.
    return False if parse_qs(urlsplit(url).query).get("host", [""])[0].startswith("/") else None


def _is_away(error: BaseException | None) -> bool:
    # SQLAlchemy wraps what asyncpg says, once or twice, and names it as the cause.
    while error is not None:
        if isinstance(error, AWAY) or getattr(error, "connection_invalidated", False):
            return True
        error = error.__cause__
    return False


def _connector(url: str, statement_cache: int) -> Callable[..., Awaitable[Any]]:
    async def connect(**_from_sqlalchemy: Any) -> Any:
        # asyncpg parses the URL itself (sockets, sslmode=verify-full), so that one form works everywhere.
        connection = await asyncpg.connect(
            url,
            timeout=CONNECT_TIMEOUT,
            command_timeout=STATEMENT_TIMEOUT,
            statement_cache_size=statement_cache,
            ssl=tls_of(url),
        )
        await _set_jsonb_codec(connection)
        return connection

    return connect


async def _set_jsonb_codec(connection: Any) -> None:
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=_encode_json, decoder=json.loads, format="text"
    )


def _encode_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _make_engine(connect: Callable[..., Awaitable[Any]]) -> "AsyncEngine":
    from sqlalchemy import NullPool, event
    from sqlalchemy.ext.asyncio import create_async_engine

    # Without a pool: a transaction waits for its turn like every call, and has its connection for itself alone.
    engine = create_async_engine(
        "postgresql+asyncpg://",
        connect_args={"async_creator_fn": connect, "prepared_statement_cache_size": 0},
        poolclass=NullPool,
    )

    def use_python_objects_for_jsonb(connection: Any, _record: Any) -> None:
        connection.run_async(_set_jsonb_codec)  # SQLAlchemy has just set its own

    event.listen(engine.sync_engine, "connect", use_python_objects_for_jsonb)
    return engine

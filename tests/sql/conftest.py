"""Calling the SQL functions as any program would: by name and position, as the application's role, in autocommit."""

import json
import secrets
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from tests.support.database import STATEMENT_CACHE, TestDatabase, connect

AT_ONCE = 40  # calls, each on a connection of its own


class Sql:
    """The functions of schema authn on one connection."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection

    async def value(self, function: str, *arguments: Any) -> Any:
        """The single value of one call."""
        return await self.connection.fetchval(f"SELECT authn.{function}({_placeholders(arguments)})", *arguments)

    async def rows(self, function: str, *arguments: Any) -> list[dict[str, Any]]:
        """The rows of one call."""
        rows = await self.connection.fetch(f"SELECT * FROM authn.{function}({_placeholders(arguments)})", *arguments)
        return [dict(row) for row in rows]

    async def row(self, function: str, *arguments: Any) -> dict[str, Any] | None:
        """The only row of one call, or None."""
        rows = await self.rows(function, *arguments)
        assert len(rows) <= 1
        return rows[0] if rows else None

    async def error(self, function: str, *arguments: Any) -> asyncpg.PostgresError:
        """The error that one call raises."""
        with pytest.raises(asyncpg.PostgresError) as caught:
            await self.rows(function, *arguments)
        return caught.value

    async def events(self, namespace: str) -> list[dict[str, Any]]:
        """The namespace's audit rows, oldest first, with their values as objects."""
        events = await self.rows("get_audit_events", 1000, None, None, None, namespace)
        for event in events:
            for name in ("old_values", "new_values"):
                event[name] = None if event[name] is None else json.loads(event[name])
        return events[::-1]

    async def user(self, namespace: str, email: str = "alice@example.com") -> Any:
        """The id of a new user."""
        return await self.value("create_user", email, "a-hash", namespace)


def _placeholders(arguments: tuple[Any, ...]) -> str:
    return ", ".join(f"${number}" for number in range(1, len(arguments) + 1))


@pytest.fixture(scope="module")
async def app_connection(module_database: TestDatabase) -> AsyncIterator[asyncpg.Connection]:
    connection = await connect(module_database.app_url)
    yield connection
    await connection.close()


@pytest.fixture(scope="module")
async def superuser(module_database: TestDatabase) -> AsyncIterator[asyncpg.Connection]:
    """A connection that row-level security does not bind, for looking behind the functions."""
    connection = await asyncpg.connect(module_database.superuser_url)
    yield connection
    await connection.close()


@pytest.fixture(scope="module")
async def pool(module_database: TestDatabase) -> AsyncIterator[asyncpg.Pool]:
    """Connections for calls that are made at once."""
    async with asyncpg.create_pool(
        module_database.app_url, min_size=AT_ONCE, max_size=AT_ONCE, statement_cache_size=STATEMENT_CACHE
    ) as pool:
        yield pool


@pytest.fixture
def sql(app_connection: asyncpg.Connection) -> Sql:
    return Sql(app_connection)


@pytest.fixture
def namespace() -> str:
    """A namespace of the test's own."""
    return f"test-{secrets.token_hex(6)}"

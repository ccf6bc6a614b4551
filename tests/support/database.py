"""A real PostgreSQL for the tests: one server for the whole run, a template migrated once, a clone for each who asks.

`database` is a test's own clone, `module_database` one for a whole file. With PORTAL_DATABASE_URL and
PORTAL_DATABASE_OWNER_URL set, the databases are made on that server, by the login of TEST_DATABASE_SUPERUSER_URL, or by
the owner where it is a superuser. PORTAL_DATABASE_STATEMENT_CACHE=0 says that a pooler stands before it.
"""

import asyncio
import os
import secrets
import shutil
import tempfile
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from portal.db.embedded import EmbeddedPostgres
from portal.db.migrate import migrate
from tests.support.whole_run import TRACK, ask

# Nothing of a test needs to outlive a crash of the machine. Only here: the portal's own database keeps fsync on.
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "max_connections": "200"}

# 0 behind a pooler, where a prepared statement may lie on another connection than the one that is to run it.
STATEMENT_CACHE = int(os.environ.get("PORTAL_DATABASE_STATEMENT_CACHE", "512"))

T = TypeVar("T")


@dataclass(frozen=True)
class TestDatabase:
    """One database and how to log in to it; `superuser_url` is the owner's where the server is not ours."""

    __test__ = False

    name: str
    app_url: str
    owner_url: str
    superuser_url: str

    def named(self, name: str) -> "TestDatabase":
        """The same logins in another database of the server."""
        return TestDatabase(
            name, *(_in_database(url, name) for url in (self.app_url, self.owner_url, self.superuser_url))
        )


def run_now(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end, whether or not the caller is inside an event loop."""
    results: list[T] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            results.append(asyncio.run(work()))
        except BaseException as failure:
            failures.append(failure)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return results[0]


async def connect(url: str) -> "asyncpg.Connection[asyncpg.Record]":
    """Open a connection that works through a pooler, too, where there is one."""
    return await asyncpg.connect(url, statement_cache_size=STATEMENT_CACHE)


def execute(url: str, *statements: str) -> None:
    """Run statements, each by itself in autocommit."""

    async def work() -> None:
        connection = await connect(url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    run_now(work)


def fetch(url: str, query: str, *arguments: object) -> list[Any]:
    """Run one query on a connection of its own."""

    async def work() -> list[Any]:
        connection = await connect(url)
        try:
            return list(await connection.fetch(query, *arguments))
        finally:
            await connection.close()

    return run_now(work)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[TestDatabase]:
    """The server of this test run, by its first database."""
    app_url, owner_url = os.environ.get("PORTAL_DATABASE_URL"), os.environ.get("PORTAL_DATABASE_OWNER_URL")
    if app_url and owner_url:
        superuser_url = os.environ.get("TEST_DATABASE_SUPERUSER_URL", owner_url)
        yield TestDatabase(urlsplit(owner_url).path.lstrip("/"), app_url, owner_url, superuser_url)
        return
    with temporary_data_dir() as data_dir, EmbeddedPostgres(data_dir, NOT_DURABLE) as server:
        yield TestDatabase("portal", server.app_url, server.owner_url, server.superuser_url)


@pytest.fixture(scope="session")
def template_database(postgres_server: TestDatabase) -> Iterator[TestDatabase]:
    """The database with the schema of this checkout and no rows; clone it, do not use it."""
    template = empty_database(postgres_server)
    run_now(lambda: migrate(template.owner_url, template.app_url))
    yield template
    drop_database(postgres_server, template)


@pytest.fixture
def database(postgres_server: TestDatabase, template_database: TestDatabase) -> Iterator[TestDatabase]:
    """A migrated database that only this test sees."""
    clone = empty_database(postgres_server, template=template_database.name)
    yield clone
    drop_database(postgres_server, clone)


@pytest.fixture(scope="module")
def module_database(postgres_server: TestDatabase, template_database: TestDatabase) -> Iterator[TestDatabase]:
    """A migrated database that the tests of one file share."""
    clone = empty_database(postgres_server, template=template_database.name)
    yield clone
    drop_database(postgres_server, clone)


def empty_database(server: TestDatabase, *, template: str = "template0") -> TestDatabase:
    """Make a database that belongs to the owner, as a copy of `template`."""
    made = server.named(f"portal_test_{secrets.token_hex(6)}")
    owner = fetch(server.owner_url, "SELECT quote_ident(current_user) AS name")[0]["name"]
    # file_copy: 20 ms, where PostgreSQL's default, wal_log, takes 33; its checkpoints cost nothing without fsync.
    execute(
        server.superuser_url,
        f"CREATE DATABASE {made.name} OWNER {owner} TEMPLATE {template} STRATEGY file_copy",
        f"ALTER DATABASE {made.name} {TRACK}",
    )
    return made


def drop_database(server: TestDatabase, database: TestDatabase) -> None:
    """Drop a database, ending what is still connected to it."""
    # A connection tells which functions it called when it ends.
    end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1"
    fetch(server.superuser_url, end, database.name)
    run_now(lambda: ask(database.superuser_url))
    execute(server.superuser_url, f"DROP DATABASE {database.name} WITH (FORCE)")


class temporary_data_dir:  # noqa: N801 - used like the functions of contextlib
    """A data folder that the server's account can enter, unlike pytest's own, and that is gone afterwards."""

    def __enter__(self) -> Path:
        self._folder = Path(tempfile.mkdtemp(prefix="portal-test-"))
        self._folder.chmod(0o711)
        return self._folder

    def __exit__(self, *_error: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def _in_database(url: str, name: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"/{name}"))

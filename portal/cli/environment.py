"""Settings and database as a command needs them: the configured one, or the embedded one shared with the server."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

from portal.cli.answers import Failure
from portal.db.embedded import EmbeddedPostgres
from portal.db.engine import Database
from portal.db.migrate import MigrationError, migrate, pending_migrations
from portal.settings import Settings, load_settings, read_or_make_secret_key

T = TypeVar("T")

WORKERS_READ_THESE = ("PORTAL_DATABASE_URL", "PORTAL_DATABASE_OWNER_URL", "PORTAL_SECRET_KEY")


@dataclass(frozen=True, slots=True)
class Environment:
    """Complete settings, with the addresses of the database and the secret keys whatever they come from."""

    settings: Settings
    embedded: bool

    @property
    def database_url(self) -> str:
        """The address for the application role."""
        if self.settings.database_url is None:
            raise RuntimeError("an Environment has a database")
        return self.settings.database_url

    @property
    def owner_url(self) -> str | None:
        """The address for migrations, where the operator gave one."""
        return self.settings.database_owner_url


@contextmanager
def open_environment() -> Iterator[Environment]:
    """Read the settings and have a database: the configured one, or the embedded one, started or joined.

    The embedded one is left when the block ends; its last user stops it.
    """
    settings = load_settings(os.environ)
    if settings.database_url:
        yield Environment(settings, embedded=False)
        return
    with EmbeddedPostgres(settings.data_dir) as server:
        yield Environment(
            replace(
                settings,
                database_url=server.app_url,
                database_owner_url=server.owner_url,
                secret_keys=settings.secret_keys or read_or_make_secret_key(settings.data_dir),
            ),
            embedded=True,
        )


def with_database(work: Callable[[Database], Awaitable[T]]) -> T:
    """Run one piece of work on the database and return what it returns."""
    return with_environment(lambda _environment, database: work(database))


def with_environment(work: Callable[[Environment, Database], Awaitable[T]]) -> T:
    """Run one piece of work that needs settings or secret keys too, and return what it returns."""

    async def run(environment: Environment) -> T:
        async with open_database(environment) as database:
            return await work(environment, database)

    with open_environment() as environment:
        return asyncio.run(run(environment))


@asynccontextmanager
async def open_database(environment: Environment) -> AsyncIterator[Database]:
    """Connect as the application role to a database that is up to date; close at the end."""
    await bring_up(environment)
    settings = environment.settings
    database = Database(environment.database_url, statement_cache=settings.database_statement_cache, pool_size=1)
    try:
        if not environment.embedded and await pending_migrations(database):
            raise Failure("The database is not up to date. Run `portal migrate` first.")
        yield database
    finally:
        await database.close()


async def bring_up(environment: Environment) -> None:
    """Migrate the embedded database, which nobody else looks after; any other one is left to `portal migrate`."""
    if not environment.embedded or environment.owner_url is None:
        return
    try:
        await migrate(environment.owner_url, environment.database_url)
    except MigrationError as error:
        raise Failure(str(error)) from error


def hand_to_workers(environment: Environment) -> None:
    """Put into the environment what worker processes cannot find out: they must not start a database each."""
    settings = environment.settings
    keys = ",".join(key.decode() for key in settings.secret_keys)
    for name, value in zip(WORKERS_READ_THESE, (settings.database_url, settings.database_owner_url, keys), strict=True):
        if value:
            os.environ[name] = value

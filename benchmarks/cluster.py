"""The PostgreSQL of a run: the portal's own embedded one with its own settings, and a database for each contender."""

import contextlib
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from portal.db.embedded import EmbeddedPostgres
from portal.db.migrate import migrate


@dataclass(frozen=True, slots=True)
class DatabaseServer:
    """The running server. Durable as in production: a login that is not on disk when it is answered costs less."""

    superuser_url: str
    app_url: str
    postmaster: int

    async def create_database(self, name: str) -> str:
        """Make a database with an owner of the same name and return its address."""
        password = secrets.token_hex(16)
        await execute(
            self.superuser_url,
            f"CREATE ROLE {name} LOGIN PASSWORD '{password}'",
            f"CREATE DATABASE {name} OWNER {name}",
        )
        parts = urlsplit(self.superuser_url)
        return urlunsplit(parts._replace(netloc=f"{name}:{password}@", path=f"/{name}"))


@contextlib.asynccontextmanager
async def database_server() -> AsyncIterator[DatabaseServer]:
    """Start a server with the portal's database, migrated; nothing is left of it afterwards."""
    folder = _make_data_dir()
    try:
        with EmbeddedPostgres(folder) as server:
            await migrate(server.owner_url, server.app_url)
            postmaster = int((server.cluster.data / "postmaster.pid").read_text().split("\n", 1)[0])
            yield DatabaseServer(server.superuser_url, server.app_url, postmaster)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def execute(url: str, *statements: str, arguments: Sequence[object] = ()) -> None:
    """Run statements, each by itself."""
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement, *arguments)
    finally:
        await connection.close()


def _make_data_dir() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="portal-bench-"))
    folder.chmod(0o711)  # root's server runs under another account, which must be able to pass
    return folder

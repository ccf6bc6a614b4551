"""Bringing a database up to this release: `portal migrate`, and `serve` on the embedded database.

Everything happens in one transaction under an advisory lock: of many machines that migrate at once one works and the
others find nothing left to do, and a migration that fails leaves the database as the running release knows it.
"""

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from portal.db.engine import OLDEST_POSTGRES, tls_of
from portal.db.migration_files import (
    Journal,
    MigrationError,
    MigrationFile,
    Plan,
    make_plan,
    read_migrations,
)
from portal.db.roles import ensure_roles
from portal.resources import MIGRATIONS

__all__ = ["MigrationError", "MigrationReport", "migrate", "pending_migrations"]

MIGRATION_LOCK = 0x706F7274616C  # "portal"; advisory locks are numbers that a database's users agree on
WAIT_FOR_OTHERS = "10min"  # another machine's migration may take long
WAIT_FOR_TABLE = "5s"  # a waiting ALTER TABLE makes every later query on the table wait behind it: give way instead
ATTEMPTS = 5
CONNECT_TIMEOUT = 10.0  # seconds

# What a second try mends: a table in use, or a role that another database's migration touches at the same moment.
_PASSING = (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError, asyncpg.InternalServerError)

logger = logging.getLogger("portal.db.migrate")


@dataclass(frozen=True, slots=True)
class MigrationReport:
    """What `migrate` did, or with `dry_run` would do.

    `changed`: paths of new and changed files, such as `schema/0001_schema.sql`; empty when the database was up to date.
    `newer`: schema files of a newer release that ran here; then nothing was done.
    """

    changed: tuple[str, ...]
    newer: tuple[str, ...]
    dry_run: bool


async def migrate(
    owner_url: str, app_url: str | None = None, dry_run: bool = False, folder: Path = MIGRATIONS
) -> MigrationReport:
    """Bring the database up. Safe to call from many machines at once.

    Args:
        owner_url: the login that owns schema `authn`, directly, not through a pooler. A superuser's works too:
            everything is then owned by portal_owner.
        app_url: the login that the server will use; let into portal_app.
        dry_run: change nothing, only report.
        folder: where the SQL files are, by default the portal's own.

    Raises:
        MigrationError: with a text that says what to do; the database is as it was.
    """
    files = await asyncio.to_thread(lambda: read_migrations(folder))
    connection = await _connect(owner_url)
    try:
        if dry_run:
            plan = make_plan(files, await _read_journal(connection))
        else:
            plan = await _with_retries(connection, files, app_url)
    finally:
        await connection.close()
    return MigrationReport(plan.changed, plan.newer, dry_run)


async def pending_migrations(querier: Any, folder: Path = MIGRATIONS) -> tuple[str, ...]:
    """Return the paths of the files that the database still needs; the server's own login may ask.

    `querier` is anything with asyncpg's `fetch` and `fetchval`.
    """
    files = await asyncio.to_thread(lambda: read_migrations(folder))
    return make_plan(files, await _read_journal(querier)).changed


async def _connect(url: str) -> Any:
    try:
        connection = await asyncpg.connect(url, timeout=CONNECT_TIMEOUT, ssl=tls_of(url))
    except (OSError, asyncpg.PostgresError) as error:
        raise MigrationError(f"The database does not let the owner in: {error}") from error
    if connection.get_server_version().major < OLDEST_POSTGRES:
        await connection.close()
        raise MigrationError(f"PostgreSQL {OLDEST_POSTGRES} or newer is needed.")
    return connection


async def _read_journal(querier: Any) -> Journal:
    if not await querier.fetchval("SELECT to_regclass('authn.migrations') IS NOT NULL"):
        return {}
    rows = await querier.fetch("SELECT kind, name, checksum FROM authn.migrations ORDER BY kind, name")
    return {(row["kind"], row["name"]): row["checksum"] for row in rows}


async def _with_retries(connection: Any, files: list[MigrationFile], app_url: str | None) -> Plan:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            async with connection.transaction():
                return await _apply(connection, files, app_url)
        except _PASSING as error:
            if attempt == ATTEMPTS:
                raise MigrationError(f"The database was in use each time: {error}. Nothing was changed.") from error
            logger.warning("migration gives way and tries again: %s", error)
            await asyncio.sleep(2 ** (attempt - 1))
    raise AssertionError("unreachable")


async def _apply(connection: Any, files: list[MigrationFile], app_url: str | None) -> Plan:
    await _take_the_lock(connection)
    owner = await ensure_roles(connection, app_url)
    plan = make_plan(files, await _read_journal(connection))
    if not plan.files:
        return plan
    await connection.execute(f"SET LOCAL ROLE {await _quoted(connection, owner)}")
    await _prepare_schema(connection, owner)
    for file in plan.schema:
        await _run(connection, file)
    if plan.functions:
        await _drop_functions_handed_over(connection, owner)
    for file in (*plan.functions, *plan.policies):
        await _run(connection, file)
    await _write_journal(connection, plan, files)
    return plan


async def _take_the_lock(connection: Any) -> None:
    # Unqualified names in our files find the system catalogue only, whatever a stranger put into schema public.
    await connection.execute("SET LOCAL search_path = pg_catalog, pg_temp")
    await connection.execute("SET LOCAL client_min_messages = warning")
    await connection.execute("SET LOCAL statement_timeout = 0")
    await connection.execute(f"SET LOCAL lock_timeout = '{WAIT_FOR_OTHERS}'")
    await connection.execute(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
    await connection.execute(f"SET LOCAL lock_timeout = '{WAIT_FOR_TABLE}'")


async def _prepare_schema(connection: Any, owner: str) -> None:
    belongs_to = await connection.fetchval(
        "SELECT nspowner::regrole::text FROM pg_catalog.pg_namespace WHERE nspname = 'authn'"
    )
    if belongs_to is None:
        await connection.execute("CREATE SCHEMA authn")
    elif belongs_to != await _quoted(connection, owner):
        raise MigrationError(f"Schema authn belongs to {belongs_to}. Set PORTAL_DATABASE_OWNER_URL to that login.")
    # Whoever is to own a function needs CREATE on its schema; nobody can log in as portal_system.
    await connection.execute("GRANT USAGE ON SCHEMA authn TO portal_app, portal_system")
    await connection.execute("GRANT CREATE ON SCHEMA authn TO portal_system")
    # Not IN SCHEMA: what everyone gets by default can only be taken back where it is given, for the whole database.
    await connection.execute("ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC")
    if await connection.fetchval("SELECT to_regclass('authn.migrations') IS NULL"):
        await connection.execute(
            """
            CREATE TABLE authn.migrations (
                kind text NOT NULL,
                name text NOT NULL,
                checksum text NOT NULL,
                applied_at timestamptz NOT NULL DEFAULT now(),
                PRIMARY KEY (kind, name)
            );
            COMMENT ON TABLE authn.migrations IS 'Which SQL files ran here, and the SHA-256 of what they said.';
            ALTER TABLE authn.migrations ENABLE ROW LEVEL SECURITY;
            ALTER TABLE authn.migrations FORCE ROW LEVEL SECURITY;
            CREATE POLICY journal ON authn.migrations USING (true) WITH CHECK (true);
            GRANT SELECT ON authn.migrations TO portal_app;
            """
        )


async def _drop_functions_handed_over(connection: Any, owner: str) -> None:
    """Drop what portal_system owns; the files make it again in this transaction.

    The owner cannot replace them, since that needs the very inheritance that it must not have (see roles.py).
    """
    functions = await connection.fetch(
        "SELECT oid::regprocedure::text AS name FROM pg_catalog.pg_proc "
        "WHERE pronamespace = 'authn'::regnamespace AND proowner = 'portal_system'::regrole"
    )
    if not functions:
        return
    await connection.execute("SET LOCAL ROLE portal_system")
    await connection.execute("DROP ROUTINE " + ", ".join(row["name"] for row in functions))
    await connection.execute(f"SET LOCAL ROLE {await _quoted(connection, owner)}")


async def _run(connection: Any, file: MigrationFile) -> None:
    try:
        await connection.execute(file.text)
    except _PASSING:
        raise
    except asyncpg.PostgresError as error:
        position = getattr(error, "position", None)
        line = f" line {file.text[: int(position)].count(chr(10)) + 1}" if position else ""
        raise MigrationError(f"{file.path}{line}: {error}") from error


async def _write_journal(connection: Any, plan: Plan, files: list[MigrationFile]) -> None:
    await connection.executemany(
        """
        INSERT INTO authn.migrations (kind, name, checksum) VALUES ($1, $2, $3)
        ON CONFLICT (kind, name) DO UPDATE SET checksum = excluded.checksum, applied_at = now()
        WHERE authn.migrations.checksum <> excluded.checksum
        """,
        [(file.kind, file.name, file.checksum) for file in plan.files],
    )
    await connection.execute(
        "DELETE FROM authn.migrations WHERE kind <> 'schema' AND kind || '/' || name <> ALL ($1::text[])",
        [file.path for file in files],
    )


async def _quoted(connection: Any, name: str) -> str:
    return str(await connection.fetchval("SELECT quote_ident($1::text)", name))

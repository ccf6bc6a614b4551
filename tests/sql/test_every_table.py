"""Two tenants in every table of the schema, whoever adds one: nothing crosses, not even through an error.

The rows are made from the catalogue, so that a new table is tried without a line here. A CHECK that a made-up value
does not meet needs an entry in VALUES.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import pytest

from tests.support.database import TestDatabase, connect

MINE, THEIRS = "tenant-a", "tenant-b"

# What belongs to the database itself, and so has no namespace. Partitions get their rows through the parent.
NOT_A_TENANTS = {"migrations", "database_home"}
# The journal, so that the server can tell whether it is up to date.
READ_BY_THE_APPLICATION = {"migrations"}
# One host leads to one tenant, wherever it is written down: who owns a name is public in the DNS.
KNOWN_TO_ALL = {"namespaces", "namespace_hosts"}
# What a CHECK demands beyond a list of words, by table and column.
VALUES = {
    ("clients", "token_endpoint_auth_method"): "'none'",
    ("clients", "application_type"): "'web'",
    ("clients", "secret_hash"): "null",
    ("clients", "require_pkce"): "true",
    ("namespace_hosts", "host"): "'login.example'",
}
BY_TYPE = {
    "text": "'a-value'",
    "uuid": "gen_random_uuid()",  # nobody guesses one, so it may be unique over all tenants
    "timestamp with time zone": "now()",
    "interval": "interval '1 hour'",
    "jsonb": "'{}'",
    "boolean": "false",
    "integer": "1",
    "bigint": "1",
    "bytea": "'\\x01'",
    "inet": "'192.0.2.1'",
    "cidr": "'192.0.2.1/32'",
    "text[]": "array['a-value']",
    "integer[]": "array[1]",
    "uuid[]": "'{}'",
}


@dataclass(frozen=True)
class Table:
    """A table and what to write into the columns that want a value."""

    name: str
    values: dict[str, str]

    def insert(self, namespace: str) -> str:
        values = self.values | {"namespace": f"'{namespace}'"}
        return f"INSERT INTO authn.{self.name} ({', '.join(values)}) VALUES ({', '.join(values.values())})"


@pytest.fixture(scope="module")
async def tables(superuser: asyncpg.Connection) -> dict[str, Table]:
    """Every table that holds things of tenants, with one row of each of two tenants."""
    columns = await superuser.fetch(
        """
        SELECT c.relname AS table, a.attname AS column, format_type(a.atttypid, null) AS type,
               a.atthasdef OR a.attidentity <> '' OR a.attgenerated <> '' AS filled,
               a.attnotnull AS wanted,
               EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique
                          AND a.attnum = ANY (i.indkey::int2[]) AND NOT i.indisprimary) AS is_unique,
               (SELECT pg_get_constraintdef(w.oid) FROM pg_constraint w
                 WHERE w.conrelid = c.oid AND w.contype = 'c' AND w.conkey = array[a.attnum] LIMIT 1) AS words
          FROM pg_class c
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
         WHERE c.relnamespace = 'authn'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
         ORDER BY c.relname, a.attnum
        """
    )
    found: dict[str, Table] = {}
    for column in columns:
        if column["table"] in NOT_A_TENANTS:
            continue
        table = found.setdefault(column["table"], Table(column["table"], {}))
        # Unique columns are filled even where they may be empty: whether a value is taken must not cross either.
        if (column["wanted"] or column["is_unique"]) and not column["filled"]:
            table.values[column["column"]] = _value(column)
    async with superuser.transaction():
        # Rows without the things they refer to: what is tried here is who sees them.
        await superuser.execute("SET LOCAL session_replication_role = replica")
        for table in found.values():
            for namespace in (MINE,) if table.name == "namespace_hosts" else (MINE, THEIRS):
                await superuser.execute(table.insert(namespace))
    return found


def _value(column: asyncpg.Record) -> str:
    if value := VALUES.get((column["table"], column["column"])):
        return value
    if words := re.search(r"ARRAY\['([^']+)'", column["words"] or ""):
        return f"'{words[1]}'"
    return BY_TYPE[column["type"]]


@pytest.fixture(scope="module")
async def app(module_database: TestDatabase) -> AsyncIterator[asyncpg.Connection]:
    connection = await connect(module_database.app_url)
    yield connection
    await connection.close()


@pytest.fixture
async def owner(superuser: asyncpg.Connection, tables: dict[str, Table]) -> AsyncIterator[asyncpg.Connection]:
    """The role that owns the tables, and that the functions run as, in a transaction that is rolled back."""
    role = await superuser.fetchval("SELECT relowner::regrole::text FROM pg_class WHERE oid = 'authn.users'::regclass")
    transaction = superuser.transaction()
    await transaction.start()
    await superuser.execute("SET LOCAL session_replication_role = replica")
    await superuser.execute(f"SET LOCAL ROLE {role}")
    yield superuser
    await transaction.rollback()


async def _names(connection: asyncpg.Connection, table: str) -> list[str]:
    return [row[0] for row in await connection.fetch(f"SELECT namespace FROM authn.{table} ORDER BY 1")]


async def _refusal(connection: asyncpg.Connection, statement: str) -> str | None:
    savepoint = connection.transaction()
    await savepoint.start()
    try:
        await connection.execute(statement)
    except asyncpg.PostgresError as error:
        return error.sqlstate
    else:
        return None
    finally:
        await savepoint.rollback()


async def test_all_tables_are_tried(superuser: asyncpg.Connection, tables: dict[str, Table]) -> None:
    assert len(tables) >= 20
    for name in tables:
        assert set(await _names(superuser, name)) >= {MINE}, name


async def test_what_has_no_namespace_is_known_and_closed(
    superuser: asyncpg.Connection, app: asyncpg.Connection
) -> None:
    rows = await superuser.fetch(
        """
        SELECT c.relname FROM pg_class c
         WHERE c.relnamespace = 'authn'::regnamespace AND c.relkind IN ('r', 'p')
           AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'namespace')
        """
    )
    assert {row["relname"] for row in rows} == NOT_A_TENANTS
    for name in NOT_A_TENANTS - READ_BY_THE_APPLICATION:
        for statement in (f"SELECT FROM authn.{name}", f"DELETE FROM authn.{name}"):
            assert await _refusal(app, statement) == "42501", statement


async def test_without_a_tenant_the_application_reads_nothing(
    app: asyncpg.Connection, tables: dict[str, Table]
) -> None:
    for name in tables:
        assert await _names(app, name) == [], name
        assert await app.fetchval(f"SELECT count(*) FROM authn.{name}") == 0, name


async def test_the_application_writes_into_no_table_with_a_tenant_or_without(
    app: asyncpg.Connection, tables: dict[str, Table]
) -> None:
    for tenant in (None, MINE):
        async with app.transaction():
            if tenant:
                await app.execute("SELECT authn.set_tenant($1)", tenant)
            for table in tables.values():
                for statement in (
                    table.insert(MINE),
                    f"UPDATE authn.{table.name} SET namespace = namespace",
                    f"DELETE FROM authn.{table.name}",
                    f"TRUNCATE authn.{table.name}",
                ):
                    assert await _refusal(app, statement) == "42501", statement


async def test_a_tenant_reads_and_counts_its_own_rows_alone(app: asyncpg.Connection, tables: dict[str, Table]) -> None:
    for tenant in (MINE, THEIRS, "nobody"):
        async with app.transaction():
            await app.execute("SELECT authn.set_tenant($1)", tenant)
            for name in tables:
                expected = [] if tenant == "nobody" or (name, tenant) == ("namespace_hosts", THEIRS) else [tenant]
                assert await _names(app, name) == expected, name
                assert await app.fetchval(f"SELECT count(*) FROM authn.{name}") == len(expected), name


async def test_without_a_tenant_the_owner_reads_and_writes_nothing(
    owner: asyncpg.Connection, tables: dict[str, Table]
) -> None:
    for table in tables.values():
        assert await _names(owner, table.name) == []
        assert await owner.execute(f"UPDATE authn.{table.name} SET namespace = namespace") == "UPDATE 0"
        assert await owner.execute(f"DELETE FROM authn.{table.name}") == "DELETE 0"
        assert await _refusal(owner, table.insert(MINE)) == "42501"


async def test_a_tenant_changes_its_own_rows_alone_and_gives_none_away(
    owner: asyncpg.Connection, tables: dict[str, Table]
) -> None:
    await owner.execute("SELECT authn.set_tenant($1)", MINE)
    for table in tables.values():
        assert await _refusal(owner, table.insert(THEIRS)) == "42501", table.name
        assert await _refusal(owner, f"UPDATE authn.{table.name} SET namespace = '{THEIRS}'") == "42501", table.name
        assert await owner.execute(f"UPDATE authn.{table.name} SET namespace = namespace") == "UPDATE 1"
        assert await owner.execute(f"DELETE FROM authn.{table.name}") == "DELETE 1"


async def test_what_one_tenant_has_another_may_have_too_and_so_cannot_tell(
    owner: asyncpg.Connection, tables: dict[str, Table]
) -> None:
    await owner.execute("SELECT authn.set_tenant('a-third-tenant')")
    for table in tables.values():
        if table.name not in KNOWN_TO_ALL:
            # The very values of the two others. A unique violation would tell that they are there.
            assert await _refusal(owner, table.insert("a-third-tenant")) is None, table.name

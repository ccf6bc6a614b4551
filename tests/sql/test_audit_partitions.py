"""Partitions of the audit log."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import asyncpg
import pytest

from tests.support.database import TestDatabase, connect


@pytest.fixture
async def owner(database: TestDatabase) -> AsyncIterator[asyncpg.Connection]:
    """The owner's connection to a database of the test's own: partitions are shared by all namespaces."""
    connection = await asyncpg.connect(database.owner_url)
    yield connection
    await connection.close()


@pytest.fixture
async def superuser(database: TestDatabase) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database.superuser_url)
    yield connection
    await connection.close()


async def _call(connection: asyncpg.Connection, call: str) -> list[str]:
    return [row[0] for row in await connection.fetch(f"SELECT * FROM authn.{call}")]


def _months(first: int, last: int) -> list[str]:
    now = datetime.now(UTC)
    months = [divmod(now.year * 12 + now.month - 1 + offset, 12) for offset in range(first, last + 1)]
    return [f"audit_events_y{year:04d}m{month + 1:02d}" for year, month in months]


async def test_this_month_and_the_next_three_exist_after_migrating(owner: asyncpg.Connection) -> None:
    for name in _months(0, 3):
        assert await owner.fetchval("SELECT to_regclass('authn.' || $1) IS NOT NULL", name), name
    assert await _call(owner, "ensure_audit_partitions()") == []
    assert await _call(owner, "ensure_audit_partitions(NULL)") == []


async def test_a_partition_is_made_once(owner: asyncpg.Connection) -> None:
    assert await _call(owner, "create_audit_partition(2097, 1)") == ["audit_events_y2097m01"]
    assert await _call(owner, "create_audit_partition(2097, 1)") == [None]
    assert await _call(owner, "create_audit_partition(9999, 12)") == ["audit_events_y9999m12"]


@pytest.mark.parametrize(
    ("call", "sqlstate", "text"),
    [
        ("create_audit_partition(2024, 0)", "22023", "Month must be between 1 and 12"),
        ("create_audit_partition(2024, 13)", "22023", "Month must be between 1 and 12"),
        ("create_audit_partition(1969, 1)", "22023", "Year must be between 1970 and 9999"),
        ("create_audit_partition(10000, 1)", "22023", "Year must be between 1970 and 9999"),
        ("create_audit_partition(NULL, 1)", "22004", "year must not be null"),
        ("create_audit_partition(2024, NULL)", "22004", "month must not be null"),
        ("ensure_audit_partitions(-1)", "22023", "months_ahead must be between 0 and 120"),
        ("ensure_audit_partitions(121)", "22023", "months_ahead must be between 0 and 120"),
        ("drop_audit_partitions(-1)", "22023", "older_than_months must be between 0 and 12000"),
    ],
)
async def test_a_month_that_cannot_be_is_refused(
    owner: asyncpg.Connection, call: str, sqlstate: str, text: str
) -> None:
    with pytest.raises(asyncpg.PostgresError, match=text) as caught:
        await _call(owner, call)
    assert caught.value.sqlstate == sqlstate


async def test_only_what_was_missing_is_made(owner: asyncpg.Connection, superuser: asyncpg.Connection) -> None:
    this_month = _months(0, 0)[0]
    await superuser.execute(f"DROP TABLE authn.{this_month}")
    assert await _call(owner, "ensure_audit_partitions(4)") == [this_month, *_months(4, 4)]


async def test_old_months_are_dropped_and_recent_ones_kept(owner: asyncpg.Connection) -> None:
    await _call(owner, "create_audit_partition(2001, 3)")
    last_month, seven_years_ago, longer_ago = (_months(offset, offset)[0] for offset in (-1, -84, -85))
    for name in (last_month, seven_years_ago, longer_ago):
        await _call(owner, f"create_audit_partition({int(name[14:18])}, {int(name[19:])})")
    assert await _call(owner, "drop_audit_partitions()") == ["audit_events_y2001m03", longer_ago]
    assert await _call(owner, "drop_audit_partitions(1)") == [seven_years_ago]
    assert await _call(owner, "drop_audit_partitions(0)") == [last_month]


async def test_an_event_of_a_month_without_partition_is_kept_and_moved_when_there_is_one(
    owner: asyncpg.Connection, superuser: asyncpg.Connection
) -> None:
    for namespace in ("one", "two"):
        await superuser.execute(
            "INSERT INTO authn.audit_events (event_type, event_time, namespace) VALUES ('x', '2090-05-06', $1)",
            namespace,
        )
    query = "SELECT tableoid::regclass::text AS place, namespace, id FROM authn.audit_events ORDER BY id"
    before = await superuser.fetch(query)
    assert {row["place"] for row in before} == {"authn.audit_events_default"}
    assert await _call(owner, "create_audit_partition(2090, 5)") == ["audit_events_y2090m05"]
    after = await superuser.fetch(query)
    assert {row["place"] for row in after} == {"authn.audit_events_y2090m05"}
    assert [(row["namespace"], row["id"]) for row in after] == [(row["namespace"], row["id"]) for row in before]


async def test_events_beside_the_months_are_dropped_by_age_too(
    owner: asyncpg.Connection, superuser: asyncpg.Connection
) -> None:
    await superuser.execute(
        "INSERT INTO authn.audit_events (event_type, event_time) VALUES ('old', '2001-02-03'), ('far', '2090-01-01')"
    )
    assert await _call(owner, "drop_audit_partitions()") == []
    assert [row["event_type"] for row in await superuser.fetch("SELECT event_type FROM authn.audit_events")] == ["far"]


async def test_a_new_partition_is_bound_by_the_tenant_policy_and_so_is_the_spare_one(
    owner: asyncpg.Connection, superuser: asyncpg.Connection
) -> None:
    await superuser.execute(
        "INSERT INTO authn.audit_events (event_type, event_time, namespace) VALUES ('x', '2090-05-06', 'one'), "
        "('y', '2091-01-01', 'one')"
    )
    await _call(owner, "create_audit_partition(2090, 5)")
    roles = await superuser.fetchrow(
        "SELECT relowner::regrole::text AS owner FROM pg_class WHERE oid = 'authn.audit_events'::regclass"
    )
    for place in ("audit_events_y2090m05", "audit_events_default"):
        async with superuser.transaction():
            await superuser.execute(f"SET LOCAL ROLE {roles['owner']}")
            for tenant, visible in ((None, 0), ("two", 0), ("one", 1)):
                if tenant:
                    await superuser.execute("SELECT authn.set_tenant($1)", tenant)
                assert await superuser.fetchval(f"SELECT count(*) FROM authn.{place}") == visible


async def test_partition_bounds_do_not_depend_on_how_the_session_writes_dates(
    owner: asyncpg.Connection, superuser: asyncpg.Connection
) -> None:
    await owner.execute("SET datestyle = 'SQL, DMY'")
    await owner.execute("SET timezone = 'Pacific/Auckland'")
    await _call(owner, "create_audit_partition(2090, 3)")
    await superuser.execute("SET timezone = 'UTC'")
    bounds = await superuser.fetchval(
        "SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relname = 'audit_events_y2090m03'"
    )
    assert bounds == "FOR VALUES FROM ('2090-03-01 00:00:00+00') TO ('2090-04-01 00:00:00+00')"


async def test_the_application_may_make_partitions_but_not_shorten_the_log(database: TestDatabase) -> None:
    connection = await connect(database.app_url)
    try:
        assert await _call(connection, "ensure_audit_partitions(4)") == _months(4, 4)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await _call(connection, "drop_audit_partitions()")
    finally:
        await connection.close()

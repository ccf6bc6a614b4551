"""The purge over all tenants and the audit partitions made ahead: portal/jobs/maintenance.py."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from portal.db.engine import Database
from portal.jobs import maintenance
from portal.jobs.maintenance import maintenance_jobs
from tests.support.database import TestDatabase, execute, fetch

ROWS = """
insert into authn.namespaces (namespace) values ('acme');
insert into authn.login_flows (namespace, browser_digest, purpose, expires_at)
select n, repeat('b', 64), 'login', now() + age
  from unnest(array['default', 'acme']) n, unnest(array['-8 days', '-1 day', '1 hour']::interval[]) age;
insert into authn.users (namespace, email) values ('default', 'a@example.com'), ('acme', 'a@example.com');
insert into authn.sessions (namespace, user_id, token_hash, expires_at)
select u.namespace, u.id, u.namespace || age, now() + age
  from authn.users u, unnest(array['-1 hour', '1 hour']::interval[]) age;
"""


@pytest.fixture
async def pool(database: TestDatabase) -> AsyncIterator[Database]:
    opened = Database(database.app_url, pool_size=2)
    yield opened
    await opened.close()


def count(database: TestDatabase, table: str) -> dict[str, int]:
    rows = fetch(database.superuser_url, f"select namespace, count(*) from authn.{table} group by 1")
    return {row["namespace"]: row["count"] for row in rows}


async def test_the_purge_takes_what_is_over_from_every_tenant_and_nothing_else(
    database: TestDatabase, pool: Database
) -> None:
    execute(database.superuser_url, ROWS)
    assert await pool.fetchval("select authn.clean_up()") == 4
    assert count(database, "login_flows") == {"default": 2, "acme": 2}
    assert count(database, "sessions") == {"default": 1, "acme": 1}
    assert await pool.fetchval("select authn.clean_up()") == 0


async def test_the_purge_takes_no_more_than_a_batch_and_says_that_there_is_more(
    database: TestDatabase, pool: Database
) -> None:
    execute(
        database.superuser_url,
        "insert into authn.login_flows (namespace, browser_digest, purpose, expires_at) "
        "select 'default', repeat('b', 64), 'login', now() - interval '8 days' from generate_series(1, 25)",
    )
    assert [await pool.fetchval("select authn.clean_up(10)") for _ in range(4)] == [10, 10, 5, 0]


@pytest.mark.adversarial("R4")
async def test_the_application_role_cannot_purge_one_tenant_through_the_private_function(pool: Database) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await pool.fetchval("select authn._clean_up_tenant('acme', 10)")


async def test_both_jobs_run_on_a_fresh_database_side_by_side(database: TestDatabase, pool: Database) -> None:
    jobs = maintenance_jobs(pool)
    assert {job.name for job in jobs} == {"audit partitions", "cleanup"}
    for job in jobs:
        assert await job.run() is False
    # A month ahead exists before anybody needs it.
    month = fetch(database.superuser_url, "select to_char(now() + interval '1 month', 'YYYY\"m\"MM') as name")[0][
        "name"
    ]
    made = fetch(database.superuser_url, "select to_regclass($1) is not null as made", f"authn.audit_events_y{month}")
    assert made[0]["made"] is True


async def test_old_months_of_the_log_are_dropped_with_the_owners_login_alone(
    database: TestDatabase, pool: Database
) -> None:
    execute(database.superuser_url, "select authn.create_audit_partition(2001, 3)")
    there = "select to_regclass('authn.audit_events_y2001m03') is not null as there"
    for owner_url, still_there in ((None, True), (database.owner_url, False)):
        partitions, _cleanup = maintenance_jobs(pool, owner_url)
        assert await partitions.run() is False
        assert fetch(database.superuser_url, there)[0]["there"] is still_there


async def test_dropping_gives_way_to_whoever_reads_the_log(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "WAIT_FOR_LOG", "50ms")
    execute(database.superuser_url, "select authn.create_audit_partition(2001, 3)")
    reader = await asyncpg.connect(database.superuser_url)
    try:
        async with reader.transaction():
            await reader.fetch("select from authn.audit_events")
            with pytest.raises(asyncpg.LockNotAvailableError):
                await maintenance.drop_audit_partitions(database.owner_url)
        assert await maintenance.drop_audit_partitions(database.owner_url) == ("audit_events_y2001m03",)
    finally:
        await reader.close()

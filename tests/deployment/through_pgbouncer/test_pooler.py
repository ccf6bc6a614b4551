"""What is special behind PgBouncer in transaction mode. `make test-pgbouncer` runs it, with the other suites."""

import asyncio
import time
from pathlib import Path

import pytest

from portal.db.engine import Database
from tests.cli.conftest import Portal, plain_environment
from tests.support.database import STATEMENT_CACHE, TestDatabase
from tests.support.server import serving


@pytest.fixture
def portal(database: TestDatabase, tmp_path: Path) -> Portal:
    return Portal(
        plain_environment(
            PORTAL_DATABASE_URL=database.app_url,
            PORTAL_DATABASE_OWNER_URL=database.owner_url,
            PORTAL_DATABASE_STATEMENT_CACHE="0",
            PORTAL_SECRET_KEY="k" * 40,
            PORTAL_DATA_DIR=str(tmp_path),
            PORTAL_DEV="1",
        )
    )


def pooler_check(portal: Portal, **settings: str) -> tuple[bool, str]:
    [check] = [
        check for check in portal.run("doctor", "--json", **settings).json["checks"] if check["name"] == "pooler"
    ]
    return check["ok"], check["says"] + check["advice"]


def test_the_doctor_notices_the_pooler_and_checks_what_it_needs(portal: Portal, database: TestDatabase) -> None:
    assert pooler_check(portal) == (
        True,
        "one is in front of PostgreSQL, prepared statements are off, the owner goes around it",
    )
    assert "PORTAL_DATABASE_STATEMENT_CACHE=0" in pooler_check(portal, PORTAL_DATABASE_STATEMENT_CACHE="512")[1]
    around = pooler_check(portal, PORTAL_DATABASE_OWNER_URL=database.app_url)
    assert not around[0]
    assert "straight to PostgreSQL" in around[1]
    straight = database.owner_url.replace("portal_owner:an-owner%27s-password", "portal_app:an-app-password")
    assert pooler_check(portal, PORTAL_DATABASE_URL=straight)[1].startswith("none")


def test_the_worker_listens_around_the_pooler(postgres_server: TestDatabase, template_database: TestDatabase) -> None:
    with serving(postgres_server, template_database) as server:
        deadline = time.monotonic() + 20
        listening = "select usename as role from pg_stat_activity where query ilike 'listen %' and datname = $1"
        assert server.database is not None
        while not (found := server.rows(listening, server.database.name)):
            assert time.monotonic() < deadline, "nobody listens"
            time.sleep(0.1)
    assert {row["role"] for row in found} == {"portal_owner"}


async def test_no_way_of_using_the_pool_leaves_a_prepared_statement_behind(module_database: TestDatabase) -> None:
    """A name that stays on a shared connection is in the way of the next client that picks the same."""
    database = Database(module_database.app_url, statement_cache=STATEMENT_CACHE, pool_size=8)

    async def use(number: int) -> None:
        assert await database.fetchval("select $1::int", number) == number
        async with database.transaction("default") as querier:
            assert await querier.fetchval("select jsonb_build_object('n', $1::int)", number) == {"n": number}

    try:
        await asyncio.gather(*(use(number) for number in range(200)))
        for _ in range(20):
            assert await database.fetchval("select count(*) from pg_prepared_statements") == 0
    finally:
        await database.close()

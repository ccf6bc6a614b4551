"""Login attempts and the plain lockout."""

import asyncio
from datetime import timedelta
from ipaddress import ip_address

import asyncpg
import pytest

from tests.sql.conftest import Sql
from tests.support.database import STATEMENT_CACHE, TestDatabase

EMAIL = "alice@example.com"


async def _fail(sql: Sql, namespace: str, times: int, email: str = EMAIL) -> None:
    for _ in range(times):
        await sql.value("record_login_attempt", email, False, None, namespace)


async def test_the_fifth_failure_locks(sql: Sql, namespace: str) -> None:
    await _fail(sql, namespace, 4)
    assert await sql.value("is_locked_out", EMAIL, namespace) is False
    await _fail(sql, namespace, 1, " Alice@EXAMPLE.com ")
    assert await sql.value("is_locked_out", EMAIL, namespace) is True
    assert await sql.value("is_locked_out", EMAIL, f"{namespace}-other") is False
    assert await sql.value("is_locked_out", "bo@example.com", namespace) is False


async def test_a_success_in_between_does_not_reset_the_failures(sql: Sql, namespace: str) -> None:
    await _fail(sql, namespace, 3)
    await sql.value("record_login_attempt", EMAIL, True, None, namespace)
    await _fail(sql, namespace, 2)
    assert await sql.value("is_locked_out", EMAIL, namespace) is True


async def test_failures_count_for_15_minutes_unless_said_otherwise(
    sql: Sql, superuser: asyncpg.Connection, namespace: str
) -> None:
    await _fail(sql, namespace, 5)
    await superuser.execute(
        "UPDATE authn.login_attempts SET attempted_at = now() - interval '16 minutes' WHERE namespace = $1", namespace
    )
    assert await sql.value("is_locked_out", EMAIL, namespace) is False
    assert await sql.value("is_locked_out", EMAIL, namespace, timedelta(minutes=20)) is True
    assert await sql.value("is_locked_out", EMAIL, namespace, timedelta(minutes=20), 6) is False
    async with sql.connection.transaction():
        await sql.connection.execute("SET LOCAL authn.lockout_window = '20 minutes'")
        assert await sql.value("is_locked_out", EMAIL, namespace) is True
        await sql.connection.execute("SET LOCAL authn.max_login_attempts = '6'")
        assert await sql.value("is_locked_out", EMAIL, namespace) is False
    assert await sql.value("is_locked_out", EMAIL, namespace) is False


async def test_the_failure_that_reaches_the_limit_is_logged_as_the_lockout(sql: Sql, namespace: str) -> None:
    await _fail(sql, namespace, 4)
    await sql.value("record_login_attempt", EMAIL, True, None, namespace)
    await _fail(sql, namespace, 2)
    events = await sql.events(namespace)
    assert [event["event_type"] for event in events] == [
        *["login_attempt_failed"] * 4, "lockout_triggered", "login_attempt_failed",
    ]  # fmt: skip
    assert {(event["resource_type"], event["resource_id"]) for event in events} == {("email", EMAIL)}


async def test_attempts_are_listed_newest_first_10_by_default_and_at_most_100(
    sql: Sql, superuser: asyncpg.Connection, namespace: str
) -> None:
    await superuser.execute(
        "INSERT INTO authn.login_attempts (namespace, email, success, attempted_at) "
        "SELECT $1, $2, false, now() - n * interval '1 minute' FROM generate_series(1, 150) n",
        namespace,
        EMAIL,
    )
    await sql.value("record_login_attempt", EMAIL, True, ip_address("2001:db8::1"), namespace)
    rows = await sql.rows("get_recent_attempts", EMAIL, namespace)
    assert len(rows) == 10
    assert (rows[0]["success"], str(rows[0]["ip_address"])) == (True, "2001:db8::1")
    assert [row["attempted_at"] for row in rows] == sorted((row["attempted_at"] for row in rows), reverse=True)
    assert len(await sql.rows("get_recent_attempts", EMAIL, namespace, None)) == 10
    assert len(await sql.rows("get_recent_attempts", EMAIL, namespace, 5000)) == 100
    assert await sql.rows("get_recent_attempts", EMAIL, namespace, 0) == []


async def test_clearing_ends_a_lockout_and_says_how_many_attempts_there_were(sql: Sql, namespace: str) -> None:
    await _fail(sql, namespace, 5)
    events = len(await sql.events(namespace))
    assert await sql.value("clear_attempts", "ALICE@example.com", namespace) == 5
    assert await sql.value("clear_attempts", EMAIL, namespace) == 0
    assert await sql.value("is_locked_out", EMAIL, namespace) is False
    assert len(await sql.events(namespace)) == events


@pytest.mark.parametrize(
    ("address", "prefix"),
    [
        ("192.0.2.7", "192.0.2.7/32"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7/32"),
        (None, None),
    ],
)
async def test_attempts_are_counted_by_the_prefix_of_their_address(
    sql: Sql, superuser: asyncpg.Connection, namespace: str, address: str | None, prefix: str | None
) -> None:
    given = None if address is None else ip_address(address)
    await sql.value("record_login_attempt", EMAIL, False, given, namespace)
    query = "SELECT prefix::text FROM authn.login_attempts WHERE namespace = $1"
    assert await superuser.fetchval(query, namespace) == prefix


async def test_of_40_failures_at_once_exactly_one_is_the_lockout(
    sql: Sql, module_database: TestDatabase, namespace: str
) -> None:
    async with asyncpg.create_pool(
        module_database.app_url, min_size=20, max_size=20, statement_cache_size=STATEMENT_CACHE
    ) as pool:
        query = "SELECT authn.record_login_attempt($1, false, NULL, $2)"
        await asyncio.gather(*(pool.execute(query, EMAIL, namespace) for _ in range(40)))
    kinds = [event["event_type"] for event in await sql.events(namespace)]
    assert (len(kinds), kinds.count("lockout_triggered")) == (40, 1)

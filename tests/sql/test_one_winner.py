"""Of any number of simultaneous uses of a one-time thing exactly one succeeds, and what is ended stays ended."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.sql.conftest import Sql
from tests.support.database import TestDatabase

AT_ONCE = 40


@pytest.fixture(scope="module")
async def pool(module_database: TestDatabase) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(module_database.app_url, min_size=AT_ONCE, max_size=AT_ONCE) as pool:
        yield pool


async def _at_once(pool: asyncpg.Pool, query: str, *arguments: object) -> list[list[asyncpg.Record]]:
    """Run one query on as many connections, all waiting for the same start."""
    start = asyncio.Event()

    async def one() -> list[asyncpg.Record]:
        async with pool.acquire() as connection:
            await start.wait()
            return await connection.fetch(query, *arguments)

    tasks = [asyncio.create_task(one()) for _ in range(AT_ONCE)]
    await asyncio.sleep(0.05)
    start.set()
    return await asyncio.gather(*tasks)


@pytest.mark.parametrize("token_type", ["password_reset", "email_verify", "magic_link"])
async def test_a_token_is_consumed_by_one_of_40_calls(
    sql: Sql, pool: asyncpg.Pool, namespace: str, token_type: str
) -> None:
    user_id = await sql.user(namespace)
    await sql.value("create_token", user_id, "t", token_type, None, namespace)
    answers = await _at_once(pool, "SELECT * FROM authn.consume_token('t', $1, $2)", token_type, namespace)
    assert sum(len(rows) for rows in answers) == 1
    events = [event["event_type"] for event in await sql.events(namespace)]
    assert events.count("token_consumed") == 1


async def test_an_address_is_verified_by_one_of_40_calls(sql: Sql, pool: asyncpg.Pool, namespace: str) -> None:
    user_id = await sql.user(namespace)
    await sql.value("create_token", user_id, "t", "email_verify", None, namespace)
    answers = await _at_once(pool, "SELECT * FROM authn.verify_email('t', $1)", namespace)
    assert sum(len(rows) for rows in answers) == 1
    events = [event["event_type"] for event in await sql.events(namespace)]
    assert (events.count("token_consumed"), events.count("email_verified")) == (1, 1)


async def test_verifying_and_disabling_at_once_do_not_block_each_other(
    sql: Sql, pool: asyncpg.Pool, namespace: str
) -> None:
    for round_number in range(10):
        user_id = await sql.user(namespace, f"user-{round_number}@example.com")
        token = f"t{round_number}"
        await sql.value("create_token", user_id, token, "email_verify", None, namespace)
        await asyncio.gather(
            *(pool.fetch("SELECT * FROM authn.verify_email($1, $2)", token, namespace) for _ in range(10)),
            pool.fetch("SELECT authn.disable_user($1, $2)", user_id, namespace),
        )


async def test_no_session_outlives_the_disabling_of_its_user(
    sql: Sql, pool: asyncpg.Pool, superuser: asyncpg.Connection, namespace: str
) -> None:
    for round_number in range(5):
        user_id = await sql.user(namespace, f"user-{round_number}@example.com")
        query = "SELECT authn.create_session($1, $2, NULL, NULL, NULL, $3)"
        await asyncio.gather(
            *(pool.fetch(query, user_id, f"s{round_number}-{n}", namespace) for n in range(10)),
            pool.fetch("SELECT authn.disable_user($1, $2)", user_id, namespace),
            *(pool.fetch(query, user_id, f"s{round_number}-{n}", namespace) for n in range(10, 20)),
            return_exceptions=True,
        )
        await sql.value("enable_user", user_id, namespace)
        assert await sql.rows("list_sessions", user_id, namespace) == []


async def test_an_address_is_taken_by_one_of_40_calls(sql: Sql, pool: asyncpg.Pool, namespace: str) -> None:
    answers = await asyncio.gather(
        *(pool.fetchval("SELECT authn.create_user('a@b.example', NULL, $1)", namespace) for _ in range(AT_ONCE)),
        return_exceptions=True,
    )
    refused = [answer for answer in answers if isinstance(answer, asyncpg.UniqueViolationError)]
    assert (len(answers), len(refused)) == (AT_ONCE, AT_ONCE - 1)
    assert len(await sql.events(namespace)) == 1


async def test_a_session_is_revoked_by_one_of_40_calls(sql: Sql, pool: asyncpg.Pool, namespace: str) -> None:
    user_id = await sql.user(namespace)
    await sql.value("create_session", user_id, "s", None, None, None, namespace)
    answers = await _at_once(pool, "SELECT authn.revoke_session('s', $1) AS revoked", namespace)
    assert [rows[0]["revoked"] for rows in answers].count(True) == 1

"""Of any number of simultaneous uses of a one-time thing exactly one succeeds, and what is ended stays ended."""

import asyncio
import json
import uuid
from collections import Counter
from typing import Any

import asyncpg
import pytest

from tests.sql.conftest import AT_ONCE, Sql


async def _at_once(pool: asyncpg.Pool, query: str, *arguments: object) -> list[list[asyncpg.Record]]:
    """Run one query on as many connections, all waiting for the same start."""
    return await _each_at_once(pool, query, [arguments] * AT_ONCE)


async def _each_at_once(pool: asyncpg.Pool, query: str, calls: list[tuple[Any, ...]]) -> list[Any]:
    """Run one query with arguments of its own on each connection; an error is the answer of its call."""
    ready, start = [asyncio.Event() for _ in calls], asyncio.Event()

    async def one(number: int) -> list[asyncpg.Record]:
        async with pool.acquire() as connection:
            ready[number].set()
            await start.wait()
            return await connection.fetch(query, *calls[number])

    tasks = [asyncio.create_task(one(number)) for number in range(len(calls))]
    await asyncio.gather(*(event.wait() for event in ready))
    start.set()
    return await asyncio.gather(*tasks, return_exceptions=True)


async def _count_events(sql: Sql, namespace: str) -> Counter[str]:
    return Counter(event["event_type"] for event in await sql.events(namespace))


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


async def test_a_session_is_revoked_by_id_by_one_of_40_calls(sql: Sql, pool: asyncpg.Pool, namespace: str) -> None:
    user_id = await sql.user(namespace)
    session_id = await sql.value("create_session", user_id, "s", None, None, None, namespace)
    query = "SELECT authn.revoke_session_by_id($1, $2, $3) AS revoked"
    answers = await _at_once(pool, query, session_id, user_id, namespace)
    assert [rows[0]["revoked"] for rows in answers].count(True) == 1
    assert (await _count_events(sql, namespace))["session_revoked"] == 1


async def test_all_sessions_are_counted_once_by_40_calls_that_revoke_them(
    sql: Sql, pool: asyncpg.Pool, namespace: str
) -> None:
    user_id = await sql.user(namespace)
    for number in range(7):
        await sql.value("create_session", user_id, f"s{number}", None, None, None, namespace)
    answers = await _at_once(pool, "SELECT authn.revoke_all_sessions($1, $2) AS revoked", user_id, namespace)
    assert sum(rows[0]["revoked"] for rows in answers) == 7


async def test_40_makers_of_api_keys_get_50_keys_and_not_one_more(sql: Sql, pool: asyncpg.Pool, namespace: str) -> None:
    user_id = await sql.user(namespace)
    for number in range(30):
        await sql.value("create_api_key", user_id, f"before-{number}", None, None, namespace)
    query = "SELECT authn.create_api_key($1, $2, NULL, NULL, $3)"
    answers = await _each_at_once(pool, query, [(user_id, f"key-{n}", namespace) for n in range(AT_ONCE)])
    refused = [answer for answer in answers if isinstance(answer, asyncpg.PostgresError)]
    assert {error.sqlstate for error in refused} == {"54000"}
    assert len(refused) == AT_ONCE - 20
    assert len(await sql.rows("list_api_keys", user_id, namespace)) == 50
    assert (await _count_events(sql, namespace))["api_key_created"] == 50


async def test_a_recovery_code_is_used_by_one_of_40_calls(sql: Sql, pool: asyncpg.Pool, namespace: str) -> None:
    user_id = await sql.user(namespace)
    mfa_id = await sql.value("add_mfa", user_id, "recovery_codes", "hashes", None, namespace)
    answers = await _at_once(pool, "SELECT authn.use_recovery_code($1, 3, $2) AS used", mfa_id, namespace)
    assert sorted(rows[0]["used"] or 0 for rows in answers) == [0] * (AT_ONCE - 1) + [1]
    assert (await _count_events(sql, namespace))["mfa_used"] == 1


async def test_of_40_different_recovery_codes_none_is_lost(sql: Sql, pool: asyncpg.Pool, namespace: str) -> None:
    user_id = await sql.user(namespace)
    mfa_id = await sql.value("add_mfa", user_id, "recovery_codes", "hashes", None, namespace)
    query = "SELECT authn.use_recovery_code($1, $2, $3) AS used"
    answers = await _each_at_once(pool, query, [(mfa_id, number, namespace) for number in range(1, AT_ONCE + 1)])
    assert sorted(rows[0]["used"] for rows in answers) == list(range(1, AT_ONCE + 1))


async def test_an_address_is_proven_by_one_of_40_people_who_claim_it(
    sql: Sql, pool: asyncpg.Pool, namespace: str
) -> None:
    claims = []
    for number in range(AT_ONCE):
        user_id = await sql.user(namespace, f"user-{number}@example.com")
        identity_id = await sql.value("add_identity", user_id, "email", "shared@example.com", namespace)
        claims.append((identity_id, user_id, namespace))
    answers = await _each_at_once(pool, "SELECT authn.verify_identity($1, $2, $3) AS verified", claims)
    won = [answer for answer in answers if not isinstance(answer, BaseException)]
    assert [rows[0]["verified"] for rows in won] == [True]
    lost = [answer for answer in answers if isinstance(answer, BaseException)]
    assert {(type(error), error.detail) for error in lost} == {(asyncpg.UniqueViolationError, None)}


@pytest.mark.parametrize(
    ("function", "value"),
    [("find_or_create_email_identity", "new@example.com"), ("find_or_create_phone_identity", "+41791234567")],
)
async def test_40_proofs_of_one_address_make_one_user(
    sql: Sql, pool: asyncpg.Pool, namespace: str, function: str, value: str
) -> None:
    answers = await _at_once(pool, f"SELECT * FROM authn.{function}($1, $2)", value, namespace)
    assert Counter(rows[0]["outcome"] for rows in answers) == {"created": 1, "found": AT_ONCE - 1}
    assert len({(rows[0]["user_id"], rows[0]["identity_id"]) for rows in answers}) == 1
    assert (await _count_events(sql, namespace))["user_created"] == 1


async def _sign_up(sql: Sql, namespace: str) -> tuple[Any, uuid.UUID]:
    """Begin a sign-up; return its flow and the mailed proof."""
    verification_id = uuid.uuid4()
    wish = {
        "email": "new@example.com", "browser_digest": "browser", "verification_id": str(verification_id),
        "code_digest": "right", "impossible_digest": "never", "link_digest": "link", "password_hash": "a-hash",
        "code_expires_in": 600, "link_expires_in": 600, "expires_in": 3600, "mail_code": "sealed",
        "mail_link": "sealed", "mail_other": "sealed",
    }  # fmt: skip
    begun = await sql.row("begin_signup", json.dumps(wish), "{}", namespace)
    assert begun is not None
    assert begun["outcome"] == "sent"
    return begun["flow_id"], verification_id


USE_CODE = "SELECT * FROM authn.use_signup_code($1, 'browser', $2, $3, $4, '{}', $5)"


async def test_40_wrong_codes_at_once_are_five_tries(sql: Sql, pool: asyncpg.Pool, namespace: str) -> None:
    flow_id, verification_id = await _sign_up(sql, namespace)
    session = json.dumps({"token_hash": "s"})
    answers = await _at_once(pool, USE_CODE, flow_id, verification_id, "wrong", session, namespace)
    tries_left = sorted(rows[0]["tries_left"] for rows in answers if rows[0]["outcome"] == "wrong")
    assert tries_left == [0, 1, 2, 3, 4]
    assert Counter(rows[0]["outcome"] for rows in answers) == {"wrong": 5, "dead": AT_ONCE - 5}
    assert (await _count_events(sql, namespace))["signup_code_failed"] == 5
    # The right one comes too late.
    (row,) = await sql.connection.fetch(USE_CODE, flow_id, verification_id, "right", session, namespace)
    assert row["outcome"] == "dead"


async def test_a_right_code_makes_one_account_and_one_session_for_40_calls(
    sql: Sql, pool: asyncpg.Pool, namespace: str
) -> None:
    flow_id, verification_id = await _sign_up(sql, namespace)
    calls = [
        (flow_id, verification_id, "right", json.dumps({"token_hash": f"s{number}"}), namespace)
        for number in range(AT_ONCE)
    ]
    answers = await _each_at_once(pool, USE_CODE, calls)
    assert Counter(rows[0]["outcome"] for rows in answers) == {"session": 1, "dead": AT_ONCE - 1}
    events = await _count_events(sql, namespace)
    assert (events["user_created"], events["session_created"], events["email_verified"]) == (1, 1, 1)


async def test_a_missing_code_is_a_wrong_one(sql: Sql, namespace: str) -> None:
    flow_id, verification_id = await _sign_up(sql, namespace)
    session = json.dumps({"token_hash": "s"})
    (row,) = await sql.connection.fetch(USE_CODE, flow_id, verification_id, None, session, namespace)
    assert (row["outcome"], row["tries_left"]) == ("wrong", 4)

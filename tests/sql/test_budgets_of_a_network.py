"""The budgets of a network hold when its requests come at one moment, each for another address."""

import asyncio
import json
import secrets
import uuid
from typing import Any

import asyncpg
import pytest

from tests.sql.conftest import AT_ONCE

OF_A_NETWORK = 50  # failures, and mails, in a quarter of an hour
LEFT = 3
ADDRESS = "203.0.113.9"
ACTOR = json.dumps({"actor_id": "anonymous", "ip_address": ADDRESS})

pytestmark = [pytest.mark.asvs("2.3.2", "15.4.2"), pytest.mark.adversarial("G1", "G7")]


async def at_once(pool: asyncpg.Pool, query: str, calls: list[tuple[Any, ...]]) -> list[asyncpg.Record]:
    """Many calls at one moment: each has its connection before the first one begins."""
    ready = asyncio.Barrier(len(calls))

    async def call(arguments: tuple[Any, ...]) -> asyncpg.Record:
        async with pool.acquire() as connection:
            await connection.execute("select 1")
            await ready.wait()
            return await connection.fetchrow(query, *arguments)

    return list(await asyncio.gather(*(call(arguments) for arguments in calls)))


async def test_of_forty_passwords_at_once_as_many_are_looked_at_as_the_network_has_left(
    pool: asyncpg.Pool, superuser: asyncpg.Connection, namespace: str
) -> None:
    await superuser.execute(
        "insert into authn.login_attempts (namespace, email, success, ip_address) "
        "select $1, 'earlier-' || n || '@example.com', false, $2::text::inet from generate_series(1, $3::int) n",
        namespace, ADDRESS, OF_A_NETWORK - LEFT,
    )  # fmt: skip
    guesses = [(f"spray-{number}@example.com", "a-browser", ACTOR, namespace) for number in range(AT_ONCE)]
    begun = await at_once(pool, "select retry_after from authn.begin_password_login($1, $2, $3, $4)", guesses)
    assert [row["retry_after"] for row in begun].count(0) == LEFT
    elsewhere = json.dumps({"actor_id": "anonymous", "ip_address": "203.0.113.10"})
    other = await at_once(
        pool,
        "select retry_after from authn.begin_password_login($1, $2, $3, $4)",
        [(f"spray-{number}@example.com", "a-browser", elsewhere, namespace) for number in range(AT_ONCE)],
    )
    assert {row["retry_after"] for row in other} == {0}, "the positive control"


def a_wish(number: int) -> str:
    return json.dumps(
        {
            "email": f"mail-{number}@example.com", "browser_digest": f"browser-{number}",
            "verification_id": str(uuid.uuid4()), "code_digest": "right", "impossible_digest": "never",
            "link_digest": secrets.token_hex(32), "code_expires_in": 600, "link_expires_in": 3600, "expires_in": 3600,
            "mail_code": "m", "mail_link": "m", "mail_other": "m", "mail_disabled": "m",
        }
    )  # fmt: skip


async def test_of_forty_mails_asked_for_at_once_as_many_go_as_the_network_has_left(
    pool: asyncpg.Pool, superuser: asyncpg.Connection, namespace: str
) -> None:
    query = "select outcome from authn.begin_mail_login($1, $2, $3)"
    for number in range(OF_A_NETWORK - LEFT):
        assert (await pool.fetchrow(query, a_wish(1000 + number), ACTOR, namespace))["outcome"] != "throttled"
    begun = await at_once(pool, query, [(a_wish(number), ACTOR, namespace) for number in range(AT_ONCE)])
    assert [row["outcome"] for row in begun].count("throttled") == AT_ONCE - LEFT

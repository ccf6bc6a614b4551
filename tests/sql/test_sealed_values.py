"""Sealed values: found by the key that sealed them, in every tenant; exchanged only for what they were."""

import asyncpg
import pytest

from tests.sql.conftest import Sql

OLDER, NEWEST = "v1.aaaaaaaa.nonce.text", "v1.bbbbbbbb.nonce.text"


async def test_what_another_key_sealed_is_found_in_every_tenant(sql: Sql, namespace: str) -> None:
    for tenant in (namespace, f"{namespace}-2"):
        user_id = await sql.user(tenant)
        for secret in (OLDER, NEWEST, "sealed by another program"):
            await sql.value("add_mfa", user_id, "totp", secret, None, tenant)
    found = [row for row in await sql.rows("find_sealed", "bbbbbbbb", 1000) if row["namespace"].startswith(namespace)]
    assert [(row["place"], row["namespace"], row["sealed"]) for row in found] == [
        ("mfa_secrets", namespace, OLDER),
        ("mfa_secrets", f"{namespace}-2", OLDER),
    ]
    assert len(await sql.rows("find_sealed", "bbbbbbbb", 1)) == 1


async def test_a_value_is_exchanged_by_its_own_tenant_and_only_for_what_it_was(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    mfa_id = str(await sql.value("add_mfa", user_id, "totp", OLDER, None, namespace))
    assert not await sql.value("replace_sealed", "mfa_secrets", mfa_id, OLDER, NEWEST, f"{namespace}-2")
    assert not await sql.value("replace_sealed", "mfa_secrets", mfa_id, NEWEST, OLDER, namespace)
    assert await sql.value("replace_sealed", "mfa_secrets", mfa_id, OLDER, NEWEST, namespace)
    [row] = await sql.rows("get_mfa", user_id, "totp", namespace)
    assert row["secret"] == NEWEST


async def test_a_waiting_message_and_a_signing_key_are_exchanged(
    sql: Sql, superuser: asyncpg.Connection, namespace: str
) -> None:
    await superuser.execute(
        "insert into authn.outbox (namespace, kind, payload) values ($1, 'mail', $2)", namespace, OLDER
    )
    await sql.value("add_first_signing_key", "kid", "RS256", "{}", OLDER, namespace)
    message = str(await superuser.fetchval("select id from authn.outbox where namespace = $1", namespace))
    assert await sql.value("replace_sealed", "outbox", message, OLDER, NEWEST, namespace)
    assert await sql.value("replace_sealed", "signing_keys", "kid", OLDER, NEWEST, namespace)
    [key] = await sql.rows("list_signing_keys", namespace)
    assert key["sealed_private_key"] == NEWEST


async def test_reminders_that_wait_for_their_day_are_exchanged_one_by_one(
    sql: Sql, superuser: asyncpg.Connection, namespace: str
) -> None:
    insert = (
        "insert into authn.second_step_recoveries "
        "(namespace, user_id, finish_digest, stop_digest, reminders, opens_at, expires_at) "
        "values ($1, $2, 'f', 's', array[$3, $4], now() + interval '1 day', now() + interval '2 days')"
    )
    await superuser.execute(insert, namespace, await sql.user(namespace), OLDER, f"{OLDER}2")
    found = [row for row in await sql.rows("find_sealed", "bbbbbbbb", 1000) if row["namespace"] == namespace]
    assert [(row["place"], row["sealed"]) for row in found] == [
        ("second_step_recoveries", OLDER),
        ("second_step_recoveries", f"{OLDER}2"),
    ]
    for row in found:
        assert await sql.value("replace_sealed", row["place"], row["row_id"], row["sealed"], NEWEST, namespace)
    reminders = "select reminders from authn.second_step_recoveries where namespace = $1"
    assert await superuser.fetchval(reminders, namespace) == [NEWEST, NEWEST]


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("find_sealed", ("not a key", 10)),
        ("find_sealed", (None, 10)),
        ("find_sealed", ("bbbbbbbb", 0)),
        ("replace_sealed", ("users", "1", OLDER, NEWEST)),
    ],
)
async def test_wrong_arguments_are_refused(sql: Sql, function: str, arguments: tuple[object, ...]) -> None:
    assert (await sql.error(function, *arguments)).sqlstate == "22023"

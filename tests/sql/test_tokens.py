"""One-time tokens."""

from datetime import timedelta

import asyncpg
import pytest

from tests.sql.conftest import Sql


@pytest.mark.parametrize(
    ("token_type", "lifetime"),
    [
        ("password_reset", timedelta(hours=1)),
        ("email_verify", timedelta(hours=24)),
        ("magic_link", timedelta(minutes=15)),
    ],
)
async def test_each_type_of_token_has_its_own_lifetime(
    sql: Sql, superuser: asyncpg.Connection, namespace: str, token_type: str, lifetime: timedelta
) -> None:
    user_id = await sql.user(namespace)
    token_id = await sql.value("create_token", user_id, "t", token_type, None, namespace)
    other_id = await sql.value("create_token", user_id, "u", token_type, timedelta(minutes=3), namespace)
    query = "SELECT expires_at - created_at FROM authn.tokens WHERE id = $1"
    assert await superuser.fetchval(query, token_id) == lifetime
    assert await superuser.fetchval(query, other_id) == timedelta(minutes=3)


async def test_a_token_is_good_once_for_its_own_type(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    token_id = await sql.value("create_token", user_id, "t", "password_reset", None, namespace)
    assert await sql.rows("consume_token", "t", "magic_link", namespace) == []
    assert await sql.row("consume_token", "t", "password_reset", namespace) == {
        "user_id": user_id,
        "email": "alice@example.com",
    }
    assert await sql.rows("consume_token", "t", "password_reset", namespace) == []
    assert await sql.rows("consume_token", "unknown", "password_reset", namespace) == []
    events = [
        (e["event_type"], e["resource_type"], e["resource_id"], e["new_values"]) for e in await sql.events(namespace)
    ]
    values = {"user_id": str(user_id), "token_type": "password_reset"}
    assert events[1:] == [
        ("token_created", "token", str(token_id), values),
        ("token_consumed", "token", str(token_id), values),
    ]


async def test_a_duplicate_token_is_refused_without_printing_it(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    await sql.value("create_token", user_id, "the-same-token", "magic_link", None, namespace)
    error = await sql.error("create_token", user_id, "the-same-token", "email_verify", None, namespace)
    assert error.sqlstate == "23505"
    assert "the-same-token" not in repr(error.as_dict())


async def test_verifying_marks_the_address_and_nothing_else(
    sql: Sql, superuser: asyncpg.Connection, namespace: str
) -> None:
    user_id = await sql.user(namespace)
    await sql.value("create_session", user_id, "s", None, None, None, namespace)
    await sql.value("create_token", user_id, "t", "email_verify", None, namespace)
    before = await superuser.fetchrow("SELECT * FROM authn.users WHERE id = $1", user_id)
    assert await sql.row("verify_email", "t", namespace) == {"user_id": user_id, "email": "alice@example.com"}
    after = await superuser.fetchrow("SELECT * FROM authn.users WHERE id = $1", user_id)
    changed = {name for name, value in after.items() if value != before[name]}
    assert changed == {"email_verified_at", "updated_at"}
    assert await sql.row("validate_session", "s", namespace) is not None
    assert await sql.rows("verify_email", "t", namespace) == []
    assert [event["event_type"] for event in await sql.events(namespace)][-2:] == ["token_consumed", "email_verified"]


async def test_only_an_email_verify_token_verifies(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    await sql.value("create_token", user_id, "t", "magic_link", None, namespace)
    assert await sql.rows("verify_email", "t", namespace) == []
    assert (await sql.row("get_user", user_id, namespace))["email_verified_at"] is None  # type: ignore[index]
    assert await sql.row("consume_token", "t", "magic_link", namespace) is not None


async def test_invalidating_uses_up_the_unused_tokens_of_one_type(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    for token, token_type in (("a", "magic_link"), ("b", "magic_link"), ("c", "password_reset")):
        await sql.value("create_token", user_id, token, token_type, None, namespace)
    events = len(await sql.events(namespace))
    assert await sql.value("invalidate_tokens", user_id, "magic_link", namespace) == 2
    assert await sql.value("invalidate_tokens", user_id, "magic_link", namespace) == 0
    assert await sql.rows("consume_token", "a", "magic_link", namespace) == []
    assert len(await sql.events(namespace)) == events
    assert await sql.row("consume_token", "c", "password_reset", namespace) is not None

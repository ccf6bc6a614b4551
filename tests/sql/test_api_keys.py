"""API keys."""

import uuid
from datetime import timedelta

import asyncpg

from tests.sql.conftest import Sql


async def test_a_key_is_found_by_its_hash_and_never_expires_by_default(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    key_id = await sql.value("create_api_key", user_id, "k", "CI", None, namespace)
    assert await sql.row("validate_api_key", "k", namespace) == {
        "user_id": user_id,
        "key_id": key_id,
        "name": "CI",
        "expires_at": None,
    }
    assert await sql.rows("validate_api_key", "unknown", namespace) == []


async def test_use_of_a_key_is_noted_at_once_and_then_at_most_once_a_minute(
    sql: Sql, superuser: asyncpg.Connection, namespace: str
) -> None:
    user_id = await sql.user(namespace)
    key_id = await sql.value("create_api_key", user_id, "k", None, None, namespace)

    async def last_used() -> object:
        return (await sql.rows("list_api_keys", user_id, namespace))[0]["last_used_at"]

    assert await last_used() is None
    await sql.rows("validate_api_key", "k", namespace)
    first = await last_used()
    assert first is not None
    await sql.rows("validate_api_key", "k", namespace)
    assert await last_used() == first
    await superuser.execute(
        "UPDATE authn.api_keys SET last_used_at = now() - interval '61 seconds' WHERE id = $1", key_id
    )
    await sql.rows("validate_api_key", "k", namespace)
    later = await last_used()
    assert isinstance(later, type(first))
    assert later > first  # type: ignore[operator]


async def test_a_revoked_key_is_over(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    key_id = await sql.value("create_api_key", user_id, "k", None, None, namespace)
    assert await sql.value("revoke_api_key", key_id, namespace) is True
    assert await sql.value("revoke_api_key", key_id, namespace) is False
    assert await sql.value("revoke_api_key", uuid.uuid4(), namespace) is False
    assert await sql.rows("validate_api_key", "k", namespace) == []
    assert await sql.rows("list_api_keys", user_id, namespace) == []
    events = [
        (event["event_type"], event["resource_type"], event["resource_id"]) for event in await sql.events(namespace)
    ]
    assert events[1:] == [("api_key_created", "api_key", str(key_id)), ("api_key_revoked", "api_key", str(key_id))]


async def test_all_keys_are_revoked_and_counted(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    for number in range(3):
        await sql.value("create_api_key", user_id, f"k{number}", None, None, namespace)
    assert await sql.value("revoke_all_api_keys", user_id, namespace) == 3
    assert await sql.value("revoke_all_api_keys", user_id, namespace) == 0
    assert [event["event_type"] for event in await sql.events(namespace)].count("api_keys_revoked_all") == 1


async def test_live_keys_are_listed_newest_first_without_their_hash(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    first = await sql.value("create_api_key", user_id, "hash-1", "one", timedelta(days=1), namespace)
    await sql.value("create_api_key", user_id, "hash-2", "gone", timedelta(0), namespace)
    last = await sql.value("create_api_key", user_id, "hash-3", "three", None, namespace)
    rows = await sql.rows("list_api_keys", user_id, namespace)
    assert [row["key_id"] for row in rows] == [last, first]
    assert "hash-" not in str(rows)


async def test_a_duplicate_key_is_refused_without_printing_it(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    await sql.value("create_api_key", user_id, "the-same-key", None, None, namespace)
    error = await sql.error("create_api_key", user_id, "the-same-key", None, None, namespace)
    assert error.sqlstate == "23505"
    assert "the-same-key" not in repr(error.as_dict())


async def test_a_user_has_50_live_keys_at_most(sql: Sql, superuser: asyncpg.Connection, namespace: str) -> None:
    user_id = await sql.user(namespace)
    await superuser.execute(
        "INSERT INTO authn.api_keys (namespace, user_id, key_hash, expires_at) "
        "SELECT $1, $2, 'k' || n, CASE WHEN n > 50 THEN now() END FROM generate_series(1, 60) n",
        namespace,
        user_id,
    )
    error = await sql.error("create_api_key", user_id, "one more", None, None, namespace)
    assert (error.sqlstate, str(error)) == ("54000", "a user may have at most 50 API keys")
    key_id = (await sql.rows("list_api_keys", user_id, namespace))[0]["key_id"]
    await sql.value("revoke_api_key", key_id, namespace)
    await sql.value("create_api_key", user_id, "one more", None, None, namespace)
    bo = await sql.user(namespace, "bo@example.com")
    await sql.value("create_api_key", bo, "bos", None, None, namespace)

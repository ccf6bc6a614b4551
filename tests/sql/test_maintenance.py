"""Purging and counting, one namespace at a time."""

from datetime import timedelta
from typing import Any

import asyncpg

from tests.sql.conftest import Sql


async def _fill(sql: Sql, superuser: asyncpg.Connection, namespace: str) -> Any:
    """A user with one thing of each kind that is live and two that are over."""
    user_id = await sql.user(namespace)
    for name, lifetime in (("live", timedelta(days=1)), ("expired", timedelta(0)), ("ended", timedelta(days=1))):
        await sql.value("create_session", user_id, name, lifetime, None, None, namespace)
        await sql.value("create_token", user_id, name, "magic_link", lifetime, namespace)
        key_id = await sql.value("create_api_key", user_id, name, None, lifetime, namespace)
    await sql.value("revoke_session", "ended", namespace)
    await sql.rows("consume_token", "ended", "magic_link", namespace)
    await sql.value("revoke_api_key", key_id, namespace)
    await sql.value("create_api_key", user_id, "for ever", None, None, namespace)
    await superuser.execute(
        "INSERT INTO authn.login_attempts (namespace, email, success, attempted_at) "
        "VALUES ($1, 'a@b', false, now() - interval '31 days'), ($1, 'a@b', false, now() - interval '29 days')",
        namespace,
    )
    return user_id


async def test_what_is_over_is_purged_at_once_and_the_rest_kept(
    sql: Sql, superuser: asyncpg.Connection, namespace: str
) -> None:
    user_id = await _fill(sql, superuser, namespace)
    await _fill(sql, superuser, f"{namespace}-other")
    assert await sql.row("cleanup_expired", namespace) == {
        "sessions_deleted": 2,
        "tokens_deleted": 2,
        "attempts_deleted": 1,
        "api_keys_deleted": 2,
    }
    assert set((await sql.row("cleanup_expired", namespace)).values()) == {0}  # type: ignore[union-attr]
    assert await sql.row("validate_session", "live", namespace) is not None
    assert await sql.row("consume_token", "live", "magic_link", namespace) is not None
    assert len(await sql.rows("list_api_keys", user_id, namespace)) == 2
    assert len(await sql.rows("get_recent_attempts", "a@b", namespace)) == 1
    left = await superuser.fetchval("SELECT count(*) FROM authn.sessions WHERE namespace = $1", f"{namespace}-other")
    assert left == 3


async def test_a_purge_takes_no_more_than_its_batch(sql: Sql, superuser: asyncpg.Connection, namespace: str) -> None:
    await _fill(sql, superuser, namespace)
    assert set((await sql.row("cleanup_expired", namespace, 1)).values()) == {1}  # type: ignore[union-attr]
    assert (await sql.row("cleanup_expired", namespace, None))["sessions_deleted"] == 1  # type: ignore[index]


async def test_how_long_attempts_are_kept_is_a_setting(sql: Sql, superuser: asyncpg.Connection, namespace: str) -> None:
    await _fill(sql, superuser, namespace)
    async with sql.connection.transaction():
        await sql.connection.execute("SET LOCAL authn.login_attempts_retention = '1 day'")
        assert (await sql.row("cleanup_expired", namespace))["attempts_deleted"] == 2  # type: ignore[index]


async def test_the_purge_leaves_rows_that_somebody_is_using(
    sql: Sql, superuser: asyncpg.Connection, namespace: str
) -> None:
    await _fill(sql, superuser, namespace)
    async with superuser.transaction():
        await superuser.execute("SELECT FROM authn.sessions WHERE namespace = $1 FOR UPDATE", namespace)
        assert (await sql.row("cleanup_expired", namespace))["sessions_deleted"] == 0  # type: ignore[index]
    assert (await sql.row("cleanup_expired", namespace))["sessions_deleted"] == 2  # type: ignore[index]


async def test_the_counts_are_those_of_the_namespace(sql: Sql, superuser: asyncpg.Connection, namespace: str) -> None:
    await _fill(sql, superuser, f"{namespace}-other")
    user_id = await _fill(sql, superuser, namespace)
    disabled = await sql.user(namespace, "bo@example.com")
    await sql.value("disable_user", disabled, namespace)
    for secret in ("a", "b"):
        await sql.value("add_mfa", user_id, "webauthn", secret, None, namespace)
    await superuser.execute("UPDATE authn.users SET email_verified_at = now() WHERE id = $1", user_id)
    assert await sql.row("get_stats", namespace) == {
        "user_count": 2,
        "verified_user_count": 1,
        "disabled_user_count": 1,
        "active_session_count": 1,
        "mfa_enabled_user_count": 1,
        "active_api_key_count": 2,
    }
    empty = await sql.row("get_stats", f"{namespace}-empty")
    assert empty is not None
    assert set(empty.values()) == {0}

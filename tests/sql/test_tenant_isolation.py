"""Nothing crosses from one namespace to another, and without a tenant context there is nothing at all."""

import uuid
from typing import Any

import asyncpg
import pytest

from tests.sql.conftest import Sql

TABLES = (
    "users", "identities", "federated_identities", "sessions", "tokens", "mfa_secrets", "api_keys", "login_attempts",
    "audit_events",
)  # fmt: skip
PHONE, ISSUER = "+41791234567", "https://issuer.example"


async def _fill(sql: Sql, namespace: str) -> dict[str, Any]:
    user_id = await sql.user(namespace)
    await sql.value("create_token", user_id, "token", "magic_link", None, namespace)
    await sql.value("create_token", user_id, "verify", "email_verify", None, namespace)
    await sql.value("record_login_attempt", "alice@example.com", False, None, namespace)
    await sql.value("update_profile", user_id, '{"username": "alice"}', namespace)
    await sql.value(
        "verify_identity", await sql.value("add_identity", user_id, "phone", PHONE, namespace), user_id, namespace
    )
    return {
        "user_id": user_id,
        "claim_id": await sql.value("add_identity", user_id, "email", "second@example.com", namespace),
        "link_id": await sql.value("link_federated_identity", user_id, "p", ISSUER, "subject", None, namespace),
        "codes_id": await sql.value("add_mfa", user_id, "recovery_codes", "hashes", None, namespace),
        "session_id": await sql.value("create_session", user_id, "session", None, None, None, namespace),
        "mfa_id": await sql.value("add_mfa", user_id, "totp", "secret", None, namespace),
        "key_id": await sql.value("create_api_key", user_id, "key", None, None, namespace),
    }


async def _tenant(connection: asyncpg.Connection) -> str | None:
    return await connection.fetchval("SELECT current_setting('authn.tenant_id', true)")


@pytest.mark.parametrize("table", TABLES)
async def test_the_application_sees_a_table_only_through_the_tenants_eyes(sql: Sql, namespace: str, table: str) -> None:
    await _fill(sql, namespace)
    await _fill(sql, f"{namespace}-other")
    query = f"SELECT DISTINCT namespace FROM authn.{table}"
    assert await sql.connection.fetch(query) == []
    async with sql.connection.transaction():
        for name in (namespace, f"{namespace}-other"):
            await sql.value("set_tenant", name)
            assert [row[0] for row in await sql.connection.fetch(query)] == [name]
        await sql.value("clear_tenant")
        assert await sql.connection.fetch(query) == []
    assert await sql.connection.fetch(query) == []


@pytest.mark.parametrize("table", TABLES)
async def test_the_owner_is_bound_like_everyone(
    sql: Sql, superuser: asyncpg.Connection, namespace: str, table: str
) -> None:
    await _fill(sql, namespace)
    owner = await superuser.fetchval(
        "SELECT relowner::regrole::text FROM pg_class WHERE oid = ('authn.' || $1)::regclass", table
    )
    transaction = superuser.transaction()
    await transaction.start()
    try:
        await superuser.execute(f"SET LOCAL ROLE {owner}")
        assert await superuser.fetch(f"SELECT FROM authn.{table} LIMIT 1") == []
        await superuser.execute("SELECT authn.set_tenant($1)", f"{namespace}-other")
        assert await superuser.fetch(f"SELECT FROM authn.{table} LIMIT 1") == []
        columns = {"audit_events": "event_type, namespace", "login_attempts": "email, success, namespace"}
        values = {"audit_events": "'x', $1", "login_attempts": "'a@b', false, $1"}
        insert = f"INSERT INTO authn.{table} ({columns.get(table, 'namespace')}) VALUES ({values.get(table, '$1')})"
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await superuser.execute(insert, namespace)
    finally:
        await transaction.rollback()


async def test_one_namespaces_things_are_unknown_in_another(sql: Sql, namespace: str) -> None:
    mine, other = await _fill(sql, namespace), f"{namespace}-other"
    user_id = mine["user_id"]
    reads = [
        ("get_user", user_id), ("get_user_by_email", "alice@example.com"), ("list_users", other),
        ("get_credentials", "alice@example.com"), ("validate_session", "session"), ("resume_session", "session"),
        ("list_sessions", user_id), ("list_session_devices", user_id), ("consume_token", "token", "magic_link"),
        ("verify_email", "verify"), ("get_mfa", user_id, "totp"), ("list_mfa", user_id), ("validate_api_key", "key"),
        ("list_api_keys", user_id), ("get_recent_attempts", "alice@example.com"), ("get_profile", user_id),
        ("get_user_by_username", "alice"), ("list_identities", user_id), ("find_verified_identity", "phone", PHONE),
        ("use_federated_identity", ISSUER, "subject", None), ("list_federated_identities", user_id),
    ]  # fmt: skip
    for function, *arguments in reads:
        called = arguments if function == "list_users" else [*arguments, other]
        assert await sql.rows(function, *called) == [], function
    assert await sql.value("has_mfa", user_id, other) is False
    assert await sql.value("is_email_taken", "alice@example.com", other) is False
    assert await sql.value("is_locked_out", "alice@example.com", other, None, 1) is False


WRITES = [
    ("update_email", "user_id", "x@example.com"), ("disable_user", "user_id"), ("enable_user", "user_id"),
    ("update_password", "user_id", "hash"), ("revoke_session", None, "session"),
    ("revoke_session_by_id", "session_id", "user_id"), ("revoke_all_sessions", "user_id"),
    ("revoke_other_sessions", "user_id", uuid.UUID(int=1)), ("extend_session", None, "session", None),
    ("invalidate_tokens", "user_id", "magic_link"), ("record_mfa_use", "mfa_id"), ("remove_mfa", "mfa_id"),
    ("revoke_api_key", "key_id"), ("revoke_all_api_keys", "user_id"), ("clear_attempts", None, "alice@example.com"),
    ("update_profile", "user_id", '{"name": "Al"}'), ("verify_identity", "claim_id", "user_id"),
    ("remove_identity", "claim_id", "user_id"), ("unlink_federated_identity", "link_id", "user_id"),
    ("use_recovery_code", "codes_id", 1), ("delete_user", "user_id"),
]  # fmt: skip


def _arguments(write: tuple[Any, ...], mine: dict[str, Any]) -> list[Any]:
    given = write[2:] if write[1] is None else write[1:]
    return [mine.get(value, value) if isinstance(value, str) else value for value in given]


@pytest.mark.parametrize("write", WRITES, ids=lambda write: write[0])
async def test_a_write_in_another_namespace_changes_nothing(
    sql: Sql, superuser: asyncpg.Connection, namespace: str, write: tuple[Any, ...]
) -> None:
    mine = await _fill(sql, namespace)
    before = await _snapshot(superuser, namespace)
    assert not await sql.value(write[0], *_arguments(write, mine), f"{namespace}-other")
    assert await _snapshot(superuser, namespace) == before
    assert await sql.events(f"{namespace}-other") == []
    if write[0] != "enable_user":
        assert await sql.value(write[0], *_arguments(write, mine), namespace)
        assert await _snapshot(superuser, namespace) != before


@pytest.mark.parametrize("write", WRITES, ids=lambda write: write[0])
async def test_a_write_changes_nothing_while_another_tenants_context_is_set(
    sql: Sql, superuser: asyncpg.Connection, namespace: str, write: tuple[Any, ...]
) -> None:
    mine = await _fill(sql, namespace)
    before = await _snapshot(superuser, namespace)
    async with sql.connection.transaction():
        await sql.value("set_tenant", f"{namespace}-other")
        assert not await sql.value(write[0], *_arguments(write, mine), namespace)
        assert await _tenant(sql.connection) == f"{namespace}-other"
    assert await _snapshot(superuser, namespace) == before


async def _snapshot(superuser: asyncpg.Connection, namespace: str) -> list[Any]:
    return [
        await superuser.fetch(f"SELECT t::text FROM authn.{table} t WHERE namespace = $1 ORDER BY 1", namespace)
        for table in TABLES
    ]


async def test_a_new_row_is_refused_while_another_tenants_context_is_set(sql: Sql, namespace: str) -> None:
    user_id = (await _fill(sql, namespace))["user_id"]
    for call in (
        ("create_user", "new@example.com", None, namespace),
        ("create_session", user_id, "h", None, None, None, namespace),
        ("start_session", user_id, "h", None, None, namespace),
        ("create_token", user_id, "h", "magic_link", None, namespace),
        ("create_api_key", user_id, "h", None, None, namespace),
        ("add_mfa", user_id, "totp", "s", None, namespace),
        ("record_login_attempt", "alice@example.com", False, None, namespace),
        ("add_identity", user_id, "phone", "+15551234567", namespace),
        ("create_user_with_phone", "+15551234567", namespace),
        ("find_or_create_email_identity", "new@example.com", namespace),
        ("find_or_create_phone_identity", "+15551234567", namespace),
        ("link_federated_identity", user_id, "p", ISSUER, "another", None, namespace),
    ):
        transaction = sql.connection.transaction()
        await transaction.start()
        try:
            await sql.value("set_tenant", f"{namespace}-other")
            assert (await sql.error(*call)).sqlstate == "42501", call[0]
        finally:
            await transaction.rollback()


async def test_a_function_leaves_the_context_as_it_found_it(sql: Sql, namespace: str) -> None:
    async with sql.connection.transaction():
        mine = await _fill(sql, namespace)
        assert not await _tenant(sql.connection)
        await sql.value("set_tenant", namespace)
        await sql.row("get_user", mine["user_id"], namespace)
        await sql.row("get_user", uuid.uuid4(), namespace)
        assert await _tenant(sql.connection) == namespace
        with pytest.raises(asyncpg.UniqueViolationError):
            async with sql.connection.transaction():
                await sql.user(namespace)
        assert await _tenant(sql.connection) == namespace
    assert not await _tenant(sql.connection)


async def test_reads_are_empty_while_another_tenants_context_is_set(sql: Sql, namespace: str) -> None:
    mine = await _fill(sql, namespace)
    async with sql.connection.transaction():
        await sql.value("set_tenant", f"{namespace}-other")
        assert await sql.rows("get_user", mine["user_id"], namespace) == []
        assert await sql.rows("validate_session", "session", namespace) == []
        assert await sql.rows("resume_session", "session", namespace) == []
        assert await sql.rows("list_users", namespace) == []
        assert (await sql.row("get_stats", namespace))["user_count"] == 0  # type: ignore[index]


async def test_the_same_token_hash_may_exist_in_two_namespaces(sql: Sql, namespace: str) -> None:
    mine, theirs = await _fill(sql, namespace), await _fill(sql, f"{namespace}-other")
    found = await sql.row("validate_session", "session", f"{namespace}-other")
    assert found is not None
    assert found["session_id"] == theirs["session_id"] != mine["session_id"]


async def test_a_thing_cannot_hang_on_a_user_of_another_namespace_even_for_a_superuser(
    sql: Sql, superuser: asyncpg.Connection, namespace: str
) -> None:
    user_id = await sql.user(namespace)
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await superuser.execute(
            "INSERT INTO authn.sessions (namespace, user_id, token_hash, expires_at) VALUES ($1, $2, 'x', now())",
            f"{namespace}-other",
            user_id,
        )


async def test_a_superuser_works_on_the_tables_directly(
    sql: Sql, superuser: asyncpg.Connection, namespace: str
) -> None:
    user_id = await sql.user(namespace)
    for table, columns, values in (
        ("sessions", "token_hash, expires_at", "'h', now() + interval '1 hour'"),
        ("tokens", "token_hash, token_type, expires_at", "'h', 'email_verify', now() + interval '1 hour'"),
        ("api_keys", "key_hash, expires_at", "'h', now() + interval '1 hour'"),
    ):
        query = f"INSERT INTO authn.{table} (namespace, user_id, {columns}) VALUES ($1, $2, {values})"
        await superuser.execute(query, namespace, user_id)
    await superuser.execute(
        "INSERT INTO authn.login_attempts (namespace, email, success, attempted_at) VALUES ($1, 'a@b', false, now())",
        namespace,
    )
    await superuser.execute("UPDATE authn.users SET email_verified_at = now() WHERE id = $1", user_id)
    assert await sql.row("validate_session", "h", namespace)
    assert await sql.row("resume_session", "h", namespace)
    assert await sql.row("validate_api_key", "h", namespace)
    assert await sql.row("verify_email", "h", namespace)
    assert (await sql.row("get_stats", namespace))["active_session_count"] == 1  # type: ignore[index]
    hashes = await superuser.fetch("SELECT password_hash FROM authn.users WHERE namespace = $1", namespace)
    assert [row[0] for row in hashes] == ["a-hash"]
    for table in reversed(TABLES):
        await superuser.execute(f"DELETE FROM authn.{table} WHERE namespace = $1", namespace)
    assert set((await sql.row("get_stats", namespace)).values()) == {0}  # type: ignore[union-attr]

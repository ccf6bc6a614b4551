"""Users: made, looked up, changed, disabled, deleted."""

import uuid
from typing import Any

import asyncpg

from tests.sql.conftest import Sql


async def _everything_of(sql: Sql, user_id: Any, namespace: str) -> None:
    await sql.value("create_session", user_id, "a-session", None, None, None, namespace)
    await sql.value("create_token", user_id, "a-token", "magic_link", None, namespace)
    await sql.value("create_api_key", user_id, "a-key", None, None, namespace)
    await sql.value("add_mfa", user_id, "totp", "a-secret", None, namespace)


async def test_a_new_user_is_found_by_id_and_address_without_the_hash(sql: Sql, namespace: str) -> None:
    user_id = await sql.value("create_user", "alice@example.com", "a-hash", namespace)
    user = await sql.row("get_user", user_id, namespace)
    assert user is not None
    assert user == await sql.row("get_user_by_email", "Alice@Example.com", namespace)
    assert user["id"] == user["user_id"] == user_id
    assert user["email_verified_at"] is None
    assert user["disabled_at"] is None
    assert "a-hash" not in str(user)


async def test_an_unknown_user_is_no_row(sql: Sql, namespace: str) -> None:
    assert await sql.rows("get_user", uuid.uuid4(), namespace) == []
    assert await sql.rows("get_user_by_email", "nobody@example.com", namespace) == []
    assert await sql.rows("get_credentials", "nobody@example.com", namespace) == []


async def test_an_address_is_taken_once_in_a_namespace_whatever_its_case(sql: Sql, namespace: str) -> None:
    await sql.user(namespace, "alice@example.com")
    error = await sql.error("create_user", "ALICE@example.com", None, namespace)
    assert isinstance(error, asyncpg.UniqueViolationError)
    assert error.detail is None
    assert "alice" not in str(error).lower()
    assert await sql.user(f"{namespace}-other", "alice@example.com")


async def test_credentials_are_given_for_disabled_and_passwordless_users_too(sql: Sql, namespace: str) -> None:
    with_password = await sql.user(namespace)
    await sql.value("disable_user", with_password, namespace)
    credentials = await sql.row("get_credentials", "alice@example.com", namespace)
    assert credentials is not None
    assert (credentials["user_id"], credentials["password_hash"]) == (with_password, "a-hash")
    assert credentials["disabled_at"] is not None
    await sql.value("create_user", "chen@example.com", None, namespace)
    assert (await sql.row("get_credentials", "chen@example.com", namespace))["password_hash"] is None  # type: ignore[index]


async def test_users_are_listed_by_id_page_by_page_with_disabled_ones(sql: Sql, namespace: str) -> None:
    made = sorted([await sql.user(namespace, f"u{number}@example.com") for number in range(5)])
    await sql.value("disable_user", made[0], namespace)
    first = await sql.rows("list_users", namespace, 2)
    assert [row["user_id"] for row in first] == made[:2]
    await sql.value("delete_user", made[1], namespace)
    second = await sql.rows("list_users", namespace, 2, made[1])
    assert [row["id"] for row in second] == made[2:4]
    assert [row["id"] for row in await sql.rows("list_users", namespace, None, made[3])] == made[4:]
    assert await sql.rows("list_users", namespace, 0) == []


async def test_a_list_of_users_has_100_rows_by_default_and_never_more_than_1000(
    sql: Sql, superuser: asyncpg.Connection, namespace: str
) -> None:
    await superuser.execute(
        "INSERT INTO authn.users (namespace, email) SELECT $1, n || '@example.com' FROM generate_series(1, 1001) n",
        namespace,
    )
    assert len(await sql.rows("list_users", namespace)) == 100
    assert len(await sql.rows("list_users", namespace, None)) == 100
    assert len(await sql.rows("list_users", namespace, 5000)) == 1000


async def test_a_changed_address_is_unproven_and_old_links_no_longer_verify(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    await sql.value("create_token", user_id, "first", "email_verify", None, namespace)
    await sql.value("create_token", user_id, "second", "email_verify", None, namespace)
    await sql.rows("verify_email", "first", namespace)
    assert await sql.value("update_email", user_id, " New@Example.com ", namespace) is True
    user = await sql.row("get_user", user_id, namespace)
    assert user is not None
    assert (user["email"], user["email_verified_at"]) == ("new@example.com", None)
    assert await sql.rows("verify_email", "second", namespace) == []
    event = (await sql.events(namespace))[-1]
    assert event["event_type"] == "email_updated"
    assert event["old_values"] == {"email": "alice@example.com"}
    assert event["new_values"] == {"email": "new@example.com"}


async def test_an_address_cannot_be_changed_to_someone_elses(sql: Sql, namespace: str) -> None:
    alice, bo = await sql.user(namespace, "alice@example.com"), await sql.user(namespace, "bo@example.com")
    error = await sql.error("update_email", bo, "Alice@example.com", namespace)
    assert isinstance(error, asyncpg.UniqueViolationError)
    assert error.detail is None
    assert (await sql.row("get_user", alice, namespace))["email"] == "alice@example.com"  # type: ignore[index]
    assert (await sql.row("get_user", bo, namespace))["email"] == "bo@example.com"  # type: ignore[index]


async def test_disabling_ends_sessions_keys_and_tokens_and_enabling_restores_none(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    await _everything_of(sql, user_id, namespace)
    assert await sql.value("disable_user", user_id, namespace) is True
    assert await sql.value("disable_user", user_id, namespace) is False
    event = (await sql.events(namespace))[-1]
    assert (event["event_type"], event["new_values"]) == ("user_disabled", {"sessions_revoked": 1})
    assert await sql.value("enable_user", user_id, namespace) is True
    assert await sql.value("enable_user", user_id, namespace) is False
    assert await sql.row("validate_session", "a-session", namespace) is None
    assert await sql.row("validate_api_key", "a-key", namespace) is None
    assert await sql.row("consume_token", "a-token", "magic_link", namespace) is None
    assert await sql.value("has_mfa", user_id, namespace) is True


async def test_a_disabled_user_is_given_nothing_new(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    await sql.value("disable_user", user_id, namespace)
    for call in (
        ("create_session", user_id, "h", None, None, None, namespace),
        ("create_token", user_id, "h", "magic_link", None, namespace),
        ("create_api_key", user_id, "h", None, None, namespace),
        ("add_mfa", user_id, "totp", "s", None, namespace),
        ("start_session", user_id, "h", None, None, namespace),
    ):
        assert (await sql.error(*call)).sqlstate == "55000", call[0]
    assert (await sql.row("get_user", user_id, namespace))["disabled_at"] is not None  # type: ignore[index]


async def test_what_a_disabled_user_still_holds_is_worth_nothing(
    sql: Sql, superuser: asyncpg.Connection, namespace: str
) -> None:
    user_id = await sql.user(namespace)
    await _everything_of(sql, user_id, namespace)
    await sql.value("create_token", user_id, "verify", "email_verify", None, namespace)
    # Past disable_user, which would have ended them: the checks at use must hold by themselves.
    await superuser.execute("UPDATE authn.users SET disabled_at = now() WHERE id = $1", user_id)
    assert await sql.row("validate_session", "a-session", namespace) is None
    assert await sql.row("resume_session", "a-session", namespace) is None
    assert await sql.value("extend_session", "a-session", None, namespace) is None
    assert await sql.row("validate_api_key", "a-key", namespace) is None
    assert await sql.row("consume_token", "a-token", "magic_link", namespace) is None
    assert await sql.row("verify_email", "verify", namespace) is None


async def test_a_deleted_user_leaves_only_the_audit_log(
    sql: Sql, superuser: asyncpg.Connection, namespace: str
) -> None:
    user_id = await sql.user(namespace)
    await _everything_of(sql, user_id, namespace)
    assert await sql.value("delete_user", user_id, namespace) is True
    assert await sql.value("delete_user", user_id, namespace) is False
    for table in ("users", "sessions", "tokens", "mfa_secrets", "api_keys"):
        query = f"SELECT count(*) FROM authn.{table} WHERE namespace = $1"
        assert await superuser.fetchval(query, namespace) == 0, table
    assert (await sql.events(namespace))[-1]["event_type"] == "user_deleted"


async def test_a_changed_password_is_logged_without_any_value(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    assert await sql.value("update_password", user_id, "another-hash", namespace) is True
    assert await sql.value("update_password", uuid.uuid4(), "another-hash", namespace) is False
    credentials = await sql.row("get_credentials", "alice@example.com", namespace)
    assert credentials is not None
    assert credentials["password_hash"] == "another-hash"
    event = (await sql.events(namespace))[-1]
    assert (event["event_type"], event["old_values"], event["new_values"]) == ("password_updated", None, None)


async def test_unknown_users_change_nothing_and_are_not_logged(sql: Sql, namespace: str) -> None:
    nobody = uuid.uuid4()
    assert await sql.value("update_email", nobody, "x@example.com", namespace) is False
    for function in ("disable_user", "enable_user", "delete_user"):
        assert await sql.value(function, nobody, namespace) is False
    assert await sql.events(namespace) == []

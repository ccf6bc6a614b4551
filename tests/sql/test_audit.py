"""The audit log: who acts, and what is never written to it."""

from ipaddress import ip_address

import asyncpg
import pytest

from tests.sql.conftest import Sql

SETTINGS = ("actor_id", "request_id", "ip_address", "user_agent", "on_behalf_of", "reason")


async def _settings(sql: Sql) -> tuple[str, ...]:
    columns = ", ".join(f"current_setting('authn.{name}', true)" for name in SETTINGS)
    return tuple(await sql.connection.fetchrow(f"SELECT {columns}"))


async def test_the_actor_is_readable_until_the_transaction_ends(sql: Sql) -> None:
    given = ("user:admin-bob", "r-1", "192.0.2.1", "Browser", "alice", "asked to")
    async with sql.connection.transaction():
        await sql.value("set_actor", *given)
        assert await _settings(sql) == given
        await sql.value("clear_actor")
        assert await _settings(sql) == ("",) * 6
        await sql.value("set_actor", *given)
    assert await _settings(sql) == ("",) * 6


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6])
async def test_the_actor_takes_1_to_6_arguments(sql: Sql, count: int) -> None:
    given = ("me", "r", "::1", "ua", "you", "why")[:count]
    async with sql.connection.transaction():
        await sql.value("set_actor", *given)
        assert await _settings(sql) == given + ("",) * (6 - count)


async def test_the_actor_takes_named_arguments_and_null(sql: Sql) -> None:
    async with sql.connection.transaction():
        await sql.connection.execute("SELECT authn.set_actor(p_actor_id => NULL, p_reason => 'because')")
        assert await _settings(sql) == ("", "", "", "", "", "because")


@pytest.mark.parametrize("address", ["not-an-ip", "1.2.3.4.5", "300.1.1.1", "::g"])
async def test_a_malformed_address_of_the_actor_is_refused(sql: Sql, address: str) -> None:
    error = await sql.error("set_actor", "me", None, address)
    assert error.sqlstate == "22023"
    assert "ip_address must be valid" in str(error)


async def test_an_event_names_its_actor(sql: Sql, namespace: str) -> None:
    async with sql.connection.transaction():
        await sql.value("set_actor", "user:admin-bob", "r-1", "192.0.2.1", "Browser", "alice", "asked to")
        user_id = await sql.user(namespace)
    (event,) = await sql.events(namespace)
    assert [event[name] for name in SETTINGS] == [
        "user:admin-bob", "r-1", ip_address("192.0.2.1"), "Browser", "alice", "asked to",
    ]  # fmt: skip
    assert (event["event_type"], event["resource_type"], event["resource_id"]) == ("user_created", "user", str(user_id))
    assert (event["old_values"], event["new_values"]) == (None, {"email": "alice@example.com"})
    assert event["namespace"] == namespace


async def test_an_actor_given_with_the_namespace_counts_for_that_call_alone(sql: Sql, namespace: str) -> None:
    query = "SELECT authn.create_user($1, NULL, authn.act_in($2, $3))"
    await sql.connection.execute(query, "alice@example.com", namespace, '{"actor_id": "me", "reason": "so"}')
    await sql.user(namespace, "bo@example.com")
    await sql.connection.execute(query, "chen@example.com", namespace, None)
    actors = [(event["actor_id"], event["reason"]) for event in await sql.events(namespace)]
    assert actors == [("me", "so"), (None, None), (None, None)]


async def test_events_are_filtered_and_bounded(sql: Sql, namespace: str) -> None:
    alice, bo = await sql.user(namespace, "alice@example.com"), await sql.user(namespace, "bo@example.com")
    await sql.value("disable_user", bo, namespace)

    async def found(*arguments: object) -> list[tuple[str, str]]:
        rows = await sql.rows("get_audit_events", *arguments, namespace)
        return [(row["event_type"], row["resource_id"]) for row in rows]

    assert await found(1, None, None, None) == [("user_disabled", str(bo))]
    assert await found(100, "user_created", None, None) == [("user_created", str(bo)), ("user_created", str(alice))]
    assert await found(100, None, "user", str(alice)) == [("user_created", str(alice))]
    assert await found(100, None, "session", None) == []
    assert (await sql.error("get_audit_events", -1, None, None, None, namespace)).sqlstate == "22023"


async def test_no_secret_is_ever_written_to_the_log(sql: Sql, superuser: asyncpg.Connection, namespace: str) -> None:
    user_id = await sql.value("create_user", "alice@example.com", "secret-1", namespace)
    await sql.value("update_password", user_id, "secret-2", namespace)
    await sql.value("create_session", user_id, "secret-3", None, None, None, namespace)
    await sql.value("extend_session", "secret-3", None, namespace)
    await sql.value("start_session", user_id, "secret-4", '{"browser_digest": "secret-5"}', None, namespace)
    await sql.value("revoke_session", "secret-4", namespace)
    await sql.value("create_token", user_id, "secret-6", "email_verify", None, namespace)
    await sql.rows("verify_email", "secret-6", namespace)
    mfa_id = await sql.value("add_mfa", user_id, "totp", "secret-7", "Phone", namespace)
    await sql.value("record_mfa_use", mfa_id, namespace)
    await sql.value("remove_mfa", mfa_id, namespace)
    key_id = await sql.value("create_api_key", user_id, "secret-8", "CI", None, namespace)
    await sql.value("revoke_api_key", key_id, namespace)
    await sql.value("delete_user", user_id, namespace)
    query = "SELECT string_agg(e::text, ' ') FROM authn.audit_events e WHERE namespace = $1"
    written = await superuser.fetchval(query, namespace)
    assert written.count("user_deleted") == 1
    assert "secret" not in written


async def test_what_promises_no_event_leaves_none(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    await sql.value("create_session", user_id, "s", None, None, None, namespace)
    await sql.value("create_api_key", user_id, "k", None, None, namespace)
    before = len(await sql.events(namespace))
    await sql.rows("validate_session", "s", namespace)
    await sql.rows("resume_session", "s", namespace)
    await sql.rows("validate_api_key", "k", namespace)
    await sql.value("record_login_attempt", "alice@example.com", True, None, namespace)
    await sql.value("invalidate_tokens", user_id, "magic_link", namespace)
    await sql.value("clear_attempts", "alice@example.com", namespace)
    await sql.value("extend_session", "unknown", None, namespace)
    await sql.rows("cleanup_expired", namespace)
    assert len(await sql.events(namespace)) == before


async def test_a_change_that_is_rolled_back_leaves_no_event(sql: Sql, namespace: str) -> None:
    transaction = sql.connection.transaction()
    await transaction.start()
    await sql.user(namespace)
    await transaction.rollback()
    assert await sql.events(namespace) == []

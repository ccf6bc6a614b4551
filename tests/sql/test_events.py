"""Exactly the promised events for each successful write, with exactly these values; none for what changes nothing."""

import re
from typing import Any

import pytest

from tests.sql.conftest import Sql
from tests.sql.test_signatures import SIGNATURES

EMAIL = "alice@example.com"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?[+-]\d{2}:\d{2}")
Event = tuple[str, str, str, dict[str, Any] | None, dict[str, Any] | None]

# The call, with names of things for their ids; then its events: type, resource type, resource, old values, new values.
# `made` is what the call returned.
WRITES: dict[str, tuple[tuple[Any, ...], list[Event]]] = {
    "create_user": (
        ("New@example.com", "hash"),
        [("user_created", "user", "made", None, {"email": "new@example.com"})],
    ),
    "update_email": (
        ("user", "New@example.com"),
        [("email_updated", "user", "user", {"email": EMAIL}, {"email": "new@example.com"})],
    ),
    "disable_user": (("user",), [("user_disabled", "user", "user", None, {"sessions_revoked": 2})]),
    "enable_user": (("disabled user",), [("user_enabled", "user", "disabled user", None, None)]),
    "delete_user": (("user",), [("user_deleted", "user", "user", None, None)]),
    "update_password": (("user", "another hash"), [("password_updated", "user", "user", None, None)]),
    "create_session": (
        ("user", "hash", None, None, None),
        [("session_created", "session", "made", None, {"user_id": "user", "expires_at": TIME})],
    ),
    "extend_session": (
        ("a session's hash", None),
        [("session_extended", "session", "session", None, {"expires_at": TIME})],
    ),
    "revoke_session": (
        ("a session's hash",),
        [("session_revoked", "session", "session", None, {"user_id": "user"})],
    ),
    "revoke_session_by_id": (
        ("session", "user"),
        [("session_revoked", "session", "session", None, {"user_id": "user"})],
    ),
    "revoke_other_sessions": (
        ("user", "session"),
        [
            (
                "sessions_revoked_other", "user", "user", None,
                {"sessions_revoked": 1, "except_session_id": "session"},
            )
        ],
    ),
    "revoke_all_sessions": (
        ("user",),
        [("sessions_revoked_all", "user", "user", None, {"sessions_revoked": 2})],
    ),
    "create_token": (
        ("user", "hash", "magic_link", None),
        [("token_created", "token", "made", None, {"user_id": "user", "token_type": "magic_link"})],
    ),
    "consume_token": (
        ("a link's hash", "magic_link"),
        [("token_consumed", "token", "link", None, {"user_id": "user", "token_type": "magic_link"})],
    ),
    "verify_email": (
        ("a proof's hash",),
        [
            ("token_consumed", "token", "proof", None, {"user_id": "user", "token_type": "email_verify"}),
            ("email_verified", "user", "user", None, {"email": EMAIL}),
        ],
    ),
    "add_mfa": (
        ("user", "totp", "secret", "Phone"),
        [("mfa_added", "mfa", "made", None, {"user_id": "user", "mfa_type": "totp"})],
    ),
    "record_mfa_use": (
        ("authenticator",),
        [("mfa_used", "mfa", "authenticator", None, {"user_id": "user", "mfa_type": "totp"})],
    ),
    "remove_mfa": (
        ("authenticator",),
        [("mfa_removed", "mfa", "authenticator", {"user_id": "user", "mfa_type": "totp"}, None)],
    ),
    "create_api_key": (
        ("user", "hash", "CI", None),
        [("api_key_created", "api_key", "made", None, {"user_id": "user", "name": "CI", "expires_at": None})],
    ),
    "revoke_api_key": (("key",), [("api_key_revoked", "api_key", "key", None, {"user_id": "user"})]),
    "revoke_all_api_keys": (
        ("user",),
        [("api_keys_revoked_all", "user", "user", None, {"api_keys_revoked": 1})],
    ),
    "record_login_attempt": ((EMAIL, False, None), [("login_attempt_failed", "email", EMAIL, None, None)]),
}  # fmt: skip

# What writes no event, and a call that finds something to do.
SILENT: dict[str, tuple[Any, ...]] = {
    "get_user": ("user",), "get_user_by_email": (EMAIL,), "list_users": (), "get_credentials": (EMAIL,),
    "validate_session": ("a session's hash",), "list_sessions": ("user",), "invalidate_tokens": ("user", "magic_link"),
    "get_mfa": ("user", "totp"), "list_mfa": ("user",), "has_mfa": ("user",), "validate_api_key": ("a key's hash",),
    "list_api_keys": ("user",), "is_locked_out": (EMAIL,), "get_recent_attempts": (EMAIL,), "clear_attempts": (EMAIL,),
    "cleanup_expired": (), "get_stats": (), "set_actor": ("me",), "clear_actor": (), "set_tenant": (),
    "clear_tenant": (), "create_audit_partition": (2091, 7), "ensure_audit_partitions": (3,),
}  # fmt: skip
WITHOUT_NAMESPACE = {
    "set_actor", "clear_actor", "clear_tenant", "create_audit_partition", "ensure_audit_partitions",
}  # fmt: skip

# Calls of the same functions that change nothing.
VAIN: list[tuple[str, tuple[Any, ...]]] = [
    ("update_email", ("nobody", "new@example.com")), ("disable_user", ("disabled user",)), ("enable_user", ("user",)),
    ("delete_user", ("nobody",)), ("update_password", ("nobody", "hash")), ("extend_session", ("unknown", None)),
    ("revoke_session", ("unknown",)), ("revoke_session_by_id", ("session", "nobody")),
    ("revoke_other_sessions", ("nobody", "session")), ("revoke_all_sessions", ("nobody",)),
    ("consume_token", ("unknown", "magic_link")), ("consume_token", ("a link's hash", "password_reset")),
    ("verify_email", ("a link's hash",)), ("record_mfa_use", ("nobody",)), ("remove_mfa", ("nobody",)),
    ("revoke_api_key", ("nobody",)), ("revoke_all_api_keys", ("nobody",)),
    ("record_login_attempt", (EMAIL, True, None)), ("invalidate_tokens", ("nobody", "magic_link")),
    ("clear_attempts", ("unknown@example.com",)),
]  # fmt: skip


async def _world(sql: Sql, namespace: str) -> dict[str, Any]:
    """A user with two sessions, two tokens, an authenticator and a key; a disabled user; and the id of nobody."""
    user = await sql.value("create_user", EMAIL, "hash", namespace)
    disabled = await sql.value("create_user", "bo@example.com", None, namespace)
    await sql.value("disable_user", disabled, namespace)
    await sql.value("create_session", user, "other session", None, None, None, namespace)
    return {
        "user": user,
        "disabled user": disabled,
        "nobody": "00000000-0000-4000-8000-000000000001",
        "session": await sql.value("create_session", user, "a session's hash", None, None, None, namespace),
        "link": await sql.value("create_token", user, "a link's hash", "magic_link", None, namespace),
        "proof": await sql.value("create_token", user, "a proof's hash", "email_verify", None, namespace),
        "authenticator": await sql.value("add_mfa", user, "totp", "secret", None, namespace),
        "key": await sql.value("create_api_key", user, "a key's hash", "CI", None, namespace),
    }


def _arguments(given: tuple[Any, ...], world: dict[str, Any]) -> list[Any]:
    return [world.get(value, value) if isinstance(value, str) else value for value in given]


def _same(found: Any, expected: Any, world: dict[str, Any]) -> bool:
    if isinstance(expected, re.Pattern):
        return isinstance(found, str) and expected.fullmatch(found) is not None
    if isinstance(expected, dict):
        return (
            isinstance(found, dict)
            and found.keys() == expected.keys()
            and all(_same(found[name], value, world) for name, value in expected.items())
        )
    return bool(found == (str(world[expected]) if isinstance(expected, str) and expected in world else expected))


def test_every_function_of_the_contract_is_in_one_of_the_tables() -> None:
    assert SIGNATURES.keys() - {"drop_audit_partitions"} == WRITES.keys() | SILENT.keys()
    assert {function for function, _ in VAIN} >= WRITES.keys() - {
        "create_user", "create_session", "create_token", "add_mfa", "create_api_key",
    }  # fmt: skip


@pytest.mark.parametrize("function", WRITES)
async def test_a_write_leaves_exactly_its_events(sql: Sql, namespace: str, function: str) -> None:
    world = await _world(sql, namespace)
    before = len(await sql.events(namespace))
    given, expected = WRITES[function]
    (row,) = await sql.rows(function, *_arguments(given, world), namespace)
    world["made"] = row.get(function)
    events = (await sql.events(namespace))[before:]
    assert len(events) == len(expected)
    for event, (event_type, resource_type, resource, old, new) in zip(events, expected, strict=True):
        assert (event["event_type"], event["resource_type"]) == (event_type, resource_type)
        assert _same(event["resource_id"], resource, world)
        assert _same(event["old_values"], old, world)
        assert _same(event["new_values"], new, world)
        assert event["namespace"] == namespace
        assert UUID.fullmatch(str(event["event_id"]))


async def test_the_failure_that_reaches_the_limit_triggers_the_lockout_instead(sql: Sql, namespace: str) -> None:
    for _ in range(7):
        await sql.value("record_login_attempt", EMAIL, False, None, namespace)
    found = [
        (event["event_type"], event["resource_type"], event["resource_id"]) for event in await sql.events(namespace)
    ]
    failed, triggered = ("login_attempt_failed", "email", EMAIL), ("lockout_triggered", "email", EMAIL)
    assert found == [failed] * 4 + [triggered] + [failed] * 2


@pytest.mark.parametrize("function", SILENT)
async def test_what_promises_no_event_writes_none(sql: Sql, namespace: str, function: str) -> None:
    world = await _world(sql, namespace)
    await sql.value("record_login_attempt", EMAIL, True, None, namespace)
    before = len(await sql.events(namespace))
    arguments = _arguments(SILENT[function], world)
    await sql.rows(function, *arguments, *([] if function in WITHOUT_NAMESPACE else [namespace]))
    assert len(await sql.events(namespace)) == before


@pytest.mark.parametrize(("function", "given"), VAIN)
async def test_a_call_that_changes_nothing_writes_no_event(
    sql: Sql, namespace: str, function: str, given: tuple[Any, ...]
) -> None:
    world = await _world(sql, namespace)
    before = len(await sql.events(namespace))
    await sql.rows(function, *_arguments(given, world), namespace)
    assert len(await sql.events(namespace)) == before

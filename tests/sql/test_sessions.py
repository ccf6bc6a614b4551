"""Sessions by their token."""

import uuid
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any

import asyncpg

from tests.sql.conftest import Sql

WEEK = timedelta(days=7)


async def _session(sql: Sql, user_id: Any, token: str, namespace: str, expires_in: timedelta | None = None) -> Any:
    return await sql.value("create_session", user_id, token, expires_in, None, None, namespace)


def _about(moment: datetime, expected: timedelta) -> bool:
    return abs(moment - datetime.now(UTC) - expected) < timedelta(seconds=30)


async def test_a_session_is_found_by_its_token(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    session_id = await _session(sql, user_id, "a-token", namespace)
    assert await sql.row("validate_session", "a-token", namespace) == {
        "user_id": user_id,
        "email": "alice@example.com",
        "session_id": session_id,
    }
    assert await sql.row("validate_session", "A-token", namespace) is None


async def test_a_session_lives_7_days_unless_the_caller_or_the_setting_says_otherwise(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)

    async def lives(token: str, expires_in: timedelta | None) -> timedelta:
        session_id = await _session(sql, user_id, token, namespace, expires_in)
        rows = {row["id"]: row for row in await sql.rows("list_sessions", user_id, namespace)}
        return rows[session_id]["expires_at"] - rows[session_id]["created_at"]

    assert await lives("a", None) == WEEK
    assert await lives("b", timedelta(hours=1)) == timedelta(hours=1)
    async with sql.connection.transaction():
        await sql.connection.execute("SET LOCAL authn.session_duration = '2 days'")
        assert await lives("c", None) == timedelta(days=2)
    # What a commit leaves behind is the empty text.
    assert await lives("d", None) == WEEK


async def test_a_setting_that_is_no_duration_is_an_error(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    async with sql.connection.transaction():
        await sql.connection.execute("SET LOCAL authn.session_duration = 'soon'")
        async with sql.connection.transaction():
            await _session(sql, user_id, "named", namespace, WEEK)  # not asked for, not read
        error = None
        try:
            async with sql.connection.transaction():
                await _session(sql, user_id, "unnamed", namespace)
        except asyncpg.PostgresError as raised:
            error = raised
    assert error is not None
    assert error.sqlstate == "22023"


async def test_a_token_hash_is_taken_once_and_its_duplicate_is_not_printed(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    await _session(sql, user_id, "the-same-token", namespace)
    error = await sql.error("create_session", user_id, "the-same-token", None, None, None, namespace)
    assert isinstance(error, asyncpg.UniqueViolationError)
    assert error.detail is None
    assert "the-same-token" not in repr(error.as_dict())


async def test_a_session_of_another_namespaces_user_cannot_be_made(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    error = await sql.error("create_session", user_id, "t", None, None, None, f"{namespace}-other")
    assert error.sqlstate == "23503"


async def test_extending_counts_from_now_and_may_shorten(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    await _session(sql, user_id, "t", namespace, timedelta(hours=1))
    assert _about(await sql.value("extend_session", "t", None, namespace), WEEK)
    assert _about(await sql.value("extend_session", "t", timedelta(minutes=5), namespace), timedelta(minutes=5))
    assert [event["event_type"] for event in await sql.events(namespace)][-2:] == ["session_extended"] * 2


async def test_extending_never_passes_the_absolute_end(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    await sql.value("start_session", user_id, "t", '{"absolute_lifetime": "2 days"}', None, namespace)
    assert _about(await sql.value("extend_session", "t", timedelta(days=30), namespace), timedelta(days=2))


async def test_what_is_over_cannot_be_extended_and_leaves_no_event(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    await _session(sql, user_id, "expired", namespace, timedelta(0))
    await _session(sql, user_id, "revoked", namespace)
    await sql.value("revoke_session", "revoked", namespace)
    before = len(await sql.events(namespace))
    for token in ("expired", "revoked", "unknown"):
        assert await sql.value("extend_session", token, WEEK, namespace) is None
    assert len(await sql.events(namespace)) == before


async def test_a_revoked_session_is_over_and_revoking_again_is_false(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    session_id = await _session(sql, user_id, "t", namespace)
    assert await sql.value("revoke_session", "t", namespace) is True
    assert await sql.value("revoke_session", "t", namespace) is False
    assert await sql.value("revoke_session", "unknown", namespace) is False
    assert await sql.row("validate_session", "t", namespace) is None
    events = [event for event in await sql.events(namespace) if event["event_type"] == "session_revoked"]
    assert [(e["resource_type"], e["resource_id"], e["new_values"]) for e in events] == [
        ("session", str(session_id), {"user_id": str(user_id)})
    ]


async def test_only_the_owner_ends_a_session_by_id(sql: Sql, namespace: str) -> None:
    alice, bo = await sql.user(namespace, "alice@example.com"), await sql.user(namespace, "bo@example.com")
    session_id = await _session(sql, alice, "t", namespace)
    assert await sql.value("revoke_session_by_id", session_id, bo, namespace) is False
    assert await sql.value("revoke_session_by_id", uuid.uuid4(), alice, namespace) is False
    assert await sql.row("validate_session", "t", namespace) is not None
    assert await sql.value("revoke_session_by_id", session_id, alice, namespace) is True
    assert await sql.value("revoke_session_by_id", session_id, alice, namespace) is False


async def test_all_sessions_but_one_and_all_sessions_are_ended_and_counted(sql: Sql, namespace: str) -> None:
    alice, bo = await sql.user(namespace, "alice@example.com"), await sql.user(namespace, "bo@example.com")
    kept = await _session(sql, alice, "kept", namespace)
    for token in ("a", "b"):
        await _session(sql, alice, token, namespace)
    await _session(sql, alice, "expired", namespace, timedelta(0))
    await _session(sql, bo, "bos", namespace)
    assert await sql.value("revoke_other_sessions", alice, kept, namespace) == 2
    assert await sql.value("revoke_other_sessions", alice, kept, namespace) == 0
    assert [row["id"] for row in await sql.rows("list_sessions", alice, namespace)] == [kept]
    assert await sql.value("revoke_all_sessions", alice, namespace) == 1
    assert await sql.value("revoke_all_sessions", alice, namespace) == 0
    assert await sql.row("validate_session", "bos", namespace) is not None
    last = [(event["event_type"], event["resource_type"]) for event in await sql.events(namespace)][-2:]
    assert last == [("sessions_revoked_other", "user"), ("sessions_revoked_all", "user")]


async def test_live_sessions_are_listed_newest_first_without_their_hash(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    made = [
        await sql.value("create_session", user_id, f"token-{n}", None, ip_address("10.0.0.1"), "Browser", namespace)
        for n in range(3)
    ]
    await _session(sql, user_id, "token-expired", namespace, timedelta(0))
    await sql.value("revoke_session", "token-1", namespace)
    rows = await sql.rows("list_sessions", user_id, namespace)
    assert [row["id"] for row in rows] == [made[2], made[0]]
    assert rows[0]["session_id"] == made[2]
    assert (str(rows[0]["ip_address"]), rows[0]["user_agent"]) == ("10.0.0.1", "Browser")
    assert "token-" not in str(rows)


async def test_validating_writes_nothing(sql: Sql, superuser: asyncpg.Connection, namespace: str) -> None:
    user_id = await sql.user(namespace)
    await _session(sql, user_id, "t", namespace)
    events = len(await sql.events(namespace))
    query = "SELECT xmin::text FROM authn.sessions WHERE namespace = $1"
    version = await superuser.fetchval(query, namespace)
    async with sql.connection.transaction(readonly=True):
        assert await sql.row("validate_session", "t", namespace) is not None
    assert await superuser.fetchval(query, namespace) == version
    assert len(await sql.events(namespace)) == events


async def test_a_created_session_is_logged_with_its_end(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    session_id = await _session(sql, user_id, "t", namespace)
    event = (await sql.events(namespace))[-1]
    assert (event["event_type"], event["resource_type"], event["resource_id"]) == (
        "session_created", "session", str(session_id),
    )  # fmt: skip
    assert set(event["new_values"]) == {"user_id", "expires_at"}
    assert event["new_values"]["user_id"] == str(user_id)

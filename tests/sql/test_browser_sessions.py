"""Sessions of the portal's own pages: started with all that is known, resumed on every page."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from tests.sql.conftest import Sql

ACTOR = json.dumps({"actor_id": "alice", "ip_address": "10.1.2.3", "user_agent": "Firefox", "request_id": "r1"})
DETAILS = {
    "amr": ["pwd", "otp"], "remembered": True, "browser_digest": "b" * 64, "device_type": "phone", "os_name": "Android",
    "os_version": "16", "app_name": "Firefox", "app_version": "140", "client_id": "demo", "country": "CH",
    "region": "ZH",
}  # fmt: skip


async def _start(sql: Sql, user_id: Any, token: str, namespace: str, **details: Any) -> Any:
    return await sql.value("start_session", user_id, token, json.dumps(details), ACTOR, namespace)


async def _age(superuser: asyncpg.Connection, session_id: Any, **columns: timedelta) -> None:
    """Put times of a session that far into the past."""
    for column, age in columns.items():
        await superuser.execute(
            f"UPDATE authn.sessions SET {column} = now() - $2::interval WHERE id = $1", session_id, age
        )


async def _times(superuser: asyncpg.Connection, session_id: Any) -> Any:
    return await superuser.fetchrow(
        "SELECT last_active_at, expires_at, absolute_expires_at, now() AS now FROM authn.sessions WHERE id = $1",
        session_id,
    )


async def test_a_started_session_knows_how_and_where_it_began(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    session_id = await _start(sql, user_id, "t", namespace, **DETAILS)
    (device,) = await sql.rows("list_session_devices", user_id, namespace)
    assert device["id"] == session_id
    assert {name: device[name] for name in DETAILS} == DETAILS
    assert (str(device["ip_address"]), device["user_agent"]) == ("10.1.2.3", "Firefox")
    assert "token_hash" not in device
    (event,) = [event for event in await sql.events(namespace) if event["event_type"] == "session_created"]
    assert (event["actor_id"], event["request_id"]) == ("alice", "r1")
    assert event["new_values"]["amr"] == ["pwd", "otp"]


async def test_a_started_session_idles_14_days_and_ends_after_90(
    sql: Sql, superuser: asyncpg.Connection, namespace: str
) -> None:
    session_id = await _start(sql, await sql.user(namespace), "t", namespace)
    times = await superuser.fetchrow(
        "SELECT expires_at - created_at AS idle, absolute_expires_at - created_at AS absolute "
        "FROM authn.sessions WHERE id = $1",
        session_id,
    )
    assert tuple(times) == (timedelta(days=14), timedelta(days=90))


async def test_a_misspelt_detail_is_refused_and_starts_nothing(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    error = await sql.error("start_session", user_id, "t", '{"idle_timout": "1 hour"}', ACTOR, namespace)
    assert error.sqlstate == "22023"
    assert await sql.rows("list_sessions", user_id, namespace) == []


async def test_resuming_tells_a_page_all_it_shows(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    logged_in_at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    session_id = await _start(sql, user_id, "t", namespace, auth_time=logged_in_at.isoformat(), **DETAILS)
    row = await sql.row("resume_session", "t", namespace)
    assert row is not None
    assert list(row) == [
        "session_id", "user_id", "email", "email_verified", "name", "auth_time", "amr", "created_at", "expires_at",
        "remembered",
    ]  # fmt: skip
    assert (row["session_id"], row["user_id"], row["email"]) == (session_id, user_id, "alice@example.com")
    assert (row["email_verified"], row["name"], row["remembered"]) == (False, None, True)
    assert (row["auth_time"], row["amr"]) == (logged_in_at, ["pwd", "otp"])


async def test_activity_moves_the_end_on_but_at_most_once_a_minute(
    sql: Sql, superuser: asyncpg.Connection, namespace: str
) -> None:
    session_id = await _start(sql, await sql.user(namespace), "t", namespace, idle_timeout="1 hour")
    started = await _times(superuser, session_id)
    await sql.row("resume_session", "t", namespace)
    assert (await _times(superuser, session_id))["last_active_at"] == started["last_active_at"]
    await _age(superuser, session_id, last_active_at=timedelta(minutes=2))
    row = await sql.row("resume_session", "t", namespace)
    moved = await _times(superuser, session_id)
    assert row is not None
    assert row["expires_at"] == moved["expires_at"] > started["expires_at"]
    assert moved["expires_at"] - moved["last_active_at"] == timedelta(hours=1)


async def test_activity_never_moves_the_end_past_the_absolute_one(
    sql: Sql, superuser: asyncpg.Connection, namespace: str
) -> None:
    details = {"idle_timeout": "1 hour", "absolute_lifetime": "90 minutes"}
    session_id = await _start(sql, await sql.user(namespace), "t", namespace, **details)
    await superuser.execute(
        "UPDATE authn.sessions SET last_active_at = now() - interval '50 minutes', "
        "absolute_expires_at = now() + interval '40 minutes', expires_at = now() + interval '10 minutes' WHERE id = $1",
        session_id,
    )
    row = await sql.row("resume_session", "t", namespace)
    times = await _times(superuser, session_id)
    assert row is not None
    assert row["expires_at"] == times["expires_at"] == times["absolute_expires_at"]


async def test_a_session_with_a_fixed_end_keeps_it(sql: Sql, superuser: asyncpg.Connection, namespace: str) -> None:
    user_id = await sql.user(namespace)
    session_id = await sql.value("create_session", user_id, "t", None, None, None, namespace)
    await _age(superuser, session_id, last_active_at=timedelta(hours=1))
    before = await _times(superuser, session_id)
    assert await sql.row("resume_session", "t", namespace)
    after = await _times(superuser, session_id)
    assert after["expires_at"] == before["expires_at"]
    assert after["last_active_at"] > before["last_active_at"]


@pytest.mark.parametrize("column", ["expires_at", "absolute_expires_at"])
async def test_a_session_past_either_end_is_not_resumed(
    sql: Sql, superuser: asyncpg.Connection, namespace: str, column: str
) -> None:
    session_id = await _start(sql, await sql.user(namespace), "t", namespace)
    assert await sql.row("resume_session", "t", namespace) is not None
    await _age(superuser, session_id, **{column: timedelta(0), "last_active_at": timedelta(hours=1)})
    assert await sql.row("resume_session", "t", namespace) is None


async def test_a_page_is_served_while_another_writes_the_activity(
    sql: Sql, superuser: asyncpg.Connection, namespace: str
) -> None:
    session_id = await _start(sql, await sql.user(namespace), "t", namespace)
    await _age(superuser, session_id, last_active_at=timedelta(hours=1))
    async with superuser.transaction():
        await superuser.execute("SELECT FROM authn.sessions WHERE id = $1 FOR UPDATE", session_id)
        await sql.connection.execute("SET statement_timeout = '2s'")
        try:
            assert await sql.row("resume_session", "t", namespace) is not None
        finally:
            await sql.connection.execute("RESET statement_timeout")


async def test_ending_sessions_names_who_did_it(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    first, second, third = [await _start(sql, user_id, token, namespace) for token in "abc"]
    assert await sql.value("end_session", first, uuid.uuid4(), ACTOR, namespace) is False
    assert await sql.value("end_session", first, user_id, ACTOR, namespace) is True
    assert await sql.value("end_other_sessions", user_id, third, ACTOR, namespace) == 1
    assert [row["id"] for row in await sql.rows("list_session_devices", user_id, namespace)] == [third]
    last = [(event["event_type"], event["actor_id"]) for event in await sql.events(namespace)][-2:]
    assert last == [("session_revoked", "alice"), ("sessions_revoked_other", "alice")]
    assert second != first


async def test_the_actor_of_one_call_is_not_that_of_the_next(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    await _start(sql, user_id, "a", namespace)
    await sql.value("revoke_session", "a", namespace)
    assert [event["actor_id"] for event in await sql.events(namespace)] == [None, "alice", None]

"""Profiles: what a person is called and likes, and what apps keep with them."""

import json
import uuid
from typing import Any

import pytest

from tests.sql.conftest import Sql

FULL = {
    "name": "Alice Ä", "username": "Alice.B-1_x", "locale": "de-CH", "zoneinfo": "America/Argentina/Ushuaia",
    "picture": "https://pictures.example/alice.png", "metadata": {"plan": "pro", "seats": 3},
}  # fmt: skip


async def _change(sql: Sql, user_id: Any, namespace: str, **changes: Any) -> Any:
    return await sql.value("update_profile", user_id, json.dumps(changes), namespace)


async def _profile(sql: Sql, user_id: Any, namespace: str) -> dict[str, Any]:
    row = await sql.row("get_profile", user_id, namespace)
    assert row is not None
    return {name: row[name] for name in FULL} | {"metadata": json.loads(row["metadata"])}


async def test_a_new_profile_is_empty(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    assert await _profile(sql, user_id, namespace) == dict.fromkeys(FULL) | {"metadata": {}}


async def test_a_profile_says_what_was_last_said_field_by_field(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    assert await _change(sql, user_id, namespace, **FULL) is True
    expected = FULL | {"username": "alice.b-1_x"}
    assert await _profile(sql, user_id, namespace) == expected
    await _change(sql, user_id, namespace, name="Al", metadata={})
    assert await _profile(sql, user_id, namespace) == expected | {"name": "Al", "metadata": {}}
    await _change(sql, user_id, namespace, name=None, locale=None, picture=None, username=None)
    assert await _profile(sql, user_id, namespace) == dict.fromkeys(FULL) | {
        "zoneinfo": FULL["zoneinfo"],
        "metadata": {},
    }


async def test_a_change_is_an_event_of_what_became_different(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    await _change(sql, user_id, namespace, name="Alice", locale="de")
    await _change(sql, user_id, namespace, name="Alice", locale="fr", metadata={"secret": "token"})
    events = [event for event in await sql.events(namespace) if event["event_type"] == "user_updated"]
    assert [(event["resource_type"], event["resource_id"]) for event in events] == [("user", str(user_id))] * 2
    assert [(event["old_values"], event["new_values"]) for event in events] == [
        ({"name": None, "locale": None}, {"name": "Alice", "locale": "de"}),
        ({"locale": "de"}, {"locale": "fr", "metadata_changed": True}),
    ]


async def test_saying_the_same_again_is_no_event_and_no_change(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    await _change(sql, user_id, namespace, **FULL)
    before, user = len(await sql.events(namespace)), await sql.row("get_user", user_id, namespace)
    assert await _change(sql, user_id, namespace, **FULL) is True
    assert await _change(sql, user_id, namespace) is True
    assert len(await sql.events(namespace)) == before
    assert await sql.row("get_user", user_id, namespace) == user


async def test_a_change_moves_updated_at(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    before = await sql.row("get_user", user_id, namespace)
    await _change(sql, user_id, namespace, name="Alice")
    after = await sql.row("get_user", user_id, namespace)
    assert before is not None
    assert after is not None
    assert after["updated_at"] > before["updated_at"]


async def test_a_username_is_taken_once_in_a_namespace_whatever_its_case(sql: Sql, namespace: str) -> None:
    alice, bo = await sql.user(namespace), await sql.user(namespace, "bo@example.com")
    await _change(sql, alice, namespace, username="alice")
    error = await sql.error("update_profile", bo, '{"username": "ALICE"}', namespace)
    assert (error.sqlstate, error.detail) == ("23505", None)
    assert "alice" not in str(error)
    elsewhere = await sql.user(f"{namespace}-other")
    assert await _change(sql, elsewhere, f"{namespace}-other", username="alice") is True
    await _change(sql, alice, namespace, username=None)
    assert await _change(sql, bo, namespace, username="alice") is True


async def test_a_user_is_found_by_username_in_any_case(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    await _change(sql, user_id, namespace, username="alice")
    found = await sql.row("get_user_by_username", " ALICE ", namespace)
    assert found == await sql.row("get_user", user_id, namespace)
    assert await sql.rows("get_user_by_username", "bo", namespace) == []
    assert await sql.rows("get_user_by_username", "alice", f"{namespace}-other") == []


@pytest.mark.parametrize("username", ["a", "1", "a.b", "a_b-c", "u" * 64])
async def test_a_username_may_look_like_this(sql: Sql, namespace: str, username: str) -> None:
    user_id = await sql.user(namespace)
    assert await _change(sql, user_id, namespace, username=username) is True


@pytest.mark.parametrize("locale", ["de", "de-CH", "zh-Hant-TW", "sr-Latn"])
@pytest.mark.parametrize("zoneinfo", ["UTC", "Europe/Zurich", "Etc/GMT+3"])
async def test_a_language_and_a_zone_may_look_like_this(sql: Sql, namespace: str, locale: str, zoneinfo: str) -> None:
    user_id = await sql.user(namespace)
    assert await _change(sql, user_id, namespace, locale=locale, zoneinfo=zoneinfo) is True


async def test_metadata_may_be_16384_bytes_long(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    room = 16384 - len('{"a": ""}')
    assert await _change(sql, user_id, namespace, metadata={"a": "x" * room}) is True
    error = await sql.error("update_profile", user_id, json.dumps({"metadata": {"a": "x" * (room + 1)}}), namespace)
    assert error.sqlstate == "22001"


async def test_nobodys_profile_is_neither_read_nor_changed(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    assert await sql.rows("get_profile", uuid.uuid4(), namespace) == []
    assert await _change(sql, uuid.uuid4(), namespace, name="Alice") is False
    assert await sql.rows("get_profile", user_id, f"{namespace}-other") == []
    assert await _change(sql, user_id, f"{namespace}-other", name="Alice") is False
    assert len(await sql.events(namespace)) == 1

"""Authenticators."""

import uuid

import pytest

from tests.sql.conftest import Sql


@pytest.mark.parametrize("mfa_type", ["totp", "webauthn", "recovery_codes"])
async def test_a_secret_comes_back_as_it_was_given_and_only_from_get_mfa(
    sql: Sql, namespace: str, mfa_type: str
) -> None:
    user_id = await sql.user(namespace)
    secret = " sealed:\n\t\u00e9" + "x" * 65000
    mfa_id = await sql.value("add_mfa", user_id, mfa_type, secret, "My phone", namespace)
    assert await sql.rows("get_mfa", user_id, mfa_type, namespace) == [
        {"id": mfa_id, "secret": secret, "name": "My phone", "mfa_id": mfa_id}
    ]
    (listed,) = await sql.rows("list_mfa", user_id, namespace)
    assert (listed["id"], listed["mfa_id"], listed["mfa_type"]) == (mfa_id, mfa_id, mfa_type)
    assert "sealed" not in str(listed)
    assert "sealed" not in str(await sql.events(namespace))


async def test_a_user_may_have_several_authenticators_of_a_type_oldest_first(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    assert await sql.value("has_mfa", user_id, namespace) is False
    made = [await sql.value("add_mfa", user_id, "webauthn", f"s{n}", f"Key {n}", namespace) for n in range(3)]
    other = await sql.value("add_mfa", user_id, "totp", "t", None, namespace)
    assert await sql.value("has_mfa", user_id, namespace) is True
    assert [row["id"] for row in await sql.rows("get_mfa", user_id, "webauthn", namespace)] == made
    assert [row["id"] for row in await sql.rows("list_mfa", user_id, namespace)] == [*made, other]


async def test_use_and_removal_are_noted(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    mfa_id = await sql.value("add_mfa", user_id, "totp", "s", None, namespace)
    assert await sql.value("record_mfa_use", mfa_id, namespace) is True
    assert (await sql.rows("list_mfa", user_id, namespace))[0]["last_used_at"] is not None
    assert await sql.value("remove_mfa", mfa_id, namespace) is True
    assert await sql.value("remove_mfa", mfa_id, namespace) is False
    assert await sql.value("record_mfa_use", mfa_id, namespace) is False
    assert await sql.value("has_mfa", user_id, namespace) is False
    events = [
        (event["event_type"], event["resource_type"], event["resource_id"]) for event in await sql.events(namespace)
    ]
    assert events[1:] == [(kind, "mfa", str(mfa_id)) for kind in ("mfa_added", "mfa_used", "mfa_removed")]


async def test_authenticators_of_an_unknown_user_are_none(sql: Sql, namespace: str) -> None:
    assert await sql.rows("list_mfa", uuid.uuid4(), namespace) == []
    assert await sql.rows("get_mfa", uuid.uuid4(), "totp", namespace) == []
    assert await sql.value("has_mfa", uuid.uuid4(), namespace) is False


async def test_a_recovery_code_is_used_once_and_the_used_ones_are_counted(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    mfa_id = await sql.value("add_mfa", user_id, "recovery_codes", "hashes", None, namespace)
    assert await sql.value("use_recovery_code", mfa_id, 7, namespace) == 1
    assert await sql.value("use_recovery_code", mfa_id, 7, namespace) is None
    assert await sql.value("use_recovery_code", mfa_id, 1, namespace) == 2
    assert (await sql.rows("list_mfa", user_id, namespace))[0]["last_used_at"] is not None
    events = [event for event in await sql.events(namespace) if event["event_type"] == "mfa_used"]
    assert [event["new_values"]["codes_used"] for event in events] == [1, 2]


async def test_only_recovery_codes_of_the_namespace_are_used_up(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    totp = await sql.value("add_mfa", user_id, "totp", "s", None, namespace)
    codes = await sql.value("add_mfa", user_id, "recovery_codes", "hashes", None, namespace)
    assert await sql.value("use_recovery_code", totp, 1, namespace) is None
    assert await sql.value("use_recovery_code", codes, 1, f"{namespace}-other") is None
    assert await sql.value("use_recovery_code", uuid.uuid4(), 1, namespace) is None
    assert await sql.value("use_recovery_code", codes, 1, namespace) == 1

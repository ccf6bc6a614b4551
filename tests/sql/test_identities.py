"""Identities: several addresses and numbers a person, one proven owner each."""

import uuid
from typing import Any

import asyncpg
import pytest

from tests.sql.conftest import Sql

PHONE = "+41791234567"


async def _identities(sql: Sql, user_id: Any, namespace: str) -> list[tuple[str, str, bool, bool]]:
    """Kind, value, whether proven and whether primary of each."""
    rows = await sql.rows("list_identities", user_id, namespace)
    return [(row["kind"], row["value"], row["verified_at"] is not None, row["is_primary"]) for row in rows]


async def _prove(sql: Sql, user_id: Any, kind: str, value: str, namespace: str) -> Any:
    identity_id = await sql.value("add_identity", user_id, kind, value, namespace)
    assert await sql.value("verify_identity", identity_id, user_id, namespace) is True
    return identity_id


async def test_the_primary_address_is_an_identity_through_all_its_changes(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    assert await _identities(sql, user_id, namespace) == [("email", "alice@example.com", False, True)]
    await sql.value("create_token", user_id, "t", "email_verify", None, namespace)
    await sql.rows("verify_email", "t", namespace)
    assert await _identities(sql, user_id, namespace) == [("email", "alice@example.com", True, True)]
    await sql.value("update_email", user_id, "new@example.com", namespace)
    assert await _identities(sql, user_id, namespace) == [("email", "new@example.com", False, True)]
    await sql.value("delete_user", user_id, namespace)
    assert await _identities(sql, user_id, namespace) == []


async def test_a_user_written_past_the_functions_has_their_identity_too(
    sql: Sql, superuser: asyncpg.Connection, namespace: str
) -> None:
    user_id = await superuser.fetchval(
        "INSERT INTO authn.users (namespace, email) VALUES ($1, 'alice@example.com') RETURNING id", namespace
    )
    assert await sql.rows("find_verified_identity", "email", "alice@example.com", namespace) == []
    assert await _identities(sql, user_id, namespace) == [("email", "alice@example.com", False, True)]
    await superuser.execute("UPDATE authn.users SET email_verified_at = now() WHERE id = $1", user_id)
    found = await sql.row("find_verified_identity", "email", "alice@example.com", namespace)
    assert found is not None
    assert found["user_id"] == user_id
    await superuser.execute("UPDATE authn.users SET email_verified_at = NULL WHERE id = $1", user_id)
    assert await sql.rows("find_verified_identity", "email", "alice@example.com", namespace) == []
    assert await _identities(sql, user_id, namespace) == [("email", "alice@example.com", False, True)]


async def test_a_user_has_several_addresses_and_numbers(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    await _prove(sql, user_id, "email", " Second@Example.com ", namespace)
    await _prove(sql, user_id, "phone", f" {PHONE} ", namespace)
    await sql.value("add_identity", user_id, "phone", "+15551234567", namespace)
    assert await _identities(sql, user_id, namespace) == [
        ("email", "alice@example.com", False, True), ("email", "second@example.com", True, False),
        ("phone", PHONE, True, False), ("phone", "+15551234567", False, False),
    ]  # fmt: skip


async def test_a_proven_identity_is_found_with_its_user_and_a_claim_is_not(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    await sql.value("update_profile", user_id, '{"name": "Alice", "username": "alice"}', namespace)
    identity_id = await sql.value("add_identity", user_id, "phone", PHONE, namespace)
    assert await sql.rows("find_verified_identity", "phone", PHONE, namespace) == []
    await sql.value("verify_identity", identity_id, user_id, namespace)
    found = await sql.row("find_verified_identity", "phone", PHONE, namespace)
    assert found is not None
    assert (found["identity_id"], found["id"], found["kind"], found["value"]) == (identity_id,) * 2 + ("phone", PHONE)
    assert (found["user_id"], found["email"], found["name"]) == (user_id, "alice@example.com", "Alice")
    assert (found["username"], found["disabled_at"], found["email_verified_at"]) == ("alice", None, None)
    assert "a-hash" not in str(found)
    assert await sql.rows("find_verified_identity", "phone", PHONE, f"{namespace}-other") == []


async def test_many_may_claim_a_value_and_one_may_prove_it(sql: Sql, namespace: str) -> None:
    people = [await sql.user(namespace, f"user-{number}@example.com") for number in range(3)]
    claims = [await sql.value("add_identity", person, "email", "shared@example.com", namespace) for person in people]
    assert await sql.value("verify_identity", claims[1], people[1], namespace) is True
    error = await sql.error("verify_identity", claims[0], people[0], namespace)
    assert (error.sqlstate, error.detail) == ("23505", None)
    assert "shared" not in str(error)
    # A claim made later tells its maker nothing.
    late = await sql.user(namespace, "late@example.com")
    assert await sql.value("add_identity", late, "email", "shared@example.com", namespace)
    # Once its owner lets it go, the next may prove it.
    assert await sql.value("remove_identity", claims[1], people[1], namespace) is True
    assert await sql.value("verify_identity", claims[0], people[0], namespace) is True


async def test_what_somebody_has_proven_is_no_address_for_a_new_account(sql: Sql, namespace: str) -> None:
    alice = await sql.user(namespace)
    await _prove(sql, alice, "email", "second@example.com", namespace)
    for email in ("alice@example.com", "second@example.com"):
        assert await sql.value("is_email_taken", email.upper(), namespace) is True
        error = await sql.error("create_user", email, None, namespace)
        assert (error.sqlstate, error.detail) == ("23505", None)
    bo = await sql.user(namespace, "bo@example.com")
    assert (await sql.error("update_email", bo, "second@example.com", namespace)).sqlstate == "23505"
    assert await sql.value("update_email", alice, "second@example.com", namespace) is True
    assert await sql.value("is_email_taken", "alice@example.com", namespace) is False
    assert await sql.value("is_email_taken", "second@example.com", f"{namespace}-other") is False


async def test_an_unproven_primary_address_keeps_its_real_owner_from_nothing(sql: Sql, namespace: str) -> None:
    squatter = await sql.user(namespace, "victim@example.com")
    await sql.value("create_token", squatter, "t", "email_verify", None, namespace)
    owner = await sql.user(namespace, "other@example.com")
    await _prove(sql, owner, "email", "victim@example.com", namespace)
    found = await sql.row("find_verified_identity", "email", "victim@example.com", namespace)
    assert found is not None
    assert found["user_id"] == owner
    error = await sql.error("verify_email", "t", namespace)
    assert (error.sqlstate, error.detail) == ("23505", None)
    assert (await sql.row("get_user", squatter, namespace))["email_verified_at"] is None  # type: ignore[index]


async def test_proving_the_primary_address_verifies_the_user(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    (primary,) = await sql.rows("list_identities", user_id, namespace)
    assert await sql.value("verify_identity", primary["identity_id"], user_id, namespace) is True
    assert await sql.value("verify_identity", primary["identity_id"], user_id, namespace) is False
    user = await sql.row("get_user", user_id, namespace)
    assert user is not None
    assert user["email_verified_at"] is not None
    event = (await sql.events(namespace))[-1]
    assert (event["event_type"], event["resource_id"]) == ("email_verified", str(user_id))


async def test_only_their_own_identities_are_proven_and_removed(sql: Sql, namespace: str) -> None:
    alice, bo = await sql.user(namespace), await sql.user(namespace, "bo@example.com")
    identity_id = await sql.value("add_identity", alice, "phone", PHONE, namespace)
    for function in ("verify_identity", "remove_identity"):
        assert await sql.value(function, identity_id, bo, namespace) is False
        assert await sql.value(function, uuid.uuid4(), alice, namespace) is False
    assert await sql.value("remove_identity", identity_id, alice, namespace) is True
    assert await sql.value("remove_identity", identity_id, alice, namespace) is False


async def test_the_primary_address_cannot_be_removed(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    (primary,) = await sql.rows("list_identities", user_id, namespace)
    assert (await sql.error("remove_identity", primary["identity_id"], user_id, namespace)).sqlstate == "55000"


async def test_an_identity_is_claimed_once_and_20_are_enough(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    await sql.value("add_identity", user_id, "phone", PHONE, namespace)
    assert (await sql.error("add_identity", user_id, "phone", PHONE, namespace)).sqlstate == "23505"
    for number in range(18):
        await sql.value("add_identity", user_id, "phone", f"+1555123{number:04}", namespace)
    assert (await sql.error("add_identity", user_id, "phone", "+15559999999", namespace)).sqlstate == "54000"


async def test_a_disabled_user_proves_and_claims_nothing(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    identity_id = await sql.value("add_identity", user_id, "phone", PHONE, namespace)
    await sql.value("disable_user", user_id, namespace)
    assert await sql.value("verify_identity", identity_id, user_id, namespace) is False
    assert (await sql.error("add_identity", user_id, "phone", "+15551234567", namespace)).sqlstate == "55000"


async def test_each_change_of_an_identity_is_an_event(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    identity_id = await _prove(sql, user_id, "phone", PHONE, namespace)
    await sql.value("remove_identity", identity_id, user_id, namespace)
    values = {"user_id": str(user_id), "kind": "phone", "value": PHONE}
    events = [
        (event["event_type"], event["resource_type"], event["resource_id"], event["old_values"], event["new_values"])
        for event in (await sql.events(namespace))[1:]
    ]
    assert events == [
        ("identity_added", "identity", str(identity_id), None, values),
        ("identity_verified", "identity", str(identity_id), None, values),
        ("identity_removed", "identity", str(identity_id), values, None),
    ]


async def test_a_user_with_a_phone_has_no_address_and_no_password(sql: Sql, namespace: str) -> None:
    user_id = await sql.value("create_user_with_phone", PHONE, namespace)
    user = await sql.row("get_user", user_id, namespace)
    assert user is not None
    assert (user["email"], user["email_verified_at"]) == (None, None)
    assert await _identities(sql, user_id, namespace) == [("phone", PHONE, True, False)]
    assert (await sql.error("create_user_with_phone", PHONE, namespace)).sqlstate == "23505"
    (event,) = await sql.events(namespace)
    assert (event["event_type"], event["new_values"]) == ("user_created", {"phone": PHONE})
    # They may get an address later.
    assert await sql.value("update_email", user_id, "late@example.com", namespace) is True


@pytest.mark.parametrize(
    ("function", "value"),
    [("find_or_create_email_identity", "New@example.com"), ("find_or_create_phone_identity", PHONE)],
)
async def test_whoever_proves_something_new_gets_a_user_and_then_the_same(
    sql: Sql, namespace: str, function: str, value: str
) -> None:
    first = await sql.row(function, value, namespace)
    again = await sql.row(function, value, namespace)
    assert first is not None
    assert again is not None
    assert (first["outcome"], again["outcome"]) == ("created", "found")
    assert (first["user_id"], first["identity_id"]) == (again["user_id"], again["identity_id"])
    ((kind, found, verified, _),) = await _identities(sql, first["user_id"], namespace)
    assert (kind, found, verified) == (function.split("_")[3], value.lower(), True)
    assert (await sql.row("get_profile", first["user_id"], namespace))["email_verified_at"] is not None or (
        kind == "phone"
    )


async def test_whoever_proves_a_further_address_gets_its_owner(sql: Sql, namespace: str) -> None:
    alice = await sql.user(namespace)
    identity_id = await _prove(sql, alice, "email", "second@example.com", namespace)
    found = await sql.row("find_or_create_email_identity", "second@example.com", namespace)
    assert found == {"outcome": "found", "user_id": alice, "identity_id": identity_id, "disabled_at": None}


@pytest.mark.adversarial("I3")
async def test_whoever_proves_an_address_gets_its_account_without_what_others_put_on_it(
    sql: Sql, superuser: asyncpg.Connection, namespace: str
) -> None:
    attacked = await sql.user(namespace, "victim@example.com")
    await sql.value("create_session", attacked, "s", None, None, None, namespace)
    await sql.value("create_api_key", attacked, "k", None, None, namespace)
    await sql.value("create_token", attacked, "t", "magic_link", None, namespace)
    await sql.value("add_mfa", attacked, "totp", "secret", None, namespace)
    await sql.value("link_federated_identity", attacked, "p", "https://p.example", "mallory", None, namespace)
    await _prove(sql, attacked, "phone", PHONE, namespace)
    await _prove(sql, attacked, "email", "mallory@example.com", namespace)

    claimed = await sql.row("find_or_create_email_identity", "victim@example.com", namespace)
    assert claimed is not None
    assert (claimed["outcome"], claimed["user_id"]) == ("claimed", attacked)
    credentials = await sql.row("get_credentials", "victim@example.com", namespace)
    assert credentials is not None
    assert credentials["password_hash"] is None
    assert await sql.rows("validate_session", "s", namespace) == []
    assert await sql.rows("validate_api_key", "k", namespace) == []
    assert await sql.rows("consume_token", "t", "magic_link", namespace) == []
    assert await sql.value("has_mfa", attacked, namespace) is False
    assert await sql.rows("use_federated_identity", "https://p.example", "mallory", None, namespace) == []
    assert await _identities(sql, attacked, namespace) == [("email", "victim@example.com", True, True)]
    event = (await sql.events(namespace))[-1]
    assert event["event_type"] == "email_verified"
    assert event["new_values"]["access_removed"] is True


async def test_an_account_that_had_proven_its_address_keeps_what_it_has(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    await sql.value("create_token", user_id, "v", "email_verify", None, namespace)
    await sql.rows("verify_email", "v", namespace)
    await sql.value("create_session", user_id, "s", None, None, None, namespace)
    found = await sql.row("find_or_create_email_identity", "alice@example.com", namespace)
    assert found is not None
    assert (found["outcome"], found["user_id"]) == ("found", user_id)
    assert await sql.rows("validate_session", "s", namespace) != []
    assert (await sql.row("get_credentials", "alice@example.com", namespace))["password_hash"]  # type: ignore[index]


async def test_a_disabled_account_is_named_and_left_as_it_is(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    await sql.value("disable_user", user_id, namespace)
    found = await sql.row("find_or_create_email_identity", "alice@example.com", namespace)
    assert found is not None
    assert (found["outcome"], found["user_id"]) == ("found", user_id)
    assert found["disabled_at"] is not None
    assert (await sql.row("get_user", user_id, namespace))["email_verified_at"] is None  # type: ignore[index]
    assert (await sql.row("get_credentials", "alice@example.com", namespace))["password_hash"]  # type: ignore[index]

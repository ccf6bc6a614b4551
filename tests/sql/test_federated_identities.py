"""Accounts at other providers."""

import uuid

from tests.sql.conftest import Sql

ISSUER = "https://accounts.example"


async def test_a_linked_account_is_found_by_issuer_and_subject(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    link = await sql.value("link_federated_identity", user_id, "example", ISSUER, "4711", "A@x.example", namespace)
    found = await sql.row("use_federated_identity", ISSUER, "4711", None, namespace)
    assert found is not None
    assert (found["federated_identity_id"], found["id"], found["provider"]) == (link, link, "example")
    assert (found["user_id"], found["email"], found["disabled_at"]) == (user_id, "alice@example.com", None)
    assert await sql.rows("use_federated_identity", "https://other.example", "4711", None, namespace) == []
    assert await sql.rows("use_federated_identity", ISSUER, "4712", None, namespace) == []
    assert await sql.rows("use_federated_identity", ISSUER, "4711", None, f"{namespace}-other") == []


async def test_use_is_noted_with_the_address_that_the_provider_tells_now(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    await sql.value("link_federated_identity", user_id, "example", ISSUER, "4711", "old@x.example", namespace)
    (listed,) = await sql.rows("list_federated_identities", user_id, namespace)
    assert (listed["issuer"], listed["subject"], listed["last_used_at"]) == (ISSUER, "4711", None)
    await sql.rows("use_federated_identity", ISSUER, "4711", "NEW@x.example", namespace)
    (listed,) = await sql.rows("list_federated_identities", user_id, namespace)
    assert listed["email"] == "new@x.example"
    assert listed["last_used_at"] is not None
    await sql.rows("use_federated_identity", ISSUER, "4711", None, namespace)
    assert (await sql.rows("list_federated_identities", user_id, namespace))[0]["email"] == "new@x.example"


async def test_an_account_is_linked_to_one_user_of_a_namespace(sql: Sql, namespace: str) -> None:
    alice, bo = await sql.user(namespace), await sql.user(namespace, "bo@example.com")
    await sql.value("link_federated_identity", alice, "example", ISSUER, "4711", None, namespace)
    for user_id in (alice, bo):
        error = await sql.error("link_federated_identity", user_id, "renamed", ISSUER, "4711", None, namespace)
        assert (error.sqlstate, error.detail) == ("23505", None)
        assert "4711" not in str(error)
    elsewhere = await sql.user(f"{namespace}-other")
    assert await sql.value("link_federated_identity", elsewhere, "example", ISSUER, "4711", None, f"{namespace}-other")


async def test_a_user_unlinks_their_own_accounts_only(sql: Sql, namespace: str) -> None:
    alice, bo = await sql.user(namespace), await sql.user(namespace, "bo@example.com")
    link = await sql.value("link_federated_identity", alice, "example", ISSUER, "4711", None, namespace)
    assert await sql.value("unlink_federated_identity", link, bo, namespace) is False
    assert await sql.value("unlink_federated_identity", uuid.uuid4(), alice, namespace) is False
    assert await sql.value("unlink_federated_identity", link, alice, namespace) is True
    assert await sql.value("unlink_federated_identity", link, alice, namespace) is False
    assert await sql.rows("use_federated_identity", ISSUER, "4711", None, namespace) == []
    values = {"user_id": str(alice), "provider": "example"}
    events = [
        (e["event_type"], e["resource_type"], e["old_values"], e["new_values"]) for e in await sql.events(namespace)
    ]
    assert events[2:] == [
        ("identity_linked", "federated_identity", None, values),
        ("identity_unlinked", "federated_identity", values, None),
    ]


async def test_a_disabled_user_is_named_and_gets_no_new_account(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    await sql.value("link_federated_identity", user_id, "example", ISSUER, "4711", None, namespace)
    await sql.value("disable_user", user_id, namespace)
    found = await sql.row("use_federated_identity", ISSUER, "4711", None, namespace)
    assert found is not None
    assert found["disabled_at"] is not None
    error = await sql.error("link_federated_identity", user_id, "example", ISSUER, "4712", None, namespace)
    assert error.sqlstate == "55000"

"""What comes back from the SDK: records that also read like mappings, and errors that tell refusals from faults."""

import dataclasses
import json
import subprocess
import sys
import uuid
from typing import Any

import asyncpg
import pytest

from portal.authn import AuthnClient, AuthnError, AuthnValidationError
from tests.support.database import TestDatabase, connect

SOMEONE = "00000000-0000-4000-8000-000000000001"


async def test_a_record_reads_like_a_mapping_and_cannot_be_changed(authn: AuthnClient) -> None:
    user = await authn.get_user(await authn.create_user("alice@example.com"))
    assert user is not None
    assert user["email"] == user.email == "alice@example.com"
    assert dict(user)["user_id"] == user.user_id
    assert "email" in user
    assert "password_hash" not in user
    assert list(user) == [
        "user_id", "email", "email_verified_at", "disabled_at", "created_at", "updated_at", "id",
    ]  # fmt: skip
    with pytest.raises(KeyError):
        user["from_row"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        user.email = "other"  # type: ignore[misc]


async def test_credentials_do_not_show_their_hash_in_a_log(authn: AuthnClient) -> None:
    await authn.create_user("alice@example.com", "the-hash")
    credentials = await authn.get_credentials("alice@example.com")
    assert credentials is not None
    assert "the-hash" not in repr(credentials)
    assert "the-hash" not in str(credentials)


async def test_audit_values_are_objects_with_and_without_a_jsonb_codec(
    module_database: TestDatabase, authn: AuthnClient
) -> None:
    user_id = await authn.create_user("alice@example.com")
    connection = await connect(module_database.app_url)
    try:
        await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")
        with_codec = AuthnClient(connection, authn.namespace)
        await with_codec.set_actor("me")
        await with_codec.create_user("bo@example.com")
        assert [event.new_values for event in await with_codec.get_audit_events()] == [
            {"email": "bo@example.com"}, {"email": "alice@example.com"},
        ]  # fmt: skip
    finally:
        await connection.close()
    (event,) = await authn.get_audit_events(limit=1, event_type="user_created", resource_id=user_id)
    assert event.new_values == {"email": "alice@example.com"}
    assert isinstance(event.id, str)
    assert str(uuid.UUID(event.event_id)) == event.event_id


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("create_user", ("not an address",)),
        ("create_user", (None,)),
        ("create_user", ("a@b", "")),
        ("create_user", ("a@b", "x" * 1025)),
        ("create_user", ("a\x00@b",)),
        ("create_user", ("a\ud800@b",)),
        ("create_user", (17,)),
        ("get_user", ("not-a-uuid",)),
        ("get_user", (None,)),
        ("get_user", (17,)),
        ("list_users", (-1,)),
        ("list_users", (10, "not-a-uuid")),
        ("create_session", (SOMEONE, "t", None, "not-an-ip")),
        ("create_token", (SOMEONE, "t", "bogus")),
        ("add_mfa", (SOMEONE, "sms", "s")),
        ("is_locked_out", ("a@b", None, 0)),
        ("get_recent_attempts", ("a@b", -1)),
    ],
)
async def test_what_cannot_be_meant_is_a_validation_error(
    authn: AuthnClient, operation: str, arguments: tuple[Any, ...]
) -> None:
    with pytest.raises(AuthnValidationError):
        await getattr(authn, operation)(*arguments)


async def test_a_namespace_that_cannot_be_is_a_validation_error(connection: asyncpg.Connection) -> None:
    for namespace in ("", " acme", "a\nb"):
        with pytest.raises(AuthnValidationError):
            await AuthnClient(connection, namespace).get_stats()


async def test_other_refusals_say_which_by_their_sqlstate(authn: AuthnClient) -> None:
    user_id = await authn.create_user("alice@example.com")
    await authn.create_session(user_id, "t")
    disabled = await authn.create_user("bo@example.com")
    await authn.disable_user(disabled)
    for operation, arguments, sqlstate in (
        ("create_user", ("ALICE@example.com",), "23505"),
        ("create_session", (user_id, "t"), "23505"),
        ("create_session", (SOMEONE, "u"), "23503"),
        ("create_session", (disabled, "u"), "55000"),
    ):
        with pytest.raises(AuthnError) as caught:
            await getattr(authn, operation)(*arguments)
        assert not isinstance(caught.value, AuthnValidationError)
        assert caught.value.sqlstate == sqlstate


async def test_no_error_repeats_a_secret(authn: AuthnClient) -> None:
    user_id = await authn.create_user("alice@example.com")
    await authn.create_session(user_id, "the-secret")
    for arguments in ((user_id, "the-secret"), (user_id, "the-secret\ud800"), (user_id, "the-secret\x00")):
        with pytest.raises(AuthnError) as caught:
            await authn.create_session(*arguments)
        assert "the-secret" not in str(caught.value)


async def test_a_row_of_another_tenant_is_refused(connection: asyncpg.Connection, authn: AuthnClient) -> None:
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute("SELECT authn.set_tenant('somebody-else')")
        with pytest.raises(AuthnError) as caught:
            await authn.create_user("alice@example.com")
    finally:
        await transaction.rollback()
    assert caught.value.sqlstate == "42501"


async def test_a_fault_is_not_dressed_up_as_a_refusal(module_database: TestDatabase) -> None:
    connection = await connect(module_database.app_url)
    await connection.close()
    with pytest.raises(asyncpg.InterfaceError):
        await AuthnClient(connection).get_stats()


def test_the_sdk_needs_nothing_else_of_the_portal() -> None:
    code = (
        "import sys, portal.authn; "
        "others = {n for n in sys.modules if n.startswith('portal.') and not n.startswith('portal.authn')}; "
        "sys.exit(str(others) if others else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

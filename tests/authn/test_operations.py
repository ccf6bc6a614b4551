"""Every operation of the SDK, called as a program would, against the real functions."""

import inspect
import uuid
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from portal.authn import AuthnClient, AuthnError, AuthnValidationError
from tests.sql.test_signatures import SIGNATURES

PROMISED = {
    "add_mfa", "cleanup_expired", "clear_actor", "clear_attempts", "consume_token", "create_api_key", "create_session",
    "create_token", "create_user", "delete_user", "disable_user", "enable_user", "extend_session", "get_audit_events",
    "get_credentials", "get_mfa", "get_recent_attempts", "get_stats", "get_user", "get_user_by_email", "has_mfa",
    "invalidate_tokens", "is_locked_out", "list_api_keys", "list_mfa", "list_sessions", "list_users",
    "record_login_attempt", "record_mfa_use", "remove_mfa", "revoke_all_api_keys", "revoke_all_sessions",
    "revoke_api_key", "revoke_other_sessions", "revoke_session", "revoke_session_by_id", "set_actor", "update_email",
    "update_password", "validate_api_key", "validate_session", "verify_email",
}  # fmt: skip

# Beyond the contract: what logins without a password, profiles and other providers need.
FURTHER = {
    "add_identity", "create_user_with_phone", "find_or_create_email_identity", "find_or_create_phone_identity",
    "find_verified_identity", "get_profile", "get_user_by_username", "is_email_taken", "link_federated_identity",
    "list_federated_identities", "list_identities", "remove_identity", "unlink_federated_identity", "update_profile",
    "use_federated_identity", "use_recovery_code", "verify_identity",
}  # fmt: skip
PHONE = "+41791234567"


def _sql_parameters(function: str) -> list[str]:
    arguments = SIGNATURES[function][0]
    names = [argument.split()[0].removeprefix("p_") for argument in arguments.split(", ") if argument]
    return [name for name in names if name != "namespace"]


@pytest.mark.parametrize("operation", sorted(PROMISED))
def test_each_operation_is_async_and_named_like_its_function(operation: str) -> None:
    method = getattr(AuthnClient, operation)
    assert inspect.iscoroutinefunction(method)
    parameters = list(inspect.signature(method).parameters)[1:]
    if operation == "get_audit_events":
        assert parameters == ["limit", "event_type", "resource_type", "resource_id"]
    else:
        assert parameters == _sql_parameters(operation)


@pytest.mark.parametrize("operation", sorted(FURTHER))
async def test_each_further_operation_is_async_and_named_like_its_function_too(
    connection: asyncpg.Connection, operation: str
) -> None:
    method = getattr(AuthnClient, operation)
    assert inspect.iscoroutinefunction(method)
    query = "SELECT proargnames[:pronargs] FROM pg_proc WHERE pronamespace = 'authn'::regnamespace AND proname = $1"
    names = [name.removeprefix("p_") for name in await connection.fetchval(query, operation)]
    assert [*list(inspect.signature(method).parameters)[1:], "namespace"] == names


def test_the_client_has_no_operation_that_nobody_promised() -> None:
    public = {name for name, _ in inspect.getmembers(AuthnClient, inspect.isfunction) if not name.startswith("_")}
    assert public == PROMISED | FURTHER


async def test_users(authn: AuthnClient) -> None:
    user_id = await authn.create_user(" Alice@Example.com ", "a-hash")
    assert isinstance(user_id, str)
    assert str(uuid.UUID(user_id)) == user_id
    user = await authn.get_user(user_id)
    assert user is not None
    assert user == await authn.get_user_by_email("ALICE@example.com")
    assert (user.user_id, user.id, user.email, user.email_verified_at) == (user_id, user_id, "alice@example.com", None)
    assert [row.id for row in await authn.list_users(limit=10)] == [user_id]
    assert await authn.list_users(cursor=user_id) == []
    credentials = await authn.get_credentials("alice@example.com")
    assert credentials is not None
    assert (credentials.user_id, credentials.password_hash) == (user_id, "a-hash")
    assert await authn.update_password(user_id, "b-hash") is True
    assert await authn.update_email(user_id, "new@example.com") is True
    assert await authn.disable_user(user_id) is True
    assert await authn.disable_user(user_id) is False
    assert await authn.enable_user(user_id) is True
    assert await authn.delete_user(user_id) is True
    assert await authn.delete_user(user_id) is False
    assert await authn.get_user(user_id) is None
    assert await authn.get_user_by_email("new@example.com") is None
    assert await authn.get_credentials("new@example.com") is None


async def test_sessions(authn: AuthnClient) -> None:
    user_id = await authn.create_user("alice@example.com")
    session_id = await authn.create_session(
        user_id, "t", expires_in=timedelta(hours=1), ip_address="192.0.2.1", user_agent="Browser"
    )
    holder = await authn.validate_session("t")
    assert holder is not None
    assert (holder.user_id, holder.email, holder.session_id) == (user_id, "alice@example.com", session_id)
    (session,) = await authn.list_sessions(user_id)
    assert (session.id, session.session_id) == (session_id, session_id)
    assert (session.ip_address, session.user_agent) == ("192.0.2.1", "Browser")
    extended = await authn.extend_session("t", extend_by=timedelta(hours=2))
    assert extended is not None
    assert timedelta(minutes=119) < extended - datetime.now(UTC) < timedelta(minutes=121)
    assert await authn.extend_session("unknown") is None
    for token in ("u", "v", "w"):
        await authn.create_session(user_id, token)
    assert await authn.revoke_session("u") is True
    assert await authn.revoke_session("u") is False
    assert await authn.revoke_other_sessions(user_id, except_session_id=session_id) == 2
    assert await authn.revoke_session_by_id(session_id, str(uuid.uuid4())) is False
    assert await authn.revoke_session_by_id(session_id, user_id) is True
    assert await authn.revoke_all_sessions(user_id) == 0
    assert await authn.validate_session("t") is None


async def test_tokens(authn: AuthnClient) -> None:
    user_id = await authn.create_user("alice@example.com")
    assert await authn.create_token(user_id, "a", "magic_link", expires_in=timedelta(minutes=5))
    assert await authn.create_token(user_id, "b", "magic_link")
    assert await authn.create_token(user_id, "c", "email_verify")
    consumed = await authn.consume_token("a", "magic_link")
    assert consumed is not None
    assert (consumed.user_id, consumed.email) == (user_id, "alice@example.com")
    assert await authn.consume_token("a", "magic_link") is None
    assert await authn.invalidate_tokens(user_id, "magic_link") == 1
    verified = await authn.verify_email("c")
    assert verified is not None
    assert verified.user_id == user_id
    assert await authn.verify_email("c") is None
    user = await authn.get_user(user_id)
    assert user is not None
    assert isinstance(user.email_verified_at, datetime)


async def test_authenticators(authn: AuthnClient) -> None:
    user_id = await authn.create_user("alice@example.com")
    assert await authn.has_mfa(user_id) is False
    mfa_id = await authn.add_mfa(user_id, "totp", "the-secret", name="Phone")
    assert await authn.has_mfa(user_id) is True
    (secret,) = await authn.get_mfa(user_id, "totp")
    assert (secret.id, secret.mfa_id, secret.secret, secret.name) == (mfa_id, mfa_id, "the-secret", "Phone")
    assert "the-secret" not in repr(secret)
    assert await authn.record_mfa_use(mfa_id) is True
    (entry,) = await authn.list_mfa(user_id)
    assert (entry.id, entry.mfa_id, entry.mfa_type) == (mfa_id, mfa_id, "totp")
    assert isinstance(entry.last_used_at, datetime)
    assert await authn.remove_mfa(mfa_id) is True
    assert await authn.remove_mfa(mfa_id) is False


async def test_api_keys(authn: AuthnClient) -> None:
    user_id = await authn.create_user("alice@example.com")
    key_id = await authn.create_api_key(user_id, "k", name="CI", expires_in=timedelta(days=1))
    await authn.create_api_key(user_id, "l")
    holder = await authn.validate_api_key("k")
    assert holder is not None
    assert (holder.user_id, holder.key_id, holder.name) == (user_id, key_id, "CI")
    assert [key.name for key in await authn.list_api_keys(user_id)] == [None, "CI"]
    assert await authn.revoke_api_key(key_id) is True
    assert await authn.validate_api_key("k") is None
    assert await authn.revoke_all_api_keys(user_id) == 1


async def test_login_attempts(authn: AuthnClient) -> None:
    email = "alice@example.com"
    for _ in range(4):
        assert await authn.record_login_attempt(email, False, ip_address="2001:db8::1") is None  # type: ignore[func-returns-value]
    assert await authn.is_locked_out(email) is False
    assert await authn.is_locked_out(email, window=timedelta(hours=1), max_attempts=4) is True
    await authn.record_login_attempt(email, success=True)
    attempts = await authn.get_recent_attempts(email, limit=2)
    assert [(attempt.success, attempt.ip_address) for attempt in attempts] == [(True, None), (False, "2001:db8::1")]
    assert await authn.clear_attempts(email) == 5


async def test_maintenance(authn: AuthnClient) -> None:
    user_id = await authn.create_user("alice@example.com")
    await authn.create_session(user_id, "t", expires_in=timedelta(0))
    stats = await authn.get_stats()
    assert (stats.user_count, stats["active_session_count"]) == (1, 0)
    counts = await authn.cleanup_expired()
    assert (counts.sessions_deleted, counts.tokens_deleted) == (1, 0)
    assert (await authn.cleanup_expired(batch_size=1)).sessions_deleted == 0


async def test_identities(authn: AuthnClient) -> None:
    user_id = await authn.create_user("alice@example.com")
    assert await authn.is_email_taken("ALICE@example.com") is True
    identity_id = await authn.add_identity(user_id, "phone", PHONE)
    assert await authn.find_verified_identity("phone", PHONE) is None
    assert await authn.verify_identity(identity_id, user_id) is True
    found = await authn.find_verified_identity(kind="phone", value=PHONE)
    assert found is not None
    assert (found.identity_id, found.id, found.user_id, found["email"]) == (
        identity_id, identity_id, user_id, "alice@example.com",
    )  # fmt: skip
    assert isinstance(found.verified_at, datetime)
    assert [(row.kind, row.value, row.is_primary) for row in await authn.list_identities(user_id)] == [
        ("email", "alice@example.com", True), ("phone", PHONE, False),
    ]  # fmt: skip
    assert await authn.remove_identity(identity_id, user_id) is True
    assert await authn.remove_identity(identity_id, user_id) is False


async def test_logins_without_a_password(authn: AuthnClient) -> None:
    made = await authn.find_or_create_email_identity("new@example.com")
    assert (made.outcome, made.disabled_at) == ("created", None)
    again = await authn.find_or_create_email_identity("NEW@example.com")
    assert (again.outcome, again.user_id, again.identity_id) == ("found", made.user_id, made.identity_id)
    user_id = await authn.create_user_with_phone(PHONE)
    by_phone = await authn.find_or_create_phone_identity(PHONE)
    assert (by_phone.outcome, by_phone.user_id) == ("found", user_id)
    user = await authn.get_user(user_id)
    assert user is not None
    assert user.email is None


async def test_profiles(connection: asyncpg.Connection, authn: AuthnClient) -> None:
    user_id = await authn.create_user("alice@example.com")
    changes = {"name": "Alice Ä", "username": "Alice", "metadata": {"plan": "pro"}}
    assert await authn.update_profile(user_id, changes) is True
    profile = await authn.get_profile(user_id)
    assert profile is not None
    assert (profile.name, profile.username, profile.locale) == ("Alice Ä", "alice", None)
    assert profile.metadata == {"plan": "pro"}
    assert await authn.update_profile(user_id, {"name": None}) is True
    by_name = await authn.get_user_by_username("ALICE")
    assert by_name is not None
    assert by_name.user_id == user_id
    missing = str(uuid.uuid4())
    assert await authn.update_profile(missing, {"name": "Al"}) is False
    assert await authn.get_profile(missing) is None
    assert await authn.get_user_by_username("bo") is None
    with pytest.raises(AuthnValidationError):
        await authn.update_profile(user_id, {"metadata": object()})


async def test_accounts_at_other_providers(authn: AuthnClient) -> None:
    user_id = await authn.create_user("alice@example.com")
    link = await authn.link_federated_identity(user_id, "google", "https://accounts.example", "4711", email="a@b.c")
    login = await authn.use_federated_identity("https://accounts.example", "4711")
    assert login is not None
    assert (login.federated_identity_id, login.user_id, login.provider) == (link, user_id, "google")
    assert await authn.use_federated_identity("https://accounts.example", "4712") is None
    (listed,) = await authn.list_federated_identities(user_id)
    assert (listed.id, listed.subject, listed.email) == (link, "4711", "a@b.c")
    assert isinstance(listed.last_used_at, datetime)
    assert await authn.unlink_federated_identity(link, user_id) is True
    assert await authn.unlink_federated_identity(link, user_id) is False


async def test_recovery_codes(authn: AuthnClient) -> None:
    mfa_id = await authn.add_mfa(await authn.create_user("alice@example.com"), "recovery_codes", "sealed")
    assert await authn.use_recovery_code(mfa_id, 3) == 1
    assert await authn.use_recovery_code(mfa_id, code_number=3) is None


async def test_too_many_of_something_is_a_refusal(authn: AuthnClient) -> None:
    user_id = await authn.create_user("alice@example.com")
    for number in range(50):
        await authn.create_api_key(user_id, f"k{number}")
    with pytest.raises(AuthnError) as caught:
        await authn.create_api_key(user_id, "one more")
    assert (caught.value.sqlstate, isinstance(caught.value, AuthnValidationError)) == ("54000", False)


async def test_one_client_sees_one_namespace(connection: asyncpg.Connection, authn: AuthnClient) -> None:
    user_id = await authn.create_user("alice@example.com")
    elsewhere = AuthnClient(connection, f"{authn.namespace}-other")
    assert await elsewhere.get_user(user_id) is None
    assert await elsewhere.get_audit_events() == []
    assert AuthnClient(connection).namespace == "default"

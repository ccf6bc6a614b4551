"""The actor that a client remembers and sends with each write."""

import asyncpg
import pytest

from portal.authn import AuthnClient, AuthnValidationError
from tests.support.database import STATEMENT_CACHE, TestDatabase

NAMES = ("actor_id", "request_id", "ip_address", "user_agent", "on_behalf_of", "reason")
ACTOR = ("user:admin-bob", "r-1", "192.0.2.1", "Browser", "alice", "asked to")


class Counting:
    """A connection that counts its statements."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection
        self.statements = 0

    async def fetch(self, query: str, *args: object) -> list[asyncpg.Record]:
        self.statements += 1
        return await self.connection.fetch(query, *args)

    async def fetchrow(self, query: str, *args: object) -> asyncpg.Record | None:
        self.statements += 1
        return await self.connection.fetchrow(query, *args)

    async def fetchval(self, query: str, *args: object) -> object:
        self.statements += 1
        return await self.connection.fetchval(query, *args)


async def _actors(authn: AuthnClient) -> list[tuple[str | None, ...]]:
    events = await authn.get_audit_events()
    return [tuple(event[name] for name in NAMES) for event in reversed(events)]


async def test_every_later_write_names_the_actor_until_it_is_cleared(authn: AuthnClient) -> None:
    await authn.set_actor(*ACTOR)
    user_id = await authn.create_user("alice@example.com")
    await authn.create_token(user_id, "t", "email_verify")
    await authn.verify_email("t")
    await authn.clear_actor()
    await authn.update_password(user_id, "hash")
    assert await _actors(authn) == [*[ACTOR] * 4, (None,) * 6]


async def test_each_write_of_every_kind_carries_the_actor(authn: AuthnClient) -> None:
    await authn.set_actor("me")
    user_id = await authn.create_user("alice@example.com")
    await authn.create_session(user_id, "a")
    await authn.extend_session("a")
    await authn.revoke_session("a")
    session_id = await authn.create_session(user_id, "b")
    await authn.create_session(user_id, "c")
    await authn.revoke_other_sessions(user_id, session_id)
    await authn.revoke_session_by_id(session_id, user_id)
    await authn.create_session(user_id, "d")
    await authn.revoke_all_sessions(user_id)
    await authn.create_token(user_id, "t", "magic_link")
    await authn.consume_token("t", "magic_link")
    mfa_id = await authn.add_mfa(user_id, "totp", "s")
    await authn.record_mfa_use(mfa_id)
    await authn.remove_mfa(mfa_id)
    key_id = await authn.create_api_key(user_id, "k")
    await authn.revoke_api_key(key_id)
    await authn.create_api_key(user_id, "l")
    await authn.revoke_all_api_keys(user_id)
    await authn.record_login_attempt("alice@example.com", False)
    await authn.update_profile(user_id, {"name": "Alice"})
    identity_id = await authn.add_identity(user_id, "phone", "+41791234567")
    await authn.verify_identity(identity_id, user_id)
    await authn.remove_identity(identity_id, user_id)
    link = await authn.link_federated_identity(user_id, "p", "https://p.example", "s")
    await authn.unlink_federated_identity(link, user_id)
    await authn.use_recovery_code(await authn.add_mfa(user_id, "recovery_codes", "s"), 1)
    await authn.find_or_create_email_identity("new@example.com")
    await authn.find_or_create_phone_identity("+41791234567")
    await authn.create_user_with_phone("+41797654321")
    await authn.update_email(user_id, "b@example.com")
    await authn.update_password(user_id, "hash")
    await authn.disable_user(user_id)
    await authn.enable_user(user_id)
    await authn.delete_user(user_id)
    events = await authn.get_audit_events()
    assert len(events) == 37
    assert {event.actor_id for event in events} == {"me"}


async def test_a_write_with_an_actor_is_one_statement(connection: asyncpg.Connection, namespace: str) -> None:
    counting = Counting(connection)
    authn = AuthnClient(counting, namespace)
    await authn.set_actor("me")
    assert counting.statements == 0
    await authn.create_user("alice@example.com")
    assert counting.statements == 1


async def test_a_cleared_actor_is_gone_inside_the_same_transaction_too(
    connection: asyncpg.Connection, authn: AuthnClient
) -> None:
    async with connection.transaction():
        await authn.set_actor("me")
        await authn.create_user("alice@example.com")
        await authn.clear_actor()
        await authn.create_user("bo@example.com")
    assert [actor[0] for actor in await _actors(authn)] == ["me", None]


async def test_an_actor_that_the_transaction_already_has_stands(
    connection: asyncpg.Connection, authn: AuthnClient
) -> None:
    async with connection.transaction():
        await connection.execute("SELECT authn.set_actor('said in SQL')")
        await authn.create_user("alice@example.com")
    assert [actor[0] for actor in await _actors(authn)] == ["said in SQL"]


async def test_one_clients_actor_is_not_anothers(connection: asyncpg.Connection, authn: AuthnClient) -> None:
    await authn.set_actor("me")
    await authn.create_user("alice@example.com")
    await AuthnClient(connection, authn.namespace).create_user("bo@example.com")
    assert [actor[0] for actor in await _actors(authn)] == ["me", None]


async def test_a_malformed_address_of_the_actor_is_refused_and_not_remembered(authn: AuthnClient) -> None:
    with pytest.raises(AuthnValidationError, match="ip_address must be valid"):
        await authn.set_actor("me", ip_address="not-an-ip")
    await authn.create_user("alice@example.com")
    assert [actor[0] for actor in await _actors(authn)] == [None]


async def test_the_actor_travels_on_a_pool_too(module_database: TestDatabase, namespace: str) -> None:
    async with asyncpg.create_pool(
        module_database.app_url, min_size=1, max_size=3, statement_cache_size=STATEMENT_CACHE
    ) as pool:
        authn = AuthnClient(pool, namespace)
        await authn.set_actor("me")
        await authn.create_user("alice@example.com")
        assert [actor[0] for actor in await _actors(authn)] == ["me"]

"""Silently made passkeys in SQL: when one may be, one winner, and the link that takes it back once."""

import asyncio
import json
import secrets
from typing import Any

import asyncpg
import pytest

from tests.sql.conftest import Sql
from tests.sql.test_passkeys import passkey
from tests.support.account_in_sql import BROWSER, Person

PASSWORD_LOGIN = [{"method": "password", "amr": ["pwd"]}]


@pytest.fixture
async def chen(sql: Sql, namespace: str, superuser: asyncpg.Connection) -> Person:
    """Chen, logged in by password for the second time in the same browser."""
    person = await Person(sql, namespace, superuser).arrive()
    for _turn in range(2):
        person.session_id = (await person.complete(None, PASSWORD_LOGIN, session=True))["session_id"]
    return person


async def may(person: Person, browser: str = BROWSER, namespace: str | None = None) -> Any:
    arguments = (person.user_id, person.session_id, browser, namespace or person.namespace)
    return await person.sql.value("may_save_passkey", *arguments)


def silent(digest: str) -> str:
    return json.dumps({**json.loads(passkey()), "undo_digest": digest, "undo_expires_in": 60})


async def save(person: Person, digest: str) -> Any:
    arguments = (person.user_id, person.session_id, BROWSER, silent(digest), "{}", person.namespace)
    return await person.sql.value("save_passkey", *arguments)


async def test_a_passkey_may_be_saved_after_the_second_login_of_a_browser(
    chen: Person, sql: Sql, namespace: str, superuser: asyncpg.Connection
) -> None:
    assert await may(chen)
    assert not await may(chen, browser="another-browser")
    assert not await may(chen, namespace=namespace + "-other")
    first = Person(sql, namespace, superuser)
    first.user_id = await sql.user(namespace, "first@example.com")
    first.session_id = (await first.complete(None, PASSWORD_LOGIN, session=True))["session_id"]
    assert not await may(first)
    assert await save(first, secrets.token_hex(32)) == "not_now"


async def test_of_many_at_once_one_is_saved(chen: Person, pool: asyncpg.Pool) -> None:
    async def one() -> Any:
        arguments = (chen.user_id, chen.session_id, BROWSER, silent(secrets.token_hex(32)), "{}", chen.namespace)
        return await pool.fetchval("select authn.save_passkey($1, $2, $3, $4, $5, $6)", *arguments)

    outcomes = await asyncio.gather(*(one() for _turn in range(10)))
    assert sorted(outcomes) == ["enrolled", *["not_now"] * 9]


async def test_a_link_takes_it_back_once_and_in_its_own_namespace(chen: Person, pool: asyncpg.Pool) -> None:
    digest = secrets.token_hex(32)
    assert await save(chen, digest) == "enrolled"
    assert await chen.sql.row("find_saved_passkey", digest, chen.namespace + "-other") is None
    assert not await chen.sql.value("undo_saved_passkey", digest, "{}", chen.namespace + "-other")
    found = await chen.sql.row("find_saved_passkey", digest, chen.namespace)
    assert found
    assert found["name"] == "My phone"

    async def press() -> Any:
        return await pool.fetchval("select authn.undo_saved_passkey($1, $2, $3)", digest, "{}", chen.namespace)

    assert sorted(await asyncio.gather(*(press() for _turn in range(10)))) == [False] * 9 + [True]
    assert (await chen.events())["passkey_undone"] == 1
    assert await chen.sql.row("find_saved_passkey", digest, chen.namespace) is None
    assert await chen.sql.rows("list_passkeys", chen.user_id, chen.namespace) == []
    assert not await may(chen), "its session is over, and a further one is declined"


async def test_a_disabled_owners_link_takes_nothing_back(chen: Person) -> None:
    digest = secrets.token_hex(32)
    await save(chen, digest)
    await chen.sql.value("disable_user", chen.user_id, chen.namespace)
    assert not await chen.sql.value("undo_saved_passkey", digest, "{}", chen.namespace)

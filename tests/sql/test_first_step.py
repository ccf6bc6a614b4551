"""The first step with an authenticator of a method's own: one budget with passwords, and the last way in stays."""

import asyncio
import json
from typing import Any

import asyncpg
import pytest

from tests.sql.conftest import AT_ONCE, Sql
from tests.support.account_in_sql import BROWSER, Person

ACTOR = json.dumps({"ip_address": "198.51.100.7"})


@pytest.fixture
async def ada(sql: Sql, namespace: str, superuser: asyncpg.Connection) -> Person:
    return await Person(sql, namespace, superuser).arrive()


async def begin(person: Person, email: str, mfa_type: str = "word", namespace: str | None = None) -> dict[str, Any]:
    arguments = (email, BROWSER, mfa_type, ACTOR, namespace or person.namespace)
    row = await person.sql.row("begin_authenticator_login", *arguments)
    assert row
    return {**row, "authenticators": json.loads(row["authenticators"])}


async def email_of(person: Person) -> str:
    return str(await person.superuser.fetchval("SELECT email FROM authn.users WHERE id = $1", person.user_id))


async def test_only_what_is_a_way_in_opens_a_login(ada: Person) -> None:
    email = await email_of(ada)
    await ada.enrol("word", secret="second only")
    word = await ada.enrol("word", secret="a way in", way_in=True)
    await ada.enrol("other", secret="of another method", way_in=True)
    begun = await begin(ada, email)
    assert begun["authenticators"] == [{"id": str(word["mfa_id"]), "secret": "a way in"}]
    assert begun["user_id"] == ada.user_id
    assert begun["attempt_id"] is not None


async def test_nobody_a_stranger_and_a_disabled_person_get_the_same(ada: Person) -> None:
    email = await email_of(ada)
    await ada.enrol("word", way_in=True)
    await ada.superuser.execute("UPDATE authn.users SET disabled_at = now() WHERE id = $1", ada.user_id)
    for begun in (
        await begin(ada, "nobody@example.org"),
        await begin(ada, email, namespace=f"{ada.namespace}-b"),
        await begin(ada, email),
    ):
        assert begun["user_id"] is None
        assert begun["authenticators"] == []
        assert begun["attempt_id"] is not None, "the try is counted for everybody"


async def test_of_forty_tries_at_once_five_are_compared(ada: Person, pool: asyncpg.Pool) -> None:
    email = await email_of(ada)
    await ada.enrol("word", way_in=True)
    query = "SELECT * FROM authn.begin_authenticator_login($1, $2, 'word', $3, $4)"
    rows = await asyncio.gather(*(pool.fetchrow(query, email, BROWSER, ACTOR, ada.namespace) for _ in range(AT_ONCE)))
    allowed = [row for row in rows if row["attempt_id"] is not None]
    assert len(allowed) == 5
    assert all(json.loads(row["authenticators"]) for row in allowed)
    refused = [row for row in rows if row["attempt_id"] is None]
    assert all(row["retry_after"] > 0 and json.loads(row["authenticators"]) == [] for row in refused)
    password = await ada.sql.row("begin_password_login", email, BROWSER, ACTOR, ada.namespace)
    assert password
    assert password["retry_after"] > 0, "a second method gives nobody more guesses"


async def test_the_last_way_in_stays_whatever_its_method(ada: Person) -> None:
    await ada.superuser.execute("UPDATE authn.users SET password_hash = null WHERE id = $1", ada.user_id)
    await ada.superuser.execute("UPDATE authn.identities SET verified_at = null WHERE user_id = $1", ada.user_id)
    word = (await ada.enrol("word", way_in=True))["mfa_id"]
    second = (await ada.enrol())["mfa_id"]
    assert await ada.remove(word, by_mail=True) == "last_way_in"
    passkey = await ada.add_passkey()
    assert await ada.remove(word, by_mail=True) == "removed"
    assert await ada.remove(passkey, by_mail=True) == "last_way_in"
    assert await ada.remove(second, by_mail=True) == "removed"


async def test_a_reset_takes_no_way_in(ada: Person) -> None:
    await ada.enrol("word", way_in=True)
    await ada.enrol()
    assert await ada.sql.value("reset_mfa", ada.user_id, None, "{}", ada.namespace) == 1
    assert [row["mfa_type"] for row in await ada.sql.rows("list_mfa", ada.user_id, ada.namespace)] == ["word"]

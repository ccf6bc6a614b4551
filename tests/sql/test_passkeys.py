"""Passkeys in SQL: a challenge is taken once, a credential has one owner, and its counter only rises."""

import asyncio
import json
import secrets
from typing import Any

import asyncpg
import pytest

from tests.sql.conftest import AT_ONCE, Sql
from tests.support.account_in_sql import BROWSER, Person

PER_PREFIX = 300  # challenges of a minute that wait for their answers
FACTOR = {"method": "passkey", "amr": ["swk", "user"], "multi": True}


@pytest.fixture
async def chen(sql: Sql, namespace: str, superuser: asyncpg.Connection) -> Person:
    return await Person(sql, namespace, superuser).arrive()


def ceremony(kind: str = "login", browser: str = BROWSER, **more: str) -> str:
    return json.dumps({"kind": kind, "challenge": secrets.token_hex(32), "browser_digest": browser, **more})


def passkey(**more: Any) -> str:
    return json.dumps(
        {
            "credential_id": secrets.token_hex(16),
            "secret": "a public key",
            "name": "My phone",
            "sign_count": 1,
            "aaguid": "d548826e-79b4-db40-a3d8-11116f7e8349",
            "transports": ["internal"],
            "backup_eligible": True,
            "backed_up": True,
            **more,
        }
    )


async def enrol(person: Person, **more: Any) -> dict[str, Any]:
    row = await person.sql.row(
        "enrol_passkey", person.user_id, person.session_id, passkey(**more), "{}", person.namespace
    )
    assert row
    return row


async def use(person: Person, mfa_id: Any, count: int) -> str:
    proof = json.dumps({"mfa_id": str(mfa_id), "sign_count": count, "backed_up": True, "user_verified": True})
    login = person.login(None, [FACTOR], session=True)
    row = await person.sql.row("complete_passkey_login", login, proof, "{}", person.namespace)
    assert row
    return str(row["outcome"])


async def test_of_forty_answers_one_takes_the_challenge(sql: Sql, namespace: str, pool: asyncpg.Pool) -> None:
    made = await sql.value("start_ceremony", ceremony(), namespace)

    async def take() -> int:
        return len(
            await pool.fetch("select * from authn.take_ceremony($1, $2, $3, $4)", made, ["login"], BROWSER, namespace)
        )

    assert sum(await asyncio.gather(*(take() for _turn in range(AT_ONCE)))) == 1


@pytest.mark.parametrize(("kinds", "browser"), [(["register"], BROWSER), (["login"], "another-browser"), ([], BROWSER)])
async def test_a_challenge_is_for_its_kind_and_browser(
    sql: Sql, namespace: str, kinds: list[str], browser: str
) -> None:
    made = await sql.value("start_ceremony", ceremony(), namespace)
    assert await sql.row("take_ceremony", made, kinds, browser, namespace) is None
    taken = await sql.row("take_ceremony", made, ["login"], BROWSER, namespace)
    assert taken is not None, "a wrong question leaves it where it is"
    assert len(taken["challenge"]) == 32


async def test_a_challenge_of_another_namespace_is_none(sql: Sql, namespace: str) -> None:
    made = await sql.value("start_ceremony", ceremony(), namespace)
    assert await sql.row("take_ceremony", made, ["login"], BROWSER, namespace + "-other") is None


async def test_of_forty_who_ask_at_once_one_gets_the_last_challenge_of_a_network(
    sql: Sql, namespace: str, pool: asyncpg.Pool
) -> None:
    from_there = ceremony(ip_address="100.64.0.7")
    for _ in range(PER_PREFIX - 1):
        assert await sql.value("start_ceremony", from_there, namespace)

    async def ask() -> bool:
        return await pool.fetchval("select authn.start_ceremony($1, $2)", from_there, namespace) is not None

    async with sql.connection.transaction():
        assert await sql.value("start_ceremony", from_there, namespace), "the last one, which nobody else sees yet"
        others = [asyncio.create_task(ask()) for _turn in range(AT_ONCE)]
        await asyncio.sleep(0.3)
        assert not any(task.done() for task in others), "they wait for it"
    assert sum(await asyncio.gather(*others)) == 0
    # Another line, or a caller that names none, is another matter.
    assert await sql.value("start_ceremony", ceremony(ip_address="100.64.0.8"), namespace)
    assert await sql.value("start_ceremony", ceremony(), namespace)


async def test_an_answered_challenge_makes_room_for_another(sql: Sql, namespace: str) -> None:
    from_there = ceremony(ip_address="2001:db8::1")
    made = [await sql.value("start_ceremony", from_there, namespace) for _ in range(PER_PREFIX)]
    assert await sql.value("start_ceremony", ceremony(ip_address="2001:db8::2"), namespace) is None, "the same line"
    assert await sql.row("take_ceremony", made[0], ["login"], BROWSER, namespace)
    assert await sql.value("start_ceremony", from_there, namespace)


async def test_a_counter_that_does_not_rise_ends_nothing_and_starts_nothing(chen: Person) -> None:
    mfa_id = (await enrol(chen))["mfa_id"]
    assert await use(chen, mfa_id, 2) == "session"
    assert await use(chen, mfa_id, 2) == "used"
    assert await use(chen, mfa_id, 1) == "used"
    assert (await chen.events())["passkey_refused"] == 2
    assert await use(chen, mfa_id, 3) == "session"


async def test_a_counter_that_stays_zero_is_none(chen: Person) -> None:
    mfa_id = (await enrol(chen, sign_count=0))["mfa_id"]
    assert await use(chen, mfa_id, 0) == "session"
    assert await use(chen, mfa_id, 0) == "session"


async def test_a_credential_has_one_owner_in_a_namespace(
    chen: Person, sql: Sql, namespace: str, superuser: asyncpg.Connection
) -> None:
    mine = secrets.token_hex(16)
    assert (await enrol(chen, credential_id=mine))["outcome"] == "enrolled"
    mallory = Person(sql, namespace, superuser)
    mallory.user_id = await sql.user(namespace, "mallory@example.com")
    mallory.session_id = await mallory.log_in()
    assert (await enrol(mallory, credential_id=mine))["outcome"] == "taken"
    found = await sql.row("find_passkey", bytes.fromhex(mine), namespace)
    assert found
    assert found["user_id"] == chen.user_id
    assert await sql.row("find_passkey", bytes.fromhex(mine), namespace + "-other") is None


async def test_an_old_login_enrols_nothing(chen: Person) -> None:
    await chen.log_in_long_ago()
    assert (await enrol(chen))["outcome"] == "login_not_recent"
    assert await chen.sql.rows("list_passkeys", chen.user_id, chen.namespace) == []


async def test_a_disabled_users_passkey_is_known_and_opens_nothing(chen: Person) -> None:
    mine = secrets.token_hex(16)
    mfa_id = (await enrol(chen, credential_id=mine))["mfa_id"]
    await chen.sql.value("disable_user", chen.user_id, chen.namespace)
    found = await chen.sql.row("find_passkey", bytes.fromhex(mine), chen.namespace)
    assert found
    assert found["disabled"]
    assert await use(chen, mfa_id, 2) == "gone"


async def test_a_silent_passkey_is_whole_once_it_verified_its_user(chen: Person) -> None:
    mfa_id = (await enrol(chen, upgraded=True))["mfa_id"]
    [before] = await chen.sql.rows("list_passkeys", chen.user_id, chen.namespace)
    assert before["upgraded"]
    await use(chen, mfa_id, 2)
    [after] = await chen.sql.rows("list_passkeys", chen.user_id, chen.namespace)
    assert not after["upgraded"]


async def test_a_refusal_leaves_an_event_and_no_secret(chen: Person) -> None:
    await chen.sql.value("refuse_passkey", None, "somebody tried", "{}", chen.namespace)
    assert (await chen.events())["passkey_refused"] == 1


async def test_what_was_declined_comes_back_with_a_login(chen: Person) -> None:
    await chen.sql.value("decline_offer", chen.user_id, "passkey", None, chen.namespace)
    done = await chen.complete(None, [{"method": "password", "amr": ["pwd"]}], session=True)
    assert list(done["declined"]) == ["passkey"]

"""What ends with a change of how somebody logs in, what an authenticator is set up with, and how old a login is."""

import asyncio
import json
import secrets
from collections import Counter
from typing import Any

import asyncpg
import pytest

from tests.sql.conftest import Sql
from tests.support.account_in_sql import BROWSER, Person
from tests.support.database import STATEMENT_CACHE, TestDatabase

AT_ONCE = 40
PASSWORD = {"method": "password", "amr": ["pwd"]}
TOTP = {"method": "totp", "amr": ["otp"], "second": True}
PHONE, FURTHER = "+41791234567", "bo.further@example.com"


@pytest.fixture
async def bo(sql: Sql, namespace: str, superuser: asyncpg.Connection) -> Person:
    return await Person(sql, namespace, superuser).arrive()


async def change_password(bo: Person) -> Any:
    change = json.dumps({"old_hash": "a-hash", "new_hash": "another-hash"})
    return await bo.sql.value("change_password", bo.user_id, bo.session_id, change, "{}", bo.namespace)


async def open_code(bo: Person, address: str) -> Any:
    """A code that waits, as the mail or message to this address has it."""
    flow = json.dumps({"browser_digest": BROWSER, "expires_in": 600})
    return await bo.superuser.fetchval(
        "INSERT INTO authn.verifications (id, namespace, flow_id, email, purpose, outcome, code_digest, link_digest, "
        "code_expires_at, expires_at) VALUES (gen_random_uuid(), $1, $2, $3, 'login', 'login', 'x', $4, "
        "now() + interval '1 hour', now() + interval '1 hour') RETURNING id",
        bo.namespace,
        await bo.sql.value("start_login_flow", flow, bo.namespace),
        address,
        secrets.token_hex(16),
    )


async def still_open(bo: Person) -> set[str]:
    query = "SELECT email FROM authn.verifications WHERE namespace = $1 AND used_at IS NULL"
    return {row["email"] for row in await bo.superuser.fetch(query, bo.namespace)}


async def test_codes_to_every_address_and_number_of_the_account_end_and_nobody_elses(bo: Person, sql: Sql) -> None:
    await sql.value("add_identity", bo.user_id, "phone", PHONE, bo.namespace)
    await sql.value("add_identity", bo.user_id, "email", FURTHER, bo.namespace)
    for address in ("alice@example.com", PHONE, FURTHER, "mallory@example.com"):
        await open_code(bo, address)
    assert await change_password(bo) == "changed"
    assert await still_open(bo) == {"mallory@example.com"}


async def test_only_the_browser_that_made_the_change_is_known_afterwards(bo: Person, sql: Sql) -> None:
    for number in range(3):
        login = {"token_hash": secrets.token_hex(16), "amr": ["pwd"]}
        browser = f"browser-{number}"
        row = await sql.row(
            "complete_login",
            json.dumps(
                {
                    "user_id": str(bo.user_id),
                    "browser_digest": browser,
                    "factors": [PASSWORD],
                    "session": login,
                    "expires_in": 600,
                }
            ),
            "{}",
            bo.namespace,
        )
        assert row
        bo.session_id = row["session_id"]
    assert await change_password(bo) == "changed"
    query = "SELECT browser_digest FROM authn.known_browsers WHERE user_id = $1"
    assert [row[0] for row in await bo.superuser.fetch(query, bo.user_id)] == ["browser-2"]


@pytest.mark.parametrize("further", [False, True], ids=["the_first_set", "another_set"])
async def test_a_set_of_recovery_codes_ends_other_sessions_where_it_takes_the_place_of_one(
    bo: Person, further: bool
) -> None:
    await bo.enrol()
    if further:
        await bo.enrol("recovery_codes", only_one=True)
    await bo.log_in()
    await bo.enrol("recovery_codes", only_one=True)
    assert (await bo.events())["sessions_revoked_other"] == int(further)


async def test_a_further_way_in_ends_nothing(bo: Person) -> None:
    await bo.log_in()
    await bo.enrol("webauthn")
    assert (await bo.events())["sessions_revoked_other"] == 0


async def test_of_forty_copies_of_a_page_one_sets_the_app_up(
    bo: Person, module_database: TestDatabase, sql: Sql
) -> None:
    made = json.dumps(
        {"mfa_type": "totp", "secret": "sealed", "second_step": True, "set_up_digest": secrets.token_hex(32)}
    )
    async with asyncpg.create_pool(
        module_database.app_url, min_size=AT_ONCE, max_size=AT_ONCE, statement_cache_size=STATEMENT_CACHE
    ) as pool:
        query = "SELECT outcome FROM authn.enrol_authenticator($1, $2, $3, '{}', $4)"
        arguments = (bo.user_id, bo.session_id, made, bo.namespace)
        outcomes = await asyncio.gather(*(pool.fetchval(query, *arguments) for _ in range(AT_ONCE)))
    assert Counter(outcomes) == {"enrolled": 1, "used": AT_ONCE - 1}
    assert len(await sql.rows("list_mfa", bo.user_id, bo.namespace)) == 1


async def test_a_login_is_as_old_as_its_first_proof(bo: Person) -> None:
    await bo.enrol()
    flow_id = await bo.flow(PASSWORD)
    await bo.superuser.execute(
        "UPDATE authn.login_flows SET proven_at = now() - interval '30 minutes' WHERE id = $1", flow_id
    )
    done = await bo.complete(flow_id, [TOTP], session=True)
    assert done["outcome"] == "session"
    query = "SELECT now() - auth_time > interval '29 minutes' FROM authn.sessions WHERE id = $1"
    assert await bo.superuser.fetchval(query, done["session_id"])
    at_once = await bo.complete(await bo.flow(PASSWORD), [TOTP], session=True)
    assert not await bo.superuser.fetchval(query, at_once["session_id"])


async def test_a_password_that_an_operator_sets_ends_what_the_old_one_began(bo: Person) -> None:
    await bo.enrol()
    half = await bo.flow(PASSWORD)
    await open_code(bo, "alice@example.com")
    ended = await bo.sql.value("replace_password", bo.user_id, "another-hash", "{}", bo.namespace)
    assert ended == 1
    row = await bo.complete(half, [TOTP], session=True)
    assert row["outcome"] == "gone", "half a login by the old password"
    assert await still_open(bo) == set()
    assert (await bo.events())["password_updated"] == 1


async def test_whoever_is_logged_out_by_an_operator_is_out_everywhere(bo: Person) -> None:
    half = await bo.flow(PASSWORD)
    await open_code(bo, "alice@example.com")
    assert await bo.sql.value("log_out_user", bo.user_id, "{}", bo.namespace) == 1
    assert await still_open(bo) == set()
    assert (await bo.complete(half, [TOTP], session=True))["outcome"] == "gone"
    assert await bo.sql.value("log_out_user", bo.user_id, "{}", bo.namespace) == 0


async def test_everybody_of_a_namespace_is_logged_out_and_nobody_elses(bo: Person, sql: Sql) -> None:
    other = Person(sql, "somewhere-else", bo.superuser)
    other.user_id = await sql.user("somewhere-else")
    other.session_id = await other.log_in()
    row = await sql.row("log_everybody_out", "{}", bo.namespace)
    assert row
    assert (row["people"], row["sessions"]) == (1, 1)
    assert len(await sql.rows("list_sessions", other.user_id, "somewhere-else")) == 1

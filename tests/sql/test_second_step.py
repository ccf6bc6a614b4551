"""Authenticators and the second step: who may enrol and remove, what a try costs, and one winner of forty."""

import asyncio
import json
import secrets
import uuid
from collections import Counter
from typing import Any

import asyncpg
import pytest

from tests.sql.conftest import AT_ONCE, Sql
from tests.support.account_in_sql import BROWSER, Person

PASSWORD = {"method": "password", "amr": ["pwd"]}
MAIL = {"method": "email_code", "amr": ["email"]}
TOTP = {"method": "totp", "amr": ["otp"], "second": True}
PASSKEY = {"method": "passkey", "amr": ["swk", "user"], "second": True, "multi": True}
TOUCHED_KEY = {"method": "passkey", "amr": ["swk"], "second": True}


@pytest.fixture
async def bo(sql: Sql, namespace: str, superuser: asyncpg.Connection) -> Person:
    return await Person(sql, namespace, superuser).arrive()


@pytest.mark.parametrize(
    ("factors", "outcome"),
    [
        ([], "pending"),
        ([PASSWORD], "pending"),
        ([MAIL], "pending"),
        ([PASSWORD, MAIL], "pending"),
        ([PASSWORD, PASSWORD], "pending"),
        ([TOTP], "pending"),
        ([TOTP, TOTP], "pending"),
        ([TOUCHED_KEY], "pending"),
        ([PASSWORD, TOTP], "session"),
        ([MAIL, TOTP], "session"),
        ([MAIL, TOUCHED_KEY], "session"),
        ([PASSKEY], "session"),
    ],
)
async def test_a_session_takes_two_factors_whatever_the_caller_believes(
    bo: Person, factors: list[dict[str, Any]], outcome: str
) -> None:
    await bo.enrol()
    done = await bo.complete(None, factors, session=True)
    assert done["outcome"] == outcome
    assert (done["session_id"] is not None) == (outcome == "session")


async def test_without_a_demanding_authenticator_one_factor_is_enough(bo: Person) -> None:
    await bo.enrol("recovery_codes")
    await bo.add_passkey()
    assert (await bo.complete(None, [PASSWORD], session=True))["outcome"] == "session"


@pytest.mark.parametrize(("has", "outcome"), [("nothing", "session"), ("codes", "session"), ("passkey", "pending")])
async def test_an_app_can_ask_for_the_second_step_of_whoever_has_one(
    bo: Person, sql: Sql, has: str, outcome: str
) -> None:
    if has == "codes":
        await bo.enrol("recovery_codes")
    elif has == "passkey":
        await bo.add_passkey()
    flow = json.dumps({"browser_digest": BROWSER, "expires_in": 600, "second_step_wanted": True})
    flow_id = await sql.value("start_login_flow", flow, bo.namespace)
    assert (await bo.complete(flow_id, [PASSWORD], session=True))["outcome"] == outcome
    if outcome == "pending":
        assert (await bo.complete(flow_id, [PASSKEY], session=True))["outcome"] == "session"


async def test_a_method_that_is_off_is_no_second_step_that_an_app_could_ask_for(bo: Person, sql: Sql) -> None:
    await bo.add_passkey()
    assert await sql.value("can_step_up", bo.user_id, bo.namespace) is True
    await sql.value("create_namespace", bo.namespace, "Bo's", "{}")
    await sql.value("set_namespace_policy", json.dumps({"methods": ["password"]}), "{}", bo.namespace)
    assert await sql.value("can_step_up", bo.user_id, bo.namespace) is False


async def test_nobody_ends_a_login_by_a_method_that_is_off(bo: Person, sql: Sql) -> None:
    await sql.value("create_namespace", bo.namespace, "Bo's", "{}")
    assert (await bo.complete(None, [PASSWORD], session=True))["outcome"] == "session"
    await sql.value("set_namespace_policy", json.dumps({"methods": ["passkey"]}), "{}", bo.namespace)
    refused = await bo.complete(None, [PASSWORD], session=True)
    assert (refused["outcome"], refused["session_id"]) == ("gone", None)
    assert (await bo.events())["request_refused"] == 1
    assert (await bo.complete(None, [PASSKEY], session=True))["outcome"] == "session"


async def test_a_passkey_demands_a_second_step_when_its_owner_wants_it(bo: Person, sql: Sql) -> None:
    await bo.add_passkey()
    assert await _set_second_step(bo, "webauthn", on=True) == "changed"
    assert await _set_second_step(bo, "webauthn", on=True) == "unchanged"
    assert (await bo.complete(None, [PASSWORD], session=True))["outcome"] == "pending"
    await bo.enrol("recovery_codes")
    assert await _set_second_step(bo, "webauthn", on=False) == "changed"
    assert (await bo.complete(None, [PASSWORD], session=True))["outcome"] == "session"
    left = await sql.value("list_ways_in", bo.user_id, bo.namespace)
    assert "recovery_codes" not in left, "they stand in for nothing any more"
    await bo.log_in_long_ago()
    assert await _set_second_step(bo, "webauthn", on=True) == "login_not_recent"
    events = await bo.events()
    assert (events["second_step_on"], events["second_step_off"]) == (1, 1)


async def _set_second_step(bo: Person, mfa_type: str, *, on: bool) -> Any:
    arguments = (bo.user_id, bo.session_id, mfa_type, on, None, "{}", bo.namespace)
    return await bo.sql.value("set_second_step", *arguments)


async def test_enrolling_takes_a_recent_login_of_the_same_person(bo: Person, sql: Sql) -> None:
    other = await sql.user(bo.namespace, "mallory@example.com")
    theirs = await sql.value("start_session", other, secrets.token_hex(16), "{}", "{}", bo.namespace)
    assert (await bo.enrol(session_id=theirs))["outcome"] == "login_not_recent"
    assert (await bo.enrol(session_id=uuid.uuid4()))["outcome"] == "login_not_recent"
    assert (await bo.enrol())["outcome"] == "enrolled"
    await bo.log_in_long_ago()
    assert (await bo.enrol())["outcome"] == "login_not_recent"
    assert (await bo.events())["mfa_added"] == 1


async def test_nobody_enrols_more_than_fifty_of_a_type(bo: Person) -> None:
    outcomes = Counter([(await bo.enrol())["outcome"] for _ in range(51)])
    assert outcomes == {"enrolled": 50, "too_many": 1}


async def test_only_its_owner_renames_an_authenticator(bo: Person, sql: Sql) -> None:
    mfa_id = (await bo.enrol())["mfa_id"]
    other = await sql.user(bo.namespace, "mallory@example.com")
    assert await sql.value("rename_authenticator", other, mfa_id, "mine", "{}", bo.namespace) is False
    assert await sql.value("rename_authenticator", bo.user_id, mfa_id, "mine", "{}", f"{bo.namespace}-b") is False
    assert await sql.value("rename_authenticator", bo.user_id, mfa_id, "mine", "{}", bo.namespace) is True
    assert [row["name"] for row in await sql.rows("list_mfa", bo.user_id, bo.namespace)] == ["mine"]


async def test_removing_takes_a_recent_login_and_ends_other_sessions(bo: Person, sql: Sql) -> None:
    mfa_id = (await bo.enrol())["mfa_id"]
    await bo.enrol("recovery_codes")
    await bo.log_in()
    await bo.superuser.execute("UPDATE authn.users SET password_hash = 'a-hash' WHERE id = $1", bo.user_id)
    flow_id = await bo.flow(PASSWORD)
    bo_now = bo.session_id
    await bo.log_in_long_ago()
    assert await bo.remove(mfa_id) == "login_not_recent"
    bo.session_id = await bo.log_in()
    assert await bo.remove(uuid.uuid4()) == "unknown"
    assert await bo.remove(mfa_id) == "removed"
    assert await bo.remove(mfa_id) == "unknown"
    assert [row["session_id"] for row in await sql.rows("list_sessions", bo.user_id, bo.namespace)] == [bo.session_id]
    assert bo_now != bo.session_id
    assert await sql.rows("list_mfa", bo.user_id, bo.namespace) == []
    assert (await bo.complete(flow_id, [TOTP], session=True))["outcome"] == "gone", "half-made logins end too"


async def test_the_last_way_in_stays(bo: Person) -> None:
    await bo.superuser.execute("UPDATE authn.users SET password_hash = null WHERE id = $1", bo.user_id)
    mfa_id = await bo.add_passkey()
    assert await bo.remove(mfa_id) == "last_way_in"
    assert (await bo.events())["mfa_removal_refused"] == 1
    await bo.prove_address()
    assert await bo.remove(mfa_id, by_mail=False) == "last_way_in"
    assert await bo.remove(mfa_id, by_mail=True) == "removed"


async def test_of_the_last_two_ways_in_one_stays_however_many_are_removed_at_once(
    bo: Person, pool: asyncpg.Pool, sql: Sql
) -> None:
    await bo.superuser.execute("UPDATE authn.users SET password_hash = null WHERE id = $1", bo.user_id)
    query = "SELECT authn.remove_authenticator($1, $2, $3, '{}', '{}', $4)"
    for _round in range(5):
        last_two = [await bo.add_passkey(), await bo.add_passkey()]
        await asyncio.gather(
            *(pool.fetchval(query, bo.user_id, last_two[n % 2], bo.session_id, bo.namespace) for n in range(AT_ONCE))
        )
        left = await sql.rows("list_mfa", bo.user_id, bo.namespace)
        assert len(left) == 1
        await bo.superuser.execute("DELETE FROM authn.mfa_secrets WHERE user_id = $1", bo.user_id)


async def test_of_forty_guesses_at_once_five_are_compared(bo: Person, pool: asyncpg.Pool) -> None:
    await bo.enrol()
    flows = [await bo.flow(PASSWORD) for _ in range(4)]
    query = "SELECT * FROM authn.begin_second_step($1, $2, 'totp', $3)"
    rows = await asyncio.gather(*(pool.fetchrow(query, flows[n % 4], BROWSER, bo.namespace) for n in range(AT_ONCE)))
    allowed = [row for row in rows if row["retry_after"] == 0]
    assert len(allowed) == 5, "whatever flows they come from"
    refused = [row for row in rows if row["retry_after"] > 0]
    assert all(row["attempt_id"] is None and json.loads(row["authenticators"]) == [] for row in refused)
    for row in allowed:
        await bo.sql.value("fail_second_step", row["attempt_id"], "totp", "{}", bo.namespace)
    assert (await bo.events())["second_step_failed"] == 5
    await bo.superuser.execute(
        "UPDATE authn.second_step_attempts SET attempted_at = attempted_at - interval '16 minutes' WHERE user_id = $1",
        bo.user_id,
    )
    assert (await pool.fetchrow(query, flows[0], BROWSER, bo.namespace))["retry_after"] == 0


async def test_unknown_browsers_have_fifty_guesses_a_day_between_them(bo: Person, sql: Sql) -> None:
    await bo.enrol()
    flow_id = await bo.flow(PASSWORD)
    await bo.superuser.execute(
        "INSERT INTO authn.second_step_attempts (namespace, user_id, flow_id, known_browser, browser_digest, "
        "attempted_at) SELECT $1, $2, $3, false, 'b', now() - interval '1 hour' FROM generate_series(1, 50)",
        bo.namespace, bo.user_id, flow_id,
    )  # fmt: skip
    begun = await sql.row("begin_second_step", flow_id, BROWSER, "totp", bo.namespace)
    assert begun
    assert begun["retry_after"] > 22 * 3600
    known = "INSERT INTO authn.known_browsers (namespace, user_id, browser_digest) VALUES ($1, $2, $3)"
    await bo.superuser.execute(known, bo.namespace, bo.user_id, BROWSER)
    begun = await sql.row("begin_second_step", flow_id, BROWSER, "totp", bo.namespace)
    assert begun
    assert begun["retry_after"] == 0, "the owner's own browser has its own tries"


async def test_a_second_step_begins_only_behind_a_first_factor_of_the_same_browser(bo: Person, sql: Sql) -> None:
    await bo.enrol()
    flow = json.dumps({"browser_digest": BROWSER, "expires_in": 600, "email": "alice@example.com"})
    unproven = await sql.value("start_login_flow", flow, bo.namespace)
    # As a recovery leaves it: the mailbox was proven, and the account is known, but nothing of it is a factor yet.
    await bo.superuser.execute("UPDATE authn.login_flows SET user_id = $2 WHERE id = $1", unproven, bo.user_id)
    assert await sql.row("begin_second_step", unproven, BROWSER, "totp", bo.namespace) is None
    proven = await bo.flow(PASSWORD)
    assert await sql.row("begin_second_step", proven, "browser-2", "totp", bo.namespace) is None
    assert await sql.row("begin_second_step", proven, BROWSER, "totp", f"{bo.namespace}-b") is None
    assert await sql.row("begin_second_step", proven, BROWSER, "totp", bo.namespace)


async def test_a_time_step_is_used_by_one_of_forty(bo: Person, pool: asyncpg.Pool) -> None:
    mfa_id = (await bo.enrol(last_step=100))["mfa_id"]
    flows = [await bo.flow(PASSWORD) for _ in range(AT_ONCE)]
    outcomes = await _complete_at_once(bo, pool, "complete_totp_login", flows, {"mfa_id": mfa_id, "step": 101})
    assert outcomes == {"session": 1, "used": AT_ONCE - 1}
    assert (await bo.events())["mfa_used"] == 1
    for earlier in (99, 100, 101):
        late = [await bo.flow(PASSWORD)]
        assert await _complete_at_once(bo, pool, "complete_totp_login", late, {"mfa_id": mfa_id, "step": earlier}) == {
            "used": 1
        }


async def test_a_recovery_code_is_used_by_one_of_forty(bo: Person, pool: asyncpg.Pool, sql: Sql) -> None:
    await bo.enrol()
    mfa_id = (await bo.enrol("recovery_codes", only_one=True))["mfa_id"]
    flows = [await bo.flow(PASSWORD) for _ in range(AT_ONCE)]
    proof = {"mfa_id": mfa_id, "number": 3}
    outcomes = await _complete_at_once(bo, pool, "complete_recovery_code_login", flows, proof)
    assert outcomes == {"session": 1, "used": AT_ONCE - 1}
    assert (await sql.row("count_recovery_codes", bo.user_id, bo.namespace)) == {
        "made": True, "codes_left": 9, "demanded": True,
    }  # fmt: skip
    # A new set takes the old one's place: its codes are nobody's.
    await bo.enrol("recovery_codes", only_one=True)
    late = [await bo.flow(PASSWORD)]
    proof = {"mfa_id": mfa_id, "number": 4}
    assert await _complete_at_once(bo, pool, "complete_recovery_code_login", late, proof) == {"used": 1}


async def _complete_at_once(
    bo: Person, pool: asyncpg.Pool, function: str, flows: list[Any], proof: dict[str, Any]
) -> Counter[str]:
    query = f"SELECT outcome FROM authn.{function}($1, $2, '{{}}', $3)"
    given = json.dumps(proof, default=str)
    logins = [bo.login(flow_id, [TOTP], session=True) for flow_id in flows]
    return Counter(await asyncio.gather(*(pool.fetchval(query, login, given, bo.namespace) for login in logins)))


async def test_an_authenticator_of_somebody_else_completes_nothing(bo: Person, pool: asyncpg.Pool, sql: Sql) -> None:
    mallory = Person(sql, bo.namespace, bo.superuser)
    mallory.user_id = await sql.user(bo.namespace, "mallory@example.com")
    mallory.session_id = await mallory.log_in()
    mallorys = {"mfa_id": (await mallory.enrol())["mfa_id"], "step": 1}
    await bo.enrol()
    flow = [await bo.flow(PASSWORD)]
    assert await _complete_at_once(bo, pool, "complete_totp_login", flow, mallorys) == {"used": 1}
    codes = {"mfa_id": (await mallory.enrol("recovery_codes"))["mfa_id"], "number": 1}
    assert await _complete_at_once(bo, pool, "complete_recovery_code_login", flow, codes) == {"used": 1}


async def test_a_reset_leaves_passkeys_and_ends_everything_else(bo: Person, sql: Sql) -> None:
    await bo.enrol()
    await bo.enrol("recovery_codes")
    passkey = await bo.add_passkey()
    await _set_second_step(bo, "webauthn", on=True)
    assert await sql.value("reset_mfa", bo.user_id, None, "{}", bo.namespace) == 2
    assert [row["id"] for row in await sql.rows("list_mfa", bo.user_id, bo.namespace)] == [passkey]
    assert await sql.rows("list_sessions", bo.user_id, bo.namespace) == []
    assert (await bo.complete(None, [PASSWORD], session=True))["outcome"] == "session"
    assert (await bo.events())["mfa_reset"] == 1


async def test_reading_an_apps_secret_leaves_an_event(bo: Person, sql: Sql) -> None:
    await bo.enrol()
    rows = await sql.rows("read_totp_secrets", bo.user_id, "{}", bo.namespace)
    assert [row["secret"] for row in rows] == ["sealed"]
    assert (await bo.events())["totp_code_shown"] == 1


async def test_what_a_person_can_prove_anew(bo: Person, sql: Sql) -> None:
    assert set(await sql.value("list_ways_in", bo.user_id, bo.namespace)) == {"password"}
    passkey = await bo.add_passkey()
    assert set(await sql.value("list_ways_in", bo.user_id, bo.namespace)) == {"password", "webauthn"}
    # Made silently by the browser, and not used since.
    await bo.superuser.execute("UPDATE authn.mfa_secrets SET upgraded = true WHERE id = $1", passkey)
    assert set(await sql.value("list_ways_in", bo.user_id, bo.namespace)) == {"password"}
    assert await sql.value("list_ways_in", bo.user_id, f"{bo.namespace}-b") == []

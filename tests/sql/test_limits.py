"""Limits in the database: refusals counted once however they come, mails that unlock, and proofs that count once."""

import asyncio
import json
import secrets
import uuid
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from tests.sql.conftest import AT_ONCE, Sql
from tests.support.account_in_sql import Person as Account

EMAIL, BROWSER, OTHER_BROWSER = "alice@example.com", "a-browser", "another-browser"
ADDRESS = "203.0.113.9"


def actor(address: str = ADDRESS) -> str:
    return json.dumps({"actor_id": "anonymous", "ip_address": address})


def a_wish(**more: Any) -> dict[str, Any]:
    return {
        "email": EMAIL, "browser_digest": BROWSER, "verification_id": str(uuid.uuid4()), "code_digest": "right",
        "impossible_digest": "never", "link_digest": secrets.token_hex(32), "code_expires_in": 600,
        "link_expires_in": 3600, "expires_in": 3600, "mail_code": "m", "mail_link": "m", "mail_other": "m",
        "mail_disabled": "m", "mail_unlock": "m", **more,
    }  # fmt: skip


async def everywhere(pool: asyncpg.Pool, function: str, calls: list[tuple[Any, ...]]) -> list[Any]:
    """Many calls at one moment."""
    places = ", ".join(f"${number}" for number in range(1, len(calls[0]) + 1))
    return await asyncio.gather(*(pool.fetchrow(f"SELECT * FROM authn.{function}({places})", *call) for call in calls))


async def test_a_flood_of_refusals_is_an_event_for_each_digit_of_their_number(sql: Sql, namespace: str) -> None:
    for times in (1, 9, 90, 900):
        await sql.value("note_refusal", "cross_site", times, actor(), namespace)
    events = await sql.events(namespace)
    times_told = [event["new_values"]["times"] for event in events]
    # A minute may end in between: then it begins again at what came after.
    assert times_told in ([1, 10, 100, 1000], *([1, 9, 99, 999], [1, 10, 90, 990], [1, 10, 100, 900]))
    assert {event["event_type"] for event in events} == {"request_refused"}
    assert {event["resource_id"] for event in events} == {f"{ADDRESS}/32"}
    await sql.value("note_refusal", "throttled", 1, actor(), namespace)
    await sql.value("note_refusal", "cross_site", 1, actor("203.0.113.10"), namespace)
    assert len(await sql.events(namespace)) == 6


async def test_no_count_of_forty_at_once_is_lost(
    sql: Sql, pool: asyncpg.Pool, superuser: asyncpg.Connection, namespace: str
) -> None:
    await everywhere(pool, "note_refusal", [("throttled", 1, actor(), namespace)] * AT_ONCE)
    counted = await superuser.fetchval("select sum(times) from authn.refusals where namespace = $1", namespace)
    assert counted == AT_ONCE
    assert len(await sql.events(namespace)) in (2, 3, 4)


@pytest.mark.parametrize(
    ("kind", "times"), [("", 1), (None, 1), ("Kind", 1), ("a kind", 1), ("x" * 41, 1), ("kind", 0), ("kind", None)]
)
async def test_a_refusal_has_a_kind_and_a_number(sql: Sql, namespace: str, kind: Any, times: Any) -> None:
    error = await sql.error("note_refusal", kind, times, actor(), namespace)
    assert error.sqlstate == "22023"


@pytest.mark.adversarial("G7")
async def test_of_forty_wishes_to_unlock_at_once_three_are_mailed(
    sql: Sql, pool: asyncpg.Pool, superuser: asyncpg.Connection, namespace: str
) -> None:
    await sql.user(namespace)
    answers = await everywhere(
        pool, "begin_unlock", [(json.dumps(a_wish()), actor(), namespace) for _ in range(AT_ONCE)]
    )
    assert {answer["outcome"] for answer in answers} == {"sent"}
    assert await superuser.fetchval("select count(*) from authn.outbox where namespace = $1", namespace) == 3


@pytest.mark.parametrize("account", ["usable", "disabled", "none"])
async def test_every_address_gets_its_own_mail_and_only_one_kind_unlocks(
    sql: Sql, superuser: asyncpg.Connection, namespace: str, account: str
) -> None:
    if account != "none":
        user_id = await sql.user(namespace)
        if account == "disabled":
            await sql.value("disable_user", user_id, namespace)
    wish = a_wish(mail_unlock="unlock", mail_disabled="disabled", mail_other="none")
    begun = await sql.row("begin_unlock", json.dumps(wish), actor(), namespace)
    assert begun is not None
    assert begun["outcome"] == "sent"
    sent = await superuser.fetchval("select payload from authn.outbox where namespace = $1", namespace)
    assert sent == {"usable": "unlock", "disabled": "disabled", "none": "none"}[account]
    flow = await sql.value("use_unlock_link", wish["link_digest"], BROWSER, '{"expires_in": 600}', actor(), namespace)
    assert (flow is not None) is (account == "usable")


async def test_of_forty_presses_one_unlocks_and_only_its_browser(
    sql: Sql, pool: asyncpg.Pool, superuser: asyncpg.Connection, namespace: str
) -> None:
    user_id = await sql.user(namespace)
    wish = a_wish()
    await sql.row("begin_unlock", json.dumps(wish), actor(), namespace)
    await superuser.execute(
        "insert into authn.login_attempts (namespace, email, success, ip_address) "
        "select $1, $2, false, '198.51.100.1'::inet + n from generate_series(1, 100) n",
        namespace,
        EMAIL,
    )
    locked = await sql.row("begin_password_login", EMAIL, OTHER_BROWSER, actor(), namespace)
    assert locked is not None
    assert locked["locked"]
    assert locked["retry_after"] > 0
    assert locked["attempt_id"] is None
    calls = [(wish["link_digest"], f"browser-{n}", '{"expires_in": 600}', actor(), namespace) for n in range(AT_ONCE)]
    flows = [answer[0] for answer in await everywhere(pool, "use_unlock_link", calls)]
    assert sum(flow is not None for flow in flows) == 1
    unlocked = await superuser.fetch("select browser_digest from authn.login_unlocks where user_id = $1", user_id)
    assert [row[0] for row in unlocked] == [f"browser-{next(n for n, flow in enumerate(flows) if flow)}"]
    for n, flow in enumerate(flows[:5]):
        attempt = await sql.row("begin_password_login", EMAIL, f"browser-{n}", actor(), namespace)
        assert attempt is not None
        assert attempt["locked"] is (flow is None)


async def test_an_operator_unlocks_one_account_of_one_tenant(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    for _ in range(3):
        await sql.rows("begin_password_login", "alice@example.com", "b" * 64, "{}", namespace)
    actor = '{"actor_id": "bo"}'
    assert await sql.value("unlock_login", user_id, actor, f"{namespace}x") is None
    assert await sql.value("unlock_login", user_id, actor, namespace) == 3
    assert await sql.value("unlock_login", user_id, actor, namespace) == 0
    assert [event["event_type"] for event in await sql.events(namespace)].count("login_unlocked") == 2


async def test_limits_of_one_tenant_are_nothing_in_another(sql: Sql, namespace: str) -> None:
    await sql.user(namespace)
    await sql.user(f"{namespace}-other")
    wish = a_wish()
    await sql.row("begin_unlock", json.dumps(wish), actor(), namespace)
    elsewhere = ('{"expires_in": 600}', actor())
    assert await sql.value("use_unlock_link", wish["link_digest"], BROWSER, *elsewhere, f"{namespace}-other") is None
    assert await sql.value("use_unlock_link", wish["link_digest"], BROWSER, *elsewhere, namespace) is not None


async def test_what_is_over_is_cleaned_up(sql: Sql, superuser: asyncpg.Connection, namespace: str) -> None:
    user_id = await sql.user(namespace)
    await superuser.execute(
        "insert into authn.refusals select $1, now() - age, 'throttled', '192.0.2.1', 1 "
        "from unnest(array['31 days', '1 day']::interval[]) age",
        namespace,
    )
    await superuser.execute(
        "insert into authn.login_unlocks select $1, $2, age::text, now() - age "
        "from unnest(array['1 minute', '-1 minute']::interval[]) age",
        namespace,
        user_id,
    )
    await superuser.execute(
        "insert into authn.spent_challenges select $1, age::text, null, false, now() - age "
        "from unnest(array['1 minute', '-1 minute']::interval[]) age",
        namespace,
    )
    await sql.value("clean_up", 1000)
    for table in ("refusals", "login_unlocks", "spent_challenges"):
        assert await superuser.fetchval(f"select count(*) from authn.{table} where namespace = $1", namespace) == 1


HOUR = timedelta(hours=1)


async def test_a_challenge_is_spent_by_one_of_forty(pool: asyncpg.Pool, namespace: str) -> None:
    calls = [("a" * 64, False, HOUR, actor(), namespace)] * AT_ONCE
    outcomes = [answer[0] for answer in await everywhere(pool, "spend_challenge", calls)]
    assert sorted(outcomes) == ["again"] * (AT_ONCE - 1) + ["spent"]


async def test_of_forty_who_waited_in_one_network_one_goes_through(
    sql: Sql, pool: asyncpg.Pool, superuser: asyncpg.Connection, namespace: str
) -> None:
    calls = [(f"{number:064}", True, HOUR, actor(), namespace) for number in range(AT_ONCE)]
    outcomes = [answer[0] for answer in await everywhere(pool, "spend_challenge", calls)]
    assert sorted(outcomes) == ["spent"] + ["wait"] * (AT_ONCE - 1)
    assert await sql.value("spend_challenge", "b" * 64, True, HOUR, actor("203.0.113.10"), namespace) == "spent"
    assert await sql.value("spend_challenge", "c" * 64, False, HOUR, actor(), namespace) == "spent"
    await superuser.execute(
        "update authn.spent_challenges set spent_at = spent_at - interval '16 seconds' where namespace = $1", namespace
    )
    assert await sql.value("spend_challenge", "d" * 64, True, HOUR, actor(), namespace) == "spent"


@pytest.mark.parametrize("email", [EMAIL, "nobody@example.com"])
async def test_work_is_asked_for_after_three_failures_of_an_address_or_a_network(
    sql: Sql, namespace: str, email: str
) -> None:
    await sql.user(namespace)

    async def needed(address: str, who: str = email) -> bool:
        return bool(await sql.value("login_needs_work", who, BROWSER, actor(address), namespace))

    for number in range(3):
        assert not await needed(ADDRESS)
        await sql.value("record_login_attempt", email, False, f"198.51.100.{number}", namespace)
    assert await needed(ADDRESS)
    for number in range(3):
        assert not await needed("192.0.2.44", "somebody-else@example.com")
        await sql.value("record_login_attempt", f"spray-{number}@example.com", False, "192.0.2.44", namespace)
    assert await needed("192.0.2.44", "somebody-else@example.com")


async def begin_login(sql: Sql, namespace: str) -> dict[str, Any]:
    wish = a_wish()
    begun = await sql.row("begin_mail_login", json.dumps(wish), actor(), namespace)
    assert begun is not None
    assert begun["outcome"] == "sent"
    return {**wish, "flow_id": begun["flow_id"]}


@pytest.mark.adversarial("F7")
async def test_the_database_looks_at_a_code_in_the_browser_of_its_login_only(sql: Sql, namespace: str) -> None:
    await sql.user(namespace)
    wish = await begin_login(sql, namespace)
    proof = (uuid.UUID(wish["verification_id"]), "right", actor(), namespace)
    elsewhere = await sql.row("try_login_code", wish["flow_id"], OTHER_BROWSER, *proof)
    here = await sql.row("try_login_code", wish["flow_id"], BROWSER, *proof)
    assert elsewhere is not None
    assert here is not None
    assert (elsewhere["outcome"], here["outcome"]) == ("dead", "right")


@pytest.mark.adversarial("F8")
async def test_a_code_completes_one_factor_also_while_the_login_goes_on(sql: Sql, namespace: str) -> None:
    user_id = await sql.user(namespace)
    wish = await begin_login(sql, namespace)
    login = {
        "flow_id": str(wish["flow_id"]), "browser_digest": BROWSER, "user_id": str(user_id), "email": EMAIL,
        "factors": [{"method": "email_code", "amr": ["email"]}],
    }  # fmt: skip
    proof = {"kind": "code", "verification_id": wish["verification_id"], "code_digest": "right"}
    outcomes = [
        await sql.row("complete_mail_login", json.dumps(login), json.dumps(proof), actor(), namespace) for _ in range(2)
    ]
    assert [row and row["outcome"] for row in outcomes] == ["pending", "gone"]


@pytest.mark.adversarial("F3")
@pytest.mark.parametrize("enrolled", [False, True])
async def test_two_digits_approve_a_login_without_a_second_step_only(
    sql: Sql, superuser: asyncpg.Connection, namespace: str, enrolled: bool
) -> None:
    bo = await Account(sql, namespace, superuser).arrive()
    # What was put on the account before its address was proven is no second step.
    await superuser.execute("update authn.users set email_verified_at = now() where id = $1", bo.user_id)
    if enrolled:
        await bo.enrol()
    wish = await begin_login(sql, namespace)
    answer = await sql.value("answer_login_link", wish["link_digest"], "approve", "m", actor(), namespace)
    assert answer == ("dead" if enrolled else "approve")

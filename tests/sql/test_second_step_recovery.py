"""A second step that is taken off after a wait: one wish, one end, and nothing of another tenant's."""

import asyncio
import json
from collections import Counter

import asyncpg
import pytest

from tests.sql.conftest import AT_ONCE, Sql
from tests.support.account_in_sql import BROWSER, Person

PASSWORD = {"method": "password", "amr": ["pwd"]}


@pytest.fixture
async def bo(sql: Sql, namespace: str, superuser: asyncpg.Connection) -> Person:
    return await Person(sql, namespace, superuser).arrive()


async def test_one_wish_to_take_it_off_of_forty_and_one_end(bo: Person, pool: asyncpg.Pool, sql: Sql) -> None:
    await bo.enrol()
    await bo.prove_address()
    flow_id = await bo.flow(PASSWORD)
    begin = "SELECT authn.begin_second_step_recovery($1, $2, $3, '{}', $4)"
    wishes = [
        json.dumps({"finish_digest": f"f{n}-{bo.namespace}", "stop_digest": f"s{n}-{bo.namespace}", "opens_in": 0,
                    "expires_in": 600, "mails": ["sealed"], "reminders": ["sealed"]})
        for n in range(AT_ONCE)
    ]  # fmt: skip
    outcomes = await asyncio.gather(*(pool.fetchval(begin, flow_id, BROWSER, wish, bo.namespace) for wish in wishes))
    assert Counter(outcomes) == {"begun": 1, "waiting": AT_ONCE - 1}
    begun = outcomes.index("begun")
    finish = "SELECT authn.finish_second_step_recovery($1, '[]', '{}', $2)"
    digest = f"f{begun}-{bo.namespace}"
    done = await asyncio.gather(*(pool.fetchval(finish, digest, bo.namespace) for _ in range(AT_ONCE)))
    assert Counter(done) == {True: 1, False: AT_ONCE - 1}
    assert (await bo.events())["mfa_reset"] == 1
    await bo.superuser.execute(
        "UPDATE authn.second_step_recoveries SET expires_at = now() - interval '8 days' WHERE user_id = $1", bo.user_id
    )
    await bo.superuser.execute(
        "UPDATE authn.second_step_attempts SET attempted_at = now() - interval '25 hours' WHERE user_id = $1",
        bo.user_id,
    )
    await sql.value("clean_up", 1000)
    assert await sql.row("find_second_step_recovery", digest, bo.namespace) is None


async def test_saying_no_and_finishing_at_once_have_one_winner(bo: Person, pool: asyncpg.Pool) -> None:
    await bo.enrol()
    await bo.prove_address()
    flow_id = await bo.flow(PASSWORD)
    wish = json.dumps({"finish_digest": f"f-{bo.namespace}", "stop_digest": f"s-{bo.namespace}", "opens_in": 0,
                       "expires_in": 600, "mails": [], "reminders": []})  # fmt: skip
    assert await bo.sql.value("begin_second_step_recovery", flow_id, BROWSER, wish, "{}", bo.namespace) == "begun"
    finish = "SELECT authn.finish_second_step_recovery($1, '[]', '{}', $2)"
    stop = "SELECT authn.stop_second_step_recovery($1, '{}', $2)"
    done = await asyncio.gather(
        *(pool.fetchval(finish, f"f-{bo.namespace}", bo.namespace) for _ in range(AT_ONCE // 2)),
        *(pool.fetchval(stop, f"s-{bo.namespace}", bo.namespace) for _ in range(AT_ONCE // 2)),
    )
    assert Counter(done) == {True: 1, False: AT_ONCE - 1}


async def test_the_links_of_one_tenant_are_nothing_in_another(bo: Person, sql: Sql) -> None:
    await bo.enrol()
    await bo.prove_address()
    flow_id = await bo.flow(PASSWORD)
    wish = json.dumps({"finish_digest": f"f-{bo.namespace}", "stop_digest": f"s-{bo.namespace}", "opens_in": 0,
                       "expires_in": 600, "mails": [], "reminders": ["sealed"]})  # fmt: skip
    other = f"{bo.namespace}-b"
    assert await sql.value("begin_second_step_recovery", flow_id, BROWSER, wish, "{}", other) == "gone"
    assert await sql.value("begin_second_step_recovery", flow_id, BROWSER, wish, "{}", bo.namespace) == "begun"
    for digest in (f"f-{bo.namespace}", f"s-{bo.namespace}"):
        assert await sql.row("find_second_step_recovery", digest, other) is None
        assert await sql.row("find_second_step_recovery", digest, bo.namespace)
    assert await sql.value("stop_second_step_recovery", f"s-{bo.namespace}", "{}", other) is False
    assert await sql.value("finish_second_step_recovery", f"f-{bo.namespace}", "[]", "{}", other) is False
    assert await sql.row("find_lost_second_step", flow_id, BROWSER, other) is None
    assert await sql.value("remind_of_second_step_recoveries") >= 1


async def test_nobody_is_through_before_the_wait_is_over(bo: Person, sql: Sql) -> None:
    await bo.enrol()
    await bo.prove_address()
    flow_id = await bo.flow(PASSWORD)
    digests = {"finish_digest": f"f-{bo.namespace}", "stop_digest": f"s-{bo.namespace}"}
    wish = json.dumps({**digests, "opens_in": 60, "expires_in": 600, "mails": [], "reminders": []})
    assert await sql.value("begin_second_step_recovery", flow_id, BROWSER, wish, "{}", bo.namespace) == "begun"
    assert await sql.value("finish_second_step_recovery", f"f-{bo.namespace}", "[]", "{}", bo.namespace) is False
    assert await sql.value("finish_second_step_recovery", f"s-{bo.namespace}", "[]", "{}", bo.namespace) is False
    open_now = "UPDATE authn.second_step_recoveries SET opens_at = now() WHERE user_id = $1"
    await bo.superuser.execute(open_now, bo.user_id)
    assert await sql.value("finish_second_step_recovery", f"s-{bo.namespace}", "[]", "{}", bo.namespace) is False
    assert await sql.value("stop_second_step_recovery", f"f-{bo.namespace}", "{}", bo.namespace) is False
    assert await sql.value("finish_second_step_recovery", f"f-{bo.namespace}", "[]", "{}", bo.namespace) is True


async def test_the_wait_begins_only_behind_a_first_factor(bo: Person, sql: Sql) -> None:
    await bo.enrol()
    await bo.prove_address()
    flow_id = await bo.flow()
    await bo.superuser.execute("UPDATE authn.login_flows SET user_id = $2 WHERE id = $1", flow_id, bo.user_id)
    assert await sql.value("begin_second_step_recovery", flow_id, BROWSER, "{}", "{}", bo.namespace) == "gone"
    other = await bo.flow(PASSWORD)
    assert await sql.value("begin_second_step_recovery", other, "browser-2", "{}", "{}", bo.namespace) == "gone"

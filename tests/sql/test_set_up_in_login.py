"""A second step that is set up inside a login: only where it is asked for, once, and behind the mailbox."""

import asyncio
import json
from collections import Counter
from typing import Any

import asyncpg
import pytest

from tests.sql.conftest import Sql
from tests.support.account_in_sql import BROWSER, Person
from tests.support.database import STATEMENT_CACHE, TestDatabase

PASSWORD = {"method": "password", "amr": ["pwd"]}
MAIL = {"method": "email_code", "amr": ["email"]}
TOTP = {"method": "totp", "amr": ["otp"], "second": True}
APP = json.dumps({"mfa_type": "totp", "secret": "sealed", "last_step": 7})


@pytest.fixture
async def bo(sql: Sql, namespace: str, superuser: asyncpg.Connection) -> Person:
    await sql.value("create_namespace", namespace, "Strict", "{}")
    await sql.value("set_namespace_policy", json.dumps({"second_factor": "required"}), "{}", namespace)
    return await Person(sql, namespace, superuser).arrive()


async def may(bo: Person, flow_id: Any, browser: str = BROWSER, namespace: str | None = None) -> Any:
    return await bo.sql.value("may_set_up_in_login", flow_id, browser, namespace or bo.namespace)


async def set_up(bo: Person, flow_id: Any) -> Any:
    row = await bo.sql.row(
        "complete_set_up_login", bo.login(flow_id, [TOTP], session=True), APP, "{}", bo.namespace
    )  # fmt: skip
    return row and row["outcome"]


async def test_the_mailbox_is_proven_first(bo: Person) -> None:
    by_password = await bo.flow(PASSWORD)
    assert await may(bo, by_password) == "mailbox_first"
    assert await set_up(bo, by_password) == "gone"
    by_mail = await bo.flow(MAIL)
    assert await may(bo, by_mail) == "yes"
    assert await set_up(bo, by_mail) == "session"
    assert (await bo.events())["mfa_added"] == 1


async def test_nobody_else_may(bo: Person) -> None:
    flow_id = await bo.flow(MAIL)
    assert await may(bo, flow_id, "another browser") == "no"
    assert await may(bo, flow_id, namespace="somewhere-else") == "no"
    assert await may(bo, await bo.flow()) == "no"  # nothing is proven
    await bo.enrol("recovery_codes")
    assert await may(bo, flow_id) == "no"  # whoever has something proves that
    assert await set_up(bo, flow_id) == "gone"


async def test_only_where_the_namespace_asks_for_it(bo: Person, sql: Sql) -> None:
    flow_id = await bo.flow(MAIL)
    await sql.value("set_namespace_policy", json.dumps({"second_factor": "optional"}), "{}", bo.namespace)
    assert await may(bo, flow_id) == "no"
    assert await set_up(bo, flow_id) == "gone"


async def test_of_twenty_at_once_one_is_added(bo: Person, module_database: TestDatabase) -> None:
    flows = [await bo.flow(MAIL) for _ in range(20)]
    async with asyncpg.create_pool(
        module_database.app_url, min_size=20, max_size=20, statement_cache_size=STATEMENT_CACHE
    ) as pool:
        query = "select outcome from authn.complete_set_up_login($1, $2, '{}', $3)"
        outcomes = await asyncio.gather(
            *(pool.fetchval(query, bo.login(flow, [TOTP], session=True), APP, bo.namespace) for flow in flows)
        )
    assert Counter(outcomes) == {"session": 1, "gone": 19}
    assert (await bo.events())["mfa_added"] == 1

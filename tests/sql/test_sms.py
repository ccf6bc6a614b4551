"""Login by text message in the database: caps under concurrency, calling codes, one winner, nothing left behind."""

import asyncio
import json
import secrets
import uuid
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from tests.sql.conftest import Sql
from tests.support.database import TestDatabase, connect

PHONE, BROWSER = "+41791234567", "a-browser"


@pytest.fixture
async def tenant(sql: Sql, namespace: str) -> str:
    await sql.value("create_namespace", namespace, "Acme", "{}")
    return namespace


async def begin(sql: Sql, tenant: str, phone: str = PHONE, **more: Any) -> dict[str, Any]:
    wish = {
        "phone": phone, "browser_digest": BROWSER, "verification_id": str(uuid.uuid4()), "code_digest": "right",
        "impossible_digest": "never", "link_digest": secrets.token_hex(32), "code_expires_in": 600, "expires_in": 600,
        "message": "sealed", **more,
    }  # fmt: skip
    row = await sql.row("begin_sms_login", json.dumps(wish), "{}", tenant)
    assert row is not None
    return {**row, "verification_id": uuid.UUID(wish["verification_id"])}


async def try_code(sql: Sql, tenant: str, begun: dict[str, Any], code: str = "right") -> Any:
    return await sql.row("try_sms_code", begun["flow_id"], BROWSER, begun["verification_id"], code, "{}", tenant)


async def complete(sql: Sql, tenant: str, begun: dict[str, Any], user_id: Any, code: str = "right") -> Any:
    login = {
        "flow_id": str(begun["flow_id"]), "browser_digest": BROWSER, "user_id": str(user_id),
        "factors": [{"method": "sms_code", "amr": ["sms"]}],
        "session": {"token_hash": secrets.token_hex(32), "amr": ["sms"]},
    }  # fmt: skip
    proof = {"verification_id": str(begun["verification_id"]), "code_digest": code}
    row = await sql.row("complete_sms_login", json.dumps(login), json.dumps(proof), "{}", tenant)
    assert row is not None
    return row["outcome"]


async def at_once(database: TestDatabase, calls: list[Any]) -> list[Any]:
    connections = [await connect(database.app_url) for _ in calls]
    try:
        return await asyncio.gather(*(call(Sql(c)) for call, c in zip(calls, connections, strict=True)))
    finally:
        for connection in connections:
            await connection.close()


@pytest.mark.parametrize(
    ("phone", "code"),
    [
        ("+12025550123", "+1"), ("+79161234567", "+7"), ("+201001234567", "+20"), ("+27821234567", "+27"),
        ("+41791234567", "+41"), ("+420601123456", "+420"), ("+4915112345678", "+49"), ("+447400123456", "+44"),
        ("+5511961234567", "+55"), ("+590690001234", "+590"), ("+6591234567", "+65"), ("+67077212345", "+670"),
        ("+819012345678", "+81"), ("+85251234567", "+852"), ("+8613123456789", "+86"), ("+8821612345678", "+882"),
        ("+919876543210", "+91"), ("+971501234567", "+971"), ("+989121234567", "+98"), ("+35312345678", "+353"),
        ("+37061234567", "+370"), ("+38160123456", "+381"), ("+211977123456", "+211"), ("+9613123456", "+961"),
    ],
)  # fmt: skip
async def test_a_number_counts_for_its_country(superuser: asyncpg.Connection, phone: str, code: str) -> None:
    assert await superuser.fetchval("select authn._calling_code($1)", phone) == code


async def test_forty_at_once_send_no_more_than_the_cap(
    sql: Sql, superuser: asyncpg.Connection, tenant: str, module_database: TestDatabase
) -> None:
    await sql.value("set_namespace_policy", '{"sms_per_number": 3}', "{}", tenant)
    begun = await at_once(module_database, [lambda sql: begin(sql, tenant)] * 40)
    assert {row["outcome"] for row in begun} == {"sent"}
    query = "select count(*) from authn.outbox where namespace = $1 and kind = 'sms'"
    assert await superuser.fetchval(query, tenant) == 3
    suppressed = [event for event in await sql.events(tenant) if event["event_type"] == "sms_suppressed"]
    assert len(suppressed) == 37
    for row in begun:
        tried = await try_code(sql, tenant, row)
        assert tried["outcome"] in ("right", "wrong")
    assert [event["event_type"] for event in await sql.events(tenant)].count("user_created") == 1


async def test_of_forty_uses_of_a_code_one_gets_the_session(
    sql: Sql, tenant: str, module_database: TestDatabase
) -> None:
    row = await begin(sql, tenant)
    user_id = (await try_code(sql, tenant, row))["user_id"]
    outcomes = await at_once(module_database, [lambda sql: complete(sql, tenant, row, user_id)] * 40)
    assert sorted(set(outcomes)) == ["gone", "session"]
    assert outcomes.count("session") == 1


async def test_a_code_is_for_its_number_and_its_tenant(sql: Sql, tenant: str) -> None:
    row = await begin(sql, tenant)
    other = await sql.user(tenant, "kim@example.org")
    assert (await try_code(sql, f"{tenant}-other", row))["outcome"] == "dead"
    assert await complete(sql, tenant, row, other) == "gone"
    row = await begin(sql, tenant)
    user_id = (await try_code(sql, tenant, row))["user_id"]
    assert await complete(sql, tenant, row, user_id, code="wrong") == "gone"
    assert await complete(sql, tenant, row, user_id) == "session"


async def test_a_code_lives_ten_minutes(sql: Sql, tenant: str) -> None:
    row = await begin(sql, tenant, code_expires_in=-1)
    assert (await try_code(sql, tenant, row))["outcome"] == "dead"


@pytest.mark.parametrize("phone", ["079 123 45 67", "+0", "", "zoe@example.org"])
async def test_only_numbers_in_e164_are_taken(sql: Sql, tenant: str, phone: str) -> None:
    wish = json.dumps({"phone": phone, "browser_digest": BROWSER})
    assert (await sql.error("begin_sms_login", wish, "{}", tenant)).sqlstate.startswith("220")


async def test_a_worker_takes_only_what_it_can_send(superuser: asyncpg.Connection, sql: Sql, tenant: str) -> None:
    await superuser.execute("delete from authn.outbox")
    await begin(sql, tenant)
    assert await sql.rows("take_outbox", 10, timedelta(minutes=1), ["mail"]) == []
    assert [row["kind"] for row in await sql.rows("take_outbox", 10, timedelta(minutes=1), ["mail", "sms"])] == ["sms"]


async def test_what_no_cap_counts_any_more_is_deleted(sql: Sql, superuser: asyncpg.Connection, tenant: str) -> None:
    await begin(sql, tenant)
    age = "update authn.sms_sent set sent_at = now() - interval '3 days' where namespace = $1"
    await superuser.execute(age, tenant)
    await sql.value("clean_up", 1000)
    assert await superuser.fetchval("select count(*) from authn.sms_sent where namespace = $1", tenant) == 0


async def test_a_deleted_person_leaves_no_number_behind(sql: Sql, superuser: asyncpg.Connection, tenant: str) -> None:
    row = await begin(sql, tenant)
    await try_code(sql, tenant, row, "wrong")
    user_id = (await try_code(sql, tenant, row))["user_id"]
    await complete(sql, tenant, row, user_id)
    await sql.value("delete_user", user_id, tenant)
    for table, column in (
        ("sms_sent", "phone"), ("verifications", "email"), ("login_flows", "email"), ("identities", "value"),
        ("audit_events", "concat(resource_id, old_values, new_values, actor_id)"),
    ):  # fmt: skip
        query = f"select count(*) from authn.{table} where namespace = $1 and strpos({column}, $2) > 0"
        assert await superuser.fetchval(query, tenant, PHONE) == 0, table

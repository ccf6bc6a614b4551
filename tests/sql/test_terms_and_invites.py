"""Acceptances of the terms and invitations, as the functions keep them."""

import asyncio
import json
import secrets
import uuid
from typing import Any

import asyncpg
import pytest

from tests.sql.conftest import Sql
from tests.support.database import TestDatabase, connect

BROWSER, EMAIL = "a-browser", "zoe@acme.example"


@pytest.fixture
async def tenant(sql: Sql, namespace: str) -> str:
    await sql.value("create_namespace", namespace, "Acme", "{}")
    return namespace


async def policy(sql: Sql, tenant: str, **changes: Any) -> None:
    await sql.value("set_namespace_policy", json.dumps(changes), "{}", tenant)


async def flow(sql: Sql, tenant: str) -> Any:
    wish = {"browser_digest": BROWSER, "email": EMAIL, "expires_in": 600}
    return await sql.value("start_login_flow", json.dumps(wish), tenant)


async def log_in(sql: Sql, tenant: str, user_id: Any, flow_id: Any, **more: Any) -> Any:
    login = {
        "flow_id": str(flow_id), "browser_digest": BROWSER, "user_id": str(user_id),
        "factors": [{"method": "password", "amr": ["pwd"]}],
        "session": {"token_hash": secrets.token_hex(32), "amr": ["pwd"]}, **more,
    }  # fmt: skip
    row = await sql.row("complete_login", json.dumps(login), "{}", tenant)
    assert row is not None
    return row["outcome"]


async def invite(sql: Sql, tenant: str, digest: str = "digest", email: str = EMAIL) -> Any:
    return await sql.value("create_invite", email, digest, "sealed", "{}", tenant)


async def test_there_is_no_session_before_acceptance(sql: Sql, tenant: str) -> None:
    await policy(sql, tenant, terms_version="1")
    user_id, flow_id = await sql.user(tenant), await flow(sql, tenant)
    assert await log_in(sql, tenant, user_id, flow_id) == "terms"
    assert await sql.rows("list_sessions", user_id, tenant) == []
    assert await log_in(sql, tenant, user_id, flow_id, factors=[]) == "terms"
    assert await sql.value("note_terms", flow_id, BROWSER, "1", tenant) is True
    assert await log_in(sql, tenant, user_id, flow_id, factors=[]) == "session"
    assert await log_in(sql, tenant, user_id, await flow(sql, tenant)) == "session"
    accepted = [event for event in await sql.events(tenant) if event["event_type"] == "terms_accepted"]
    assert [event["new_values"] for event in accepted] == [{"version": "1"}]


async def test_nothing_proven_is_never_enough(sql: Sql, tenant: str) -> None:
    user_id, flow_id = await sql.user(tenant), await flow(sql, tenant)
    assert await log_in(sql, tenant, user_id, flow_id, factors=[]) == "pending"
    assert await sql.rows("list_sessions", user_id, tenant) == []


async def test_only_the_version_of_now_is_noted_and_only_in_its_own_browser(sql: Sql, tenant: str) -> None:
    flow_id = await flow(sql, tenant)
    assert await sql.value("note_terms", flow_id, BROWSER, "1", tenant) is False
    await policy(sql, tenant, terms_version="2")
    assert await sql.value("note_terms", flow_id, BROWSER, "1", tenant) is False
    assert await sql.value("note_terms", flow_id, "another browser", "2", tenant) is False
    assert await sql.value("note_terms", flow_id, BROWSER, "2", f"{tenant}-other") is False
    assert await sql.value("note_terms", flow_id, BROWSER, "2", tenant) is True


async def test_a_flow_that_was_ended_goes_nowhere(sql: Sql, tenant: str) -> None:
    user_id, flow_id = await sql.user(tenant), await flow(sql, tenant)
    assert await sql.value("end_login_flow", flow_id, "another browser", tenant) is False
    assert await sql.value("end_login_flow", flow_id, BROWSER, tenant) is True
    assert await sql.value("end_login_flow", flow_id, BROWSER, tenant) is False
    assert await log_in(sql, tenant, user_id, flow_id) == "gone"


async def test_a_second_factor_that_the_namespace_requires_is_required_whatever_the_caller_says(
    sql: Sql, tenant: str
) -> None:
    await policy(sql, tenant, second_factor="required")
    user_id = await sql.user(tenant)
    assert await log_in(sql, tenant, user_id, await flow(sql, tenant), second_factor_required=False) == "pending"
    both = [{"method": "password", "amr": ["pwd"]}, {"method": "totp", "amr": ["otp"], "second": True}]
    assert await log_in(sql, tenant, user_id, await flow(sql, tenant), factors=both) == "session"


async def test_the_newest_invitation_is_the_one_that_works(sql: Sql, tenant: str) -> None:
    assert await invite(sql, tenant, "first") == "invited"
    assert await invite(sql, tenant, "second") == "invited"
    assert await sql.row("find_invite", "first", tenant) == {"email": EMAIL, "usable": False}
    assert await sql.row("find_invite", "second", tenant) == {"email": EMAIL, "usable": True}
    assert await sql.row("find_invite", "second", f"{tenant}-other") is None
    assert await sql.row("find_invite", "third", tenant) is None


@pytest.mark.adversarial("G9")
@pytest.mark.parametrize(("microseconds", "usable"), [(1, True), (0, False), (-1, False)])
async def test_g9_an_invitation_ends_at_its_very_moment(
    superuser: asyncpg.Connection, tenant: str, microseconds: int, usable: bool
) -> None:
    """In one transaction, where now() stands still."""
    async with superuser.transaction():
        as_superuser = Sql(superuser)
        await policy(as_superuser, tenant, signup="invite")
        await invite(as_superuser, tenant)
        await superuser.execute(
            "update authn.invites set expires_at = now() + $1 * interval '1 microsecond' where namespace = $2",
            microseconds, tenant,
        )  # fmt: skip
        assert await as_superuser.row("find_invite", "digest", tenant) == {"email": EMAIL, "usable": usable}
        assert await superuser.fetchval("select authn._signup_permitted($1, $2)", EMAIL, tenant) is usable


async def test_an_invitation_is_withdrawn_once_and_where_it_was_made(sql: Sql, tenant: str) -> None:
    await invite(sql, tenant)
    assert await sql.value("withdraw_invite", EMAIL, "{}", f"{tenant}-other") is False
    assert await sql.value("withdraw_invite", "nobody@acme.example", "{}", tenant) is False
    assert await sql.value("withdraw_invite", f" {EMAIL.upper()}", '{"actor_id": "ops"}', tenant) is True
    assert await sql.value("withdraw_invite", EMAIL, "{}", tenant) is False
    assert await sql.row("find_invite", "digest", tenant) == {"email": EMAIL, "usable": False}
    withdrawn = [event for event in await sql.events(tenant) if event["event_type"] == "invite_withdrawn"]
    assert [(event["actor_id"], event["new_values"]) for event in withdrawn] == [("ops", {"email": EMAIL})]


async def test_g9_an_invitation_is_withdrawn_or_used_and_never_both(
    sql: Sql, tenant: str, module_database: TestDatabase
) -> None:
    await policy(sql, tenant, signup="invite")
    await invite(sql, tenant)
    wish = await _begin_signup(sql, tenant)
    connections = [await connect(module_database.app_url) for _ in range(20)]

    async def step(number: int, connection: Any) -> Any:
        if number % 2:
            return await Sql(connection).value("withdraw_invite", EMAIL, "{}", tenant)
        return await _use_code(Sql(connection), tenant, *wish)

    try:
        outcomes = await asyncio.gather(*(step(number, c) for number, c in enumerate(connections)))
    finally:
        for connection in connections:
            await connection.close()
    made = await sql.row("get_user_by_email", EMAIL, tenant) is not None
    assert [outcomes.count(True), outcomes.count("session")] == ([0, 1] if made else [1, 0])


async def test_of_forty_sign_ups_with_one_invitation_one_makes_the_account(
    sql: Sql, tenant: str, module_database: TestDatabase
) -> None:
    await policy(sql, tenant, signup="invite")
    await invite(sql, tenant)
    wishes = [await _begin_signup(sql, tenant) for _ in range(40)]
    connections = [await connect(module_database.app_url) for _ in range(40)]
    try:
        outcomes = await asyncio.gather(
            *(_use_code(Sql(c), tenant, *wish) for c, wish in zip(connections, wishes, strict=True))
        )
    finally:
        for connection in connections:
            await connection.close()
    assert outcomes.count("session") == 1, outcomes
    assert await sql.row("find_invite", "digest", tenant) == {"email": EMAIL, "usable": False}
    events = [event for event in await sql.events(tenant) if event["event_type"] == "user_created"]
    assert len(events) == 1


async def _begin_signup(sql: Sql, tenant: str) -> tuple[Any, str]:
    verification = str(uuid.uuid4())
    wish = {
        "email": EMAIL, "browser_digest": BROWSER, "verification_id": verification, "code_digest": "right",
        "impossible_digest": "never", "link_digest": secrets.token_hex(32), "code_expires_in": 600,
        "link_expires_in": 600, "expires_in": 600, "mail_code": "c", "mail_link": "l", "mail_other": "o",
        "mail_refused": "r", "password_hash": "hash",
    }  # fmt: skip
    begun = await sql.row("begin_signup", json.dumps(wish), "{}", tenant)
    assert begun is not None
    assert begun["outcome"] == "sent"
    return begun["flow_id"], verification


async def _use_code(sql: Sql, tenant: str, flow_id: Any, verification: str) -> Any:
    session = json.dumps({"token_hash": secrets.token_hex(32), "amr": ["pwd"]})
    row = await sql.row("use_signup_code", flow_id, BROWSER, uuid.UUID(verification), "right", session, "{}", tenant)
    assert row is not None
    return row["outcome"]


async def test_g9_a_withdrawal_waits_for_the_sign_up_under_way(
    sql: Sql, superuser: asyncpg.Connection, tenant: str
) -> None:
    """Between the look at the invitation and its use there is a moment; the address's lock spans it (_lock_login)."""
    await invite(sql, tenant)
    async with superuser.transaction():
        await superuser.execute("select authn._lock_login($1, null, $2)", EMAIL, tenant)
        withdrawal = asyncio.create_task(sql.value("withdraw_invite", EMAIL, "{}", tenant))
        done, _pending = await asyncio.wait([withdrawal], timeout=0.3)
        assert not done
    assert await withdrawal is True


@pytest.mark.parametrize("mode", ["invite", "closed"])
async def test_no_account_is_made_for_an_address_that_may_not_sign_up_even_with_the_right_code(
    sql: Sql, tenant: str, mode: str
) -> None:
    flow_id, verification = await _begin_signup(sql, tenant)
    await policy(sql, tenant, signup=mode)
    assert await _use_code(sql, tenant, flow_id, verification) == "refused"
    assert await sql.row("get_user_by_email", EMAIL, tenant) is None


async def test_old_invitations_are_cleaned_up(sql: Sql, superuser: asyncpg.Connection, tenant: str) -> None:
    await invite(sql, tenant)
    await superuser.execute(
        "update authn.invites set expires_at = now() - interval '31 days' where namespace = $1", tenant
    )
    await sql.value("clean_up", 1000)
    assert await superuser.fetchval("select count(*) from authn.invites where namespace = $1", tenant) == 0


async def test_a_deleted_person_takes_acceptances_and_invitations_along(
    sql: Sql, superuser: asyncpg.Connection, tenant: str
) -> None:
    await invite(sql, tenant)
    await policy(sql, tenant, terms_version="1")
    user_id, flow_id = await sql.user(tenant, EMAIL), await flow(sql, tenant)
    await sql.value("note_terms", flow_id, BROWSER, "1", tenant)
    await log_in(sql, tenant, user_id, flow_id)
    counts = "select count(*) from authn.{} where namespace = $1"
    assert [await superuser.fetchval(counts.format(t), tenant) for t in ("invites", "terms_acceptances")] == [1, 1]
    await sql.value("delete_user", user_id, tenant)
    assert [await superuser.fetchval(counts.format(t), tenant) for t in ("invites", "terms_acceptances")] == [0, 0]

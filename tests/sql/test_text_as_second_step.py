"""A text message as the second step: the functions decide who may send, prove and enrol, whatever a caller says."""

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

PASSWORD = {"method": "password", "amr": ["pwd"]}
TEXT = {"method": "sms_second_step", "amr": ["sms"], "second": True}
FIRST_TEXT = {"method": "sms_code", "amr": ["sms"], "second": True}
PHONE = "+41791234567"


@pytest.fixture
async def bo(sql: Sql, namespace: str, superuser: asyncpg.Connection) -> Person:
    return await Person(sql, namespace, superuser).arrive()


async def send(
    bo: Person, flow_id: Any, purpose: str, phone: str = PHONE, **more: Any
) -> tuple[str, Any, dict[str, str]]:
    """Returns the outcome, the flow, and the proof that the code of the message gives."""
    proof = {"verification_id": f"00000000-0000-4000-8000-{secrets.token_hex(6)}", "code_digest": secrets.token_hex(32)}
    wish = {"purpose": purpose, "flow_id": flow_id and str(flow_id), "phone": phone, "browser_digest": BROWSER, **proof,
            "link_digest": secrets.token_hex(32), "code_expires_in": 600, "expires_in": 600, "message": "sealed",
            **more}  # fmt: skip
    row = await bo.sql.row("send_second_step_text", json.dumps(wish), "{}", bo.namespace)
    assert row
    return row["outcome"], row["flow_id"], proof


async def enrol(bo: Person, flow_id: Any, proof: dict[str, str], session_id: Any = None) -> Any:
    login = json.dumps({"flow_id": str(flow_id), "browser_digest": BROWSER, "user_id": str(bo.user_id)})
    arguments = (login, json.dumps(proof), session_id or bo.session_id, None, "{}", bo.namespace)
    return await bo.sql.value("enrol_phone", *arguments)


async def enrolled(bo: Person) -> Person:
    _, flow_id, proof = await send(bo, None, "sms_set_up", user_id=str(bo.user_id))
    assert await enrol(bo, flow_id, proof) == "enrolled"
    return bo


async def complete(bo: Person, flow_id: Any, proof: dict[str, str]) -> Any:
    login = bo.login(flow_id, [TEXT], session=True)
    row = await bo.sql.row("complete_sms_second_step", login, json.dumps(proof), "{}", bo.namespace)
    return row and row["outcome"]


async def test_a_number_is_enrolled_by_its_code_once(bo: Person) -> None:
    outcome, flow_id, proof = await send(bo, None, "sms_set_up", user_id=str(bo.user_id))
    assert outcome == "sent"
    assert await enrol(bo, flow_id, {**proof, "code_digest": "0" * 64}) == "gone"
    assert await enrol(bo, flow_id, proof, session_id=flow_id) == "login_not_recent"
    outcome, flow_id, proof = await send(bo, None, "sms_set_up", user_id=str(bo.user_id))
    assert await enrol(bo, flow_id, proof) == "enrolled"
    assert await enrol(bo, flow_id, proof) == "gone"
    row = await bo.sql.row("get_second_step_phones", await bo.flow(PASSWORD), BROWSER, bo.namespace)
    assert row
    assert row["enrolled"] == PHONE
    assert await bo.sql.row("get_second_step_phones", await bo.flow(PASSWORD), "other", bo.namespace) is None


async def test_a_code_is_for_its_own_browser_and_person(bo: Person, sql: Sql) -> None:
    _, flow_id, proof = await send(bo, None, "sms_set_up", user_id=str(bo.user_id))
    mallory = Person(sql, bo.namespace, bo.superuser)
    mallory.user_id = await sql.user(bo.namespace, "mallory@example.org")
    mallory.session_id = await mallory.log_in()
    assert await enrol(mallory, flow_id, proof) == "gone"
    assert await enrol(bo, flow_id, proof) == "enrolled"


async def test_before_a_first_factor_nobody_learns_the_number_or_sends_to_it(bo: Person) -> None:
    await enrolled(bo)
    _, flow_id, _ = await send(bo, None, "sms_set_up", "+41790000001", user_id=str(bo.user_id))
    row = await bo.sql.row("get_second_step_phones", flow_id, BROWSER, bo.namespace)
    assert row
    assert row["enrolled"] is None
    assert (await send(bo, flow_id, "sms_second_step"))[0] == "gone"
    assert (await send(bo, await bo.flow(PASSWORD), "sms_second_step"))[0] == "sent"


async def test_behind_a_first_factor_a_message_goes_to_the_own_number_only(bo: Person) -> None:
    await enrolled(bo)
    flow_id = await bo.flow(PASSWORD)
    assert (await send(bo, flow_id, "sms_second_step", "+41790000000"))[0] == "gone"
    assert (await send(bo, flow_id, "sms_set_up", "+41790000000"))[0] == "gone"
    assert (await send(bo, flow_id, "anything"))[0] == "gone"
    assert (await send(bo, flow_id, "sms_second_step"))[0] == "sent"
    assert (await send(bo, flow_id, "sms_second_step"))[0] == "too_soon"


async def test_of_twenty_at_once_with_one_code_one_logs_in(bo: Person, module_database: TestDatabase) -> None:
    await enrolled(bo)
    flow_id = await bo.flow(PASSWORD)
    _, _, proof = await send(bo, flow_id, "sms_second_step")
    assert await complete(bo, flow_id, {**proof, "code_digest": "0" * 64}) == "used"
    async with asyncpg.create_pool(
        module_database.app_url, min_size=20, max_size=20, statement_cache_size=STATEMENT_CACHE
    ) as pool:
        query = "select outcome from authn.complete_sms_second_step($1, $2, '{}', $3)"
        outcomes = await asyncio.gather(
            *(
                pool.fetchval(query, bo.login(flow_id, [TEXT], session=True), json.dumps(proof), bo.namespace)
                for _ in range(20)
            )
        )
    assert Counter(outcomes) == {"session": 1, "used": 19}
    assert (await bo.events())["mfa_used"] == 1


async def test_a_code_of_a_number_that_was_replaced_opens_nothing(bo: Person) -> None:
    await enrolled(bo)
    flow_id = await bo.flow(PASSWORD)
    _, _, proof = await send(bo, flow_id, "sms_second_step")
    _, other, new = await send(bo, None, "sms_set_up", "+41790000001", user_id=str(bo.user_id))
    assert await enrol(bo, other, new) == "enrolled"
    assert await complete(bo, flow_id, proof) == "used"


async def test_two_text_messages_are_one_factor_and_a_code_works_once(bo: Person) -> None:
    await enrolled(bo)
    flow_id = await bo.flow(FIRST_TEXT)
    _, _, proof = await send(bo, flow_id, "sms_second_step")
    assert await complete(bo, flow_id, proof) == "pending"
    assert await complete(bo, flow_id, proof) == "used"


async def test_whoever_logs_in_by_text_message_alone_cannot_enrol_one(bo: Person) -> None:
    await bo.superuser.execute("DELETE FROM authn.identities WHERE user_id = $1", bo.user_id)
    await bo.superuser.execute("UPDATE authn.users SET password_hash = NULL WHERE id = $1", bo.user_id)
    await bo.superuser.execute(
        "INSERT INTO authn.identities (namespace, user_id, kind, value, verified_at) "
        "VALUES ($1, $2, 'phone', $3, now())",
        bo.namespace,
        bo.user_id,
        PHONE,
    )
    _, flow_id, proof = await send(bo, None, "sms_set_up", user_id=str(bo.user_id))
    assert await enrol(bo, flow_id, proof) == "only_phone"
    passkey = await bo.add_passkey()
    assert await enrol(bo, flow_id, proof) == "enrolled"
    assert await bo.remove(passkey) == "last_way_in", "a text message behind a text message would open nothing"


async def test_five_tries_at_the_code_of_a_new_number(bo: Person) -> None:
    _, flow_id, proof = await send(bo, None, "sms_set_up", user_id=str(bo.user_id))
    wrong = json.dumps({**proof, "code_digest": "0" * 64})
    left = [
        (await bo.sql.row("try_set_up_code", flow_id, BROWSER, wrong, "{}", bo.namespace))["tries_left"]  # type: ignore[index]
        for _ in range(5)
    ]
    assert left == [4, 3, 2, 1, 0]
    row = await bo.sql.row("try_set_up_code", flow_id, BROWSER, json.dumps(proof), "{}", bo.namespace)
    assert row
    assert row["outcome"] == "dead"
    assert (await bo.events())["sms_set_up_code_failed"] == 5


async def test_a_namespace_that_leaves_it_out_sends_nothing(bo: Person, sql: Sql) -> None:
    await enrolled(bo)
    flow_id = await bo.flow(PASSWORD)
    await sql.value("create_namespace", bo.namespace, "Strict", "{}")
    await sql.value("set_namespace_policy", json.dumps({"methods": ["password", "totp"]}), "{}", bo.namespace)
    assert (await send(bo, flow_id, "sms_second_step"))[0] == "gone"
    assert (await send(bo, None, "sms_set_up", user_id=str(bo.user_id)))[0] == "gone"
    assert await bo.sql.value("can_step_up", bo.user_id, bo.namespace) is False


async def test_it_is_set_up_inside_a_login_where_everybody_needs_one(bo: Person, sql: Sql) -> None:
    await sql.value("create_namespace", bo.namespace, "Strict", "{}")
    await sql.value("set_namespace_policy", json.dumps({"second_factor": "required"}), "{}", bo.namespace)
    flow_id = await bo.flow({"method": "email_code", "amr": ["email"]})
    outcome, _, proof = await send(bo, flow_id, "sms_set_up")
    assert outcome == "sent"
    login = bo.login(flow_id, [TEXT], session=True)

    async def set_up(proof: dict[str, str]) -> Any:
        row = await sql.row("complete_phone_set_up", login, json.dumps(proof), None, "{}", bo.namespace)
        return row and row["outcome"]

    assert await set_up({**proof, "code_digest": "0" * 64}) == "gone"
    assert await set_up(proof) == "session"
    assert await set_up(proof) == "gone"
    assert (await bo.events())["mfa_added"] == 1

"""A namespace's policy: every key and its bounds, one event per change, and namespaces with their hosts."""

import json
from dataclasses import fields
from typing import Any

import asyncpg
import pytest

from portal.web.policy import Policy, PolicyError, read_policy
from tests.sql.conftest import Sql

# Key, values that it may have, values that it may not.
VALUES: dict[str, tuple[list[Any], list[Any]]] = {
    "methods": ([["password"], ["email_code", "passkey"]], [[], "password", ["Pass word"], [1], {}]),
    "second_factor": (["optional", "required"], ["sometimes", "", 1, True]),
    "password_min_length": ([8, 15, 64], [7, 65, "8", 8.5, True, -8]),
    "session_idle_hours": ([1, 336], [0, 8761, "1"]),
    "session_absolute_hours": ([336, 8760], [0, 8761]),
    "login_link_minutes": ([1, 10, 60], [0, 61]),
    "signup": (["open", "invite", "closed"], ["Open", "yes", "", True]),
    "signup_domains": ([["acme.example"], ["a.example", "b.example"]], [[], ["@a.example"], ["acme"], ["*.a.example"]]),
    "signup_refused_domains": ([["acme.example"]], [["ACME.example"], ["a..example"], "acme.example"]),
    "terms_version": (["1", "2026-11-21"], ["", "1 ", "x" * 41, 1]),
    "terms_url": (
        ["https://acme.example/terms"],
        ["javascript:alert(1)", "/terms", 'https://a.example/">', "https://" + "a" * 1000],
    ),
    "privacy_url": (["https://acme.example/privacy"], ["data:text/html,x", "https://a.example/ b"]),
    "proof_of_work": ([True, False], ["on", 1]),
    "sms_per_number": ([1, 100], [0, 101]),
    "sms_per_country": ([0, 1000000], [-1, 1000001]),
    "sms_per_day": ([0, 10000000], [10000001]),
    "sms_countries": ([["+41", "+1"]], [["41"], ["+0"], ["+41 79"], []]),
}  # fmt: skip

UNKNOWN = ['{"sign_up": "closed"}', '{"SIGNUP": "closed"}', '{"nothing": null}', "[]", '"x"', "null"]
NOT_UNDERSTOOD = [{"unknown": 1}, {"signup": "Closed"}, {"proof_of_work": 1}, {"methods": "password"}, {"methods": [1]}]


async def _set(sql: Sql, namespace: str, changes: Any) -> Any:
    return json.loads(await sql.value("set_namespace_policy", json.dumps(changes), '{"actor_id": "ops"}', namespace))


@pytest.fixture
async def tenant(sql: Sql, namespace: str) -> str:
    assert await sql.value("create_namespace", namespace, "Acme", "{}") is True
    return namespace


def test_database_and_portal_know_the_same_keys() -> None:
    assert set(VALUES) == {field.name for field in fields(Policy)}


@pytest.mark.parametrize("key", VALUES)
async def test_what_a_key_may_be_is_stored_and_read_back(sql: Sql, tenant: str, key: str) -> None:
    for value in VALUES[key][0]:
        stored = await _set(sql, tenant, {key: value})
        assert stored == {key: value}
        read = getattr(read_policy(stored), key)
        assert (list(read) if isinstance(read, tuple) else read) == value
    assert await _set(sql, tenant, {key: None}) == {}


@pytest.mark.parametrize("key", VALUES)
async def test_what_a_key_may_not_be_changes_nothing(sql: Sql, tenant: str, key: str) -> None:
    for value in VALUES[key][1]:
        changes = json.dumps({"login_link_minutes": 5, key: value})
        assert (await sql.error("set_namespace_policy", changes, "{}", tenant)).sqlstate == "22023", value
    assert await _set(sql, tenant, {}) == {}


@pytest.mark.parametrize("changes", UNKNOWN)
async def test_an_unknown_key_is_refused(sql: Sql, tenant: str, changes: str) -> None:
    assert (await sql.error("set_namespace_policy", changes, "{}", tenant)).sqlstate == "22023"


async def test_a_session_is_not_idle_for_longer_than_it_may_last(sql: Sql, tenant: str) -> None:
    for changes in ({"session_absolute_hours": 335, "session_idle_hours": 336}, {"session_idle_hours": 2161}):
        assert (await sql.error("set_namespace_policy", json.dumps(changes), "{}", tenant)).sqlstate == "22023"


async def test_each_change_leaves_one_event_with_old_and_new(sql: Sql, tenant: str) -> None:
    await _set(sql, tenant, {"signup": "closed"})
    await _set(sql, tenant, {"signup": "closed"})
    await _set(sql, tenant, {"signup": None, "terms_version": "1"})
    events = [event for event in await sql.events(tenant) if event["event_type"] == "namespace_updated"]
    assert [(event["old_values"], event["new_values"], event["actor_id"]) for event in events] == [
        ({"policy": {}}, {"policy": {"signup": "closed"}}, "ops"),
        ({"policy": {"signup": "closed"}}, {"policy": {"terms_version": "1"}}, "ops"),
    ]


async def test_the_default_namespace_needs_no_row_and_another_one_does(sql: Sql, namespace: str) -> None:
    assert await _set(sql, "default", {"login_link_minutes": 9}) == {"login_link_minutes": 9}
    await _set(sql, "default", {"login_link_minutes": None})
    assert (await sql.error("set_namespace_policy", "{}", "{}", namespace)).sqlstate == "23503"


async def test_nobody_changes_the_policy_of_another_tenant(sql: Sql, tenant: str) -> None:
    async with sql.connection.transaction():
        await sql.value("set_tenant", f"{tenant}-other")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with sql.connection.transaction():
                await _set(sql, tenant, {"signup": "closed"})
    assert await _set(sql, tenant, {}) == {}


async def test_a_namespace_is_switched_off_and_on_again(sql: Sql, tenant: str) -> None:
    await sql.value("add_namespace_host", f"{tenant}.example", "{}", tenant)
    for suspended in (True, False):
        assert await sql.value("suspend_namespace", suspended, '{"actor_id": "ops"}', tenant) is True
        assert await sql.value("suspend_namespace", suspended, "{}", tenant) is False
        found = await sql.row("find_namespace", f"{tenant}.example", "localhost:8000")
        assert found is not None
        assert found["suspended"] is suspended
    assert (await sql.error("suspend_namespace", None, "{}", tenant)).sqlstate == "22004"
    assert (await sql.error("suspend_namespace", True, "{}", "nobody's")).sqlstate == "23503"
    async with sql.connection.transaction():
        await sql.value("set_tenant", f"{tenant}-other")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with sql.connection.transaction():
                await sql.value("suspend_namespace", True, "{}", tenant)


async def test_a_host_leads_to_one_namespace(sql: Sql, tenant: str, namespace: str) -> None:
    host = f"{tenant}.example:8443"
    assert await sql.value("add_namespace_host", host.upper(), "{}", tenant) is True
    assert await sql.value("add_namespace_host", host, "{}", tenant) is False
    await sql.value("create_namespace", f"{tenant}-2", None, "{}")
    assert await sql.value("add_namespace_host", host, "{}", f"{tenant}-2") is False
    found = await sql.row("find_namespace", host, "localhost:8000")
    assert found is not None
    assert found["namespace"] == tenant
    assert (await sql.error("add_namespace_host", "no host", "{}", tenant)).sqlstate == "22023"
    assert (await sql.error("add_namespace_host", "a.example", "{}", "nobody's")).sqlstate == "23503"
    listed = {row["namespace"]: row for row in await sql.rows("list_namespaces")}
    assert listed[tenant]["hosts"] == [host]
    assert listed[tenant]["display_name"] == "Acme"
    assert listed["default"]["suspended"] is False


async def test_a_namespace_is_made_once(sql: Sql, tenant: str) -> None:
    assert await sql.value("create_namespace", tenant, "Other", "{}") is False
    assert [event["event_type"] for event in await sql.events(tenant)] == ["namespace_created"]


@pytest.mark.parametrize("stored", NOT_UNDERSTOOD)
def test_a_stored_policy_that_is_not_understood_is_no_policy(stored: dict[str, Any]) -> None:
    with pytest.raises(PolicyError):
        read_policy(stored)

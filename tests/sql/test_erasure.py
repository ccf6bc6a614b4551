"""A deleted person leaves nothing behind: every text of every table is searched for them."""

import json
import uuid
from typing import Any

import asyncpg
import pytest

from tests.sql.conftest import Sql

OLD_EMAIL, EMAIL, SECOND = "maria.old@example.com", "maria@example.com", "maria.second@example.net"
PHONE, SECOND_STEP_PHONE, FORMER_PHONE = "+41791112233", "+41791112244", "+41791112255"
IP, BROWSER = "203.0.113.77", "MariasBrowser/1.0"
ADMIN_IP, ADMIN_BROWSER = "198.51.100.8", "AdminBrowser/1.0"
MARKERS = ("maria", PHONE, SECOND_STEP_PHONE, FORMER_PHONE, IP, "MariasBrowser", "Marienkäfer", "Lake Maria")

# Nothing with words in it is left out: also names of columns' types that may come later are searched as text.
SEARCH = """
SELECT c.relname::text AS table, a.attname::text AS column
  FROM pg_class c
  JOIN pg_attribute n ON n.attrelid = c.oid AND n.attname = 'namespace'
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.relnamespace = 'authn'::regnamespace
   AND c.relkind = 'r'
   AND format_type(a.atttypid, NULL) NOT IN
       ('uuid', 'boolean', 'integer', 'bigint', 'timestamp with time zone', 'interval')
"""


async def _places(superuser: asyncpg.Connection, namespace: str, marker: str) -> list[str]:
    """Table and column of every value that has the marker in it, in any letter case."""
    found = []
    for table, column in await superuser.fetch(SEARCH):
        query = f"SELECT count(*) FROM authn.{table} WHERE namespace = $1 AND strpos(lower({column}::text), $2) > 0"
        if await superuser.fetchval(query, namespace, marker.lower()):
            found.append(f"{table}.{column}")
    return found


def _actor(actor_id: str | None, ip_address: str = IP, user_agent: str = BROWSER, **more: str) -> str:
    return json.dumps({"actor_id": actor_id, "ip_address": ip_address, "user_agent": user_agent} | more)


async def _as(sql: Sql, actor: str, function: str, *arguments: Any, namespace: str) -> Any:
    """Call a function as somebody; the actor goes with the namespace, as the SDK sends it."""
    places = ", ".join(f"${number}" for number in range(1, len(arguments) + 1))
    comma = ", " if arguments else ""
    query = f"SELECT authn.{function}({places}{comma}authn.act_in(${len(arguments) + 1}, ${len(arguments) + 2}))"
    return await sql.connection.fetchval(query, *arguments, namespace, actor)


async def _set_up_phone(sql: Sql, user_id: Any, phone: str, herself: str, namespace: str) -> None:
    """Make a number the second step."""
    session = await sql.value("start_session", user_id, phone, "{}", herself, namespace)
    proof = {"verification_id": str(uuid.uuid4()), "code_digest": "c"}
    wish = {"purpose": "sms_set_up", "user_id": str(user_id), "phone": phone, "browser_digest": "b", **proof,
            "link_digest": phone, "code_expires_in": 600, "expires_in": 600, "message": "sealed"}  # fmt: skip
    sent = await sql.row("send_second_step_text", json.dumps(wish), herself, namespace)
    assert sent
    login = {"flow_id": str(sent["flow_id"]), "browser_digest": "b", "user_id": str(user_id)}
    outcome = await sql.value("enrol_phone", json.dumps(login), json.dumps(proof), session, None, herself, namespace)
    assert outcome == "enrolled"


async def _live_a_life(sql: Sql, namespace: str) -> Any:
    """Do all that leaves traces of a person; return their id."""
    before = _actor(None)
    wish = {
        "email": OLD_EMAIL, "browser_digest": "b", "verification_id": str(uuid.uuid4()), "code_digest": "c",
        "impossible_digest": "i", "link_digest": f"l-{namespace}", "code_expires_in": 600, "link_expires_in": 600,
        "expires_in": 600, "mail_code": "sealed", "mail_link": "sealed", "mail_other": "sealed",
        "name": "Maria Marienkäfer",
    }  # fmt: skip
    await sql.rows("begin_signup", json.dumps(wish), before, namespace)
    await _as(sql, before, "record_login_attempt", OLD_EMAIL, False, IP, namespace=namespace)
    user_id = await _as(sql, before, "create_user", OLD_EMAIL, "hash", namespace=namespace)

    herself, admin = _actor(str(user_id)), _actor("user:admin", ADMIN_IP, ADMIN_BROWSER, reason=f"wrote from {EMAIL}")
    by_address = _actor(EMAIL.upper(), on_behalf_of=EMAIL)
    await _as(sql, herself, "update_email", user_id, EMAIL, namespace=namespace)
    profile = {"name": "Marienkäfer", "username": "maria", "picture": "https://maria.example/me.png",
               "metadata": {"address": "Lake Maria 1"}}  # fmt: skip
    await _as(sql, herself, "update_profile", user_id, json.dumps(profile), namespace=namespace)
    for kind, value in (("email", SECOND), ("phone", PHONE)):
        identity_id = await _as(sql, herself, "add_identity", user_id, kind, value, namespace=namespace)
        await _as(sql, herself, "verify_identity", identity_id, user_id, namespace=namespace)
    await _as(sql, by_address, "link_federated_identity", user_id, "p", "https://p.example", "maria-4711",
              "maria@gmail.example", namespace=namespace)  # fmt: skip
    details = {"browser_digest": "b", "region": "Lake Maria"}
    await sql.value("start_session", user_id, "s1", json.dumps(details), herself, namespace)
    await _as(sql, before, "create_session", user_id, "s2", None, IP, BROWSER, namespace=namespace)
    # Names the session alone, and nobody as the actor.
    await _as(sql, before, "extend_session", "s2", None, namespace=namespace)
    await _as(sql, herself, "create_api_key", user_id, "k", "Marias laptop", None, namespace=namespace)
    await _as(sql, herself, "add_mfa", user_id, "totp", "secret", "Marias phone", namespace=namespace)
    for phone in (FORMER_PHONE, SECOND_STEP_PHONE):
        await _set_up_phone(sql, user_id, phone, herself, namespace)
    await _as(sql, herself, "create_token", user_id, "t", "magic_link", None, namespace=namespace)
    for email in (EMAIL, SECOND, OLD_EMAIL):
        await sql.rows("begin_password_login", email, "b", before, namespace)
        await _as(sql, before, "record_login_attempt", email, False, IP, namespace=namespace)
        flow = {"browser_digest": "other", "email": email, "expires_in": 600}
        await sql.value("start_login_flow", json.dumps(flow), namespace)
    client = {
        "client_id": "app", "name": "App", "token_endpoint_auth_method": "none", "application_type": "web",
        "redirect_uris": ["https://app.example/cb"], "post_logout_redirect_uris": [],
        "grant_types": ["authorization_code"], "scopes": ["openid"], "first_party": False, "require_pkce": True,
        "popup": False,
    }  # fmt: skip
    await sql.value("create_client", json.dumps(client), admin, namespace)
    hint = json.dumps({"login_hint": "Maria@Example.com"})
    await sql.value("store_authorization_request", "app", "b", hint, "1 hour", "", namespace)
    await sql.value("record_consent", user_id, "app", ["openid"], herself, namespace)
    await _as(sql, admin, "update_password", user_id, "another", namespace=namespace)
    return user_id


@pytest.fixture
async def life(sql: Sql, superuser: asyncpg.Connection, namespace: str) -> Any:
    # Intervals travel as text here, so that one helper serves every function.
    await sql.connection.set_type_codec("interval", encoder=str, decoder=str, schema="pg_catalog", format="text")
    user_id = await _live_a_life(sql, namespace)
    await superuser.execute(
        "INSERT INTO authn.outbox (namespace, kind, payload, last_error) VALUES ($1, 'mail', 'sealed', $2)",
        namespace,
        f"550 5.1.1 <{EMAIL}>: no such user",
    )
    yield user_id
    await sql.connection.reset_type_codec("interval", schema="pg_catalog")


async def test_no_table_knows_a_deleted_person(
    sql: Sql, superuser: asyncpg.Connection, namespace: str, life: uuid.UUID
) -> None:
    for marker in MARKERS:
        assert await _places(superuser, namespace, marker) != [], f"the life left no trace of {marker}"
    assert await _as(sql, _actor(str(life)), "delete_user", life, namespace=namespace) is True
    left = {marker: await _places(superuser, namespace, marker) for marker in MARKERS}
    assert left == {marker: [] for marker in MARKERS}


async def test_the_log_still_says_what_happened_to_which_id_and_who_else_acted(
    sql: Sql, namespace: str, life: uuid.UUID
) -> None:
    before = await sql.events(namespace)
    await _as(sql, _actor("user:admin", ADMIN_IP, ADMIN_BROWSER), "delete_user", life, namespace=namespace)
    after = await sql.events(namespace)
    assert [event["event_type"] for event in after] == [event["event_type"] for event in before] + ["user_deleted"]
    assert [event["event_time"] for event in after[:-1]] == [event["event_time"] for event in before]
    by_type = {event["event_type"]: event for event in after}
    assert by_type["user_created"]["resource_id"] == str(life)
    assert by_type["user_created"]["new_values"] == {}
    assert by_type["session_created"]["new_values"]["user_id"] == str(life)
    assert by_type["login_attempt_failed"]["resource_id"] is None
    assert by_type["identity_linked"]["actor_id"] == by_type["identity_linked"]["on_behalf_of"] == str(life)
    for event_type in ("password_updated", "user_deleted"):
        event = by_type[event_type]
        assert (event["actor_id"], str(event["ip_address"])) == ("user:admin", ADMIN_IP)
        assert event["user_agent"] == ADMIN_BROWSER
    assert by_type["client_created"]["new_values"]["name"] == "App"


async def test_others_keep_what_is_theirs(
    sql: Sql, superuser: asyncpg.Connection, namespace: str, life: uuid.UUID
) -> None:
    # An address that she gave up, and a number that somebody merely claims.
    heir = await sql.user(namespace, OLD_EMAIL)
    await sql.value("add_identity", heir, "phone", PHONE, namespace)
    await sql.value("record_login_attempt", OLD_EMAIL, False, None, namespace)
    attempts = len(await sql.rows("get_recent_attempts", OLD_EMAIL, namespace, 100))
    for place in (namespace, f"{namespace}-other"):
        await sql.user(place, "bo@example.com")
    namesake = await sql.user(f"{namespace}-other", EMAIL)
    await sql.value("delete_user", life, namespace)
    assert len(await sql.rows("get_recent_attempts", OLD_EMAIL, namespace, 100)) == attempts
    assert (await sql.row("get_user", heir, namespace))["email"] == OLD_EMAIL  # type: ignore[index]
    assert len(await sql.rows("list_identities", heir, namespace)) == 2
    (created,) = [
        event for event in await sql.events(namespace)
        if event["event_type"] == "user_created" and event["resource_id"] == str(heir)
    ]  # fmt: skip
    assert created["new_values"] == {"email": OLD_EMAIL}
    (elsewhere,) = [
        event for event in await sql.events(f"{namespace}-other") if event["resource_id"] == str(namesake)
    ]  # fmt: skip
    assert elsewhere["new_values"] == {"email": EMAIL}


async def test_deleting_nobody_erases_nothing(sql: Sql, namespace: str, life: uuid.UUID) -> None:
    before = await sql.events(namespace)
    assert await sql.value("delete_user", uuid.uuid4(), namespace) is False
    assert await sql.value("delete_user", life, f"{namespace}-other") is False
    assert await sql.events(namespace) == before


async def test_the_application_may_erase_nobody_past_delete_user(sql: Sql, namespace: str, life: uuid.UUID) -> None:
    for call in (
        ("_erase_from_audit", life, [EMAIL], namespace),
        ("_erase_addresses", [EMAIL], namespace),
        ("_addresses_of", life, namespace),
    ):
        assert (await sql.error(*call)).sqlstate == "42501"

"""Nothing of the provider crosses from one namespace to another (adversarial family R1)."""

import uuid
from datetime import timedelta

import asyncpg
import pytest

from portal.crypto.tokens import token_digest
from portal.oidc import queries
from portal.oidc.token import queries as token_queries
from tests.oidc.people_and_apps import App, Browser, World, answer
from tests.oidc.test_codes import code_for
from tests.support.database import connect

TABLES = (
    "clients",
    "grants",
    "authorization_requests",
    "authorization_codes",
    "access_tokens",
    "refresh_token_families",
    "refresh_tokens",
    "signing_keys",
)


@pytest.fixture(scope="module")
async def used(world: World) -> App:
    """An app of the default namespace that has left a row in every table."""
    app = await world.app("Used", first_party=False)
    alice = await world.logged_in()
    page = await alice.open(app.url(scope="openid profile email offline_access"))
    back = answer(await alice.decide(page, "allow"))
    assert (await app.redeem(back["code"])).status_code == 200
    return app


@pytest.mark.adversarial("R1")
@pytest.mark.parametrize("table", TABLES)
async def test_a_table_shows_a_namespace_its_own_rows_only(world: World, used: App, table: str) -> None:
    connection = await connect(world.app_url)
    count = f"select count(*) from authn.{table}"
    try:
        assert await connection.fetchval(count) == 0
        async with connection.transaction():
            await connection.execute("select authn.set_tenant('another')")
            assert await connection.fetchval(count) == 0
            await connection.execute("select authn.set_tenant('default')")
            assert await connection.fetchval(count) > 0
        assert await connection.fetchval(count) == 0
        for statement in (f"delete from authn.{table}", f"update authn.{table} set namespace = 'another'"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()


@pytest.mark.adversarial("R1", "O4")
async def test_what_one_namespace_gave_is_unknown_in_another(world: World, used: App, alice: Browser) -> None:
    await alice.decide(await alice.open(used.url(prompt="consent")), "allow")
    code = await code_for(used, alice)
    token = (await used.redeem(await code_for(used, alice))).json()["access_token"]
    database = world.database
    assert await queries.find_access_token(database, "default", token_digest(token))
    assert await queries.find_access_token(database, "another", token_digest(token)) is None
    taken = await queries.take_authorization_code(
        database, "another", code_digest=token_digest(code), client_id=used.client_id, actor={}
    )
    assert taken == queries.RefusedCode("unknown")
    offline = await code_for(used, alice, scope="openid offline_access")
    refresh_token = (await used.redeem(offline)).json()["refresh_token"]
    refused = await token_queries.rotate_refresh_token(
        database,
        "another",
        token_digest=token_digest(refresh_token),
        successor_digests=["x"],
        client_id=used.client_id,
        scopes=None,
        access_digest="y",
        actor={},
    )
    assert refused == token_queries.RefusedToken("unknown")
    for held in (token, refresh_token):
        about = {"token_digest": token_digest(held), "client_id": used.client_id}
        assert await token_queries.introspect_token(database, "another", **about) is None
        assert await token_queries.revoke_token(database, "another", **about, actor={}) == "unknown"
        assert await token_queries.introspect_token(database, "default", **about)
    (stored,) = await world.rows(
        "select id, browser_digest from authn.authorization_requests where client_id = $1 limit 1", used.client_id
    )
    for namespace, found in (("default", True), ("another", False)):
        loaded = await queries.load_authorization(
            database, namespace, request_id=str(stored["id"]), browser_digest=stored["browser_digest"]
        )
        assert (loaded is not None) is found
    assert await queries.list_signing_keys(database, "another") == []
    assert (await used.redeem(code)).status_code == 200


@pytest.mark.adversarial("R1")
async def test_nothing_can_be_hung_on_another_namespaces_people_or_apps(world: World, used: App) -> None:
    (alice,) = await world.rows("select id from authn.users where email = 'alice@example.com'")
    foreign = await world.app("Default's")
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await queries.record_consent(
            world.database,
            "another",
            user_id=str(alice["id"]),
            client_id=foreign.client_id,
            scopes=["openid"],
            actor={},
        )
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await queries.store_authorization_request(
            world.database,
            "another",
            client_id=foreign.client_id,
            browser_digest=None,
            parameters={},
            valid_for=timedelta(hours=1),
            ip_address="",
        )
    issued = await token_queries.issue_tokens(
        world.database, "another", code_id=str(uuid.uuid4()), access_digest="x", refresh_digest="y", actor={}
    )
    assert not issued

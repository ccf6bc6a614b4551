"""Refresh tokens: who gets one, what it gives, and what it dies with (RFC 6749 section 6, OpenID Connect Core 12)."""

import asyncio
from typing import Any

import pytest

from portal.oidc.clients import delete_client
from tests.oidc.people_and_apps import App, Browser, World, random_token, unverified_claims
from tests.oidc.test_codes import assert_refused, code_for
from tests.support.database import connect

OFFLINE = "openid email offline_access"


async def tokens_of(app: App, browser: Browser, **changes: str | None) -> dict[str, Any]:
    """What an app gets for a fresh code."""
    response = await app.redeem(await code_for(app, browser, **changes))
    assert response.status_code == 200, response.text
    return dict(response.json())


async def refreshed(app: App, refresh_token: str, **changes: str | None) -> dict[str, Any]:
    response = await app.refresh(refresh_token, **changes)
    assert response.status_code == 200, response.text
    return dict(response.json())


async def family_of(world: World, app: App) -> Any:
    """The only family of an app."""
    (family,) = await world.rows("select * from authn.refresh_token_families where client_id = $1", app.client_id)
    return family


async def test_an_app_that_neither_asked_nor_registered_for_it_gets_none(app: App, alice: Browser) -> None:
    assert "refresh_token" not in await tokens_of(app, alice)


async def test_offline_access_or_the_grant_gives_one(app: App, renewing: App, alice: Browser) -> None:
    for asking, scope in ((app, OFFLINE), (renewing, "openid email")):
        tokens = await tokens_of(asking, alice, scope=scope)
        assert len(tokens["refresh_token"]) == 43
        assert tokens["scope"] == scope


@pytest.mark.asvs("10.4.5")
async def test_refreshing_gives_new_tokens_of_the_same_scope(world: World, renewing: App, alice: Browser) -> None:
    first = await tokens_of(renewing, alice)
    second = await refreshed(renewing, first["refresh_token"])
    assert second["token_type"] == "Bearer"
    assert second["expires_in"] == 600
    assert second["scope"] == first["scope"]
    assert {second["access_token"], second["refresh_token"]}.isdisjoint(first.values())
    for access_token in (first["access_token"], second["access_token"]):
        assert (await renewing.userinfo(access_token)).json()["email"] == "alice@example.com"
    (event,) = await world.events("tokens_refreshed", renewing.client_id)
    assert event["new_values"]["reason"] == "rotated"
    third = await refreshed(renewing, second["refresh_token"])
    assert third["refresh_token"] not in (first["refresh_token"], second["refresh_token"])


async def test_the_new_id_token_tells_of_the_same_login(world: World, renewing: App) -> None:
    alice = await world.logged_in()
    first = await tokens_of(renewing, alice)
    # The login lies two hours back: what must not become the time of the refresh, or of a later proof.
    await world.tamper("update authn.refresh_token_families set auth_time = auth_time - interval '2 hours'")
    await asyncio.sleep(1)
    page = await alice.open(renewing.url(prompt="login"))
    await alice.log_in_on(page)
    before, after = (
        unverified_claims(tokens["id_token"]) for tokens in (first, await refreshed(renewing, first["refresh_token"]))
    )
    assert after["auth_time"] == before["auth_time"] - 7200
    assert after["iat"] > before["iat"]
    assert "nonce" not in after
    for claim in ("iss", "sub", "aud", "azp", "sid", "amr", "email"):
        assert after[claim] == before[claim]
    assert after["at_hash"] != before["at_hash"]


@pytest.mark.adversarial("B8")
async def test_the_scope_can_be_narrowed_and_not_widened(world: World, renewing: App, alice: Browser) -> None:
    token = (await tokens_of(renewing, alice, scope="openid email"))["refresh_token"]
    narrow = await refreshed(renewing, token, scope="openid")
    assert narrow["scope"] == "openid"
    assert "email" not in (await renewing.userinfo(narrow["access_token"])).json()
    token = narrow["refresh_token"]
    without_openid = await refreshed(renewing, token, scope="email")
    assert "id_token" not in without_openid
    token = without_openid["refresh_token"]
    for wider in ("openid email profile", "openid offline_access", "openid unknown", "admin"):
        assert_refused(await renewing.refresh(token, scope=wider), "invalid_scope")
    # Refused requests used nothing up, and a narrow access token does not narrow what comes after it.
    assert (await refreshed(renewing, token))["scope"] == "openid email"
    reasons = [event["new_values"]["reason"] for event in await world.events("refresh_refused", renewing.client_id)]
    assert reasons == ["scope_too_wide"] * 4


@pytest.mark.adversarial("B1", "B8")
async def test_a_refresh_token_is_for_the_app_that_it_was_given_to(world: World, renewing: App, alice: Browser) -> None:
    thief = await world.app("Thief", grant_types=["authorization_code", "refresh_token"])
    token = (await tokens_of(renewing, alice))["refresh_token"]
    assert_refused(await thief.refresh(token))
    (refused,) = await world.events("refresh_refused", thief.client_id)
    assert refused["new_values"]["reason"] == "other_client"
    assert (await renewing.refresh(token)).status_code == 200


async def test_the_app_must_prove_itself_each_time(world: World, renewing: App, alice: Browser) -> None:
    token = (await tokens_of(renewing, alice))["refresh_token"]
    right, renewing.client_secret = renewing.client_secret, "wrong" * 9
    assert_refused(await renewing.refresh(token), "invalid_client", 401)
    renewing.client_secret = None
    assert_refused(await renewing.refresh(token), "invalid_client", 401)
    renewing.client_secret = right
    assert (await renewing.refresh(token)).status_code == 200


async def test_an_app_without_the_grant_is_told_so(world: World, alice: Browser) -> None:
    app = await world.app("Plain", scopes=["openid"])
    assert "refresh_token" not in await tokens_of(app, alice, scope="openid offline_access")
    assert_refused(await app.refresh(random_token()), "unauthorized_client")


@pytest.mark.adversarial("B9", "J7")
async def test_only_the_exact_refresh_token_works(renewing: App, alice: Browser) -> None:
    tokens = await tokens_of(renewing, alice)
    token = tokens["refresh_token"]
    for wrong in (token[:-1], token + "A", token.swapcase(), "0", tokens["access_token"], tokens["id_token"], "ß" * 43):
        assert_refused(await renewing.refresh(wrong))
    assert_refused(await renewing.refresh(""), "invalid_request")
    assert (await renewing.userinfo(token)).status_code == 401
    assert (await renewing.refresh(token)).status_code == 200


async def test_refresh_tokens_are_stored_as_digests_only(world: World, renewing: App, alice: Browser) -> None:
    first = (await tokens_of(renewing, alice))["refresh_token"]
    second = (await refreshed(renewing, first))["refresh_token"]
    for table in ("refresh_tokens", "refresh_token_families", "access_tokens", "audit_events"):
        text = str(await world.rows(f"select t::text from authn.{table} t"))
        assert first not in text
        assert second not in text


@pytest.mark.asvs("10.4.8")
async def test_it_lives_thirty_days_from_each_use_and_half_a_year_at_most(
    world: World, renewing: App, alice: Browser
) -> None:
    token = (await tokens_of(renewing, alice))["refresh_token"]
    family = await family_of(world, renewing)
    assert (family["expires_at"] - family["created_at"]).days == 30
    assert (family["absolute_expires_at"] - family["created_at"]).days == 180
    mine = f"where id = '{family['id']}'"
    await world.tamper(f"update authn.refresh_token_families set expires_at = now() + interval '1 minute' {mine}")
    token = (await refreshed(renewing, token))["refresh_token"]
    moved = await family_of(world, renewing)
    assert moved["expires_at"] > family["expires_at"]
    await world.tamper(
        f"update authn.refresh_token_families set absolute_expires_at = now() + interval '5 days' {mine}"
    )
    token = (await refreshed(renewing, token))["refresh_token"]
    capped = await family_of(world, renewing)
    assert capped["expires_at"] == capped["absolute_expires_at"]
    await world.tamper(f"update authn.refresh_token_families set expires_at = now() - interval '1 second' {mine}")
    assert_refused(await renewing.refresh(token))
    assert (await world.events("refresh_refused", renewing.client_id))[-1]["new_values"]["reason"] == "expired"


@pytest.mark.adversarial("B7")
async def test_without_offline_access_it_ends_with_the_session(world: World, app: App, renewing: App) -> None:
    alice = await world.logged_in()
    bound = await tokens_of(renewing, alice)
    offline = await tokens_of(app, alice, scope=OFFLINE)
    await alice.submit("/logout", {})
    assert_refused(await renewing.refresh(bound["refresh_token"]))
    assert (await world.events("refresh_refused", renewing.client_id))[-1]["new_values"]["reason"] == "login_ended"
    assert (await renewing.userinfo(bound["access_token"])).status_code == 401
    # OpenID Connect Core section 11: with it the app goes on "when the End-User is not present (not logged in)".
    assert (await app.userinfo(offline["access_token"])).status_code == 200
    on = await refreshed(app, offline["refresh_token"])
    assert (await app.userinfo(on["access_token"])).status_code == 200
    assert unverified_claims(on["id_token"])["sid"] == unverified_claims(offline["id_token"])["sid"]


@pytest.mark.adversarial("B7", "I11")
async def test_a_disabled_person_gets_nothing_and_nothing_comes_back_later(
    world: World, app: App, renewing: App
) -> None:
    bo = await world.logged_in("bo@example.com")
    offline, bound = await tokens_of(app, bo, scope=OFFLINE), await tokens_of(renewing, bo)
    (person,) = await world.rows("select id from authn.users where email = 'bo@example.com'")
    assert await world.database.fetchval("select authn.disable_user($1)", person["id"])
    try:
        assert_refused(await app.refresh(offline["refresh_token"]))
        assert_refused(await renewing.refresh(bound["refresh_token"]))
        assert (await app.userinfo(offline["access_token"])).status_code == 401
    finally:
        await world.database.fetchval("select authn.enable_user($1)", person["id"])
    assert_refused(await app.refresh(offline["refresh_token"]))
    assert (await app.userinfo(offline["access_token"])).status_code == 401


@pytest.mark.adversarial("B7")
async def test_the_flag_alone_is_enough_to_refuse(world: World, app: App) -> None:
    bo = await world.logged_in("bo@example.com")
    token = (await tokens_of(app, bo, scope=OFFLINE))["refresh_token"]
    await world.tamper("update authn.users set disabled_at = now() where email = 'bo@example.com'")
    try:
        assert_refused(await app.refresh(token))
    finally:
        await world.tamper("update authn.users set disabled_at = null where email = 'bo@example.com'")


@pytest.mark.adversarial("B7")
async def test_a_new_password_ends_what_outlives_the_session(world: World, app: App) -> None:
    bo = await world.logged_in("bo@example.com")
    tokens = await tokens_of(app, bo, scope=OFFLINE)
    (person,) = await world.rows("select id, password_hash from authn.users where email = 'bo@example.com'")
    await world.database.fetchval("select authn.update_password($1, $2)", person["id"], person["password_hash"])
    assert_refused(await app.refresh(tokens["refresh_token"]))
    assert (await app.userinfo(tokens["access_token"])).status_code == 401


@pytest.mark.adversarial("B7")
async def test_a_consent_that_was_taken_back_refuses(world: World, alice: Browser) -> None:
    stranger = await world.app("Stranger", first_party=False)
    page = await alice.open(stranger.url(scope=OFFLINE))
    assert "Stay connected while you are away" in page.text
    await alice.decide(page, "allow")
    token = (await tokens_of(stranger, alice, scope=OFFLINE))["refresh_token"]
    its = f"where client_id = '{stranger.client_id}'"
    await world.tamper(f"update authn.grants set scopes = '{{openid,offline_access}}' {its}")
    token_after = await refreshed(stranger, token)
    assert token_after["scope"] == "openid offline_access"
    await world.tamper(f"delete from authn.grants {its}")
    assert_refused(await stranger.refresh(token_after["refresh_token"]))


async def test_a_scope_that_the_app_may_no_longer_have_is_left_out(world: World, alice: Browser) -> None:
    app = await world.app("Shrinks")
    token = (await tokens_of(app, alice, scope=OFFLINE))["refresh_token"]
    mine = f"where client_id = '{app.client_id}'"
    await world.tamper(f"update authn.clients set scopes = '{{openid,offline_access}}' {mine}")
    after = await refreshed(app, token)
    assert after["scope"] == "openid offline_access"
    assert_refused(await app.refresh(after["refresh_token"], scope="openid email"), "invalid_scope")


@pytest.mark.adversarial("B7")
async def test_a_suspended_namespace_refuses(world: World, renewing: App, alice: Browser) -> None:
    token = (await tokens_of(renewing, alice))["refresh_token"]
    await world.tamper("insert into authn.namespaces (namespace, suspended_at) values ('default', now())")
    try:
        await asyncio.sleep(1.1)
        response = await renewing.refresh(token)
        assert response.status_code in (404, 421)
        assert "access_token" not in response.text
    finally:
        await world.tamper("delete from authn.namespaces")
        await asyncio.sleep(1.1)
    assert (await renewing.refresh(token)).status_code == 200


@pytest.mark.adversarial("B3")
async def test_it_dies_with_its_app(world: World, alice: Browser) -> None:
    app = await world.app("Gone soon", grant_types=["authorization_code", "refresh_token"])
    token = (await tokens_of(app, alice))["refresh_token"]
    assert await delete_client(world.database, "default", app.client_id)
    assert (await app.refresh(token)).status_code in (400, 401)
    assert not await world.rows("select from authn.refresh_token_families where client_id = $1", app.client_id)


@pytest.mark.adversarial("B2")
async def test_a_replayed_code_ends_the_refresh_token_that_it_gave(world: World, renewing: App, alice: Browser) -> None:
    code = await code_for(renewing, alice)
    first = (await renewing.redeem(code)).json()
    second = await refreshed(renewing, first["refresh_token"])
    assert_refused(await renewing.redeem(code))
    assert_refused(await renewing.refresh(second["refresh_token"]))
    for tokens in (first, second):
        assert (await renewing.userinfo(tokens["access_token"])).status_code == 401
    assert (await family_of(world, renewing))["ended_reason"] == "code_replayed"


async def test_a_public_app_refreshes_by_its_name_alone_and_always_rotates(world: World, alice: Browser) -> None:
    app = await world.app("In a browser", public=True, grant_types=["authorization_code", "refresh_token"])
    first = await tokens_of(app, alice)
    second = await refreshed(app, first["refresh_token"])
    assert second["refresh_token"] != first["refresh_token"]
    assert_refused(await app.call("/oauth2/token", grant_type="refresh_token"), "invalid_request")


async def test_log_out_by_an_app_ends_what_the_other_apps_refresh(world: World, app: App, renewing: App) -> None:
    alice = await world.logged_in()
    hint = (await tokens_of(app, alice))["id_token"]
    held = await tokens_of(renewing, alice)
    await alice.http.get("/oauth2/logout", params={"id_token_hint": hint})
    assert_refused(await renewing.refresh(held["refresh_token"]))
    assert (await renewing.userinfo(held["access_token"])).status_code == 401


async def test_what_is_long_over_is_purged_and_what_lives_stays(world: World, alice: Browser) -> None:
    over, lives = [await world.app(name, grant_types=["authorization_code", "refresh_token"]) for name in "ab"]
    gone = await refreshed(over, (await tokens_of(over, alice))["refresh_token"])
    token = (await tokens_of(lives, alice))["refresh_token"]
    for _ in range(3):
        token = (await refreshed(lives, token))["refresh_token"]
    await world.tamper(
        "update authn.refresh_tokens set used_at = now() - interval '31 days' "
        "where generation = 0 and used_at is not null"
    )
    await world.tamper(
        "update authn.refresh_token_families set expires_at = now() - interval '8 days' "
        f"where client_id = '{over.client_id}'"
    )
    for _ in range(4):
        await world.database.fetchval("select authn.clean_up(2)")
    await world.database.fetchval("select authn.clean_up(1000)")
    assert_refused(await over.refresh(gone["refresh_token"]))
    assert not await world.rows("select from authn.refresh_token_families where client_id = $1", over.client_id)
    kept = await world.rows(
        "select generation from authn.refresh_tokens where family_id = $1 order by 1",
        (await family_of(world, lives))["id"],
    )
    assert [row["generation"] for row in kept] == [1, 2, 3]
    assert (await lives.refresh(token)).status_code == 200


async def waiting(world: World, count: int) -> None:
    """Return when this many statements wait for a row that somebody else holds."""
    query = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    async with asyncio.timeout(30):
        while len(await world.rows(query)) < count:  # noqa: ASYNC110 - PostgreSQL tells nobody
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("what", ["person", "app"])
async def test_deleting_in_the_middle_of_a_refresh_deadlocks_nobody(world: World, what: str) -> None:
    (alice,) = await world.rows("select password_hash from authn.users where email = 'alice@example.com'")
    email = f"{what}@example.com"
    user_id = await world.database.fetchval("select authn.create_user($1, $2)", email, alice["password_hash"])
    app = await world.app("Busy", grant_types=["authorization_code", "refresh_token"])
    token = (await tokens_of(app, await world.logged_in(email), scope="email"))["refresh_token"]
    # Held until both wait, the refresh first: it goes on with the family locked while its person or app is half gone.
    holder = await connect(world.superuser_url)
    async with holder.transaction():
        await holder.execute("select from authn.refresh_token_families for update")
        refreshing = asyncio.create_task(app.refresh(token))
        await waiting(world, 1)
        deleting = asyncio.create_task(
            delete_client(world.database, "default", app.client_id)
            if what == "app"
            else world.database.fetchval("select authn.delete_user($1)", user_id)
        )
        await waiting(world, 2)
    await holder.close()
    assert (await refreshing).status_code == 200
    assert await deleting
    assert (await app.refresh(token)).status_code in (400, 401)

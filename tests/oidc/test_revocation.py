"""Revocation (RFC 7009) and introspection (RFC 7662): an app's own tokens, and nobody else's."""

import time

import pytest

from tests.oidc.people_and_apps import ISSUER, App, Browser, World, random_token, unverified_claims
from tests.oidc.test_codes import assert_refused
from tests.oidc.test_refresh_tokens import OFFLINE, family_of, refreshed, tokens_of

INACTIVE = {"active": False}


@pytest.mark.asvs("10.4.9")
async def test_a_revoked_refresh_token_takes_all_that_came_with_it(world: World, renewing: App, alice: Browser) -> None:
    first = await tokens_of(renewing, alice)
    second = await refreshed(renewing, first["refresh_token"])
    response = await renewing.revoke(second["refresh_token"])
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    for tokens in (first, second):
        assert_refused(await renewing.refresh(tokens["refresh_token"]))
        assert (await renewing.userinfo(tokens["access_token"])).status_code == 401
    assert (await family_of(world, renewing))["ended_reason"] == "revoked"
    (event,) = await world.events("token_revoked", renewing.client_id)
    assert event["new_values"]["token_type"] == "refresh_token"
    # An end that was wanted is no alarm.
    assert await world.events("refresh_token_reused", renewing.client_id) == []


async def test_an_app_that_lost_the_latest_answer_can_still_end_what_it_holds(renewing: App, alice: Browser) -> None:
    first = await tokens_of(renewing, alice)
    lost = await refreshed(renewing, first["refresh_token"])
    assert (await renewing.revoke(first["refresh_token"])).status_code == 200
    assert_refused(await renewing.refresh(lost["refresh_token"]))


async def test_a_revoked_access_token_ends_alone(renewing: App, alice: Browser) -> None:
    first = await tokens_of(renewing, alice)
    second = await refreshed(renewing, first["refresh_token"])
    assert (await renewing.revoke(first["access_token"])).status_code == 200
    assert (await renewing.userinfo(first["access_token"])).status_code == 401
    assert (await renewing.userinfo(second["access_token"])).status_code == 200
    assert (await renewing.refresh(second["refresh_token"])).status_code == 200


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "pat", "ödd", ""])
async def test_a_hint_never_stands_in_the_way(renewing: App, alice: Browser, hint: str) -> None:
    tokens = await tokens_of(renewing, alice)
    for token in (tokens["access_token"], tokens["refresh_token"]):
        assert (await renewing.introspect(token, token_type_hint=hint)).json()["active"] is True
        assert (await renewing.revoke(token, token_type_hint=hint)).status_code == 200
        assert (await renewing.introspect(token, token_type_hint=hint)).json() == INACTIVE


async def test_what_is_unknown_or_ended_already_is_as_good_as_revoked(
    world: World, renewing: App, alice: Browser
) -> None:
    token = (await tokens_of(renewing, alice))["refresh_token"]
    for gone in (random_token(), "x", "ß" * 43, token, token):
        assert (await renewing.revoke(gone)).status_code == 200
    assert len(await world.events("token_revoked", renewing.client_id)) == 2


@pytest.mark.adversarial("B1")
async def test_nobody_ends_or_sees_the_token_of_another_app(world: World, renewing: App, alice: Browser) -> None:
    stranger = await world.app("Nosy", grant_types=["authorization_code", "refresh_token"])
    tokens = await tokens_of(renewing, alice)
    for token in (tokens["access_token"], tokens["refresh_token"]):
        assert_refused(await stranger.revoke(token))
        assert (await stranger.introspect(token)).json() == INACTIVE
    assert (await renewing.userinfo(tokens["access_token"])).status_code == 200
    assert (await renewing.refresh(tokens["refresh_token"])).status_code == 200
    refused = await world.events("token_revocation_refused", stranger.client_id)
    assert [event["new_values"]["reason"] for event in refused] == ["other_client"] * 2


@pytest.mark.parametrize("path", ["/oauth2/revoke", "/oauth2/introspect"])
async def test_the_app_must_prove_itself_and_name_a_token(world: World, renewing: App, path: str) -> None:
    assert_refused(await renewing.call(path), "invalid_request")
    assert_refused(await world.http.post(path, data={"token": "x"}), "invalid_client", 401)
    assert_refused(await world.http.post(path, json={"token": "x"}), "invalid_request")
    assert_refused(await world.http.post(f"{path}?token=x", data={"token": "x"}), "invalid_request")
    assert (await world.http.get(path)).status_code == 405
    renewing.client_secret = "wrong" * 9
    assert_refused(await renewing.call(path, token="x"), "invalid_client", 401)


async def test_a_public_app_ends_its_tokens_but_may_not_ask_about_them(world: World, alice: Browser) -> None:
    app = await world.app("In a browser", public=True)
    tokens = await tokens_of(app, alice, scope=OFFLINE)
    assert_refused(await app.introspect(tokens["access_token"]), "invalid_client", 401)
    (failed,) = await world.events("client_authentication_failed", app.client_id)
    assert failed["new_values"]["reason"] == "public_client"
    assert (await app.revoke(tokens["refresh_token"])).status_code == 200
    assert_refused(await app.refresh(tokens["refresh_token"]))


async def test_an_access_token_that_works_is_described(renewing: App, alice: Browser) -> None:
    tokens = await tokens_of(renewing, alice, scope="openid email")
    claims = unverified_claims(tokens["id_token"])
    response = await renewing.introspect(tokens["access_token"])
    assert response.headers["cache-control"] == "no-store"
    told = response.json()
    assert abs(told.pop("iat") - time.time()) < 30
    assert abs(told.pop("exp") - time.time() - 600) < 30
    assert told == {
        "active": True,
        "iss": ISSUER,
        "aud": ISSUER,
        "client_id": renewing.client_id,
        "sub": claims["sub"],
        "sid": claims["sid"],
        "scope": "openid email",
        "token_type": "Bearer",
        "username": "alice@example.com",
    }


async def test_a_refresh_token_is_no_bearer_token_and_lives_longer(renewing: App, alice: Browser) -> None:
    told = (await renewing.introspect((await tokens_of(renewing, alice))["refresh_token"])).json()
    assert told["active"] is True
    assert told["token_type"] == "N_A"
    assert abs(told["exp"] - time.time() - 30 * 24 * 3600) < 60


async def test_asking_opens_no_more_than_the_token_does(renewing: App, alice: Browser) -> None:
    tokens = await tokens_of(renewing, alice, scope="openid")
    response = await renewing.introspect(tokens["access_token"])
    assert "username" not in response.json()
    assert "alice" not in response.text


async def test_of_a_token_that_does_not_work_only_that_is_said(world: World, app: App, renewing: App) -> None:
    alice = await world.logged_in()
    first = await tokens_of(renewing, alice)
    second = await refreshed(renewing, first["refresh_token"])
    offline = await tokens_of(app, alice, scope=OFFLINE)
    assert (await renewing.introspect(first["refresh_token"])).json() == INACTIVE  # it was used
    for unknown in (random_token(), second["id_token"], "ß", second["access_token"][:-1]):
        assert (await renewing.introspect(unknown)).json() == INACTIVE
    await alice.submit("/logout", {})
    for token in (first["access_token"], second["access_token"], second["refresh_token"]):
        assert (await renewing.introspect(token)).json() == INACTIVE
    for token in (offline["access_token"], offline["refresh_token"]):
        assert (await app.introspect(token)).json()["active"] is True
    await world.tamper("update authn.access_tokens set expires_at = now() - interval '1 second'")
    await world.tamper("update authn.refresh_token_families set expires_at = now() - interval '1 second'")
    for token in (offline["access_token"], offline["refresh_token"]):
        assert (await app.introspect(token)).json() == INACTIVE

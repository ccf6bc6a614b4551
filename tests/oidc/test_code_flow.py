"""The main job of the provider: a person logs in at the portal, and the app gets to know who it is."""

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.oidc.people_and_apps import ISSUER, App, Browser, World, answer


async def verified_claims(http: httpx.AsyncClient, token: str, app: App) -> dict[str, object]:
    keys = KeySet.import_key_set((await http.get("/oauth2/jwks")).json())
    read = jwt.decode(token, keys, algorithms=["RS256"])
    registry = jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": ISSUER},
        aud={"essential": True, "value": app.client_id},
        exp={"essential": True},
        iat={"essential": True},
    )
    registry.validate(read.claims)
    return dict(read.claims)


async def test_a_person_logs_in_and_the_app_learns_who_it_is(world: World, app: App) -> None:
    browser = world.browser()
    login_page = await browser.open(app.url())
    assert login_page.url.path == "/login"
    assert "Acme" in login_page.text
    back = answer(await browser.log_in_on(login_page))
    assert back["state"] == app.state
    assert back["iss"] == ISSUER

    response = await app.redeem(back["code"])
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    tokens = response.json()
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 600
    assert tokens["scope"] == "openid profile email"
    assert "refresh_token" not in tokens

    claims = await verified_claims(world.http, tokens["id_token"], app)
    assert claims["nonce"] == app.nonce
    assert claims["email"] == "alice@example.com"
    assert claims["email_verified"] is False
    assert claims["amr"] == ["pwd"]
    assert claims["azp"] == app.client_id
    assert isinstance(claims["auth_time"], int)

    told = (await app.userinfo(tokens["access_token"])).json()
    assert told["sub"] == claims["sub"]
    assert told["email"] == "alice@example.com"


async def test_a_live_session_needs_no_page(app: App, alice: Browser) -> None:
    assert answer(await alice.open(app.url()))["code"]


async def test_a_post_of_another_site_keeps_its_parameters_and_finds_the_session(app: App, alice: Browser) -> None:
    # What a browser does with a cross-site form: the post carries no SameSite=Lax cookie, the GET after it does.
    bare = httpx.AsyncClient(transport=alice.http._transport, base_url=ISSUER)
    headers = {"origin": "https://app.example", "sec-fetch-site": "cross-site"}
    posted = await bare.post("/oauth2/authorize", data=app.parameters(), headers=headers)
    assert posted.status_code == 303
    assert "set-cookie" not in posted.headers
    assert answer(await alice.open(posted.headers["location"]))["state"] == app.state


async def test_two_tabs_end_in_their_own_places(world: World, app: App) -> None:
    other = await world.app("Other")
    browser = world.browser()
    first, second = await browser.open(app.url()), await browser.open(other.url())
    assert answer(await browser.log_in_on(second))["state"] == other.state
    # The first tab, submitted after the second one logged in, goes where it was meant to go.
    assert answer(await browser.open(str(first.url)))["state"] == app.state


async def test_a_public_client_needs_no_secret(world: World, alice: Browser) -> None:
    spa = await world.app("Single page", public=True)
    code = answer(await alice.open(spa.url()))["code"]
    assert (await spa.redeem(code)).status_code == 200


async def test_a_client_registered_for_post_sends_its_secret_in_the_body(world: World, alice: Browser) -> None:
    app = await world.app("Post", token_endpoint_auth_method="client_secret_post")
    code = answer(await alice.open(app.url()))["code"]
    secret, app.client_secret = app.client_secret, None
    assert (await app.redeem(code, client_secret=secret)).status_code == 200


async def test_without_openid_there_is_no_id_token(app: App, alice: Browser) -> None:
    code = answer(await alice.open(app.url(scope="profile")))["code"]
    tokens = (await app.redeem(code)).json()
    assert "id_token" not in tokens
    assert (await app.userinfo(tokens["access_token"])).status_code == 403


@pytest.mark.parametrize("scope", ["openid", "openid email", "openid profile unknown", "email openid"])
async def test_claims_follow_the_scope(app: App, alice: Browser, scope: str) -> None:
    code = answer(await alice.open(app.url(scope=scope)))["code"]
    tokens = (await app.redeem(code)).json()
    told = (await app.userinfo(tokens["access_token"])).json()
    assert ("email" in told) == ("email" in scope)
    assert ("updated_at" in told) == ("profile" in scope)

"""/account/apps: what each app may see, and taking it back; as plain HTML and as HTMX."""

import ipaddress

import pytest

from portal.oidc.backchannel import tell_apps_of_logouts
from portal.oidc.provider import Provider
from tests.oidc.people_and_apps import ISSUER, SEALER, App, Browser, World, answer, unverified_claims
from tests.oidc.test_codes import code_for
from tests.outgoing.sink import listening

PAGE, ASK = "/account/apps", "/account/apps/disconnect"


@pytest.fixture
async def bo(world: World) -> Browser:
    """Somebody with no apps at all, before each test."""
    of_bo = "(select id from authn.users where email = 'bo@example.com')"
    for table in ("authorization_codes", "grants"):
        await world.tamper(f"delete from authn.{table} where user_id in {of_bo}")
    return await world.logged_in("bo@example.com")


async def allowed(app: App, browser: Browser) -> dict[str, str]:
    """What an app gets once its person has allowed it everything."""
    back = answer(await browser.decide(await browser.open(app.url(scope="openid email offline_access")), "allow"))
    tokens: dict[str, str] = (await app.redeem(back["code"])).json()
    return tokens


async def test_with_no_app_the_page_says_what_it_is_for(bo: Browser) -> None:
    response = await bo.open(PAGE)
    assert response.status_code == 200
    assert "No app knows you yet" in response.text


@pytest.mark.adversarial("B7")
async def test_an_app_is_listed_in_words_and_disconnecting_it_ends_all_at_once(world: World, bo: Browser) -> None:
    async with listening() as ear:
        app = await world.app("Photo & Co", first_party=False, publisher="Acme Ltd", backchannel_logout_uri=ear.url())
        tokens = await allowed(app, bo)
        shown = (await bo.open(PAGE)).text
        for text in ("Photo &amp; Co", "Acme Ltd", "See your e-mail address", "Stay connected while you are away"):
            assert text in shown, text
        asked = await bo.open(f"{ASK}?app={app.client_id}")
        assert "Disconnect Photo &amp; Co?" in asked.text
        assert (await app.userinfo(tokens["access_token"])).status_code == 200
        unused = (await bo.http.get(app.url(scope="openid email"))).headers["location"]
        left = await bo.submit(ASK, {"app": app.client_id})
        assert "That app is disconnected" in left.text
        assert "No app knows you yet" in left.text
        assert (await app.userinfo(tokens["access_token"])).status_code == 401
        assert (await app.refresh(tokens["refresh_token"])).status_code == 400
        assert (await app.redeem(unused.partition("code=")[2].partition("&")[0])).status_code == 400
        networks = (ipaddress.ip_network("127.0.0.0/8"),)
        assert await tell_apps_of_logouts(Provider(world.database, SEALER), ISSUER, networks) == 1
        assert len(ear.requests) == 1
        (event,) = await world.events("consent_withdrawn", app.client_id)
        assert event["new_values"]["user_id"] == unverified_claims(tokens["id_token"])["sub"]
        # Still logged in at the portal, and asked again by the app.
        assert "Let Photo &amp; Co know who you are?" in (await bo.open(app.url(scope="openid email"))).text


async def test_an_app_of_the_house_is_listed_too(world: World, bo: Browser) -> None:
    app = await world.app("House")
    tokens = (await app.redeem(await code_for(app, bo))).json()
    assert "House" in (await bo.open(PAGE)).text
    await bo.submit(ASK, {"app": app.client_id})
    assert (await app.userinfo(tokens["access_token"])).status_code == 401
    assert "House" not in (await bo.open(PAGE)).text


async def test_htmx_swaps_the_list_alone(world: World, bo: Browser) -> None:
    app = await world.app("Swapped", first_party=False)
    await allowed(app, bo)
    response = await bo.http.post(ASK, data={"app": app.client_id}, headers={"origin": ISSUER, "hx-request": "true"})
    assert response.status_code == 200
    assert response.text.lstrip().startswith('<div class="account__list" id="apps"')
    assert "That app is disconnected" in response.text


async def test_nobody_disconnects_the_app_of_another_person(world: World, bo: Browser, alice: Browser) -> None:
    app = await world.app("Theirs", first_party=False)
    tokens = await allowed(app, alice)
    assert (await bo.http.get(f"{ASK}?app={app.client_id}")).status_code == 404
    assert "not connected" in (await bo.submit(ASK, {"app": app.client_id})).text
    assert "not connected" in (await bo.submit(ASK, {"app": "unknown"})).text
    assert (await app.userinfo(tokens["access_token"])).status_code == 200
    assert (await world.browser().http.get(PAGE)).status_code == 303

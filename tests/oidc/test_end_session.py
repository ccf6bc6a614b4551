"""Log out started by an app (OpenID Connect RP-Initiated Logout 1.0): proof logs out, anything else asks."""

from urllib.parse import urlencode

import httpx
import pytest
from joserfc import jwt

from portal.oidc.signing_keys import SigningKeys
from tests.oidc.forged_tokens import forgeries
from tests.oidc.people_and_apps import ISSUER, SEALER, App, Browser, World, hidden_fields, unverified_claims
from tests.oidc.test_codes import code_for

AFTER = "https://app.example/bye"


@pytest.fixture
async def app(world: World) -> App:
    """An app with an address for afterwards."""
    return await world.app("Leaver", post_logout_redirect_uris=[AFTER])


@pytest.fixture
async def alice(world: World) -> Browser:
    """A login of the test's own: it will end."""
    return await world.logged_in()


async def id_token(app: App, browser: Browser) -> str:
    return str((await app.redeem(await code_for(app, browser))).json()["id_token"])


def logout_url(**parameters: str) -> str:
    return f"/oauth2/logout?{urlencode(parameters)}"


async def is_logged_in(app: App, browser: Browser) -> bool:
    return "code=" in (await browser.http.get(app.url(prompt="none"))).headers["location"]


def assert_asks(response: httpx.Response) -> None:
    assert response.status_code == 200, response.text
    assert "location" not in response.headers
    assert 'action="/oauth2/logout/confirm"' in response.text


async def test_an_id_token_of_this_session_logs_out_and_leads_back(app: App, alice: Browser) -> None:
    hint = await id_token(app, alice)
    url = logout_url(id_token_hint=hint, post_logout_redirect_uri=AFTER, state="a b&c")
    response = await alice.http.get(url)
    assert response.status_code == 303
    assert response.headers["location"] == f"{AFTER}?state=a+b%26c"
    assert "clear-site-data" in response.headers
    assert not await is_logged_in(app, alice)
    # Once more, as a reload would: still back to the app.
    assert (await alice.http.get(url)).headers["location"].startswith(AFTER)


async def test_without_an_address_or_state_it_ends_where_it_should(world: World, app: App, alice: Browser) -> None:
    hint = await id_token(app, alice)
    page = await alice.http.get(logout_url(id_token_hint=hint))
    assert page.status_code == 200
    assert "You are logged out" in page.text
    again = await world.logged_in()
    url = logout_url(id_token_hint=await id_token(app, again), post_logout_redirect_uri=AFTER)
    assert (await again.http.get(url)).headers["location"] == AFTER


async def test_a_token_that_has_expired_is_fine(world: World, app: App, alice: Browser) -> None:
    token = await id_token(app, alice)
    keys = SigningKeys(world.database, SEALER)
    key = await keys.current("default")
    claims = {**unverified_claims(token), "exp": 1}
    old = jwt.encode({"alg": "RS256", "kid": key.thumbprint()}, claims, key)
    response = await alice.http.get(logout_url(id_token_hint=old, post_logout_redirect_uri=AFTER))
    assert response.headers["location"] == AFTER


@pytest.mark.asvs("10.6.2")
@pytest.mark.adversarial("L3")
async def test_a_bare_link_only_asks(app: App, alice: Browser) -> None:
    for url in (
        "/oauth2/logout",
        logout_url(state="x"),
        logout_url(client_id="nobody", post_logout_redirect_uri=AFTER),
    ):
        assert_asks(await alice.http.get(url))
    assert await is_logged_in(app, alice)
    crossed = await alice.http.post("/oauth2/logout/confirm", headers={"origin": "https://evil.example"}, data={})
    assert crossed.status_code == 403
    assert await is_logged_in(app, alice)


async def test_the_person_who_is_asked_can_agree(app: App, alice: Browser) -> None:
    page = await alice.open(logout_url(client_id=app.client_id, post_logout_redirect_uri=AFTER, state="s"))
    assert_asks(page)
    response = await alice.submit("/oauth2/logout/confirm", hidden_fields(page.text))
    assert response.headers["location"] == f"{AFTER}?state=s"
    assert not await is_logged_in(app, alice)


@pytest.mark.adversarial("L3", "J1", "J2", "J3", "J6")
async def test_a_bad_hint_asks_and_leads_nowhere(world: World, app: App, alice: Browser) -> None:
    token = await id_token(app, alice)
    keys = SigningKeys(world.database, SEALER)
    for name, forged in forgeries(token, await keys.current("default")).items():
        if not forged or len(forged) > 20_000:
            continue
        page = await alice.http.get(
            logout_url(id_token_hint=forged, client_id=app.client_id, post_logout_redirect_uri=AFTER)
        )
        assert page.status_code == 200, name
        assert_asks(page)
        assert AFTER not in page.text
    assert await is_logged_in(app, alice)


async def test_a_hint_of_another_login_asks(world: World, app: App, alice: Browser) -> None:
    bo = await world.logged_in("bo@example.com")
    assert_asks(await alice.http.get(logout_url(id_token_hint=await id_token(app, bo), post_logout_redirect_uri=AFTER)))
    earlier = await id_token(app, await world.logged_in())
    assert_asks(await alice.http.get(logout_url(id_token_hint=earlier)))
    assert await is_logged_in(app, alice)


@pytest.mark.adversarial("L3", "A6")
@pytest.mark.parametrize(
    "uri", [AFTER + "?x=1", AFTER + "/", AFTER + "#x", "https://evil.example/", "javascript:alert(1)", "//evil.example"]
)
async def test_an_unregistered_address_is_not_gone_to(app: App, alice: Browser, uri: str) -> None:
    hint = await id_token(app, alice)
    page = await alice.http.get(logout_url(id_token_hint=hint, post_logout_redirect_uri=uri, state="x"))
    assert "location" not in page.headers
    assert uri not in page.text
    confirmed = await alice.submit(
        "/oauth2/logout/confirm", {"client_id": app.client_id, "post_logout_redirect_uri": uri}
    )
    assert "location" not in confirmed.headers


async def test_one_apps_token_does_not_open_anothers_address(world: World, app: App, alice: Browser) -> None:
    other = await world.app("Other", post_logout_redirect_uris=["https://other.example/bye"])
    hint = await id_token(app, alice)
    for parameters in (
        {"client_id": other.client_id, "post_logout_redirect_uri": "https://other.example/bye"},
        {"post_logout_redirect_uri": "https://other.example/bye"},
    ):
        page = await alice.http.get(logout_url(id_token_hint=hint, **parameters))
        assert "location" not in page.headers


async def test_a_posted_request_goes_on_by_get(app: App, alice: Browser) -> None:
    bare = httpx.AsyncClient(transport=alice.http._transport, base_url=ISSUER)
    data = {"id_token_hint": await id_token(app, alice), "post_logout_redirect_uri": AFTER}
    posted = await bare.post("/oauth2/logout", data=data, headers={"origin": "https://app.example"})
    assert posted.status_code == 303
    assert "set-cookie" not in posted.headers
    assert await is_logged_in(app, alice)
    assert (await alice.http.get(posted.headers["location"])).headers["location"] == AFTER
    assert not await is_logged_in(app, alice)


async def test_repeated_parameters_are_refused(app: App, alice: Browser) -> None:
    assert (await alice.http.get("/oauth2/logout?state=1&state=2")).status_code == 400
    assert await is_logged_in(app, alice)


async def test_what_the_session_gave_ends_with_it(app: App, alice: Browser) -> None:
    tokens = (await app.redeem(await code_for(app, alice))).json()
    await alice.http.get(logout_url(id_token_hint=tokens["id_token"]))
    assert (await app.userinfo(tokens["access_token"])).status_code == 401

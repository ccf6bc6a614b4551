"""What an app may ask for beside the plain code flow: step-up, form post, popups, signed userinfo, single claims."""

import json
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt

from portal.oidc.signing_keys import SigningKeys, public_key
from tests.oidc.people_and_apps import CALLBACK, ISSUER, SEALER, App, Browser, World, answer, hidden_fields
from tests.oidc.people_and_apps import unverified_claims as claims_of
from tests.oidc.test_codes import code_for

ESSENTIAL = json.dumps({"id_token": {"acr": {"essential": True, "values": ["aal2"]}}})


@pytest.fixture
async def alice(world: World) -> Browser:
    """A login of the test's own."""
    return await world.logged_in()


async def acr(app: App, back: dict[str, str]) -> str:
    return str(claims_of((await app.redeem(back["code"])).json()["id_token"])["acr"])


async def as_with_two_factors(world: World) -> None:
    await world.tamper("update authn.sessions set amr = '{pwd,otp,mfa}'")


@pytest.fixture
async def enrolled(world: World, alice: Browser) -> AsyncIterator[None]:
    """Alice has a second factor that her login did not ask for."""
    user_id = (await world.rows("select id from authn.users where email = 'alice@example.com'"))[0]["id"]
    await world.database.fetchval("select authn.add_mfa($1, 'totp', 'sealed')", user_id)
    yield
    await world.tamper("delete from authn.mfa_secrets")


async def test_a_login_with_two_factors_is_aal2(world: World, app: App, alice: Browser) -> None:
    assert await acr(app, answer(await alice.open(app.url()))) == "aal1"
    await as_with_two_factors(world)
    assert await acr(app, answer(await alice.open(app.url(acr_values="aal2")))) == "aal2"
    assert answer(await alice.open(app.url(claims=ESSENTIAL)))["code"]


async def test_a_wish_for_aal2_stays_a_wish_without_a_second_factor(app: App, alice: Browser) -> None:
    for wish in ("aal2", "urn:other aal2", "aal1 aal2", "aal2 aal1"):
        assert await acr(app, answer(await alice.http.get(app.url(acr_values=wish)))) == "aal1"


async def test_a_demand_for_aal2_is_answered_to_the_app_without_a_second_factor(
    world: World, app: App, alice: Browser
) -> None:
    assert answer(await alice.http.get(app.url(claims=ESSENTIAL)))["error"] == "unmet_authentication_requirements"
    (refused,) = await world.events("authorization_refused", app.client_id)
    assert refused["new_values"]["reason"] == "unmet_authentication_requirements"


@pytest.mark.usefixtures("enrolled")
async def test_whoever_has_a_second_factor_is_asked_for_it(app: App, alice: Browser) -> None:
    for asked in ({"acr_values": "aal2"}, {"claims": ESSENTIAL}):
        page = await alice.open(app.url(**asked))
        assert page.url.path == "/login"
    # What is satisfied, or what must not be shown, leads nowhere.
    assert await acr(app, answer(await alice.http.get(app.url(acr_values="aal1 aal2")))) == "aal1"
    assert await acr(app, answer(await alice.http.get(app.url(acr_values="aal2", prompt="none")))) == "aal1"
    assert answer(await alice.http.get(app.url(claims=ESSENTIAL, prompt="none")))["error"] == "login_required"


async def test_form_post_answers_errors_in_a_form_too(app: App, alice: Browser) -> None:
    page = await alice.http.get(app.url(response_mode="form_post", prompt="nonsense"))
    fields = hidden_fields(page.text)
    assert fields["error"] == "invalid_request"
    assert fields["iss"] == ISSUER
    assert f'action="{CALLBACK}"' in page.text
    assert page.headers["cache-control"] == "no-store"
    policy = page.headers["content-security-policy"]
    assert "form-action" not in policy
    assert "script-src 'self';" in policy
    assert "<script>" not in page.text
    assert 'type="submit"' in page.text


@pytest.mark.adversarial("A3")
@pytest.mark.parametrize("mode", ["fragment", "form_post.jwt", "query.jwt", "jwt", "web_message", "FORM_POST", "none"])
async def test_any_other_response_mode_is_refused(world: World, app: App, alice: Browser, mode: str) -> None:
    back = answer(await alice.http.get(app.url(response_mode=mode)))
    assert back["error"] == "invalid_request"
    assert "response_mode" in back["error_description"]
    assert await world.events("authorization_refused", app.client_id)
    assert answer(await alice.http.get(app.url(response_mode="query")))["code"]


async def test_an_app_that_nobody_met_gets_nobody_by_a_mistake(world: World, alice: Browser) -> None:
    stranger = await world.app("Stranger", first_party=False)
    page = await alice.http.get(stranger.url(prompt="nonsense"))
    assert page.status_code == 400
    assert "location" not in page.headers
    assert "app.example" in page.text
    assert "prompt parameter has an unknown value" in page.text
    assert page.headers["x-request-id"] in page.text
    # prompt=none shows no page to anybody, and a person who pressed a button is no stranger to the app.
    assert answer(await alice.http.get(stranger.url(prompt="none")))["error"] == "consent_required"
    asked = await alice.open(stranger.url())
    assert answer(await alice.decide(asked, "deny"))["error"] == "access_denied"
    await alice.decide(await alice.open(stranger.url()), "allow")
    assert answer(await alice.http.get(stranger.url(prompt="nonsense")))["error"] == "invalid_request"


async def test_the_opener_policy_is_lifted_for_popups_only(world: World, app: App) -> None:
    browser = world.browser()
    assert (await browser.http.get(app.url())).headers["cross-origin-opener-policy"] == "same-origin"
    popup = await world.app("Popup", popup=True)
    begun = await browser.http.get(popup.url())
    assert begun.headers["cross-origin-opener-policy"] == "unsafe-none"
    page = await browser.http.get(begun.headers["location"])
    assert page.headers["cross-origin-opener-policy"] == "unsafe-none"
    flow = parse_qs(urlsplit(str(page.url)).query)["flow"][0]
    fields = {"email": "alice@example.com", "password": "correct-horse-battery", "flow": flow}
    done = await browser.http.post("/login/password", data=fields, headers={"origin": ISSUER})
    assert done.headers["cross-origin-opener-policy"] == "unsafe-none"
    assert (await browser.http.get("/account")).headers["cross-origin-opener-policy"] == "same-origin"
    posted = await world.http.post("/oauth2/authorize", data=popup.parameters())
    assert posted.headers["cross-origin-opener-policy"] == "unsafe-none"


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
async def test_userinfo_is_signed_where_the_app_registered_so(world: World, alice: Browser, algorithm: str) -> None:
    app = await world.app("Signed", userinfo_signed_response_alg=algorithm)
    tokens = (await app.redeem(await code_for(app, alice))).json()
    response = await app.userinfo(tokens["access_token"])
    assert response.headers["content-type"] == "application/jwt"
    keys = await SigningKeys(world.database, SEALER).published("default", algorithm)
    read = jwt.decode(response.text, public_key(keys.public[keys.signing[algorithm]]), algorithms=[algorithm])
    assert (read.claims["iss"], read.claims["aud"]) == (ISSUER, app.client_id)
    assert read.claims["sub"] == claims_of(tokens["id_token"])["sub"]
    assert read.claims["email"] == "alice@example.com"


async def test_single_claims_are_asked_for_in_the_words_of_their_scope(world: World, alice: Browser) -> None:
    stranger = await world.app("Curious", first_party=False)
    wanted = json.dumps({"userinfo": {"email": None}, "id_token": {"phone_number": None, "is_admin": None}})
    page = await alice.open(stranger.url(scope="openid", claims=wanted))
    assert hidden_fields(page.text)["scope"] == "openid email phone"
    tokens = (await stranger.redeem(answer(await alice.decide(page, "allow"))["code"])).json()
    assert tokens["scope"] == "openid"
    assert (await stranger.userinfo(tokens["access_token"])).json()["email"] == "alice@example.com"
    assert "is_admin" not in claims_of(tokens["id_token"])


@pytest.mark.adversarial("P5")
async def test_an_app_gets_no_claim_beyond_its_scopes(world: World, alice: Browser) -> None:
    narrow = await world.app("Narrow", scopes=["openid"])
    wanted = json.dumps({"userinfo": {"email": {"essential": True}}, "id_token": {"email": {"essential": True}}})
    tokens = (await narrow.redeem(answer(await alice.open(narrow.url(claims=wanted)))["code"])).json()
    assert "email" not in claims_of(tokens["id_token"])
    assert "email" not in (await narrow.userinfo(tokens["access_token"])).json()
    wide = await world.app("Wide")
    tokens = (await wide.redeem(answer(await alice.open(wide.url(scope="openid", claims=wanted)))["code"])).json()
    assert claims_of(tokens["id_token"])["email"] == "alice@example.com"


async def test_consent_says_who_publishes_the_app(world: World, alice: Browser) -> None:
    published = await world.app("Published", first_party=False, publisher="Example & Sons")
    page = await alice.open(published.url(scope="openid phone address"))
    assert "Example &amp; Sons" in page.text
    assert "See your phone number" in page.text
    assert "See your postal address" in page.text

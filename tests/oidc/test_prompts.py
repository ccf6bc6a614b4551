"""What an app may ask of the login: prompt, max_age, the hints (OpenID Connect Core section 3.1.2.1)."""

import json

import pytest

from tests.oidc.people_and_apps import App, Browser, World, answer, unverified_claims


@pytest.fixture
async def alice(world: World) -> Browser:
    """A login of the test's own: it will grow old, or be renewed."""
    return await world.logged_in()


async def auth_time(app: App, back: dict[str, str]) -> int:
    tokens = (await app.redeem(back["code"])).json()
    return int(unverified_claims(tokens["id_token"])["auth_time"])


async def an_hour_later(world: World) -> None:
    await world.tamper("update authn.sessions set auth_time = auth_time - interval '1 hour'")


async def test_prompt_none_without_a_login_tells_the_app_and_shows_no_page(world: World, app: App) -> None:
    assert answer(await world.browser().http.get(app.url(prompt="none")))["error"] == "login_required"


async def test_prompt_none_with_a_login_gives_a_code(app: App, alice: Browser) -> None:
    assert answer(await alice.http.get(app.url(prompt="none")))["code"]


async def test_prompt_none_checks_consent_too(world: World, alice: Browser) -> None:
    stranger = await world.app("Stranger", first_party=False)
    assert answer(await alice.http.get(stranger.url(prompt="none")))["error"] == "consent_required"
    await alice.decide(await alice.open(stranger.url()), "allow")
    assert answer(await alice.http.get(stranger.url(prompt="none")))["code"]
    assert answer(await alice.http.get(stranger.url(prompt="none", max_age="0")))["error"] == "login_required"


async def test_prompt_login_demands_the_password_again(world: World, app: App, alice: Browser) -> None:
    await an_hour_later(world)
    before = await auth_time(app, answer(await alice.open(app.url())))
    page = await alice.open(app.url(prompt="login"))
    assert page.url.path == "/login"
    again = answer(await alice.log_in_on(page))
    assert await auth_time(app, again) > before + 3000


async def test_a_prompt_for_login_cannot_be_skipped_by_resuming(world: World, app: App, alice: Browser) -> None:
    started = await alice.http.get(app.url(prompt="login"))
    assert started.headers["location"].startswith("/login")
    stored = await stored_request_id(world, app)
    assert (await alice.open(f"/oauth2/authorize/resume/{stored}")).url.path == "/login"


async def stored_request_id(world: World, app: App) -> str:
    rows = await world.rows(
        "select id from authn.authorization_requests where client_id = $1 order by created_at", app.client_id
    )
    return str(rows[-1]["id"])


async def test_max_age_demands_a_login_that_is_young_enough(world: World, app: App, alice: Browser) -> None:
    assert answer(await alice.http.get(app.url(max_age="10000")))["code"]
    await an_hour_later(world)
    assert answer(await alice.http.get(app.url(max_age="10000")))["code"]
    page = await alice.open(app.url(max_age="60"))
    assert page.url.path == "/login"
    assert answer(await alice.log_in_on(page))["code"]


async def test_max_age_zero_is_a_fresh_login_even_when_it_takes_a_second(
    world: World, app: App, alice: Browser
) -> None:
    page = await alice.open(app.url(max_age="0"))
    assert page.url.path == "/login"
    assert answer(await alice.log_in_on(page))["code"]


async def test_prompt_create_leads_to_sign_up(world: World, app: App) -> None:
    page = await world.browser().open(app.url(prompt="create"))
    assert page.url.path == "/signup"
    assert page.status_code == 200


async def test_prompt_select_account_lets_another_account_in(app: App, alice: Browser) -> None:
    page = await alice.open(app.url(prompt="select_account"))
    assert page.url.path == "/login"
    back = answer(await alice.log_in_on(page, "bo@example.com"))
    tokens = (await app.redeem(back["code"])).json()
    assert unverified_claims(tokens["id_token"])["email"] == "bo@example.com"


async def test_a_login_hint_fills_the_address_in(world: World, app: App) -> None:
    page = await world.browser().open(app.url(login_hint="alice@example.com"))
    assert "alice@example.com" in page.text
    odd = await world.browser().open(app.url(login_hint='"><script>alert(1)</script>@example.com'))
    assert odd.status_code == 200
    assert "<script>alert" not in odd.text


async def test_an_id_token_hint_names_the_person_that_is_meant(world: World, app: App, alice: Browser) -> None:
    tokens = (await app.redeem(answer(await alice.open(app.url()))["code"])).json()
    hint = tokens["id_token"]
    assert answer(await alice.http.get(app.url(prompt="none", id_token_hint=hint)))["code"]
    bo = await world.logged_in("bo@example.com")
    assert answer(await bo.http.get(app.url(prompt="none", id_token_hint=hint)))["error"] == "login_required"
    assert (await bo.open(app.url(id_token_hint=hint))).url.path == "/login"


async def test_a_claims_parameter_with_a_subject_means_that_person(world: World, app: App, alice: Browser) -> None:
    tokens = (await app.redeem(answer(await alice.open(app.url()))["code"])).json()
    wanted = json.dumps({"id_token": {"sub": {"value": unverified_claims(tokens["id_token"])["sub"]}}})
    assert answer(await alice.http.get(app.url(prompt="none", claims=wanted)))["code"]
    bo = await world.logged_in("bo@example.com")
    assert answer(await bo.http.get(app.url(prompt="none", claims=wanted)))["error"] == "login_required"


@pytest.mark.adversarial("C3")
async def test_another_browser_gets_nothing_of_the_first_ones_request(world: World, app: App) -> None:
    first, second = world.browser(), await world.logged_in("bo@example.com")
    await first.open(app.url(login_hint="secret-hint@example.com"))
    stored = await stored_request_id(world, app)
    page = await second.http.get(f"/oauth2/authorize/resume/{stored}")
    assert page.status_code == 400
    assert "Acme" in page.text
    for secret in (app.state, app.nonce, app.challenge, "secret-hint"):
        assert secret not in page.text
    assert f'href="/apps/{app.client_id}"' in page.text


async def test_an_expired_request_begins_again_at_the_app(world: World, app: App) -> None:
    browser = world.browser()
    await browser.open(app.url())
    await world.tamper("update authn.authorization_requests set expires_at = now()")
    page = await browser.http.get(f"/oauth2/authorize/resume/{await stored_request_id(world, app)}")
    assert page.status_code == 400
    assert f'href="/apps/{app.client_id}"' in page.text


async def test_an_unknown_request_is_a_page(alice: Browser) -> None:
    page = await alice.http.get("/oauth2/authorize/resume/00000000-0000-4000-8000-000000000000")
    assert page.status_code == 400
    assert (await alice.http.get("/oauth2/authorize/resume/nonsense")).status_code == 404


async def test_resuming_twice_in_the_same_browser_is_like_reloading(world: World, app: App) -> None:
    browser = world.browser()
    page = await browser.open(app.url())
    first = answer(await browser.log_in_on(page))
    again = answer(await browser.open(f"/oauth2/authorize/resume/{await stored_request_id(world, app)}"))
    assert first["code"] != again["code"]


async def test_a_posted_request_belongs_to_the_first_browser_that_opens_it(world: World, app: App) -> None:
    posted = await world.http.post("/oauth2/authorize", data=app.parameters())
    first, second = world.browser(), world.browser()
    assert (await first.open(posted.headers["location"])).url.path == "/login"
    assert (await second.open(posted.headers["location"])).status_code == 400
    assert (await first.open(posted.headers["location"])).url.path == "/login"

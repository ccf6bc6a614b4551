"""Consent: asked of apps of other houses, remembered, asked again only for what is new."""

import pytest

from tests.oidc.people_and_apps import ISSUER, App, Browser, World, answer, hidden_fields


@pytest.fixture
async def stranger(world: World) -> App:
    """An app of another house."""
    return await world.app("Stranger & Sons", first_party=False)


async def test_a_first_party_app_is_not_asked_for(app: App, alice: Browser) -> None:
    assert answer(await alice.open(app.url()))["code"]


@pytest.mark.asvs("10.7.2")
async def test_the_page_says_which_app_wants_what_of_whom(stranger: App, alice: Browser) -> None:
    page = await alice.open(stranger.url(scope="openid email"))
    assert page.status_code == 200
    assert "Stranger &amp; Sons" in page.text
    assert "See your e-mail address" in page.text
    assert "See your profile" not in page.text
    assert "alice@example.com" in page.text
    assert page.headers["cache-control"] == "no-store"
    assert "form-action" not in page.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    fields = hidden_fields(page.text)
    assert fields["scope"] == "openid email"
    assert stranger.state not in page.text


async def test_allowing_gives_a_code_and_is_remembered(world: World, stranger: App, alice: Browser) -> None:
    page = await alice.open(stranger.url())
    assert answer(await alice.decide(page, "allow"))["code"]
    assert answer(await alice.open(stranger.url()))["code"]
    (given,) = await world.events("consent_given", stranger.client_id)
    assert sorted(given["new_values"]["scopes"]) == ["email", "openid", "profile"]


async def test_a_wider_scope_asks_for_the_difference(world: World, stranger: App) -> None:
    alice = await world.logged_in()
    await alice.decide(await alice.open(stranger.url(scope="openid email")), "allow")
    assert answer(await alice.open(stranger.url(scope="openid")))["code"]
    page = await alice.open(stranger.url(scope="openid email profile"))
    assert hidden_fields(page.text)["scope"] == "profile"
    assert answer(await alice.decide(page, "allow"))["code"]
    assert answer(await alice.open(stranger.url()))["code"]


async def test_consent_is_a_persons_own(world: World, stranger: App, alice: Browser) -> None:
    await alice.decide(await alice.open(stranger.url()), "allow")
    bo = await world.logged_in("bo@example.com")
    assert (await bo.open(stranger.url())).status_code == 200


async def test_denying_tells_the_app_and_remembers_nothing(world: World, stranger: App, alice: Browser) -> None:
    page = await alice.open(stranger.url())
    back = answer(await alice.decide(page, "deny"))
    assert back["error"] == "access_denied"
    assert back["state"] == stranger.state
    assert back["iss"] == ISSUER
    assert (await alice.open(stranger.url())).status_code == 200
    assert len(await world.events("consent_denied", stranger.client_id)) == 1


async def test_prompt_consent_asks_for_everything_again(app: App, stranger: App, alice: Browser) -> None:
    await alice.decide(await alice.open(stranger.url()), "allow")
    page = await alice.open(stranger.url(prompt="consent"))
    assert hidden_fields(page.text)["scope"] == "openid profile email"
    assert answer(await alice.decide(page, "allow"))["code"]
    assert (await alice.open(app.url(prompt="consent"))).status_code == 200


@pytest.mark.asvs("10.7.1")
async def test_a_native_app_is_asked_for_every_time(world: World, alice: Browser) -> None:
    # Any program on the device can listen on a loopback port and say that it is the app that was allowed before.
    loopback = "http://127.0.0.1/callback"
    native = await world.app("Native", first_party=False, public=True, redirect_uris=[loopback])
    url = native.url(redirect_uri="http://127.0.0.1:51004/callback")
    allowed = await alice.decide(await alice.open(url), "allow")
    assert allowed.headers["location"].startswith("http://127.0.0.1:51004/callback?code=")
    assert hidden_fields((await alice.open(url)).text)["scope"] == "openid profile email"
    silent = await alice.http.get(native.url(redirect_uri="http://127.0.0.1:51004/callback", prompt="none"))
    assert "error=consent_required" in silent.headers["location"]


async def test_a_decision_that_is_none_allows_nothing(stranger: App, alice: Browser) -> None:
    page = await alice.open(stranger.url())
    for decision in ("", "yes", "ALLOW"):
        assert (await alice.decide(page, decision)).status_code == 400
    assert (await alice.open(stranger.url())).status_code == 200


async def test_more_than_was_seen_is_not_allowed(stranger: App, alice: Browser) -> None:
    page = await alice.open(stranger.url(scope="openid email"))
    for scope in ("openid", "openid email profile", "", "email admin"):
        assert (await alice.decide(page, "allow", scope=scope)).status_code == 400
    assert answer(await alice.decide(page, "allow"))["code"]


async def test_who_logged_in_meanwhile_is_asked_anew(world: World, stranger: App) -> None:
    browser = await world.logged_in()
    page = await browser.open(stranger.url())
    await browser.submit("/logout", {})
    await browser.log_in("bo@example.com")
    shown = await browser.decide(page, "allow")
    assert shown.status_code == 200
    assert "bo@example.com" in shown.text
    assert await world.events("consent_given", stranger.client_id) == []


async def test_a_logged_out_person_is_led_to_the_login(world: World, stranger: App) -> None:
    browser = await world.logged_in()
    page = await browser.open(stranger.url())
    await browser.submit("/logout", {})
    assert (await browser.decide(page, "allow")).url.path == "/login"


@pytest.mark.adversarial("C3", "C5")
async def test_nobody_elses_page_can_decide(world: World, stranger: App, alice: Browser) -> None:
    page = await alice.open(stranger.url())
    fields = {**hidden_fields(page.text), "decision": "allow"}
    crossed = await alice.http.post("/oauth2/consent", data=fields, headers={"origin": "https://evil.example"})
    assert crossed.status_code == 403
    bare = await alice.http.post("/oauth2/consent", data=fields)
    assert bare.status_code == 403
    bo = await world.logged_in("bo@example.com")
    assert (await bo.submit("/oauth2/consent", fields)).status_code == 400
    assert await world.events("consent_given", stranger.client_id) == []


async def test_not_you_leads_to_a_login_and_back(world: World, stranger: App) -> None:
    browser = await world.logged_in()
    page = await browser.open(stranger.url())
    request_id = hidden_fields(page.text)["request"]
    assert f'href="/oauth2/authorize/switch/{request_id}"' in page.text
    login = await browser.open(f"/oauth2/authorize/switch/{request_id}")
    assert login.url.path == "/login"
    assert "alice@example.com" not in login.text
    asked = await browser.log_in_on(login, "bo@example.com")
    assert "bo@example.com" in asked.text


@pytest.mark.adversarial("Q1")
async def test_an_apps_name_is_text(world: World, alice: Browser) -> None:
    app = await world.app('<img src=x onerror="alert(1)">', first_party=False)
    page = await alice.open(app.url())
    assert "<img src=x" not in page.text
    assert "&lt;img src=x" in page.text


async def test_a_malformed_request_id_is_a_page(alice: Browser) -> None:
    for request_id in ("", "nonsense", "00000000-0000-4000-8000-000000000000"):
        response = await alice.submit("/oauth2/consent", {"request": request_id, "decision": "allow"})
        assert response.status_code == 400

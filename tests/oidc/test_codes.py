"""Authorization codes: for one app, one minute, one use; and what a second use undoes."""

import asyncio

import pytest

from portal.oidc.clients import delete_client
from tests.oidc.people_and_apps import CALLBACK, App, Browser, World, answer, random_token


def assert_refused(response: object, error: str = "invalid_grant", status: int = 400) -> None:
    assert response.status_code == status, response.text
    assert response.json()["error"] == error
    assert "access_token" not in response.json()
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-type"].startswith("application/json")


async def code_for(app: App, browser: Browser, **changes: str | None) -> str:
    return answer(await browser.open(app.url(**changes)))["code"]


@pytest.mark.asvs("10.4.2")
async def test_a_code_can_be_used_once(world: World, app: App, alice: Browser) -> None:
    code = await code_for(app, alice)
    tokens = (await app.redeem(code)).json()
    assert (await app.userinfo(tokens["access_token"])).status_code == 200
    assert_refused(await app.redeem(code))
    # The second use shows that somebody else has the code: what the first one gave is dead.
    assert (await app.userinfo(tokens["access_token"])).status_code == 401
    (replayed,) = await world.events("code_replayed", app.client_id)
    assert replayed["new_values"]["tokens_revoked"] == 1
    assert_refused(await app.redeem(code))
    assert (await world.events("code_replayed", app.client_id))[-1]["new_values"]["tokens_revoked"] == 0


async def test_a_replay_after_the_minute_still_ends_what_the_code_gave(world: World, app: App, alice: Browser) -> None:
    code = await code_for(app, alice)
    tokens = (await app.redeem(code)).json()
    await world.tamper("update authn.authorization_codes set expires_at = now() - interval '5 minutes'")
    assert_refused(await app.redeem(code))
    assert (await app.userinfo(tokens["access_token"])).status_code == 401


async def test_a_failed_redemption_uses_the_code_up(app: App, alice: Browser) -> None:
    code = await code_for(app, alice)
    assert_refused(await app.redeem(code, code_verifier=random_token()))
    # Committed although the answer was an error: a thief gets one guess at the verifier.
    assert_refused(await app.redeem(code))


@pytest.mark.asvs("10.4.2")
@pytest.mark.adversarial("B2")
async def test_of_thirty_redemptions_at_once_one_succeeds_and_its_tokens_end(
    world: World, app: App, alice: Browser
) -> None:
    code = await code_for(app, alice)
    responses = await asyncio.gather(*(app.redeem(code) for _ in range(30)))
    won = [response for response in responses if response.status_code == 200]
    assert len(won) == 1
    for response in responses:
        if response is not won[0]:
            assert_refused(response)
    assert (await app.userinfo(won[0].json()["access_token"])).status_code == 401
    assert len(await world.events("tokens_issued", app.client_id)) == 1
    assert len(await world.events("code_replayed", app.client_id)) == 29


@pytest.mark.adversarial("B1")
async def test_a_code_is_for_the_app_that_it_was_given_to(world: World, app: App, alice: Browser) -> None:
    thief = await world.app("Thief")
    code = await code_for(app, alice)
    assert_refused(await thief.redeem(code, code_verifier=app.verifier))
    assert_refused(await thief.redeem(code, code_verifier=app.verifier, redirect_uri="https://thief.example/cb"))
    (refused, _) = await world.events("code_refused", thief.client_id)
    assert refused["new_values"]["reason"] == "other_client"
    # The thief's try does not take the code from the app either.
    assert (await app.redeem(code)).status_code == 200


@pytest.mark.asvs("10.4.3")
@pytest.mark.adversarial("B3")
async def test_a_code_lives_for_a_minute(world: World, app: App, alice: Browser) -> None:
    on_time, late = await code_for(app, alice), await code_for(app, alice)
    rows = await world.rows(
        "select expires_at - created_at as life from authn.authorization_codes where client_id = $1", app.client_id
    )
    assert [row["life"].total_seconds() for row in rows] == [60, 60]
    await world.tamper("update authn.authorization_codes set expires_at = expires_at - interval '59 seconds'")
    assert (await app.redeem(on_time)).status_code == 200
    await world.tamper("update authn.authorization_codes set expires_at = expires_at - interval '2 seconds'")
    assert_refused(await app.redeem(late))
    assert (await world.events("code_refused", app.client_id))[-1]["new_values"]["reason"] == "expired"


@pytest.mark.adversarial("B3")
async def test_a_code_dies_with_its_session(world: World, app: App) -> None:
    alice = await world.logged_in()
    code = await code_for(app, alice)
    await alice.submit("/logout", {})
    assert_refused(await app.redeem(code))
    assert (await world.events("code_refused", app.client_id))[-1]["new_values"]["reason"] == "session_ended"


@pytest.mark.adversarial("B3", "I11")
async def test_a_code_dies_with_its_person(world: World, app: App) -> None:
    bo = await world.logged_in("bo@example.com")
    code, held = await code_for(app, bo), (await app.redeem(await code_for(app, bo))).json()["access_token"]
    # Only the flag, so that it counts by itself and not through the sessions that disabling ends.
    await world.tamper("update authn.users set disabled_at = now() where email = 'bo@example.com'")
    try:
        assert_refused(await app.redeem(code))
        assert (await app.userinfo(held)).status_code == 401
    finally:
        await world.tamper("update authn.users set disabled_at = null where email = 'bo@example.com'")


@pytest.mark.adversarial("B3")
async def test_a_code_dies_with_its_app(world: World, alice: Browser) -> None:
    app = await world.app("Gone soon")
    code = await code_for(app, alice)
    held = (await app.redeem(await code_for(app, alice))).json()["access_token"]
    assert await delete_client(world.database, "default", app.client_id)
    assert (await app.redeem(code)).status_code in (400, 401)
    assert (await app.userinfo(held)).status_code == 401
    assert (await alice.http.get(app.url())).status_code == 400


async def test_the_redirect_uri_must_be_the_one_of_the_request(world: World, alice: Browser) -> None:
    app = await world.app("Two", redirect_uris=[CALLBACK, "https://app.example/other"])
    for other in ("https://app.example/other", None, "", CALLBACK + "/"):
        assert_refused(await app.redeem(await code_for(app, alice), redirect_uri=other))
    assert (await app.redeem(await code_for(app, alice))).status_code == 200


@pytest.mark.adversarial("B9", "J7")
async def test_only_the_exact_code_works(app: App, alice: Browser) -> None:
    code = await code_for(app, alice)
    tokens = (await app.redeem(await code_for(app, alice))).json()
    for wrong in (
        code[:-1],
        code + "A",
        code.swapcase(),
        "",
        "0",
        tokens["access_token"],
        tokens["id_token"],
        "ß" * 43,
    ):
        response = await app.redeem(wrong)
        assert response.status_code == 400
        assert response.json()["error"] in ("invalid_grant", "invalid_request")
    assert (await app.redeem(code)).status_code == 200


async def test_codes_and_tokens_are_stored_as_digests_only(world: World, app: App, alice: Browser) -> None:
    code = await code_for(app, alice)
    token = (await app.redeem(code)).json()["access_token"]
    for table in ("authorization_codes", "access_tokens", "clients", "audit_events"):
        text = str(await world.rows(f"select t::text from authn.{table} t"))
        assert code not in text
        assert token not in text
        assert app.client_secret not in text


async def test_a_reauthentication_keeps_what_the_session_gave(world: World, app: App) -> None:
    alice = await world.logged_in()
    token = (await app.redeem(await code_for(app, alice))).json()["access_token"]
    page = await alice.open(app.url(prompt="login"))
    assert answer(await alice.log_in_on(page))["code"]
    assert (await app.userinfo(token)).status_code == 200

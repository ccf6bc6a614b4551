"""How often the provider asks the database: at most 4 round trips for authorize, 6 for token (performance goal 7)."""

import pytest

from tests.oidc.people_and_apps import App, Browser, World, answer, hidden_fields
from tests.oidc.test_codes import code_for


async def start_counting(world: World) -> None:
    # What every request of the same second shares: which namespace the host is, and its signing keys.
    # Twice: making the very first key takes longer than a second.
    await world.http.get("/oauth2/jwks")
    await world.http.get("/oauth2/jwks")
    world.database.round_trips = 0


async def test_a_code_for_a_live_session_costs_three_round_trips(world: World, app: App, alice: Browser) -> None:
    await alice.open(app.url())
    await start_counting(world)
    assert answer(await alice.http.get(app.url()))["code"]
    assert world.database.round_trips == 3


async def test_tokens_cost_four_round_trips_at_most(world: World, app: App, alice: Browser) -> None:
    code = await code_for(app, alice)
    await start_counting(world)
    assert (await app.redeem(code)).status_code == 200
    assert world.database.round_trips <= 4


async def test_a_refresh_costs_three_round_trips_at_most(world: World, renewing: App, alice: Browser) -> None:
    token = (await renewing.redeem(await code_for(renewing, alice))).json()["refresh_token"]
    for presented in (token, token):  # the rotation, and its repetition
        await start_counting(world)
        assert (await renewing.refresh(presented)).status_code == 200
        assert world.database.round_trips <= 3


async def test_revoking_and_asking_cost_two_at_most(world: World, renewing: App, alice: Browser) -> None:
    token = (await renewing.redeem(await code_for(renewing, alice))).json()["access_token"]
    for call in (renewing.introspect, renewing.revoke):
        await start_counting(world)
        assert (await call(token)).status_code == 200
        assert world.database.round_trips <= 2


async def test_a_request_without_a_login_costs_four(world: World, app: App) -> None:
    browser = world.browser()
    await start_counting(world)
    assert (await browser.http.get(app.url())).headers["location"].startswith("/login")
    assert world.database.round_trips <= 4


async def test_resuming_costs_three(world: World, app: App, alice: Browser) -> None:
    posted = await world.http.post("/oauth2/authorize", data=app.parameters())
    await start_counting(world)
    assert answer(await alice.http.get(posted.headers["location"]))["code"]
    assert world.database.round_trips == 3


async def test_consent_costs_four(world: World, alice: Browser) -> None:
    app = await world.app("Counts", first_party=False)
    page = await alice.open(app.url())
    await start_counting(world)
    fields = {**hidden_fields(page.text), "decision": "allow"}
    response = await alice.http.post("/oauth2/consent", data=fields, headers={"origin": "http://localhost:8000"})
    assert answer(response)["code"]
    assert world.database.round_trips <= 4


@pytest.mark.parametrize("path", ["/oauth2/jwks", "/.well-known/openid-configuration"])
async def test_public_documents_cost_one_at_most(world: World, path: str) -> None:
    await start_counting(world)
    await world.http.get(path)
    assert world.database.round_trips <= 1

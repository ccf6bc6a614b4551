"""What anybody can send without a login fills neither the tables, nor the audit log, nor the head of an answer."""

import httpx
import pytest

from portal.oidc.authorize.checks import REQUEST_MAX_LENGTH
from portal.oidc.end_session import LOCATION_MAX_LENGTH
from portal.oidc.parameters import STATE_MAX_LENGTH
from tests.oidc.people_and_apps import ISSUER, App, Browser, World, answer

HEAD_MAX_LENGTH = 8192  # bytes, ASVS 5.0 4.2.5
AN_HOUR_OF_A_NETWORK = 6000
FLOOD = 120
HERE = "127.0.0.1/32"  # where the requests of these tests come from


async def requests_kept(world: World, app: App) -> int:
    rows = await world.rows("select from authn.authorization_requests where client_id = $1", app.client_id)
    return len(rows)


def head_of(response: httpx.Response) -> int:
    return sum(len(name) + len(value) + 4 for name, value in response.headers.raw)


@pytest.mark.asvs("4.2.5")
@pytest.mark.adversarial("U2")
async def test_a_state_comes_back_up_to_four_kilobytes_and_no_longer_one_is_taken(app: App, alice: Browser) -> None:
    longest = "s" * STATE_MAX_LENGTH
    honest = await alice.http.get(app.url(state=longest))
    assert answer(honest)["state"] == longest
    assert head_of(honest) < HEAD_MAX_LENGTH
    # What counts is how long it is in an address: three characters for each of these.
    for state in (longest + "s", "/" * (STATE_MAX_LENGTH // 2)):
        for refused in (
            await alice.http.get(app.url(state=state)),
            await alice.http.get(app.url(state=state, scope="unknown")),
            await alice.http.post("/oauth2/authorize", data=app.parameters(state=state)),
            await alice.http.get("/oauth2/logout", params={"client_id": app.client_id, "state": state}),
        ):
            assert refused.status_code == 400
            assert head_of(refused) < HEAD_MAX_LENGTH


@pytest.mark.asvs("4.2.5")
async def test_a_posted_logout_goes_on_by_no_address_that_proxies_cut_off(app: App, alice: Browser) -> None:
    honest = await alice.http.post("/oauth2/logout", data={"client_id": app.client_id, "id_token_hint": "h" * 4000})
    assert honest.status_code == 303
    assert head_of(honest) < HEAD_MAX_LENGTH
    refused = await alice.http.post("/oauth2/logout", data={"id_token_hint": "h" * LOCATION_MAX_LENGTH})
    assert refused.status_code == 400
    assert "location" not in refused.headers


@pytest.mark.adversarial("U2")
async def test_a_long_request_is_kept_by_nobody(world: World, app: App) -> None:
    stranger = world.browser()
    long = "x" * REQUEST_MAX_LENGTH
    for refused in (
        await stranger.http.get(app.url(anything=long)),
        await stranger.http.post("/oauth2/authorize", data=app.parameters(anything=long)),
    ):
        told = answer(refused)
        assert (told["error"], told["state"]) == ("invalid_request", app.state)
    assert await requests_kept(world, app) == 0
    assert (await stranger.http.get(app.url(anything="x" * (REQUEST_MAX_LENGTH // 2)))).status_code == 303
    assert (await stranger.http.post("/oauth2/authorize", data=app.parameters())).status_code == 303
    assert await requests_kept(world, app) == 2


@pytest.mark.adversarial("U2")
@pytest.mark.parametrize("table", ["authorization_requests", "login_flows"])
async def test_a_network_begins_six_thousand_logins_an_hour(world: World, app: App, table: str) -> None:
    columns, values = {
        "authorization_requests": ("client_id, parameters", f"'{app.client_id}', '{{}}'"),
        "login_flows": ("browser_digest, purpose", "'somebody', 'login'"),
    }[table]

    async def begun(number: int, network: str, at: str = "now()") -> None:
        await world.tamper(
            f"insert into authn.{table} (namespace, prefix, created_at, expires_at, {columns}) "
            f"select 'default', '{network}', {at}, now() + interval '1 day', {values} from generate_series(1, {number})"
        )

    async def statuses() -> set[int]:
        stranger = world.browser()
        return {
            (await stranger.http.get(app.url())).status_code,
            (await stranger.http.post("/oauth2/authorize", data=app.parameters())).status_code
            if table == "authorization_requests"
            else (await stranger.http.post("/login", data={"email": "x@y.zz"}, headers={"origin": ISSUER})).status_code,
        }

    await world.tamper(f"delete from authn.{table} where prefix = '{HERE}'")
    await begun(AN_HOUR_OF_A_NETWORK, "192.0.2.0/32")
    await begun(AN_HOUR_OF_A_NETWORK, HERE, "now() - interval '61 minutes'")
    await begun(AN_HOUR_OF_A_NETWORK - 2, HERE)
    assert await statuses() == {303}, "the last two of its hour; what others did, and what was before, does not count"
    assert await statuses() == {429}
    await world.tamper(f"update authn.{table} set created_at = now() - interval '1 hour' where prefix = '{HERE}'")
    assert await statuses() == {303}


@pytest.mark.adversarial("G7")
async def test_a_flood_of_refusals_writes_a_handful_of_events(world: World, alice: Browser) -> None:
    """A public app's id is in every address that leads to a login, so all of these are for anybody to send."""
    app = await world.app("Public", public=True, grant_types=["authorization_code", "refresh_token"])
    stranger = world.browser()
    sent = {
        "code_refused": lambda: app.redeem("unknown"),
        "refresh_refused": lambda: app.refresh("unknown"),
        "authorization_refused": lambda: stranger.http.get(app.url(scope="unknown")),
        "client_authentication_failed": lambda: app.redeem("unknown", client_secret="wrong"),
        "passkey_refused": lambda: stranger.http.post(
            "/login/passkey", data={"ceremony": "unknown", "credential": "{}"}, headers={"origin": ISSUER}
        ),
    }
    for event, send in sent.items():
        about = None if event == "passkey_refused" else app.client_id
        statuses = {(await send()).status_code for _ in range(FLOOD)}
        assert statuses <= {303, 400, 401, 422}, event
        written = [row["new_values"] for row in await world.events(event, about)]
        # A flood that a minute's end cut in two has the first ones of each.
        assert 1 <= len(written) <= 2 * 11, event
        assert all(values["reason"] for values in written), event
    # An answer to somebody who is logged in is written each time.
    for _ in range(12):
        await alice.http.get(app.url(scope="unknown"))
    of_alice = [
        row for row in await world.events("authorization_refused", app.client_id) if "user_id" in row["new_values"]
    ]
    assert len(of_alice) == 12

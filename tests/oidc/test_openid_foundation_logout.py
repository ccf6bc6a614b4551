"""The OpenID Foundation's RP-Initiated and Back-Channel Logout plans, one test per module and named after it.

https://openid.net/certification/testing/
"""

import ipaddress
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from portal.oidc.backchannel import EVENT, tell_apps_of_logouts
from portal.oidc.provider import Provider
from tests.oidc.foundation import RelyingParty
from tests.oidc.people_and_apps import ISSUER, SEALER, World, hidden_fields, unverified_claims
from tests.outgoing.sink import listening

CALLBACK = "https://suite.example/callback"
AFTER = "https://suite.example/post_logout_redirect"
STATE = "a-state"


async def a_client(world: World, **registration: Any) -> RelyingParty:
    addresses = {"redirect_uris": [CALLBACK], "post_logout_redirect_uris": [AFTER]}
    app = await world.app("Suite", require_pkce=False, **{**addresses, **registration})
    return RelyingParty(world, app, world.browser(), CALLBACK)


@pytest.fixture
async def party(world: World) -> RelyingParty:
    return await a_client(world)


async def log_out(party: RelyingParty, **parameters: str | None) -> httpx.Response:
    """Log in, then send the browser to the end-session endpoint with these parameters beside the usual ones."""
    hint = (await party.tokens())["id_token"]
    usual = {"id_token_hint": hint, "post_logout_redirect_uri": AFTER, "state": STATE}
    asked = {name: value for name, value in {**usual, **parameters}.items() if value is not None}
    return await party.browser.http.get(f"/oauth2/logout?{urlencode(asked)}")


async def is_logged_in(party: RelyingParty) -> bool:
    return "code" in party.answer(await party.browser.http.get(party.url(prompt="none")))


async def assert_asks(party: RelyingParty, response: httpx.Response) -> None:
    """The person is asked, still logged in, and led nowhere else once they agree."""
    assert response.status_code == 200, response.text
    assert "Log out?" in response.text
    assert await is_logged_in(party)
    headers = {"origin": ISSUER, "content-type": "application/x-www-form-urlencoded"}
    body = urlencode(hidden_fields(response.text))
    done = await party.browser.http.post("/oauth2/logout/confirm", content=body, headers=headers)
    assert "location" not in done.headers
    assert not await is_logged_in(party)


async def test_oidcc_rp_initiated_logout_discovery_endpoint_verification(world: World) -> None:
    told = (await world.http.get("/.well-known/openid-configuration")).json()
    assert told["end_session_endpoint"] == f"{ISSUER}/oauth2/logout"


async def test_oidcc_rp_initiated_logout(party: RelyingParty) -> None:
    response = await log_out(party)
    assert response.headers["location"] == f"{AFTER}?state={STATE}"
    assert not await is_logged_in(party)


async def test_oidcc_rp_initiated_logout_bad_id_token_hint(party: RelyingParty) -> None:
    await assert_asks(party, await log_out(party, id_token_hint="bad"))


async def test_oidcc_rp_initiated_logout_modified_id_token_hint(party: RelyingParty) -> None:
    head, body, signature = (await party.tokens())["id_token"].split(".")
    changed = f"{head}.{body}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"
    await assert_asks(party, await log_out(party, id_token_hint=changed))


async def test_oidcc_rp_initiated_logout_no_id_token_hint(party: RelyingParty) -> None:
    await assert_asks(party, await log_out(party, id_token_hint=None))


async def test_oidcc_rp_initiated_logout_bad_post_logout_redirect_uri(party: RelyingParty) -> None:
    response = await log_out(party, post_logout_redirect_uri="https://evil.example/")
    assert "location" not in response.headers
    assert response.status_code == 200


async def test_oidcc_rp_initiated_logout_query_added_to_post_logout_redirect_uri(party: RelyingParty) -> None:
    response = await log_out(party, post_logout_redirect_uri=f"{AFTER}?foo=bar")
    assert "location" not in response.headers


async def test_oidcc_rp_initiated_logout_no_post_logout_redirect_uri(party: RelyingParty) -> None:
    response = await log_out(party, post_logout_redirect_uri=None)
    assert response.status_code == 200
    assert "You are logged out" in response.text
    assert not await is_logged_in(party)


async def test_oidcc_rp_initiated_logout_no_state(party: RelyingParty) -> None:
    response = await log_out(party, state=None)
    assert response.headers["location"] == AFTER
    assert not await is_logged_in(party)


async def test_oidcc_rp_initiated_logout_only_state(party: RelyingParty) -> None:
    await assert_asks(party, await log_out(party, id_token_hint=None, post_logout_redirect_uri=None))


async def test_oidcc_rp_initiated_logout_no_params(party: RelyingParty) -> None:
    nothing: dict[str, None] = {"id_token_hint": None, "post_logout_redirect_uri": None, "state": None}
    await assert_asks(party, await log_out(party, **nothing))


async def test_oidcc_backchannel_logout_discovery_endpoint_verification(world: World) -> None:
    told = (await world.http.get("/.well-known/openid-configuration")).json()
    assert told["backchannel_logout_supported"] is True
    assert told["backchannel_logout_session_supported"] is True


async def test_oidcc_backchannel_rp_initiated_logout(world: World) -> None:
    async with listening() as sink:
        party = await a_client(world, backchannel_logout_uri=sink.url(path="/backchannel"))
        tokens = await party.tokens()
        claims = unverified_claims(tokens["id_token"])
        asked = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": AFTER, "state": STATE}
        response = await party.browser.http.get(f"/oauth2/logout?{urlencode(asked)}")
        assert parse_qs(urlsplit(response.headers["location"]).query) == {"state": [STATE]}
        await tell_apps_of_logouts(Provider(world.database, SEALER), ISSUER, (ipaddress.ip_network("127.0.0.0/8"),))
        (call,) = sink.requests
    told = unverified_claims(parse_qs(call.split(b"\r\n\r\n", 1)[1].decode())["logout_token"][0])
    assert (told["iss"], told["aud"], told["sid"]) == (ISSUER, party.app.client_id, claims["sid"])
    assert EVENT in told["events"]
    assert told["jti"]
    assert "nonce" not in told

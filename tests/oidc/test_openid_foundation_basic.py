"""The OpenID Foundation's Basic plan, one test per module and named after it, by query and by form post.

https://openid.net/certification/testing/: the Form Post plan runs the modules of Basic with response_mode=form_post.
"""

import asyncio
import base64
import json
import time

import pytest

from portal.oidc.signing_keys import SigningKeys
from tests.oidc.foundation import RelyingParty, unsigned
from tests.oidc.people_and_apps import ISSUER, SEALER, World

PROFILE_CLAIMS = {"name", "preferred_username", "picture", "locale", "zoneinfo"}


@pytest.fixture(scope="module", params=["query", "form_post"])
def response_mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", autouse=True)
async def alice_has_everything(world: World) -> None:
    """A person of whom every claim is known, as the suite wants its test account."""
    await world.tamper(
        "update authn.users set name = 'Alice', username = 'alice', locale = 'de', zoneinfo = 'Europe/Zurich', "
        "picture = 'https://cdn.example/a.png', email_verified_at = now(), "
        """metadata = '{"address": {"street_address": "Weg 1", "country": "CH"}}' where email = 'alice@example.com'"""
    )
    await world.tamper(
        "insert into authn.identities (namespace, user_id, kind, value, verified_at) "
        "select namespace, id, 'phone', '+41791234567', now() from authn.users where email = 'alice@example.com' "
        "on conflict do nothing"
    )


async def a_client(world: World, response_mode: str, **registration: object) -> RelyingParty:
    redirect_uri = "https://suite.example/callback"
    registration = {"redirect_uris": [redirect_uri], "require_pkce": False, **registration}
    app = await world.app("Suite", **registration)
    return RelyingParty(world, app, world.browser(), redirect_uri, response_mode)


@pytest.fixture
async def party(world: World, response_mode: str) -> RelyingParty:
    return await a_client(world, response_mode)


async def test_oidcc_server(party: RelyingParty) -> None:
    tokens = await party.tokens()
    assert (await party.verified(tokens["id_token"]))["nonce"] == party.app.nonce


async def test_oidcc_server_client_secret_post(world: World, response_mode: str) -> None:
    party = await a_client(world, response_mode, token_endpoint_auth_method="client_secret_post")
    answer = await party.authorize()
    data = {"grant_type": "authorization_code", "code": answer["code"], "redirect_uri": party.redirect_uri}
    proof = {"client_id": party.app.client_id, "client_secret": party.app.client_secret or ""}
    response = await world.http.post("/oauth2/token", data={**data, **proof})
    assert response.status_code == 200
    assert (await party.verified(response.json()["id_token"]))["nonce"] == party.app.nonce


async def test_oidcc_alternate_happy_flow(world: World, response_mode: str) -> None:
    uri = "https://suite.example/callback?dummy1=lorem&dummy2=ipsum"
    app = await world.app("Second", redirect_uris=[uri], require_pkce=False)
    party = RelyingParty(world, app, world.browser(), uri, response_mode)
    answer = await party.authorize()
    assert (await party.redeemed(answer["code"]))["access_token"]


async def test_oidcc_idtoken_signature(world: World, party: RelyingParty) -> None:
    tokens = await party.tokens()
    kids = [key["kid"] for key in (await world.http.get("/oauth2/jwks")).json()["keys"]]
    header = json.loads(_decoded(tokens["id_token"].split(".")[0]))
    assert header["alg"] == "RS256"
    assert header["kid"] in kids
    head, body, signature = tokens["id_token"].split(".")
    with pytest.raises(Exception, match="bad_signature"):
        await party.verified(f"{head}.{body}.{'A' * len(signature)}")


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


async def test_oidcc_userinfo_get(world: World, party: RelyingParty) -> None:
    tokens = await party.tokens()
    headers = {"authorization": f"Bearer {tokens['access_token']}"}
    told = await world.http.get("/oauth2/userinfo", headers=headers)
    assert told.json()["sub"] == (await party.verified(tokens["id_token"]))["sub"]


async def test_oidcc_userinfo_post_header(world: World, party: RelyingParty) -> None:
    tokens = await party.tokens()
    headers = {"authorization": f"Bearer {tokens['access_token']}"}
    told = await world.http.post("/oauth2/userinfo", headers=headers)
    assert told.json()["sub"] == (await party.verified(tokens["id_token"]))["sub"]


async def test_oidcc_userinfo_post_body(world: World, party: RelyingParty) -> None:
    tokens = await party.tokens()
    told = await world.http.post("/oauth2/userinfo", data={"access_token": tokens["access_token"]})
    assert told.json()["sub"] == (await party.verified(tokens["id_token"]))["sub"]


async def test_oidcc_ensure_request_without_nonce_succeeds_for_code_flow(party: RelyingParty) -> None:
    assert "nonce" not in await party.claims(nonce=None)


async def test_oidcc_scope_profile(party: RelyingParty) -> None:
    told = await party.userinfo(scope="openid profile")
    assert told.keys() >= PROFILE_CLAIMS
    assert isinstance(told["updated_at"], int)
    assert "email" not in told


async def test_oidcc_scope_email(party: RelyingParty) -> None:
    told = await party.userinfo(scope="openid email")
    assert told["email"] == "alice@example.com"
    assert told["email_verified"] is True
    assert not told.keys() & PROFILE_CLAIMS


async def test_oidcc_scope_address(party: RelyingParty) -> None:
    told = await party.userinfo(scope="openid address")
    assert told["address"] == {"street_address": "Weg 1", "country": "CH"}
    assert "email" not in told


async def test_oidcc_scope_phone(party: RelyingParty) -> None:
    told = await party.userinfo(scope="openid phone")
    assert told["phone_number"] == "+41791234567"
    assert told["phone_number_verified"] is True
    assert "email" not in told


async def test_oidcc_scope_all(party: RelyingParty) -> None:
    told = await party.userinfo(scope="openid profile email address phone")
    assert told.keys() >= PROFILE_CLAIMS | {"email", "email_verified", "address", "phone_number"}


async def test_oidcc_display_page(party: RelyingParty) -> None:
    assert await party.claims(display="page")


async def test_oidcc_display_popup(party: RelyingParty) -> None:
    assert await party.claims(display="popup")


async def test_oidcc_prompt_login(world: World, party: RelyingParty) -> None:
    first = await party.claims()
    await world.tamper("update authn.sessions set auth_time = auth_time - interval '1 minute'")
    page = await party.browser.open(party.url(prompt="login"))
    assert page.url.path == "/login"
    answer = await party.through(page)
    second = await party.verified((await party.redeemed(answer["code"]))["id_token"])
    assert second["sub"] == first["sub"]
    assert second["auth_time"] > first["auth_time"] - 60


async def test_oidcc_prompt_none_not_logged_in(party: RelyingParty) -> None:
    answer = party.answer(await party.browser.http.get(party.url(prompt="none")))
    assert answer["error"] in ("login_required", "interaction_required")
    assert answer["state"] == party.app.state
    assert "code" not in answer


async def test_oidcc_prompt_none_logged_in(party: RelyingParty) -> None:
    first = await party.claims()
    answer = party.answer(await party.browser.http.get(party.url(prompt="none")))
    second = await party.verified((await party.redeemed(answer["code"]))["id_token"])
    assert (first["sub"], first["auth_time"]) == (second["sub"], second["auth_time"])


async def test_oidcc_max_age_1(party: RelyingParty) -> None:
    first = await party.claims()
    await asyncio.sleep(2.1)
    page = await party.browser.open(party.url(max_age="1"))
    assert page.url.path == "/login"
    answer = await party.through(page)
    second = await party.verified((await party.redeemed(answer["code"]))["id_token"])
    assert second["auth_time"] > first["auth_time"]


async def test_oidcc_max_age_10000(party: RelyingParty) -> None:
    first = await party.claims(max_age="15000")
    answer = party.answer(await party.browser.http.get(party.url(max_age="10000")))
    second = await party.verified((await party.redeemed(answer["code"]))["id_token"])
    assert first["auth_time"] == second["auth_time"]
    assert abs(time.time() - second["auth_time"]) < 10000


async def test_oidcc_ensure_request_with_unknown_parameter_succeeds(party: RelyingParty) -> None:
    assert await party.claims(extra="foobar")


async def test_oidcc_id_token_hint(party: RelyingParty) -> None:
    tokens = await party.tokens()
    url = party.url(prompt="none", id_token_hint=tokens["id_token"])
    answer = party.answer(await party.browser.http.get(url))
    second = await party.verified((await party.redeemed(answer["code"]))["id_token"])
    assert second["sub"] == (await party.verified(tokens["id_token"]))["sub"]


async def test_oidcc_login_hint(party: RelyingParty) -> None:
    page = await party.browser.open(party.url(login_hint="alice@example.com"))
    assert "alice@example.com" in page.text
    assert (await party.through(page))["code"]


async def test_oidcc_ui_locales(party: RelyingParty) -> None:
    assert await party.claims(ui_locales="se")


async def test_oidcc_claims_locales(party: RelyingParty) -> None:
    assert await party.claims(claims_locales="se")


async def test_oidcc_ensure_request_with_acr_values_succeeds(party: RelyingParty) -> None:
    assert (await party.claims(acr_values="1 2"))["acr"] == "aal1"


async def test_oidcc_codereuse(party: RelyingParty) -> None:
    code = (await party.authorize())["code"]
    await party.redeemed(code)
    again = await party.redeem(code)
    assert again.status_code == 400
    assert again.json()["error"] == "invalid_grant"


async def test_oidcc_codereuse_30seconds(world: World, party: RelyingParty) -> None:
    code = (await party.authorize())["code"]
    tokens = await party.redeemed(code)
    assert (await party.app.userinfo(tokens["access_token"])).status_code == 200
    await world.tamper(
        "update authn.authorization_codes set used_at = used_at - interval '30 seconds' where used_at is not null"
    )
    assert (await party.redeem(code)).json()["error"] == "invalid_grant"
    assert (await party.app.userinfo(tokens["access_token"])).status_code == 401


async def test_oidcc_ensure_registered_redirect_uri(party: RelyingParty) -> None:
    page = await party.browser.open(party.url(redirect_uri=f"{party.redirect_uri}/unregistered"))
    assert page.status_code == 400
    assert "location" not in page.headers


async def test_oidcc_ensure_post_request_succeeds(party: RelyingParty) -> None:
    headers = {"origin": "https://suite.example", "sec-fetch-site": "cross-site"}
    posted = await party.world.http.post("/oauth2/authorize", data=party.parameters(), headers=headers)
    assert posted.status_code == 303
    answer = await party.through(await party.browser.open(posted.headers["location"]))
    assert (await party.redeemed(answer["code"]))["id_token"]


async def test_oidcc_server_rotate_keys(world: World, party: RelyingParty) -> None:
    before = await party.tokens()
    kids = {key["kid"] for key in (await world.http.get("/oauth2/jwks")).json()["keys"]}
    await SigningKeys(world.database, SEALER).rotate("default", "RS256", older_than=None, actor={})
    await asyncio.sleep(1.1)  # a process looks for new keys once a second
    after = {key["kid"] for key in (await world.http.get("/oauth2/jwks")).json()["keys"]}
    assert after >= kids
    assert len(after) >= 2
    await party.verified(before["id_token"])
    assert await party.claims()


async def test_oidcc_claims_essential(party: RelyingParty) -> None:
    wanted = {"userinfo": {"name": {"essential": True}}, "id_token": {"email": {"essential": True}}}
    tokens = await party.tokens(claims=json.dumps(wanted))
    told = (await party.app.userinfo(tokens["access_token"])).json()
    assert told["name"] == "Alice"
    assert "email" not in told
    claims = await party.verified(tokens["id_token"])
    assert claims["email"] == "alice@example.com"
    assert "name" not in claims


async def test_oidcc_unsigned_request_object_supported_correctly_or_rejected_as_unsupported(
    party: RelyingParty,
) -> None:
    answer = await party.authorize(request=unsigned(party.parameters()))
    assert answer["error"] == "request_not_supported"
    assert answer["state"] == party.app.state


async def test_oidcc_ensure_request_object_with_redirect_uri(party: RelyingParty) -> None:
    inside = unsigned({"redirect_uri": "https://evil.example/callback", "client_id": party.app.client_id})
    assert (await party.authorize(request=inside))["error"] == "request_not_supported"


async def test_oidcc_request_uri_unsigned_supported_correctly_or_rejected_as_unsupported(party: RelyingParty) -> None:
    answer = await party.authorize(request_uri="https://suite.example/request.jwt")
    assert answer["error"] == "request_uri_not_supported"


async def test_oidcc_refresh_token(world: World, response_mode: str) -> None:
    party = await a_client(world, response_mode, grant_types=["authorization_code", "refresh_token"])
    other = await a_client(world, response_mode, grant_types=["authorization_code", "refresh_token"])
    tokens = await party.tokens(scope="openid offline_access")
    assert (await other.app.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    refreshed = (await party.app.refresh(tokens["refresh_token"])).json()
    first, second = await party.verified(tokens["id_token"]), await party.verified(refreshed["id_token"])
    assert refreshed["access_token"] != tokens["access_token"]
    assert all(first[name] == second[name] for name in ("iss", "sub", "aud", "auth_time"))


async def test_oidcc_ensure_request_with_valid_pkce_succeeds(party: RelyingParty) -> None:
    answer = await party.authorize(code_challenge=party.app.challenge, code_challenge_method="S256")
    assert (await party.redeem(answer["code"], code_verifier="w" * 43)).json()["error"] == "invalid_grant"
    answer = await party.authorize(code_challenge=party.app.challenge, code_challenge_method="S256")
    assert await party.redeemed(answer["code"], code_verifier=party.app.verifier)


async def test_the_metadata_is_what_these_modules_ran_against(world: World, response_mode: str) -> None:
    told = (await world.http.get("/.well-known/openid-configuration")).json()
    assert told["issuer"] == ISSUER
    assert response_mode in told["response_modes_supported"]

"""What Authlib does by itself and an OpenID provider must not: each of these fails on its stock behaviour.

https://docs.authlib.org/en/latest/specs/. More of each stands in the file of its subject.
"""

import base64
import json

import pytest

from tests.oidc.people_and_apps import CALLBACK, ISSUER, App, Browser, World, answer, unverified_claims
from tests.oidc.test_codes import code_for


async def test_pkce_is_demanded_of_confidential_apps_too(app: App, alice: Browser) -> None:
    refused = answer(await alice.http.get(app.url(code_challenge=None, code_challenge_method=None)))
    assert refused["error"] == "invalid_request"
    assert "code" in answer(await alice.http.get(app.url()))


async def test_a_plain_challenge_is_no_challenge(app: App, alice: Browser) -> None:
    for method in ("plain", None):
        refused = answer(await alice.http.get(app.url(code_challenge=app.verifier, code_challenge_method=method)))
        assert refused["error"] == "invalid_request", method


async def test_an_error_says_who_answers(app: App, alice: Browser) -> None:
    refused = answer(await alice.http.get(app.url(response_type="token")))
    assert refused["iss"] == ISSUER
    assert "error" in refused


async def test_a_used_code_stays_known_and_its_second_use_ends_what_it_gave(
    world: World, renewing: App, alice: Browser
) -> None:
    code = await code_for(renewing, alice)
    tokens = (await renewing.redeem(code)).json()
    assert (await renewing.redeem(code)).status_code == 400
    assert (await renewing.userinfo(tokens["access_token"])).status_code == 401
    assert (await renewing.refresh(tokens["refresh_token"])).status_code == 400
    (row,) = await world.rows(
        "select used_at, replayed_at from authn.authorization_codes where client_id = $1", renewing.client_id
    )
    assert row["used_at"]
    assert row["replayed_at"]


async def test_a_refresh_token_is_taken_and_its_row_kept(world: World, renewing: App, alice: Browser) -> None:
    tokens = (await renewing.redeem(await code_for(renewing, alice))).json()
    assert (await renewing.refresh(tokens["refresh_token"])).status_code == 200
    rows = await world.rows(
        "select t.used_at from authn.refresh_tokens t join authn.refresh_token_families f on f.id = t.family_id "
        "where f.client_id = $1 order by t.generation",
        renewing.client_id,
    )
    assert [row["used_at"] is not None for row in rows] == [True, False]


async def test_what_an_error_answer_did_is_committed(world: World, app: App, alice: Browser) -> None:
    code = await code_for(app, alice)
    assert (await app.redeem(code, code_verifier="x" * 43)).status_code == 400
    # Rolled back, the code could be tried with one verifier after another.
    assert (await app.redeem(code)).status_code == 400
    assert await world.events("code_replayed", app.client_id)


async def test_an_access_token_lives_for_minutes_and_not_for_ten_days(world: World, app: App, alice: Browser) -> None:
    assert (await app.redeem(await code_for(app, alice))).json()["expires_in"] == 600
    (row,) = await world.rows(
        "select extract(epoch from expires_at - created_at)::int as seconds from authn.access_tokens "
        "where client_id = $1",
        app.client_id,
    )
    assert row["seconds"] == 600


async def test_no_parameter_of_meaning_is_passed_over_in_silence(app: App, alice: Browser) -> None:
    asked = {
        "max_age": ("0", "login_required"),
        "request_uri": ("https://app.example/request.jwt", "request_uri_not_supported"),
        "response_mode": ("fragment", "invalid_request"),
        "claims": ("{", "invalid_request"),
    }
    for name, (value, error) in asked.items():
        response = await alice.http.get(app.url(prompt="none", **{name: value}))
        location = response.headers["location"]
        assert location.startswith(CALLBACK), name
        assert f"error={error}" in location, name


async def test_prompt_none_never_gives_a_code_without_consent(world: World, alice: Browser) -> None:
    stranger = await world.app("Stranger", first_party=False)
    assert answer(await alice.http.get(stranger.url(prompt="none")))["error"] == "consent_required"


async def test_a_refreshed_id_token_tells_when_the_person_logged_in(
    world: World, renewing: App, alice: Browser
) -> None:
    tokens = (await renewing.redeem(await code_for(renewing, alice))).json()
    hour_ago = "update authn.refresh_token_families set auth_time = auth_time - interval '1 hour' where client_id = "
    await world.tamper(f"{hour_ago}'{renewing.client_id}'")
    before = unverified_claims(tokens["id_token"])["auth_time"]
    fresh = unverified_claims((await renewing.refresh(tokens["refresh_token"])).json()["id_token"])
    assert before - 3602 <= fresh["auth_time"] <= before - 3598


async def test_headers_are_read_in_lower_case(world: World, app: App, alice: Browser) -> None:
    secret = base64.b64encode(f"{app.client_id}:{app.client_secret}".encode()).decode()
    for name in ("authorization", "Authorization", "AUTHORIZATION"):
        data = {
            "grant_type": "authorization_code", "code": await code_for(app, alice), "redirect_uri": CALLBACK,
            "code_verifier": app.verifier,
        }  # fmt: skip
        response = await world.http.post("/oauth2/token", data=data, headers={name: f"Basic {secret}"})
        assert response.status_code == 200, name


@pytest.mark.parametrize("redirect_uri", ["https://evil.example/", None])
async def test_a_person_sees_a_page_and_never_json(app: App, alice: Browser, redirect_uri: str | None) -> None:
    response = await alice.http.get(app.url(redirect_uri=redirect_uri))
    assert response.status_code == 400
    assert response.headers["content-type"].startswith("text/html")
    with pytest.raises(json.JSONDecodeError):
        json.loads(response.text)


@pytest.mark.adversarial("J9")
async def test_nothing_in_a_profile_takes_the_place_of_a_protocol_claim(world: World, app: App) -> None:
    alice = await world.logged_in()
    claims = ("iss", "sub", "aud", "exp", "acr", "azp", "nonce", "sid", "email_verified")
    profile = json.dumps(dict.fromkeys(claims, "forged") | {"address": {"sub": "forged"}})
    await world.tamper(f"update authn.users set metadata = '{profile}' where email = 'alice@example.com'")
    tokens = (await app.redeem(await code_for(app, alice, scope="openid profile email"))).json()
    told = unverified_claims(tokens["id_token"]) | (await app.userinfo(tokens["access_token"])).json()
    assert "forged" not in str(told)
    assert told["iss"] == ISSUER
    await world.tamper("update authn.users set metadata = '{}' where email = 'alice@example.com'")

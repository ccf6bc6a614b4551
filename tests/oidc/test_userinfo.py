"""Userinfo: what a live access token tells, and how anything else is refused (RFC 6750 section 3)."""

import pytest

from tests.oidc.people_and_apps import App, Browser, World, random_token
from tests.oidc.test_codes import code_for


@pytest.fixture
async def tokens(app: App, alice: Browser) -> dict[str, str]:
    """What alice's login gave the app."""
    found: dict[str, str] = (await app.redeem(await code_for(app, alice))).json()
    return found


async def test_the_token_may_come_in_the_header_or_in_the_body(world: World, tokens: dict[str, str]) -> None:
    token = tokens["access_token"]
    by_get = await world.http.get("/oauth2/userinfo", headers={"authorization": f"Bearer {token}"})
    by_post = await world.http.post("/oauth2/userinfo", headers={"authorization": f"bearer {token}"})
    by_body = await world.http.post("/oauth2/userinfo", data={"access_token": token})
    for response in (by_get, by_post, by_body):
        assert response.status_code == 200
        assert response.json() == by_get.json()
        assert response.headers["cache-control"] == "no-store"
    assert by_get.json()["email_verified"] is False


async def test_other_sites_may_post_to_it(world: World, tokens: dict[str, str]) -> None:
    headers = {"origin": "https://app.example", "sec-fetch-site": "cross-site"}
    data = {"access_token": tokens["access_token"]}
    assert (await world.http.post("/oauth2/userinfo", data=data, headers=headers)).status_code == 200


async def test_without_a_token_there_is_a_bare_challenge(world: World) -> None:
    for response in (await world.http.get("/oauth2/userinfo"), await world.http.post("/oauth2/userinfo")):
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == 'Bearer realm="userinfo"'


async def test_a_token_in_the_address_is_not_looked_at(world: World, tokens: dict[str, str]) -> None:
    response = await world.http.get(f"/oauth2/userinfo?access_token={tokens['access_token']}")
    assert response.status_code == 401


async def test_two_tokens_at_once_are_refused(world: World, tokens: dict[str, str]) -> None:
    token = tokens["access_token"]
    response = await world.http.post(
        "/oauth2/userinfo", data={"access_token": token}, headers={"authorization": f"Bearer {token}"}
    )
    assert response.status_code == 400
    assert 'error="invalid_request"' in response.headers["www-authenticate"]
    twice = [("authorization", f"Bearer {token}"), ("authorization", f"Bearer {token}")]
    assert (await world.http.get("/oauth2/userinfo", headers=twice)).status_code == 400


@pytest.mark.adversarial("B9", "J7", "J8", "O3")
async def test_only_the_exact_access_token_works(
    world: World, app: App, alice: Browser, tokens: dict[str, str]
) -> None:
    token = tokens["access_token"]
    session = next(cookie.value for cookie in alice.http.cookies.jar if "session" in cookie.name)
    wrong = [
        token[:-1],
        token + "A",
        token.swapcase(),
        tokens["id_token"],
        await code_for(app, alice),
        session,
        app.client_secret or "",
        random_token(),
        "x" * 5000,
        "%00",
        '"',
    ]
    for value in wrong:
        response = await world.http.get("/oauth2/userinfo", headers={"authorization": f"Bearer {value}"})
        assert response.status_code == 401, value
        assert 'error="invalid_token"' in response.headers["www-authenticate"]
    for header in (b"Bearer", b"Bearer ", b"\xff\xfe", b"Basic eDp5", b"Bearer \xff\xff"):
        response = await world.http.get("/oauth2/userinfo", headers={"authorization": header})
        assert response.status_code == 401
    assert (await app.userinfo(token)).status_code == 200


async def test_a_session_cookie_opens_nothing_here(alice: Browser) -> None:
    assert (await alice.http.get("/oauth2/userinfo")).status_code == 401


async def test_a_token_ends_with_its_login(world: World, app: App) -> None:
    alice = await world.logged_in()
    token = (await app.redeem(await code_for(app, alice))).json()["access_token"]
    assert (await app.userinfo(token)).status_code == 200
    await alice.submit("/logout", {})
    assert (await app.userinfo(token)).status_code == 401


async def test_a_token_lives_for_ten_minutes(world: World, app: App, tokens: dict[str, str]) -> None:
    rows = await world.rows(
        "select expires_at - created_at as life from authn.access_tokens where client_id = $1", app.client_id
    )
    assert [row["life"].total_seconds() for row in rows] == [600]
    await world.tamper("update authn.access_tokens set expires_at = now()")
    assert (await app.userinfo(tokens["access_token"])).status_code == 401


async def test_profile_claims_are_told_as_the_standard_types(world: World, app: App, alice: Browser) -> None:
    await world.tamper(
        "update authn.users set name = 'Alice Ä', username = 'alice', locale = 'de', zoneinfo = 'Europe/Berlin', "
        "picture = 'https://img.example/a.png', email_verified_at = now() where email = 'alice@example.com'"
    )
    tokens = (await app.redeem(await code_for(app, alice))).json()
    told = (await app.userinfo(tokens["access_token"])).json()
    assert told["name"] == "Alice Ä"
    assert told["preferred_username"] == "alice"
    assert told["locale"] == "de"
    assert told["zoneinfo"] == "Europe/Berlin"
    assert told["picture"] == "https://img.example/a.png"
    assert told["email_verified"] is True
    assert isinstance(told["updated_at"], int)
    await world.tamper("update authn.users set email_verified_at = null where email = 'alice@example.com'")

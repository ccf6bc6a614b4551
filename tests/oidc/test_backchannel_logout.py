"""Apps are told when a login ends, whatever ended it: OpenID Connect Back-Channel Logout 1.0."""

import asyncio
import ipaddress
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
from joserfc import jwt

from portal.oidc.backchannel import EVENT, list_logouts, tell_apps_of_logouts
from portal.oidc.id_token import read_hint
from portal.oidc.provider import Provider
from portal.oidc.signing_keys import SigningKeys, public_key
from tests.oidc.people_and_apps import ISSUER, SEALER, App, Browser, World, unverified_claims
from tests.oidc.test_codes import code_for
from tests.outgoing.sink import Sink, listening

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


@pytest.fixture
async def ear() -> AsyncIterator[Sink]:
    """Where an app listens for log-outs."""
    async with listening() as sink:
        yield sink


@pytest.fixture
async def told(world: World, ear: Sink) -> App:
    """An app that wants to be told."""
    return await world.app(
        "Told", backchannel_logout_uri=ear.url(path="/bye"), grant_types=["authorization_code", "refresh_token"]
    )


@pytest.fixture
async def person(world: World) -> Browser:
    """A login of the test's own, of a person of its own: it will end."""
    email = f"person-{time.monotonic_ns()}@example.com"
    password_hash = (await world.rows("select password_hash from authn.users limit 1"))[0]["password_hash"]
    await world.database.fetchval("select authn.create_user($1, $2)", email, password_hash)
    return await world.logged_in(email)


async def tell(world: World, allowed: Any = LOOPBACK) -> int:
    return await tell_apps_of_logouts(Provider(world.database, SEALER), ISSUER, allowed)


def tokens_heard(ear: Sink) -> list[str]:
    return [parse_qs(request.split(b"\r\n\r\n")[1].decode())["logout_token"][0] for request in ear.requests]


async def log_in_to(app: App, person: Browser) -> dict[str, Any]:
    tokens: dict[str, Any] = (await app.redeem(await code_for(app, person))).json()
    return tokens


async def log_out(world: World, person: Browser, _claims: dict[str, Any]) -> None:
    left = await person.submit("/oauth2/logout/confirm", {"state": "x"})
    assert left.status_code in (200, 303), left.text
    assert "session" in str(left.headers.get_list("set-cookie")), left.headers


async def end_on_another_device(world: World, person: Browser, claims: dict[str, Any]) -> None:
    call = "select authn.end_session($1::text::uuid, $2::text::uuid, null)"
    assert await world.database.fetchval(call, claims["sid"], claims["sub"])


async def end_all_others(world: World, person: Browser, claims: dict[str, Any]) -> None:
    call = "select authn.end_other_sessions($1::text::uuid, gen_random_uuid(), null)"
    assert await world.database.fetchval(call, claims["sub"]) == 1


async def change_password(world: World, person: Browser, claims: dict[str, Any]) -> None:
    # What the recovery and every other change of the way in ends with, too.
    assert await world.database.fetchval("select authn.revoke_all_sessions($1::text::uuid)", claims["sub"]) == 1


async def disable(world: World, person: Browser, claims: dict[str, Any]) -> None:
    assert await world.database.fetchval("select authn.disable_user($1::text::uuid)", claims["sub"])


async def delete(world: World, person: Browser, claims: dict[str, Any]) -> None:
    assert await world.database.fetchval("select authn.delete_user($1::text::uuid)", claims["sub"])


@pytest.mark.parametrize("end", [log_out, end_on_another_device, end_all_others, change_password, disable, delete])
async def test_an_app_is_told_whatever_ended_the_login(
    world: World, told: App, ear: Sink, person: Browser, end: Callable[..., Awaitable[None]]
) -> None:
    claims = unverified_claims((await log_in_to(told, person))["id_token"])
    assert await tell(world) == 0
    await end(world, person, claims)
    assert await tell(world) == 1
    (token,) = tokens_heard(ear)
    keys = await SigningKeys(world.database, SEALER).published("default")
    read = jwt.decode(token, public_key(keys.public[keys.signing_kid]), algorithms=["RS256"])
    assert read.header == {"alg": "RS256", "kid": keys.signing_kid, "typ": "logout+jwt"}
    assert set(read.claims) == {"iss", "sub", "aud", "iat", "exp", "jti", "events", "sid"}
    assert read.claims["events"] == {EVENT: {}}
    assert {name: read.claims[name] for name in ("iss", "aud", "sub", "sid")} == {
        "iss": ISSUER, "aud": told.client_id, "sub": claims["sub"], "sid": claims["sid"]
    }  # fmt: skip
    assert 0 < read.claims["exp"] - read.claims["iat"] <= 120
    # Once: nothing is left to do, and the result is there to be seen.
    assert await tell(world) == 0
    (result,) = await list_logouts(world.database, "default", told.client_id)
    assert (result["state"], result["status"], result["attempts"]) == ("told", 200, 1)
    (event,) = await world.events("app_told_of_logout", told.client_id)
    assert event["new_values"]["session_id"] == claims["sid"]
    # A logout token is no ID token: it proves no login to anybody.
    assert read_hint(token, keys, ISSUER) is None


async def test_only_apps_that_took_part_and_want_to_know_are_told(
    world: World, told: App, ear: Sink, person: Browser
) -> None:
    silent = await world.app("Silent")
    absent = await world.app("Absent", backchannel_logout_uri=ear.url(path="/absent"))
    claims = unverified_claims((await log_in_to(told, person))["id_token"])
    await log_in_to(silent, person)
    await end_on_another_device(world, person, claims)
    assert await tell(world) == 1
    assert len(ear.requests) == 1
    for app in (silent, absent):
        assert await list_logouts(world.database, "default", app.client_id) == []


async def test_a_session_that_expires_calls_nobody(world: World, told: App, ear: Sink, person: Browser) -> None:
    claims = unverified_claims((await log_in_to(told, person))["id_token"])
    await world.tamper(f"update authn.sessions set expires_at = now() - interval '1 s' where id = '{claims['sid']}'")
    await world.database.fetchval(
        "select authn.revoke_session_by_id($1::text::uuid, $2::text::uuid)", claims["sid"], claims["sub"]
    )
    assert await tell(world) == 0


async def test_an_app_whose_refresh_token_came_twice_is_told(
    world: World, told: App, ear: Sink, person: Browser
) -> None:
    tokens = await log_in_to(told, person)
    newer = (await told.refresh(tokens["refresh_token"])).json()["refresh_token"]
    assert (await told.refresh(newer)).status_code == 200
    assert (await told.refresh(tokens["refresh_token"])).status_code == 400
    assert await tell(world) == 1
    (token,) = tokens_heard(ear)
    assert unverified_claims(token)["sid"] == unverified_claims(tokens["id_token"])["sid"]


async def test_a_failing_app_is_tried_again_and_400_is_not(world: World, told: App, ear: Sink, person: Browser) -> None:
    claims = unverified_claims((await log_in_to(told, person))["id_token"])
    ear.answer = b"HTTP/1.1 503 X\r\ncontent-length: 0\r\n\r\n"
    await end_on_another_device(world, person, claims)
    assert await tell(world) == 1
    (waiting,) = await list_logouts(world.database, "default", told.client_id)
    assert (waiting["state"], waiting["status"]) == ("waiting", 503)
    assert await tell(world) == 0  # not before its pause is over
    again = f"update authn.backchannel_logouts set available_at = now() where client_id = '{told.client_id}'"
    await world.tamper(again)
    ear.answer = b"HTTP/1.1 400 X\r\ncontent-length: 0\r\n\r\n"
    assert await tell(world) == 1
    (failed,) = await list_logouts(world.database, "default", told.client_id)
    assert (failed["state"], failed["status"], failed["attempts"]) == ("given up", 400, 2)
    await world.tamper(again)
    assert await tell(world) == 0
    (event,) = await world.events("app_not_told_of_logout", told.client_id)
    assert event["new_values"]["reason"] == "the app answered 400"
    first, second = tokens_heard(ear)
    assert unverified_claims(first)["jti"] != unverified_claims(second)["jti"]


async def test_a_slow_app_delays_no_other(world: World, told: App, ear: Sink, person: Browser) -> None:
    async with listening() as slow:
        slow.drip = True
        drags = await world.app("Drags", backchannel_logout_uri=slow.url())
        await log_in_to(drags, person)
        claims = unverified_claims((await log_in_to(told, person))["id_token"])
        await end_on_another_device(world, person, claims)
        telling = asyncio.create_task(tell(world))
        for _ in range(40):
            await asyncio.sleep(0.05)
            if (await list_logouts(world.database, "default", told.client_id))[0]["state"] == "told":
                break
        assert not telling.done()
        await telling
        (late,) = await list_logouts(world.database, "default", drags.client_id)
        assert (late["state"], late["error"]) == ("waiting", "no answer within 5 seconds")


@pytest.mark.adversarial("S1")
async def test_an_address_inside_gets_no_packet(world: World, told: App, ear: Sink, person: Browser) -> None:
    claims = unverified_claims((await log_in_to(told, person))["id_token"])
    await end_on_another_device(world, person, claims)
    assert await tell(world, allowed=()) == 1
    assert ear.connections == 0
    (blocked,) = await list_logouts(world.database, "default", told.client_id)
    assert "not public" in blocked["error"]
    await world.tamper(
        f"update authn.backchannel_logouts set available_at = now() where client_id = '{told.client_id}'"
    )
    assert await tell(world) == 1
    assert ear.connections == 1


async def test_of_two_workers_one_has_it_and_a_late_report_changes_nothing(
    world: World, told: App, ear: Sink, person: Browser
) -> None:
    claims = unverified_claims((await log_in_to(told, person))["id_token"])
    await end_on_another_device(world, person, claims)
    take = "select * from authn.take_backchannel_logouts(10, $1)"
    (mine,) = await world.database.fetch(take, timedelta(0))
    (theirs,) = await world.database.fetch(take, timedelta(minutes=1))
    assert await world.database.fetch(take, timedelta(minutes=1)) == []
    finish = "select authn.finish_backchannel_logout($1, $2, 500, 'late', false)"
    assert not await world.database.fetchval(finish, mine["id"], mine["attempts"])
    assert await world.database.fetchval(finish, theirs["id"], theirs["attempts"])


async def test_an_end_that_is_rolled_back_tells_nobody(world: World, told: App, person: Browser) -> None:
    claims = unverified_claims((await log_in_to(told, person))["id_token"])
    await world.tamper(f"begin; select authn.disable_user('{claims['sub']}'); rollback")
    assert await list_logouts(world.database, "default", told.client_id) == []
    await disable(world, person, claims)
    assert len(await list_logouts(world.database, "default", told.client_id)) == 1


async def test_password_and_disabled_and_withdrawn_end_refreshing(world: World, told: App, person: Browser) -> None:
    """Adversarial row B7."""
    tokens = await log_in_to(told, person)
    claims = unverified_claims(tokens["id_token"])
    fresh = (await told.refresh(tokens["refresh_token"])).json()
    assert (await told.userinfo(fresh["access_token"])).status_code == 200
    await change_password(world, person, claims)
    assert (await told.refresh(fresh["refresh_token"])).status_code == 400
    assert (await told.userinfo(fresh["access_token"])).status_code == 401

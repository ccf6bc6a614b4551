"""Keys that follow each other: no app that keeps the list of keys by its headers ever meets a token it cannot check."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from portal.oidc.id_token import read_hint
from portal.oidc.signing_keys import (
    JWKS_CACHE_FOR,
    PUBLISHED_AFTER_SIGNING,
    PUBLISHED_BEFORE_SIGNING,
    ROTATE_AFTER,
    SEALING_PURPOSE,
    SigningKeys,
    generate_key,
    public_key,
)
from tests.oidc.people_and_apps import ISSUER, SEALER, App, Browser, World
from tests.oidc.test_codes import code_for

STEP = timedelta(seconds=30)


async def advance(world: World, by: timedelta) -> None:
    """Let time pass for the keys."""
    seconds = by.total_seconds()
    await world.tamper(
        f"update authn.signing_keys set created_at = created_at - interval '{seconds} s', "
        f"signs_from = signs_from - interval '{seconds} s', retired_at = retired_at - interval '{seconds} s'"
    )


class CachingApp:
    """A library that fetches the list of keys as seldom as its headers let it, and knows no other way to a key."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._keys: dict[str, Any] = {}
        self._age = timedelta.max

    def wait(self, step: timedelta) -> None:
        self._age = timedelta.max if self._age == timedelta.max else self._age + step

    async def verify(self, token: str) -> None:
        if self._age >= JWKS_CACHE_FOR:
            response = await self._world.http.get("/oauth2/jwks")
            assert response.headers["cache-control"] == f"public, max-age={int(JWKS_CACHE_FOR.total_seconds())}"
            self._keys = {key["kid"]: key for key in response.json()["keys"]}
            self._age = timedelta()
        header = json.loads(_decoded(token.split(".")[0]))
        assert header["kid"] in self._keys, "a token signed by a key that the app cannot have seen"
        jwt.decode(token, public_key(self._keys[header["kid"]]), algorithms=[header["alg"]])


def _decoded(part: str) -> bytes:
    import base64

    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


async def test_rotation_under_load_fails_no_verification(
    world: World, app: App, alice: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Half minutes pass in milliseconds here: what a process remembers for a second would be half an hour old.
    monkeypatch.setattr("portal.oidc.signing_keys.CACHE_FOR", 0.0)
    apps = [CachingApp(world) for _ in range(4)]
    signers: set[str] = set()
    rotated = None
    # Twenty minutes in steps of half a minute, each app at another place of its cache's life, a rotation in the middle.
    for step in range(40):
        if step == 5:
            rotated = await SigningKeys(world.database, SEALER).rotate("default", "RS256", older_than=None, actor={})
        token = (await app.redeem(await code_for(app, alice))).json()["id_token"]
        signers.add(json.loads(_decoded(token.split(".")[0]))["kid"])
        for number, caching in enumerate(apps):
            if step >= number * 2:
                await caching.verify(token)
            caching.wait(STEP)
        await advance(world, STEP)
        await asyncio.sleep(0.03)
    assert rotated in signers
    assert len(signers) == 2


async def test_a_key_is_published_before_it_signs_and_after(world: World) -> None:
    keys = SigningKeys(world.database, SEALER)
    first = (await keys.published("stages")).signing_kid

    async def stage() -> tuple[str, set[str]]:
        seen = await SigningKeys(world.database, SEALER).published("stages")
        return seen.signing_kid, set(seen.public)

    second = await keys.rotate("stages", "RS256", older_than=None, actor={"actor_id": "dana"})
    assert second
    assert await stage() == (first, {first, second})
    assert await keys.rotate("stages", "RS256", older_than=None, actor={}) is None  # one at a time
    await advance(world, PUBLISHED_BEFORE_SIGNING - timedelta(seconds=5))
    assert await stage() == (first, {first, second})
    await advance(world, timedelta(seconds=6))
    assert await stage() == (second, {first, second})
    await advance(world, PUBLISHED_AFTER_SIGNING)
    assert await stage() == (second, {second})
    (event,) = [event for event in await world.events("signing_key_rotated") if event["namespace"] == "stages"]
    assert event["actor_id"] == "dana"
    drop = "select authn.drop_retired_signing_keys($1, 'stages')"
    assert await world.database.fetchval(drop, timedelta(days=1)) == 0
    assert await world.database.fetchval(drop, timedelta(0)) == 1


async def test_processes_that_find_a_key_old_make_one_successor(world: World) -> None:
    await SigningKeys(world.database, SEALER).published("old", "ES256")
    processes = [SigningKeys(world.database, SEALER) for _ in range(5)]

    async def all_rotate() -> list[str | None]:
        return await asyncio.gather(
            *(process.rotate("old", "ES256", older_than=ROTATE_AFTER, actor={}) for process in processes)
        )

    assert await all_rotate() == [None] * 5  # young
    await advance(world, ROTATE_AFTER + timedelta(days=1))
    assert sum(kid is not None for kid in await all_rotate()) == 1


async def test_an_old_id_token_is_still_a_hint_when_its_key_is_no_longer_published(
    world: World, app: App, alice: Browser
) -> None:
    token = (await app.redeem(await code_for(app, alice))).json()["id_token"]
    await SigningKeys(world.database, SEALER).rotate("default", "RS256", older_than=None, actor={})
    await advance(world, PUBLISHED_BEFORE_SIGNING + PUBLISHED_AFTER_SIGNING + timedelta(minutes=1))
    keys = await SigningKeys(world.database, SEALER).published("default")
    kid = json.loads(_decoded(token.split(".")[0]))["kid"]
    assert kid not in keys.public
    assert read_hint(token, keys, ISSUER)


@pytest.mark.parametrize(("algorithm", "kind"), [("ES256", "EC"), ("EdDSA", "OKP"), ("RS256", "RSA")])
async def test_an_app_gets_the_algorithm_that_it_registered(
    world: World, alice: Browser, algorithm: str, kind: str
) -> None:
    app = await world.app(f"Likes {algorithm}", id_token_signed_response_alg=algorithm)
    tokens = (await app.redeem(await code_for(app, alice))).json()
    header = json.loads(_decoded(tokens["id_token"].split(".")[0]))
    assert header["alg"] == algorithm
    keys = {key["kid"]: key for key in (await world.http.get("/oauth2/jwks")).json()["keys"]}
    published = keys[header["kid"]]
    assert (published["kty"], published["alg"], published["use"]) == (kind, algorithm, "sig")
    assert not {"d", "p", "q", "dp", "dq", "qi"} & set(published)
    read = jwt.decode(tokens["id_token"], public_key(published), algorithms=[algorithm])
    # Core section 3.1.3.6, as a library computes it.
    from authlib.oidc.core.util import create_half_hash

    assert read.claims["at_hash"] == create_half_hash(tokens["access_token"], algorithm).decode()
    known = await SigningKeys(world.database, SEALER).published("default")
    assert read_hint(tokens["id_token"], known, ISSUER)


@pytest.mark.adversarial("J1")
async def test_a_key_signs_with_its_own_algorithm_only(world: World, app: App, alice: Browser) -> None:
    token = (await app.redeem(await code_for(app, alice))).json()["id_token"]
    keys = await SigningKeys(world.database, SEALER).published("default", "ES256")
    rows = await world.rows("select * from authn.signing_keys where namespace = 'default' and algorithm = 'ES256'")
    elliptic = public_key(json.loads(SEALER.open(rows[0]["sealed_private_key"], SEALING_PURPOSE)))
    claims = jwt.decode(token, public_key(keys.known[json.loads(_decoded(token.split(".")[0]))["kid"]])).claims
    for kid in (keys.signing_kid, generate_key("EdDSA").thumbprint()):
        forged = jwt.encode({"alg": "ES256", "kid": kid}, claims, elliptic, ["ES256"])
        assert read_hint(forged, keys, ISSUER) is None
    honest = jwt.encode({"alg": "ES256", "kid": keys.signing["ES256"]}, claims, elliptic, ["ES256"])
    assert read_hint(honest, keys, ISSUER)
    assert isinstance(public_key(keys.public[keys.signing_kid]), RSAKey)

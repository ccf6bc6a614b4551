"""Each kind of token opens its own door and no other (adversarial row J7), and only whole (B9)."""

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

import pytest
from joserfc.jwk import RSAKey

from portal.crypto.api_keys import api_key_digest, new_api_key
from portal.oidc.backchannel import sign_logout_token
from portal.oidc.signing_keys import SigningKeys
from tests.oidc.people_and_apps import ISSUER, SEALER, App, Browser, World, unverified_claims
from tests.oidc.test_codes import code_for

AFTER = "https://app.example/bye"
Door = Callable[[str], Awaitable[bool]]


@pytest.fixture
async def keyed(world: World) -> App:
    """An app that gets everything an app can get."""
    return await world.app(
        "Keyed", post_logout_redirect_uris=[AFTER], grant_types=["authorization_code", "refresh_token"]
    )


async def tokens_of(world: World, app: App, alice: Browser) -> dict[str, str]:
    """One living token of every kind."""
    given = (await app.redeem(await code_for(app, alice))).json()
    claims = unverified_claims(given["id_token"])
    key = await SigningKeys(world.database, SEALER).current("default")
    assert isinstance(key, RSAKey)
    api_key = new_api_key()
    create = "select authn.create_api_key($1::text::uuid, $2)"
    await world.database.fetchval(create, claims["sub"], api_key.digest)
    await world.browser().submit("/recover", {"email": "alice@example.com"})
    link = next(part for part in (await world.mails("alice@example.com"))[-1].text.split() if "/link/" in part)
    return {
        "session": alice.http.cookies["portal_session"],
        "code": await code_for(app, alice),
        "access token": given["access_token"],
        "refresh token": given["refresh_token"],
        "ID token": given["id_token"],
        "API key": api_key.raw,
        "mailed link": link.rpartition("/")[2],
        "logout token": sign_logout_token(
            key, "RS256", issuer=ISSUER, client_id=app.client_id, subject=claims["sub"], session_id=claims["sid"]
        ),
    }


def doors(world: World, app: App) -> dict[str, Door]:
    """What takes each kind, and whether it takes this one."""

    async def session(value: str) -> bool:
        browser = world.browser()
        return (await browser.http.get("/account", headers={"cookie": f"portal_session={value}"})).status_code == 200

    async def code(value: str) -> bool:
        return (await app.redeem(value)).status_code == 200

    async def access_token(value: str) -> bool:
        return (await app.userinfo(value)).status_code == 200

    async def refresh_token(value: str) -> bool:
        return (await app.refresh(value)).status_code == 200

    async def id_token(value: str) -> bool:
        query = urlencode({"id_token_hint": value, "post_logout_redirect_uri": AFTER})
        return (await world.browser().http.get(f"/oauth2/logout?{query}")).status_code == 303

    async def api_key(value: str) -> bool:
        digest = api_key_digest(value)
        if digest is None:
            return False
        return bool(await world.database.fetch("select * from authn.validate_api_key($1)", digest))

    async def mailed_link(value: str) -> bool:
        return (await world.browser().http.get(f"/link/{value}")).status_code == 200

    return {
        "session": session, "code": code, "access token": access_token, "refresh token": refresh_token,
        "ID token": id_token, "API key": api_key, "mailed link": mailed_link,
    }  # fmt: skip


@pytest.mark.adversarial("J7")
async def test_only_the_diagonal_works(world: World, keyed: App) -> None:
    alice = await world.logged_in()
    tokens = await tokens_of(world, keyed, alice)
    opened = {
        (kind, door) for door, takes in doors(world, keyed).items() for kind, token in tokens.items()
        if kind != door and await takes(token)
    }  # fmt: skip
    assert opened == set()
    # Introspection knows two kinds and says of each what it is.
    for kind, token in tokens.items():
        told = (await keyed.introspect(token)).json()
        assert told["active"] is (kind in ("access token", "refresh token")), kind
    # Tried last, the refresh token after the access token: each still opens its own door, once they were tried on all.
    for door, takes in doors(world, keyed).items():
        assert await takes(tokens[door]), door


@pytest.mark.adversarial("B9")
async def test_an_opaque_token_works_whole_and_in_its_own_case_only(world: World, keyed: App) -> None:
    alice = await world.logged_in()
    tokens = await tokens_of(world, keyed, alice)
    for door, takes in doors(world, keyed).items():
        token = tokens[door]
        if door == "ID token":
            continue
        for changed in (token[:-1], token[1:], token + "A", "A" + token, token.swapcase(), token + "=", token[:20]):
            assert not await takes(changed), (door, changed)
        assert await takes(token), door


@pytest.mark.adversarial("J5")
async def test_a_monstrous_token_is_refused_at_once(world: World, keyed: App) -> None:
    for monster in ("." * 10_000, "A" * 60_000, "a.b.c.d.e" * 1000, "e30." * 9000):
        for door in ("access token", "ID token", "refresh token", "code"):
            async with asyncio.timeout(2):
                assert not await doors(world, keyed)[door](monster), door

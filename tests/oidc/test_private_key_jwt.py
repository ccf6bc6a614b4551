"""private_key_jwt: an app proves itself by a key of its own (RFC 7523; OpenID Connect Core section 9)."""

import json
import time
from typing import Any

import httpx
import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from portal.oidc.clients import InvalidRegistration, create_client
from tests.oidc.people_and_apps import CALLBACK, ISSUER, App, Browser, World
from tests.oidc.test_codes import code_for

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
KEYS = {
    "RS256": RSAKey.generate_key(2048, {"kid": "rsa"}),
    "ES256": ECKey.generate_key("P-256", {"kid": "ec"}),
    "EdDSA": OKPKey.generate_key("Ed25519", {"kid": "okp"}),
}
JWKS = {"keys": [key.as_dict(private=False) for key in KEYS.values()]}
Claims = dict[str, Any]


@pytest.fixture
async def app(world: World) -> App:
    """An app that registered its three keys."""
    made = await world.app("Signs", jwks=JWKS)
    assert made.client_secret is None
    return made


def claims_of(app: App, **changes: Any) -> Claims:
    now = int(time.time())
    usual = {
        "iss": app.client_id, "sub": app.client_id, "aud": ISSUER, "jti": f"{time.monotonic_ns()}", "iat": now,
        "exp": now + 60,
    }  # fmt: skip
    return {name: value for name, value in {**usual, **changes}.items() if value is not None}


def signed(claims: Claims, algorithm: str = "RS256", key: Any = None, **header: Any) -> str:
    key = key or KEYS[algorithm]
    return jwt.encode({"alg": algorithm, "kid": key.kid, **header}, claims, key, [algorithm])


async def redeem(app: App, browser: Browser, assertion: str, **more: str) -> httpx.Response:
    code = await code_for(app, browser)
    data = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": app.verifier,
        "client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion, **more,
    }  # fmt: skip
    return await app.http.post("/oauth2/token", data=data)


@pytest.mark.parametrize("algorithm", list(KEYS))
async def test_an_app_proves_itself_by_its_key(app: App, alice: Browser, algorithm: str) -> None:
    response = await redeem(app, alice, signed(claims_of(app), algorithm))
    assert response.status_code == 200, response.text
    for audience in (f"{ISSUER}/oauth2/token", [ISSUER, "https://other.example"]):
        assertion = signed(claims_of(app, aud=audience), algorithm)
        assert (await redeem(app, alice, assertion, client_id=app.client_id)).status_code == 200


async def test_an_assertion_proves_one_request(world: World, app: App, alice: Browser) -> None:
    assertion = signed(claims_of(app))
    assert (await redeem(app, alice, assertion)).status_code == 200
    again = await redeem(app, alice, assertion)
    assert (again.status_code, again.json()["error"]) == (401, "invalid_client")
    (event,) = await world.events("client_authentication_failed", app.client_id)
    assert event["new_values"]["reason"] == "assertion_replayed"


WRONG: dict[str, tuple[Claims, str]] = {
    "another issuer": ({"iss": "somebody"}, "assertion_issuer"),
    "no issuer": ({"iss": None}, "assertion_issuer"),
    "another audience": ({"aud": "https://other.example"}, "assertion_audience"),
    "an audience with a slash": ({"aud": f"{ISSUER}/"}, "assertion_audience"),
    "no audience": ({"aud": None}, "assertion_audience"),
    "no end": ({"exp": None}, "assertion_lifetime"),
    "an end in the past": ({"exp": int(time.time()) - 120}, "assertion_lifetime"),
    "an end that is text": ({"exp": "tomorrow"}, "assertion_lifetime"),
    "an end that is true": ({"exp": True}, "assertion_lifetime"),
    "a day of life": ({"exp": int(time.time()) + 86400}, "assertion_lifetime"),
    "an end beyond time": ({"exp": 10**300}, "assertion_lifetime"),
    "a beginning in the future": ({"nbf": int(time.time()) + 86400}, "assertion_lifetime"),
    "made in the future": ({"iat": int(time.time()) + 86400}, "assertion_lifetime"),
    "no number of its own": ({"jti": None}, "assertion_jti"),
}


@pytest.mark.adversarial("J6")
@pytest.mark.parametrize(("changes", "reason"), WRONG.values(), ids=WRONG.keys())
async def test_what_an_assertion_must_say(world: World, app: App, alice: Browser, changes: Claims, reason: str) -> None:
    refused = await redeem(app, alice, _unchecked(claims_of(app, **changes)), client_id=app.client_id)
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    (event,) = await world.events("client_authentication_failed", app.client_id)
    assert event["new_values"]["reason"] == reason
    assert (await redeem(app, alice, signed(claims_of(app)))).status_code == 200


def _unchecked(claims: Claims) -> str:
    return jws.serialize_compact({"alg": "RS256", "kid": "rsa"}, json.dumps(claims), KEYS["RS256"])


@pytest.mark.adversarial("J1", "J2", "J3")
async def test_only_the_registered_keys_count(world: World, app: App, alice: Browser) -> None:
    own = RSAKey.generate_key(2048, {"kid": "rsa"})
    header_key = {"jwk": own.as_dict(private=False)}
    forged = [
        signed(claims_of(app), key=own),
        signed(claims_of(app), key=own, **header_key),
        signed(claims_of(app), kid="../../dev/null"),
        signed(claims_of(app), typ="logout+jwt"),
        "eyJhbGciOiJub25lIn0." + signed(claims_of(app)).split(".")[1] + ".",
        signed(claims_of(app)).rsplit(".", 1)[0] + ".",
        signed(claims_of(app)) + ".x",
        "." * 10_000,
        "a.b.c",
    ]
    for assertion in forged:
        refused = await redeem(app, alice, assertion, client_id=app.client_id)
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client"), assertion[:80]
    assert (await redeem(app, alice, signed(claims_of(app)))).status_code == 200


async def test_the_method_is_the_registered_one(world: World, app: App, alice: Browser) -> None:
    secret = await world.app("Secret")
    assertion = signed(claims_of(secret))
    assert (await redeem(secret, alice, assertion)).status_code == 401
    both = await redeem(app, alice, signed(claims_of(app)), client_secret="x" * 43)
    assert (both.status_code, both.json()["error"]) == (400, "invalid_request")
    other_type = await redeem(app, alice, signed(claims_of(app)), client_assertion_type="jwt")
    assert (other_type.status_code, other_type.json()["error"]) == (400, "invalid_request")
    somebody = await redeem(app, alice, signed(claims_of(app)), client_id=secret.client_id)
    assert somebody.status_code == 401


async def test_a_used_assertion_is_forgotten_when_it_is_over(world: World, app: App, alice: Browser) -> None:
    assert (await redeem(app, alice, signed(claims_of(app)))).status_code == 200
    count = "select count(*) as n from authn.client_assertions where client_id = $1"
    await world.database.fetchval("select authn.clean_up(100)")
    assert (await world.rows(count, app.client_id))[0]["n"] == 1
    await world.tamper("update authn.client_assertions set expires_at = now() - interval '1 hour'")
    await world.database.fetchval("select authn.clean_up(100)")
    assert (await world.rows(count, app.client_id))[0]["n"] == 0


@pytest.mark.parametrize(
    "jwks",
    [
        {}, {"keys": []}, {"keys": ["x"]}, {"keys": [{"kty": "oct", "k": "AAAA"}]},
        {"keys": [KEYS["RS256"].as_dict(private=True)]}, {"keys": [RSAKey.generate_key(1024).as_dict(private=False)]},
        {"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]}, {"keys": [{"kty": "RSA"}]},
    ],
)  # fmt: skip
async def test_bad_keys_are_not_registered(world: World, jwks: Any) -> None:
    made = await create_client(world.database, "default", name="Bad", redirect_uris=[CALLBACK], jwks=jwks)
    assert isinstance(made, InvalidRegistration)

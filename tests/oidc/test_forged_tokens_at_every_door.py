"""The kit of forged tokens at the doors that have no file of their own: client assertions, hints, request objects.

At the log-out's hint it is in test_end_session, at an app's back channel in tests/demo.
"""

import json
import time
from urllib.parse import urlencode

import httpx
import pytest

from portal.oidc.signing_keys import SigningKeys
from tests.oidc.forged_tokens import forgeries
from tests.oidc.people_and_apps import SEALER, App, Browser, World, answer
from tests.oidc.test_codes import code_for
from tests.oidc.test_private_key_jwt import ASSERTION_TYPE, JWKS, KEYS, claims_of, redeem, signed

ADDRESS_MAX_LENGTH = 20_000  # characters; longer ones are refused before anybody looks for a token
FITS_AN_ASSERTION = {"not an ID token"}  # only the absence of what an assertion never has
REFUSED_WITHIN = 10  # seconds; what a key derivation of 2^31 rounds never does
NOTHING_SENT = {"nothing"}  # an empty parameter is none (RFC 6749 section 3.1)


async def introspect(app: App, assertion: str) -> httpx.Response:
    """Authenticate where nothing else can be wrong."""
    data = {"client_id": app.client_id, "client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
    return await app.http.post("/oauth2/introspect", data={"token": "x", **data})


@pytest.mark.adversarial("J1", "J2", "J3", "J5", "J6")
async def test_no_forged_assertion_proves_an_app(world: World, alice: Browser) -> None:
    app = await world.app("Signs", jwks=JWKS)
    assert (await introspect(app, signed(claims_of(app)))).json() == {"active": False}
    kit = forgeries(signed(claims_of(app), typ="JWT"), KEYS["RS256"])
    for name, forged in kit.items():
        if name in FITS_AN_ASSERTION:
            continue
        before = time.monotonic()
        refused = await introspect(app, forged)
        assert time.monotonic() - before < REFUSED_WITHIN, name
        assert refused.status_code in (401, 413), (name, refused.text)
        if refused.status_code == 401:
            assert refused.json()["error"] == "invalid_client", name
    # Each that could be read is counted and in the audit log, with why, and none of them used the honest one up.
    events = await world.events("client_authentication_failed", app.client_id)
    assert {event["new_values"]["reason"] for event in events} >= {
        "assertion_algorithm", "assertion_issuer", "assertion_signature", "assertion_type",
    }  # fmt: skip
    [counted] = await world.rows(
        "select sum(times) as n from authn.refusals where kind like $1",
        f"client_authentication_failed % {app.client_id}",
    )
    assert counted["n"] > len(kit) / 2  # the others were no tokens that name an app
    assert (await redeem(app, alice, signed(claims_of(app)))).status_code == 200


@pytest.mark.adversarial("J1", "J2", "J3", "J6")
async def test_no_forged_hint_is_taken_with_an_authorization_request(world: World, app: App, alice: Browser) -> None:
    token = (await app.redeem(await code_for(app, alice))).json()["id_token"]
    own_key = await SigningKeys(world.database, SEALER).current("default")
    for name, forged in forgeries(token, own_key).items():
        if name in NOTHING_SENT or len(forged) > ADDRESS_MAX_LENGTH:
            continue
        told = await alice.http.get(app.url(prompt="none", id_token_hint=forged))
        assert answer(told)["error"] == "invalid_request", name
        assert "code" not in answer(told), name
    assert "code" in answer(await alice.http.get(app.url(prompt="none", id_token_hint=token)))


@pytest.mark.adversarial("J1", "J2", "J3", "J5", "J6")
@pytest.mark.parametrize("prompt", ["none", None])
async def test_no_request_object_is_read_forged_or_honest(
    world: World, app: App, alice: Browser, prompt: str | None
) -> None:
    """What cannot be checked is refused by its name, never left out: it might have said something else."""
    own = KEYS["RS256"]
    honest = signed({**claims_of(app), **app.parameters(scope="openid email")}, typ="JWT")
    for name, request in {"honest": honest, **forgeries(honest, own)}.items():
        if name in NOTHING_SENT or len(request) > ADDRESS_MAX_LENGTH:
            continue
        told = await alice.http.get(app.url(prompt=prompt, request=request))
        assert answer(told)["error"] == "request_not_supported", name
        assert "code" not in answer(told), name
        by_post = await alice.http.post(
            "/oauth2/authorize",
            content=urlencode(app.parameters(prompt=prompt, request=request)),
            headers={"content-type": "application/x-www-form-urlencoded", "origin": "https://app.example"},
        )
        assert "code=" not in json.dumps(dict(by_post.headers)), name
    assert "code" in answer(await alice.http.get(app.url(prompt=prompt)))

"""PKCE: S256, for every app, at both ends (adversarial family B4)."""

import pytest

from tests.oidc.people_and_apps import App, Browser, World, answer
from tests.oidc.test_codes import assert_refused, code_for

pytestmark = pytest.mark.adversarial("B4")


@pytest.mark.asvs("10.4.6")
@pytest.mark.parametrize("public", [True, False])
async def test_every_app_needs_a_challenge(world: World, alice: Browser, public: bool) -> None:
    app = await world.app("Needs PKCE", public=public)
    # Authlib as it comes asks it of public clients only, and of those at the token endpoint only.
    back = answer(await alice.open(app.url(code_challenge=None, code_challenge_method=None)))
    assert back["error"] == "invalid_request"
    assert (await app.redeem(await code_for(app, alice))).status_code == 200


@pytest.mark.parametrize("public", [True, False])
async def test_the_verifier_must_be_the_right_one(world: World, alice: Browser, public: bool) -> None:
    app = await world.app("Verifies", public=public)
    for wrong in (
        None,
        "",
        "x" * 43,
        app.challenge,
        app.verifier[:-1],
        app.verifier + "A",
        "short",
        "ß" * 43,
        "a" * 129,
    ):
        response = await app.redeem(await code_for(app, alice), code_verifier=wrong)
        assert response.status_code == 400
        assert response.json()["error"] in ("invalid_grant", "invalid_request")
    assert (await app.redeem(await code_for(app, alice))).status_code == 200


@pytest.mark.asvs("10.4.6")
async def test_a_plain_challenge_is_refused_by_name_and_by_default(app: App, alice: Browser) -> None:
    # A left-out method means plain (RFC 7636 section 4.3), and Authlib as it comes takes it.
    for method in ("plain", None, "s256", "S512"):
        back = answer(await alice.open(app.url(code_challenge=app.verifier[:43], code_challenge_method=method)))
        assert back["error"] == "invalid_request"


async def test_one_confidential_app_can_be_let_off(world: World, alice: Browser) -> None:
    old = await world.app("Old library", require_pkce=False)
    without = {"code_challenge": None, "code_challenge_method": None}
    code = await code_for(old, alice, **without)
    assert (await old.redeem(code, code_verifier=None)).status_code == 200
    # Downgrade, either way: a verifier without a challenge, a challenge without a verifier.
    assert_refused(await old.redeem(await code_for(old, alice, **without)), "invalid_request")
    assert (await old.redeem(await code_for(old, alice), code_verifier=None)).status_code == 400
    assert (await old.redeem(await code_for(old, alice))).status_code == 200


async def test_switching_pkce_on_counts_for_codes_on_the_way(world: World, alice: Browser) -> None:
    app = await world.app("Switched", require_pkce=False)
    code = await code_for(app, alice, code_challenge=None, code_challenge_method=None)
    await world.tamper(f"update authn.clients set require_pkce = true where client_id = '{app.client_id}'")
    assert_refused(await app.redeem(code, code_verifier=None))


async def test_another_challenge_cannot_be_slipped_in_with_the_consent(world: World, alice: Browser) -> None:
    app = await world.app("Asks", first_party=False)
    page = await alice.open(app.url())
    other = "A" * 43
    back = answer(await alice.decide(page, "allow", code_challenge=other, redirect_uri="https://evil.example/"))
    rows = await world.rows("select code_challenge from authn.authorization_codes order by created_at desc limit 1")
    assert rows[0]["code_challenge"] == app.challenge
    assert (await app.redeem(back["code"])).status_code == 200

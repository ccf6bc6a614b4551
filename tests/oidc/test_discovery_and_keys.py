"""What the provider tells about itself, and the keys that its word is checked with."""

import asyncio
import json

import pytest
from joserfc.jwk import RSAKey

from portal.db.engine import Database
from portal.oidc.id_token import read_hint
from portal.oidc.jobs import provider_jobs
from portal.oidc.queries import list_signing_keys
from portal.oidc.signing_keys import SEALING_PURPOSE, SigningKeys
from portal.web.request import Portal
from tests.oidc.forged_tokens import forgeries
from tests.oidc.people_and_apps import ISSUER, SEALER, App, Browser, World
from tests.oidc.test_codes import code_for
from tests.support.database import STATEMENT_CACHE, TestDatabase


async def test_every_address_in_the_metadata_is_there(world: World) -> None:
    for path in ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"):
        response = await world.http.get(path)
        assert response.status_code == 200
        assert response.headers["cache-control"] == "public, max-age=300"
        metadata = response.json()
        assert metadata["issuer"] == ISSUER
        for name, address in metadata.items():
            if name.endswith(("_endpoint", "_uri")):
                assert address.startswith(ISSUER + "/")
                assert (await world.http.get(address)).status_code not in (404, 500)


@pytest.mark.asvs("10.6.1")
async def test_the_metadata_promises_no_more_than_there_is(world: World) -> None:
    metadata = (await world.http.get("/.well-known/openid-configuration")).json()
    assert metadata["response_types_supported"] == ["code"]
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    assert metadata["id_token_signing_alg_values_supported"] == ["RS256", "ES256", "EdDSA"]
    assert metadata["authorization_response_iss_parameter_supported"] is True
    assert metadata["request_uri_parameter_supported"] is False
    assert metadata["request_parameter_supported"] is False
    assert metadata["grant_types_supported"] == ["authorization_code", "refresh_token"]
    # A public app may end its tokens, but has nothing that would let it ask about them.
    assert "none" in metadata["revocation_endpoint_auth_methods_supported"]
    assert "none" not in metadata["introspection_endpoint_auth_methods_supported"]
    assert "offline_access" in metadata["scopes_supported"]


async def test_the_metadata_is_the_namespaces_own_whatever_the_host_header_says(world: World) -> None:
    response = await world.http.get("/.well-known/openid-configuration", headers={"host": "evil.example"})
    assert "evil.example" not in response.text
    assert response.status_code == 421
    forwarded = await world.http.get("/.well-known/openid-configuration", headers={"x-forwarded-host": "evil.example"})
    assert forwarded.json()["issuer"] == ISSUER


async def test_the_keys_are_public_halves_of_3072_bits(world: World) -> None:
    response = await world.http.get("/oauth2/jwks")
    assert response.headers["cache-control"] == "public, max-age=300"
    (key,) = response.json()["keys"]
    assert set(key) == {"kty", "kid", "use", "alg", "n", "e"}
    assert key["alg"] == "RS256"
    assert key["use"] == "sig"
    read = RSAKey.import_key(key)
    assert read.raw_value.key_size == 3072
    assert read.thumbprint() == key["kid"]


async def test_the_private_half_is_sealed(world: World) -> None:
    await world.http.get("/oauth2/jwks")
    (row,) = await world.rows("select * from authn.signing_keys")
    assert row["sealed_private_key"].startswith("v1.")
    assert '"d"' not in str(dict(row))
    private = json.loads(SEALER.open(row["sealed_private_key"], SEALING_PURPOSE))
    assert RSAKey.import_key(private).thumbprint() == row["kid"]


async def test_processes_that_start_together_agree_on_one_key(world: World) -> None:
    processes = [SigningKeys(world.database, SEALER) for _ in range(4)]
    found = await asyncio.gather(*(process.published("start-up") for process in processes))
    assert len({keys.signing_kid for keys in found}) == 1
    rows = await world.rows("select kid from authn.signing_keys where namespace = 'start-up'")
    assert len(rows) == 1
    created = [event for event in await world.events("signing_key_created") if event["namespace"] == "start-up"]
    assert len(created) == 1


async def test_the_first_key_is_made_before_an_app_asks(database: TestDatabase) -> None:
    empty = Database(database.app_url, statement_cache=STATEMENT_CACHE)
    portal = Portal(
        settings=None,  # type: ignore[arg-type]
        database=empty,
        sealer=SEALER,
        templates=None,  # type: ignore[arg-type]
    )
    job = provider_jobs(portal)[0]
    assert await list_signing_keys(empty, "default") == []
    assert await job.run() is False
    (key,) = await list_signing_keys(empty, "default")
    assert key.state == "signing"
    await empty.close()


async def test_each_namespace_has_keys_of_its_own(world: World) -> None:
    keys = SigningKeys(world.database, SEALER)
    assert (await keys.published("default")).signing_kid != (await keys.published("start-up")).signing_kid


@pytest.mark.asvs("9.1.1", "9.1.2", "9.1.3")
@pytest.mark.adversarial("J1", "J2", "J3", "J6")
async def test_only_an_id_token_of_ours_is_a_hint(world: World, app: App, alice: Browser) -> None:
    token = (await app.redeem(await code_for(app, alice))).json()["id_token"]
    keys = SigningKeys(world.database, SEALER)
    published = await keys.published("default")
    own_key = await keys.current("default")
    assert read_hint(token, published, ISSUER)
    for name, forged in forgeries(token, own_key).items():
        assert read_hint(forged, published, ISSUER) is None, name
    assert read_hint(token, published, "https://other.example") is None

"""The OpenID Foundation's Config plan: the metadata says what is so. https://openid.net/certification/testing/."""

from portal.oidc.authorize.checks import ACR_VALUES
from tests.oidc.people_and_apps import ISSUER, World

REQUIRED = (
    "issuer", "authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "response_types_supported",
    "subject_types_supported", "id_token_signing_alg_values_supported",
)  # fmt: skip


async def test_oidcc_discovery_endpoint_verification(world: World) -> None:
    response = await world.http.get("/.well-known/openid-configuration")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    told = response.json()
    assert set(REQUIRED) <= told.keys()
    assert told["issuer"] == ISSUER
    assert all(told[name].startswith(f"{ISSUER}/") for name in REQUIRED if name.endswith(("endpoint", "_uri")))
    assert "RS256" in told["id_token_signing_alg_values_supported"]
    assert {"openid", "profile", "email", "phone", "address", "offline_access"} <= set(told["scopes_supported"])
    assert {"sub", "iss", "auth_time", "acr", "email", "address"} <= set(told["claims_supported"])
    assert told["claims_parameter_supported"] is True
    assert told["request_parameter_supported"] is told["request_uri_parameter_supported"] is False
    assert set(told["acr_values_supported"]) == ACR_VALUES
    keys = (await world.http.get("/oauth2/jwks")).json()["keys"]
    assert len({key["kid"] for key in keys}) == len(keys) > 0
    assert all(key["use"] == "sig" and not {"d", "p", "q"} & key.keys() for key in keys)


async def test_the_metadata_of_rfc_8414_is_the_same_document(world: World) -> None:
    first = await world.http.get("/.well-known/openid-configuration")
    second = await world.http.get("/.well-known/oauth-authorization-server")
    assert first.json() == second.json()

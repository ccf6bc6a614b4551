"""What the provider tells about itself: OpenID Connect Discovery 1.0 and RFC 8414, and its public keys.

https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata. Only what works is listed.
"""

from typing import Any

from litestar import Response, get

from portal.oidc.authorize.checks import ACR_VALUES, PROMPTS
from portal.oidc.authorize.response import RESPONSE_MODES
from portal.oidc.client_keys import ASSERTION_ALGORITHMS
from portal.oidc.clients import AUTH_METHODS, GRANT_TYPES
from portal.oidc.cross_origin import FOR_EVERYBODY
from portal.oidc.pkce import METHOD
from portal.oidc.provider import provider_of
from portal.oidc.scopes import SCOPES, claims_of
from portal.oidc.signing_keys import ALGORITHMS, JWKS_CACHE_FOR
from portal.oidc.subjects import SUBJECT_TYPES
from portal.web.request import PortalRequest

CACHE_FOR = int(JWKS_CACHE_FOR.total_seconds())  # a new signing key is published longer than that before it signs
PROTOCOL_CLAIMS = ("iss", "aud", "azp", "exp", "iat", "auth_time", "nonce", "sid", "amr", "acr", "at_hash")


def provider_metadata(issuer: str) -> dict[str, Any]:
    """Return the metadata document of an issuer, which is the namespace's own origin."""
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth2/authorize",
        "token_endpoint": f"{issuer}/oauth2/token",
        "userinfo_endpoint": f"{issuer}/oauth2/userinfo",
        "revocation_endpoint": f"{issuer}/oauth2/revoke",
        "introspection_endpoint": f"{issuer}/oauth2/introspect",
        "end_session_endpoint": f"{issuer}/oauth2/logout",
        "jwks_uri": f"{issuer}/oauth2/jwks",
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": list(RESPONSE_MODES),
        "grant_types_supported": list(GRANT_TYPES),
        "subject_types_supported": list(SUBJECT_TYPES),
        "id_token_signing_alg_values_supported": list(ALGORITHMS),
        "userinfo_signing_alg_values_supported": list(ALGORITHMS),
        "acr_values_supported": sorted(ACR_VALUES),
        "token_endpoint_auth_methods_supported": list(AUTH_METHODS),
        "token_endpoint_auth_signing_alg_values_supported": list(ASSERTION_ALGORITHMS),
        # RFC 8414 section 2: left out, these would not be the same as the token endpoint's.
        "revocation_endpoint_auth_methods_supported": list(AUTH_METHODS),
        "revocation_endpoint_auth_signing_alg_values_supported": list(ASSERTION_ALGORITHMS),
        "introspection_endpoint_auth_signing_alg_values_supported": list(ASSERTION_ALGORITHMS),
        "introspection_endpoint_auth_methods_supported": [method for method in AUTH_METHODS if method != "none"],
        "code_challenge_methods_supported": [METHOD],
        "claims_supported": [*PROTOCOL_CLAIMS, *sorted(claims_of(SCOPES))],
        "claim_types_supported": ["normal"],
        "prompt_values_supported": sorted(PROMPTS),
        "display_values_supported": ["page", "popup"],
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "authorization_response_iss_parameter_supported": True,
        "claims_parameter_supported": True,
        "request_parameter_supported": False,
        # Said although false: Discovery section 3 takes a missing one for true.
        "request_uri_parameter_supported": False,
    }


@get(["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"], opt={"cross_origin": True})
async def metadata(request: PortalRequest) -> Response[Any]:
    """Describe the provider."""
    return _public_document(provider_metadata(request.namespace.origin))


@get("/oauth2/jwks", opt={"cross_origin": True})
async def jwks(request: PortalRequest) -> Response[Any]:
    """Publish the public halves of the signing keys (RFC 7517 section 5)."""
    keys = await provider_of(request).signing_keys.published(request.namespace.name)
    return _public_document(keys.as_jwks())


def _public_document(document: dict[str, Any]) -> Response[Any]:
    headers = {"cache-control": f"public, max-age={CACHE_FOR}", **FOR_EVERYBODY}
    return Response(document, media_type="application/json", headers=headers)


ROUTES = (metadata, jwks)

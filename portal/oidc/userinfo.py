"""The userinfo endpoint: OpenID Connect Core 1.0 section 5.3, https://openid.net/specs/openid-connect-core-1_0.html#UserInfo.

Errors are those of RFC 6750 section 3, https://www.rfc-editor.org/rfc/rfc6750#section-3.
"""

from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from litestar import Response, get, post

from portal.crypto.tokens import token_digest
from portal.oidc.cross_origin import readable_by_apps
from portal.oidc.errors import json_error
from portal.oidc.id_token import person_claims
from portal.oidc.parameters import PARAMETERS_MAX_BYTES, Malformed, is_form, read_parameters
from portal.oidc.provider import provider_of
from portal.oidc.queries import find_access_token
from portal.web.refusals import mark_refusal
from portal.web.request import PortalRequest

CHALLENGE = 'Bearer realm="userinfo"'
ACCESS_TOKEN_MAX_LENGTH = 512  # characters; ours have 43


@dataclass(frozen=True, slots=True)
class BearerProblem:
    """Why a request brings no usable access token. No `error` where it brings none at all: RFC 6750 section 3.1."""

    status: int
    error: str | None = None
    description: str = ""


@get("/oauth2/userinfo", opt={"cross_origin": True})
async def userinfo(request: PortalRequest) -> Response[Any]:
    """Tell an app about the person whose access token it holds."""
    return await readable_by_apps(request, await _answer(request, b""))


@post("/oauth2/userinfo", opt={"cross_origin": True}, status_code=200, request_max_body_size=PARAMETERS_MAX_BYTES)
async def userinfo_by_post(request: PortalRequest) -> Response[Any]:
    """The same by POST, with the token in the header or in the form (RFC 6750 section 2.2)."""
    body = await request.body()
    form = body if is_form(request.headers.get("content-type")) else b""
    return await readable_by_apps(request, await _answer(request, form))


async def _answer(request: PortalRequest, body: bytes) -> Response[Any]:
    token = _presented_token(request.headers.getall("authorization", []), body)
    if isinstance(token, BearerProblem):
        return _refuse(token)
    live = await find_access_token(request.portal.database, request.namespace.name, token_digest(token))
    if live is None:
        mark_refusal(request.facts, "access_token")
        return _refuse(BearerProblem(401, "invalid_token", "The access token is unknown, expired or revoked."))
    if "openid" not in live.scopes:
        return _refuse(BearerProblem(403, "insufficient_scope", "The access token lacks the scope openid."))
    claims = {**person_claims(live.claims, live.scopes, live.requested_claims.get("userinfo", ())), "sub": live.subject}
    if live.signed_response_alg is not None:
        return await _signed(request, claims, live.client_id, live.signed_response_alg)
    return Response(claims, media_type="application/json", headers={"cache-control": "no-store"})


async def _signed(request: PortalRequest, claims: dict[str, Any], client_id: str, algorithm: str) -> Response[Any]:
    namespace = request.namespace
    key = await provider_of(request).signing_keys.current(namespace.name, algorithm)
    # Core section 5.3.2: "SHOULD contain the Claims iss (issuer) and aud (audience) as members."
    signed = {**claims, "iss": namespace.origin, "aud": client_id}
    token = jwt.encode({"alg": algorithm, "kid": key.thumbprint()}, signed, key, [algorithm])
    return Response(token, media_type="application/jwt", headers={"cache-control": "no-store"})


def _presented_token(headers: list[str], body: bytes) -> str | BearerProblem:
    parameters = read_parameters(body)
    if isinstance(parameters, Malformed):
        return BearerProblem(400, "invalid_request", parameters.reason)
    in_body = parameters.get("access_token")
    # RFC 6750 section 2: "Clients MUST NOT use more than one method to transmit the token in each request."
    if len(headers) + (in_body is not None) > 1:
        return BearerProblem(400, "invalid_request", "The request carries more than one access token.")
    if in_body is None and not headers:
        return BearerProblem(401)
    token = in_body
    if token is None:
        scheme, _, token = headers[0].partition(" ")
        if scheme.lower() != "bearer":
            return BearerProblem(401)
        token = token.strip()
    if not token or len(token) > ACCESS_TOKEN_MAX_LENGTH:
        return BearerProblem(401, "invalid_token", "The access token is unknown, expired or revoked.")
    return token


def _refuse(problem: BearerProblem) -> Response[Any]:
    if problem.error is None:
        return Response(
            b"",
            status_code=problem.status,
            media_type="application/json",
            headers={"www-authenticate": CHALLENGE, "cache-control": "no-store"},
        )
    challenge = f'{CHALLENGE}, error="{problem.error}", error_description="{problem.description}"'
    return json_error(problem.status, problem.error, problem.description, {"www-authenticate": challenge})


ROUTES = (userinfo, userinfo_by_post)

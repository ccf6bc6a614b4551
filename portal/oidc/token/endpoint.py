"""What apps call about tokens: the token endpoint (RFC 6749 section 3.2), revocation and introspection.

https://www.rfc-editor.org/rfc/rfc6749#section-3.2. They differ in what is done; how a request is read, and that answers
are JSON, errors too, is the same.
"""

from typing import Any

from litestar import Response, post

from portal.oidc.cross_origin import readable_by_apps
from portal.oidc.errors import NO_STORE, json_error
from portal.oidc.parameters import PARAMETERS_MAX_BYTES, Malformed, Parameters, is_form, read_parameters
from portal.oidc.provider import provider_of
from portal.oidc.server import Answer, ProviderServer
from portal.oidc.token.reuse_notice import tell_person
from portal.web.request import PortalRequest


@post("/oauth2/token", opt={"cross_origin": True}, status_code=200, request_max_body_size=PARAMETERS_MAX_BYTES)
async def token(request: PortalRequest) -> Response[Any]:
    """Exchange a code, or a refresh token, for tokens."""
    return await readable_by_apps(request, await _give_tokens(request))


@post("/oauth2/revoke", opt={"cross_origin": True}, status_code=200, request_max_body_size=PARAMETERS_MAX_BYTES)
async def revoke(request: PortalRequest) -> Response[Any]:
    """End a token of the app's own."""
    return await readable_by_apps(request, await _answer_about_token(request, "revocation"))


@post("/oauth2/introspect", opt={"cross_origin": True}, status_code=200, request_max_body_size=PARAMETERS_MAX_BYTES)
async def introspect(request: PortalRequest) -> Response[Any]:
    """Say whether a token of the app's own works."""
    return await _answer_about_token(request, "introspection")


async def _give_tokens(request: PortalRequest) -> Response[Any]:
    parameters = await _read(request, "grant_type")
    if isinstance(parameters, Response):
        return parameters
    server = _server(request, parameters)
    answer = await server.give_tokens(parameters, _authorization(request))
    if server.reuse is not None:
        await tell_person(request, server.reuse)
    return _as_response(answer)


async def _answer_about_token(request: PortalRequest, endpoint: str) -> Response[Any]:
    parameters = await _read(request, "token")
    if isinstance(parameters, Response):
        return parameters
    server = _server(request, parameters)
    return _as_response(await server.answer_about_token(endpoint, parameters, _authorization(request)))


async def _read(request: PortalRequest, required: str) -> Parameters | Response[Any]:
    if not is_form(request.headers.get("content-type")):
        return json_error(400, "invalid_request", "The body must be application/x-www-form-urlencoded.")
    # RFC 6749 section 2.3.1: parameters MUST NOT be in the URI, where logs and proxies keep them.
    if request.scope["query_string"]:
        return json_error(400, "invalid_request", "Parameters belong in the body, not in the address.")
    parameters = read_parameters(await request.body())
    if isinstance(parameters, Malformed):
        return json_error(400, "invalid_request", parameters.reason)
    if required not in parameters:
        return json_error(400, "invalid_request", f"The {required} parameter is missing.")
    if len(request.headers.getall("authorization", [])) > 1:
        return json_error(400, "invalid_request", "The request has more than one Authorization header.")
    return parameters


def _server(request: PortalRequest, parameters: Parameters) -> ProviderServer:
    namespace = request.namespace
    actor = request.context.as_actor(parameters.get("client_id"))
    return ProviderServer(provider_of(request), namespace.name, namespace.origin, actor)


def _authorization(request: PortalRequest) -> dict[str, str]:
    credentials = request.headers.get("authorization")
    return {} if credentials is None else {"authorization": credentials}


def _as_response(answer: Answer) -> Response[Any]:
    return Response(
        dict(answer.body),
        status_code=answer.status,
        media_type="application/json",
        headers={**{name.lower(): value for name, value in answer.headers.items()}, **NO_STORE},
    )


ROUTES = (token, revoke, introspect)

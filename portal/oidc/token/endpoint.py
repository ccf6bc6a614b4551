"""The token endpoint: RFC 6749 section 3.2, https://www.rfc-editor.org/rfc/rfc6749#section-3.2.

Answers are JSON, errors too.
"""

from typing import Any

from litestar import Response, post

from portal.oidc.errors import NO_STORE, json_error
from portal.oidc.parameters import PARAMETERS_MAX_BYTES, Malformed, is_form, read_parameters
from portal.oidc.provider import provider_of
from portal.oidc.server import ProviderServer
from portal.web.request import PortalRequest


@post("/oauth2/token", opt={"cross_origin": True}, status_code=200, request_max_body_size=PARAMETERS_MAX_BYTES)
async def token(request: PortalRequest) -> Response[Any]:
    """Exchange a code for tokens."""
    if not is_form(request.headers.get("content-type")):
        return json_error(400, "invalid_request", "The body must be application/x-www-form-urlencoded.")
    # RFC 6749 section 2.3.1: parameters MUST NOT be in the URI, where logs and proxies keep them.
    if request.scope["query_string"]:
        return json_error(400, "invalid_request", "Parameters belong in the body, not in the address.")
    parameters = read_parameters(await request.body())
    if isinstance(parameters, Malformed):
        return json_error(400, "invalid_request", parameters.reason)
    if "grant_type" not in parameters:
        return json_error(400, "invalid_request", "The grant_type parameter is missing.")
    if len(request.headers.getall("authorization", [])) > 1:
        return json_error(400, "invalid_request", "The request has more than one Authorization header.")
    namespace = request.namespace
    server = ProviderServer(
        provider_of(request), namespace.name, namespace.origin, request.context.as_actor(parameters.get("client_id"))
    )
    headers = {name: request.headers[name] for name in ("authorization",) if name in request.headers}
    answer = await server.give_tokens(parameters, headers)
    return Response(
        dict(answer.body),
        status_code=answer.status,
        media_type="application/json",
        headers={**{name.lower(): value for name, value in answer.headers.items()}, **NO_STORE},
    )


ROUTES = (token,)

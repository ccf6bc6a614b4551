"""Scripts of apps on other origins: CORS, https://fetch.spec.whatwg.org/#http-cors-protocol.

Public documents are for everybody. What an app calls with tokens of its own may be read by the origins of public apps'
redirect URIs. Credentials are never allowed: these endpoints read no cookie, and no browser shall send one.
"""

from typing import Any

from litestar import Response, route
from litestar.enums import HttpMethod

from portal.oidc.provider import provider_of
from portal.web.request import PortalRequest

FOR_EVERYBODY = {"access-control-allow-origin": "*"}
PREFLIGHT_CACHE_FOR = 600  # seconds; an app that is taken away loses its tokens at once, whatever a browser remembers
ORIGIN_MAX_LENGTH = 300  # characters: scheme, a host name of 253 and a port
# What a script may send and read beyond the plain: the token goes into one header, the reason of a 401 into the other.
PREFLIGHT = {
    "access-control-allow-methods": "GET, POST",
    "access-control-allow-headers": "authorization, content-type",
    "access-control-max-age": str(PREFLIGHT_CACHE_FOR),
}
# Libraries send headers of their own also for documents that need none.
PREFLIGHT_FOR_EVERYBODY = {
    **FOR_EVERYBODY,
    "access-control-allow-methods": "GET",
    "access-control-allow-headers": "*",
    "access-control-max-age": str(PREFLIGHT_CACHE_FOR),
}
EXPOSED = {"access-control-expose-headers": "www-authenticate"}


async def readable_by_apps(request: PortalRequest, response: Response[Any]) -> Response[Any]:
    """Let the script of a registered app read this answer, errors too."""
    response.headers.update(await _headers(request, EXPOSED))
    return response


@route(
    ["/oauth2/token", "/oauth2/userinfo", "/oauth2/revoke"],
    http_method=[HttpMethod.OPTIONS],
    status_code=204,
    opt={"cross_origin": True},
)
async def preflight(request: PortalRequest) -> Response[None]:
    """Answer what a browser asks before a script's request."""
    return Response(None, status_code=204, headers=await _headers(request, PREFLIGHT))


@route(
    ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/oauth2/jwks"],
    http_method=[HttpMethod.OPTIONS],
    status_code=204,
    opt={"cross_origin": True},
)
async def preflight_of_public_documents(request: PortalRequest) -> Response[None]:
    """Answer what a browser asks before a script reads what everybody may read."""
    return Response(None, status_code=204, headers=PREFLIGHT_FOR_EVERYBODY)


async def _headers(request: PortalRequest, more: dict[str, str]) -> dict[str, str]:
    # With `Vary` also where nothing is allowed: a cache must not hand one origin what was meant for another.
    vary = {"vary": "origin"}
    origins = request.headers.getall("origin", [])
    if len(origins) != 1 or len(origins[0]) > ORIGIN_MAX_LENGTH:
        return vary
    known = await provider_of(request).is_app_origin(request.namespace.name, origins[0])
    return {**vary, "access-control-allow-origin": origins[0], **more} if known else vary


ROUTES = (preflight, preflight_of_public_documents)

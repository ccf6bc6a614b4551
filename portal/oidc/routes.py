"""The provider's routes, for `portal.installed`."""

from litestar import Router

from portal.oidc import app_start, connected_apps, cross_origin, discovery, end_session, userinfo
from portal.oidc.authorize import consent, endpoint
from portal.oidc.token import endpoint as token_endpoint

ROUTER = Router(
    path="/",
    route_handlers=[
        *cross_origin.ROUTES,  # first: Litestar keeps the first answer to OPTIONS of a path, and makes one up itself
        *discovery.ROUTES,
        *endpoint.ROUTES,
        *consent.ROUTES,
        *token_endpoint.ROUTES,
        *userinfo.ROUTES,
        *end_session.ROUTES,
        *app_start.ROUTES,
        *connected_apps.ROUTES,
    ],
)

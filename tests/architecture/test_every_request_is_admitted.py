"""Outage, same-origin rule and session are checked in one before_request; a route with its own would skip them."""

from litestar import Litestar
from litestar.routes import HTTPRoute

from portal.app import create_app
from portal.settings import load_settings

ENVIRONMENT = {
    "PORTAL_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
    "PORTAL_SECRET_KEY": "k" * 40,
    "PORTAL_DEV": "1",
}


def test_no_handler_replaces_the_check_that_every_request_passes() -> None:
    app = create_app(load_settings(ENVIRONMENT)).app
    assert isinstance(app, Litestar)
    handlers = [handler for route in app.routes if isinstance(route, HTTPRoute) for handler in route.route_handlers]
    checks = {handler.resolve_before_request() for handler in handlers}
    assert len(handlers) > 40
    assert checks == {app.before_request}

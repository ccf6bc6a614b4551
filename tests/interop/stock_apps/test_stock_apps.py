"""Stock libraries, unchanged, each in an app of its own: log in, again by single sign-on, refresh, log out."""

import pytest

from tests.interop.stock_apps.node_apps import AUTHJS, EXPRESS_OPENID_CONNECT, OAUTH4WEBAPI, OPENID_CLIENT
from tests.interop.stock_apps.python_apps import AUTHLIB, DJANGO_ALLAUTH, MOZILLA_DJANGO_OIDC
from tests.interop.stock_apps.server_apps import GO_OIDC, MOD_AUTH_OPENIDC, SPRING_SECURITY
from tests.interop.stock_apps.stock_app import Browser, StockApp, running
from tests.support.person import Person, an_email
from tests.support.server import PortalServer

APPS = [
    OPENID_CLIENT,
    OAUTH4WEBAPI,
    EXPRESS_OPENID_CONNECT,
    AUTHJS,
    AUTHLIB,
    DJANGO_ALLAUTH,
    MOZILLA_DJANGO_OIDC,
    GO_OIDC,
    MOD_AUTH_OPENIDC,
    SPRING_SECURITY,
]


@pytest.mark.parametrize("app", APPS, ids=[app.name for app in APPS])
def test_a_stock_library_logs_in_again_and_out(portal_server: PortalServer, zoe: Person, app: StockApp) -> None:
    email = an_email()
    zoe.sign_up(email).log_out()
    browser = Browser(portal_server)
    with running(portal_server, app) as served:
        assert email not in browser.who(served)
        browser.start(served).log_in(email)
        assert email in browser.who(served), f"{browser.place}: {browser.response.text[:2000]}"

        browser.forget()
        assert email not in browser.who(served)
        browser.start(served)
        assert email in browser.who(served), f"no single sign-on: {browser.place}: {browser.response.text[:2000]}"

        if app.refresh:
            assert browser.refreshes(served), f"not refreshed: {browser.place}: {browser.response.text[:2000]}"
            assert email in browser.who(served)

        browser.log_out(served)
        assert browser.place.startswith(served.url), f"not back at the app: {browser.place}"
        assert email not in browser.who(served)
        assert browser.open(f"{portal_server.url}/account").response.url.path == "/login"

"""docs/security-model.md tells what every action asks for; here it is held against the routes, and tried."""

import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from litestar import Litestar

from portal.installed import METHODS, ROUTERS
from portal.web.request import PortalRequest
from tests.support.person import Person, an_email
from tests.support.server import PortalServer

DOCUMENT = Path(__file__).parents[2] / "docs" / "security-model.md"
UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}
# An authenticator is removed on the page of its own method.
OF_ITS_PAGE = {"/account/passkeys/": "webauthn", "/account/text-message/": "sms"}


def documented() -> dict[str, str]:
    rows = re.findall(r"^\| `POST ([^`]+)` \| (\w+) \|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) == len(dict(rows)), "a form stands there twice"
    return dict(rows)


def routes() -> dict[str, dict[str, Any]]:
    """Every route that changes something: its path, and what it says about itself."""
    handlers = [*ROUTERS, *(method.router for method in METHODS)]
    app = Litestar(route_handlers=handlers, request_class=PortalRequest, openapi_config=None)
    found: dict[str, dict[str, Any]] = {}
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            if handler.http_methods & UNSAFE:
                found[re.sub(r"\{(\w+):\w+\}", r"{\1}", route.path)] = dict(handler.opt)
    return found


def test_every_form_that_changes_something_is_in_the_list() -> None:
    assert set(documented()) == set(routes())


def test_a_form_that_needs_a_session_says_so_to_the_guard() -> None:
    known = routes()
    for path, asks in documented().items():
        needs_session = asks in ("session", "recent") and path != "/oauth2/consent"
        assert (known[path].get("session") == "required") is needs_session, path
    # The consent page leads to the login itself, on the way back to the app.
    assert known["/oauth2/consent"]["session"] == "optional"


@pytest.mark.parametrize("path", [path for path, asks in documented().items() if asks in ("session", "recent")])
def test_without_a_session_it_does_nothing(path: str, zoe: Person) -> None:
    zoe.post(re.sub(r"\{\w+\}", str(uuid4()), path))
    assert zoe.path in ("/login", "/oauth2/consent"), zoe.path
    assert not zoe.is_logged_in()


@pytest.mark.parametrize("path", [path for path, asks in documented().items() if asks == "recent"])
def test_with_an_old_login_it_asks_for_a_fresh_one(path: str, zoe: Person, portal_server: PortalServer) -> None:
    email = an_email()
    zoe.sign_up(email)
    made, kind = str(uuid4()), next((kind for page, kind in OF_ITS_PAGE.items() if page in path), "totp")
    portal_server.sql(
        "insert into authn.mfa_secrets (id, namespace, user_id, mfa_type, secret) "
        f"select '{made}', u.namespace, u.id, '{kind}', 'not a sealed one' from authn.users u where u.email = '{email}'"
    )
    portal_server.sql(
        "update authn.sessions s set auth_time = now() - interval '11 minutes' from authn.users u "
        f"where u.id = s.user_id and u.email = '{email}'"
    )
    zoe.post(re.sub(r"\{\w+\}", made, path), {"ask": "yes", "code": "123456"})
    if path == "/account/passkeys/options":
        assert zoe.response.json() == {"again": "/account/passkeys/add"}
        return
    assert zoe.path == "/login", zoe.path
    assert "Confirm it is you" in zoe.page.text

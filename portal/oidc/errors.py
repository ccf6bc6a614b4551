"""How the provider says no: to the person on a page, or to the app in its protocol's words.

https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1: as long as the app or its redirect URI is in doubt, nobody is
sent anywhere; once both are known, the app is told, so that it can act.
"""

from dataclasses import dataclass
from typing import Any, Literal

from litestar import Response

from portal.login.flow import app_start
from portal.oidc.clients import Client
from portal.web.logging import get_logger
from portal.web.pages import page
from portal.web.request import PortalRequest

Mistake = Literal[
    "malformed",
    "client_missing",
    "client_unknown",
    "redirect_uri_missing",
    "redirect_uri_unknown",
    "request_unknown",
    "request_of_other_browser",
    "request_expired",
    "consent_changed",
]

NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}  # RFC 6749 section 5.1 names both

log = get_logger("portal.oidc")


@dataclass(frozen=True, slots=True)
class PageError:
    """A mistake that is shown to the person: there is no address that may safely be sent to."""

    mistake: Mistake
    detail: str = ""  # for the app's developer, plain ASCII
    client: Client | None = None


@dataclass(frozen=True, slots=True)
class RedirectError:
    """A mistake that the app is told by redirect. `description` is plain ASCII without quotes and backslashes."""

    error: str
    description: str


def error_page(request: PortalRequest, problem: PageError) -> Response[Any]:
    """Show what is wrong, with the number that finds it in the log and, where the app is known, a way back to it."""
    log.warning(
        "authorization_request_refused",
        mistake=problem.mistake,
        detail=problem.detail,
        client_id=problem.client.client_id if problem.client else None,
    )
    client = problem.client
    return page(
        request,
        "oidc/error.html",
        status=400,
        mistake=problem.mistake,
        detail=problem.detail,
        app_name=client.name if client else None,
        app_home=app_start(client.client_id) if client and client.home else None,
        request_id=request.context.request_id,
    )


def json_error(status: int, error: str, description: str, headers: dict[str, str] | None = None) -> Response[Any]:
    """Tell a program: RFC 6749 section 5.2."""
    return Response(
        {"error": error, "error_description": description},
        status_code=status,
        media_type="application/json",
        headers={**NO_STORE, **(headers or {})},
    )

"""The answer that goes back to the app through the browser: RFC 6749 section 4.1.2 with `iss` of RFC 9207.

https://www.rfc-editor.org/rfc/rfc9207#section-2. By redirect, or by a form that the browser posts on:
https://openid.net/specs/oauth-v2-form-post-response-mode-1_0.html
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from litestar import Response

from portal.oidc.errors import NO_STORE
from portal.web.pages import page
from portal.web.request import PortalRequest

FORM_POST = "form_post"
RESPONSE_MODES = ("query", FORM_POST)  # none that a script, a log or another window could read along (RFC 9700 4.1.1)


def answer_to_app(issuer: str, state: str | None, **answer: str) -> dict[str, str]:
    """Return the parameters of an answer, or an error.

    `iss` is always there: an app that talks to several providers tells by it whose answer it got (mix-up attack).
    """
    return {**answer, **({"state": state} if state is not None else {}), "iss": issuer}


def answer_address(redirect_uri: str, answer: Mapping[str, str]) -> str:
    """Return the address that carries an answer to the app: the registered URI as it is, character by character."""
    separator = "" if redirect_uri.endswith(("?", "&")) else "&" if "?" in redirect_uri else "?"
    return redirect_uri + separator + urlencode(answer, quote_via=quote, safe="")


def send_to_app(
    request: PortalRequest, app_name: str, redirect_uri: str, answer: Mapping[str, str], response_mode: str | None
) -> Response[Any]:
    """Answer the app in the mode that it asked for; any mode that is not offered is answered as a query."""
    if response_mode != FORM_POST:
        return see_other(answer_address(redirect_uri, answer))
    return page(
        request,
        "oidc/form_post.html",
        form_may_leave=True,
        app_name=app_name,
        redirect_uri=redirect_uri,
        answer=dict(answer),
    )


def see_other(location: str) -> Response[Any]:
    """Redirect with 303: RFC 9700 section 4.12, a 307 would make the browser post a password on to the app."""
    return Response(b"", status_code=303, media_type="text/plain", headers={**NO_STORE, "location": location})

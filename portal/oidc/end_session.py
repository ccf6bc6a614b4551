"""Log out started by an app: OpenID Connect RP-Initiated Logout 1.0.

https://openid.net/specs/openid-connect-rpinitiated-1_0.html. An app that shows an ID token of this very session logs
its person out at once; anybody else, a link or an image on any page included, only gets the person asked.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from litestar import Response, get, post

from portal.login.routes import CLEAR_SITE_DATA, end_own_session
from portal.oidc.authorize.checks import check_client_id
from portal.oidc.authorize.response import see_other
from portal.oidc.clients import Client
from portal.oidc.errors import PageError, error_page
from portal.oidc.id_token import Hint, read_hint
from portal.oidc.parameters import PARAMETERS_MAX_BYTES, Malformed, Parameters, is_form, read_parameters
from portal.oidc.provider import provider_of
from portal.web.forms import read_form
from portal.web.pages import page
from portal.web.refusals import mark_refusal
from portal.web.request import CurrentSession, PortalRequest

PATH = "/oauth2/logout"
LOCATION_MAX_LENGTH = 6144  # characters; browsers and proxies take 8 kB, with all other headers (ASVS 5.0 4.2.5)


@dataclass(frozen=True, slots=True)
class LogoutRequest:
    """What an app asks for, once checked."""

    hint: Hint | None  # what a valid id_token_hint says
    client: Client | None
    redirect_uri: str | None  # registered for the client, else None
    state: str | None

    @property
    def way_back(self) -> str | None:
        """Where the browser goes once logged out, or None where no app may say."""
        if self.redirect_uri is None or self.state is None:
            return self.redirect_uri
        separator = "&" if "?" in self.redirect_uri else "?"
        return f"{self.redirect_uri}{separator}{urlencode({'state': self.state})}"


@get(PATH, opt={"session": "optional"})
async def begin_logout(request: PortalRequest) -> Response[Any]:
    """Log out where the app proves the login it speaks of; ask the person otherwise."""
    parameters = read_parameters(request.scope["query_string"])
    if isinstance(parameters, Malformed):
        return error_page(request, PageError("malformed", parameters.reason))
    asked = await _read(request, parameters)
    if _is_proven(asked, request.current_session):
        return await _log_out(request, asked)
    if "id_token_hint" in parameters or asked.redirect_uri != parameters.get("post_logout_redirect_uri"):
        mark_refusal(request.facts, "logout_request")  # the person is asked; the app's word alone ends nothing
    return page(
        request,
        "oidc/logout.html",
        form_may_leave=True,
        app_name=asked.client.name if asked.client else None,
        hidden=_form_values(asked),
    )


@post(PATH, opt={"cross_origin": True}, status_code=303, request_max_body_size=PARAMETERS_MAX_BYTES)
async def begin_logout_by_post(request: PortalRequest) -> Response[Any]:
    """Go on by GET: a form of another site brings no SameSite=Lax cookie, and so no session to end."""
    body = await request.body() if is_form(request.headers.get("content-type")) else b""
    parameters = read_parameters(request.scope["query_string"], body)
    if isinstance(parameters, Malformed):
        return error_page(request, PageError("malformed", parameters.reason))
    location = f"{PATH}?{urlencode(parameters)}" if parameters else PATH
    if len(location) > LOCATION_MAX_LENGTH:
        return error_page(request, PageError("malformed", "The request is too long."))
    return see_other(location)


@post(f"{PATH}/confirm", opt={"session": "optional"}, status_code=303)
async def confirm_logout(request: PortalRequest) -> Response[Any]:
    """Log out: the person pressed the button. Form: client_id, post_logout_redirect_uri, state (hidden, optional)."""
    form = await read_form(request)
    names = ("client_id", "post_logout_redirect_uri", "state")
    asked = await _read(request, Parameters({name: form.secret(name) for name in names if form.secret(name)}))
    return await _log_out(request, asked)


async def _read(request: PortalRequest, parameters: Parameters) -> LogoutRequest:
    hint = await _read_hint(request, parameters)
    client = await _find_client(request, parameters, hint)
    redirect_uri = parameters.get("post_logout_redirect_uri")
    # Section 3: an exact match, and none for a hint that was given and is no good.
    bad_hint = "id_token_hint" in parameters and hint is None
    if client is None or bad_hint or redirect_uri not in client.post_logout_redirect_uris:
        redirect_uri = None
    return LogoutRequest(hint, client, redirect_uri, parameters.get("state"))


async def _read_hint(request: PortalRequest, parameters: Parameters) -> Hint | None:
    if "id_token_hint" not in parameters:
        return None
    namespace = request.namespace
    keys = await provider_of(request).signing_keys.published(namespace.name)
    return read_hint(parameters["id_token_hint"], keys, namespace.origin)


async def _find_client(request: PortalRequest, parameters: Parameters, hint: Hint | None) -> Client | None:
    named = parameters.get("client_id")
    # Section 2: "the OP MUST verify that the Client Identifier matches the one used when issuing the ID Token."
    if hint is not None and named is not None and named not in hint.client_ids:
        return None
    client_id = named or (hint.client_ids[0] if hint and len(hint.client_ids) == 1 else None)
    if client_id is None or check_client_id(Parameters(client_id=client_id)):
        return None
    return await provider_of(request).find_client(request.namespace.name, client_id)


def _is_proven(asked: LogoutRequest, session: CurrentSession | None) -> bool:
    if asked.hint is None or asked.client is None:
        return False
    # An ID token of an earlier login, or of somebody else's, is no proof that this person wants to leave now.
    return session is None or asked.hint.session_id == session.session_id


async def _log_out(request: PortalRequest, asked: LogoutRequest) -> Response[Any]:
    await end_own_session(request)
    response = see_other(asked.way_back) if asked.way_back is not None else page(request, "login/logged_out.html")
    response.headers.update(CLEAR_SITE_DATA)
    return response


def _form_values(asked: LogoutRequest) -> dict[str, str]:
    values = {
        "client_id": asked.client.client_id if asked.client else None,
        "post_logout_redirect_uri": asked.redirect_uri,
        "state": asked.state if asked.redirect_uri else None,
    }
    return {name: value for name, value in values.items() if value is not None}


ROUTES = (begin_logout, begin_logout_by_post, confirm_logout)

"""The authorization endpoint: OpenID Connect Core 1.0 section 3.1.2, https://openid.net/specs/openid-connect-core-1_0.html#AuthorizationEndpoint.

A request is decided anew each time it is met: when it comes, after the login it led to, and when the person allows it.
Nothing is remembered of earlier checks but the parameters themselves.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from portal.login.service import new_flow, start_flow
from portal.oidc import queries
from portal.oidc.authorize.checks import check_client_id, check_redirect_uri, first_problem
from portal.oidc.authorize.prompts import Situation, next_interaction, scopes_to_ask
from portal.oidc.authorize.response import back_to_app, see_other
from portal.oidc.clients import Client, client_from_row
from portal.oidc.errors import PageError, RedirectError, error_page
from portal.oidc.id_token import read_hint
from portal.oidc.parameters import (
    PARAMETERS_MAX_BYTES,
    Malformed,
    Parameters,
    is_form,
    read_parameters,
    stored_parameters,
)
from portal.oidc.provider import provider_of
from portal.oidc.server import ProviderServer
from portal.oidc.token.lifetimes import AUTHORIZATION_REQUEST_VALID_FOR
from portal.web.request import CurrentSession, PortalRequest
from portal.web.templates import page

RESUME_PATH = "/oauth2/authorize/resume"


@dataclass(frozen=True, slots=True)
class PendingRequest:
    """An authorization request of a known app with a registered redirect URI."""

    parameters: Parameters
    client: Client
    granted_scopes: frozenset[str]
    asked_at: datetime
    stored_id: str | None = None
    stored_at: datetime | None = None
    allowed: bool = False  # the person has just pressed "Allow"


@get("/oauth2/authorize", opt={"session": "optional"})
async def authorize(request: PortalRequest) -> Response[Any]:
    """Take an app's request for a login."""
    parameters = read_parameters(request.scope["query_string"])
    if isinstance(parameters, Malformed):
        return await refuse(request, PageError("malformed", parameters.reason))
    return await _begin(request, parameters)


@post("/oauth2/authorize", opt={"cross_origin": True}, status_code=303, request_max_body_size=PARAMETERS_MAX_BYTES)
async def authorize_by_post(request: PortalRequest) -> Response[Any]:
    """Take an app's request that came as a form of another site.

    Such a post brings no SameSite=Lax cookie, so here everybody looks logged out. The parameters are kept, and a GET
    that does bring the cookies goes on with them. No cookie is read or set: it would replace the browser's own.
    """
    if not is_form(request.headers.get("content-type")):
        return await refuse(request, PageError("malformed", "The request body is not a form."))
    # OpenID Connect Core section 3.1.2.1 has POST parameters in the body; together with a query they must not repeat.
    parameters = read_parameters(request.scope["query_string"], await request.body())
    if isinstance(parameters, Malformed):
        return await refuse(request, PageError("malformed", parameters.reason))
    found = await _find_app(request, parameters)
    if isinstance(found, PageError):
        return await refuse(request, found)
    stored_id = await _store(request, found, browser_digest=None)
    return see_other(f"{RESUME_PATH}/{stored_id}")


@get(f"{RESUME_PATH}/{{request_id:uuid}}", opt={"session": "optional"})
async def resume(request: PortalRequest, request_id: FromPath[UUID]) -> Response[Any]:
    """Go on with a request that waited for its person."""
    found = await load_pending(request, str(request_id))
    if isinstance(found, PageError):
        return await refuse(request, found)
    return await decide(request, found)


@get("/oauth2/authorize/switch/{request_id:uuid}", opt={"session": "optional"})
async def switch_account(request: PortalRequest, request_id: FromPath[UUID]) -> Response[Any]:
    """Let the person log in as somebody else for a request that waits ("Not you?")."""
    found = await load_pending(request, str(request_id))
    if isinstance(found, PageError):
        return await refuse(request, found)
    flow_id = await new_flow(
        request,
        return_to=f"{RESUME_PATH}/{found.stored_id}",
        client_id=found.client.client_id,
        app_name=found.client.name,
        purpose="login",
        reauthenticate=True,
        email=None,
    )
    return see_other(f"/login?flow={flow_id}")


async def load_pending(request: PortalRequest, request_id: str) -> PendingRequest | PageError:
    """Return the stored request where it belongs to this browser and is open."""
    session = request.current_session
    loaded = await queries.load_authorization(
        request.portal.database,
        request.namespace.name,
        request_id=request_id,
        browser_digest=request.ensure_browser(),
        user_id=session.user_id if session else None,
    )
    if loaded is None:
        return PageError("request_unknown")
    client = client_from_row(loaded.client)
    if loaded.request_state == "other_browser":
        return PageError("request_of_other_browser", client=client)
    if loaded.request_state != "open" or loaded.parameters is None:
        return PageError("request_expired", client=client)
    parameters = stored_parameters(loaded.parameters)
    # The app may have been changed since: its redirect URI must be registered now, not only then.
    return check_redirect_uri(parameters, client) or PendingRequest(
        parameters, client, loaded.granted_scopes, loaded.asked_at, request_id, loaded.requested_at
    )


async def decide(request: PortalRequest, pending: PendingRequest) -> Response[Any]:
    """Check a request, then ask the person for what is missing, or answer the app."""
    problem = first_problem(pending.parameters, pending.client)
    if problem:
        return await answer_error(request, pending, problem)
    hinted_user_id = await _hinted_user(request, pending.parameters)
    if isinstance(hinted_user_id, RedirectError):
        return await answer_error(request, pending, hinted_user_id)
    situation = situation_of(request, pending, hinted_user_id)
    interaction = next_interaction(situation)
    if isinstance(interaction, RedirectError):
        return await answer_error(request, pending, interaction)
    session = request.current_session
    if interaction is None and session is not None:
        return await _give_code(request, pending, session)
    stored = await _stored(request, pending)
    if interaction == "consent" and session is not None:
        return _ask_consent(request, stored, session, scopes_to_ask(situation))
    return await start_flow(
        request,
        return_to=f"{RESUME_PATH}/{stored.stored_id}",
        client_id=stored.client.client_id,
        app_name=stored.client.name,
        purpose="signup" if interaction == "signup" else "login",
        hint=stored.parameters.get("login_hint"),
        # With a session the login page would lead straight back here.
        reauthenticate=session is not None,
    )


def situation_of(request: PortalRequest, pending: PendingRequest, hinted_user_id: str | None = None) -> Situation:
    """Return what the next interaction depends on."""
    return Situation(
        parameters=pending.parameters,
        client=pending.client,
        session=request.current_session,
        asked_at=pending.asked_at,
        stored_at=pending.stored_at,
        granted_scopes=pending.granted_scopes,
        just_allowed=pending.allowed,
        hinted_user_id=hinted_user_id,
    )


async def refuse(request: PortalRequest, problem: PageError) -> Response[Any]:
    """Show a mistake to the person, and write it down where an app can be named for it."""
    if problem.client is not None:
        await _record(request, problem.client, problem.mistake)
    return error_page(request, problem)


async def answer_error(request: PortalRequest, pending: PendingRequest, problem: RedirectError) -> Response[Any]:
    """Tell the app by redirect."""
    # That somebody is not logged in is an answer, not a refusal: single-page apps ask every few minutes.
    if problem.error not in ("login_required", "consent_required"):
        await _record(request, pending.client, problem.error)
    parameters = pending.parameters
    return see_other(
        back_to_app(
            request.namespace.origin,
            parameters["redirect_uri"],
            parameters.get("state"),
            error=problem.error,
            error_description=problem.description,
        )
    )


async def _begin(request: PortalRequest, parameters: Parameters) -> Response[Any]:
    found = await _find_app(request, parameters)
    if isinstance(found, PageError):
        return await refuse(request, found)
    return await decide(request, found)


async def _find_app(request: PortalRequest, parameters: Parameters) -> PendingRequest | PageError:
    problem = check_client_id(parameters)
    if problem:
        return problem
    session = request.current_session
    loaded = await queries.load_authorization(
        request.portal.database,
        request.namespace.name,
        client_id=parameters["client_id"],
        user_id=session.user_id if session else None,
    )
    if loaded is None:
        return PageError("client_unknown", "The client_id is not registered.")
    client = client_from_row(loaded.client)
    return check_redirect_uri(parameters, client) or PendingRequest(
        parameters, client, loaded.granted_scopes, loaded.asked_at
    )


async def _hinted_user(request: PortalRequest, parameters: Parameters) -> str | RedirectError | None:
    if "id_token_hint" not in parameters:
        return None
    namespace = request.namespace
    keys = await provider_of(request).signing_keys.published(namespace.name)
    hint = read_hint(parameters["id_token_hint"], keys, namespace.origin)
    return hint.user_id if hint else RedirectError("invalid_request", "The id_token_hint is not an ID token of ours.")


async def _give_code(request: PortalRequest, pending: PendingRequest, session: CurrentSession) -> Response[Any]:
    namespace = request.namespace
    actor = request.context.as_actor(session.user_id)
    server = ProviderServer(provider_of(request), namespace.name, namespace.origin, actor, pending.client)
    answer = await server.give_code(pending.parameters, session)
    if answer.location is None:  # Authlib refuses what our checks let through, and knows no address to say so
        return await refuse(request, PageError("malformed", answer.body["error_description"], pending.client))
    return see_other(answer.location)


async def _stored(request: PortalRequest, pending: PendingRequest) -> PendingRequest:
    if pending.stored_id is not None:
        return pending
    stored_id = await _store(request, pending, browser_digest=request.ensure_browser())
    return replace(pending, stored_id=stored_id)


async def _store(request: PortalRequest, pending: PendingRequest, *, browser_digest: str | None) -> str:
    return await queries.store_authorization_request(
        request.portal.database,
        request.namespace.name,
        client_id=pending.client.client_id,
        browser_digest=browser_digest,
        parameters=pending.parameters,
        valid_for=AUTHORIZATION_REQUEST_VALID_FOR,
    )


def _ask_consent(
    request: PortalRequest, pending: PendingRequest, session: CurrentSession, scopes: tuple[str, ...]
) -> Response[Any]:
    return page(
        request,
        "oidc/consent.html",
        form_may_leave=True,
        app_name=pending.client.name,
        scopes=scopes,
        request_id=pending.stored_id,
        user_id=session.user_id,
        email=session.email,
        name=session.name,
        switch_url=f"/oauth2/authorize/switch/{pending.stored_id}",
    )


async def _record(request: PortalRequest, client: Client, reason: str) -> None:
    session = request.current_session
    await queries.record_refusal(
        request.portal.database,
        request.namespace.name,
        "authorization_refused",
        client_id=client.client_id,
        reason=reason,
        user_id=session.user_id if session else None,
        actor=request.context.as_actor(session.user_id if session else None),
    )


ROUTES = (authorize, authorize_by_post, resume, switch_account)

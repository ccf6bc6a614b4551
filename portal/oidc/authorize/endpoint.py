"""The authorization endpoint: OpenID Connect Core 1.0 section 3.1.2, https://openid.net/specs/openid-connect-core-1_0.html#AuthorizationEndpoint.

A request is decided anew each time it is met: when it comes, after the login it led to, and when the person allows it.
"""

from dataclasses import replace
from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from portal.login.queries import can_step_up
from portal.login.service import new_flow, start_flow
from portal.oidc.authorize.checks import check_length, first_problem
from portal.oidc.authorize.pending import RESUME_PATH, PendingRequest, find_app, load_pending, store, stored
from portal.oidc.authorize.prompts import (
    Situation,
    next_interaction,
    scopes_to_ask,
    wants_stronger_login,
    wants_two_factors,
)
from portal.oidc.authorize.refusals import answer_error, refuse
from portal.oidc.authorize.response import see_other, send_to_app
from portal.oidc.errors import PageError, RedirectError
from portal.oidc.id_token import read_hint
from portal.oidc.parameters import PARAMETERS_MAX_BYTES, Malformed, Parameters, is_form, read_parameters
from portal.oidc.provider import provider_of
from portal.oidc.server import ProviderServer
from portal.web.pages import page
from portal.web.popup import keep_opener
from portal.web.request import CurrentSession, PortalRequest


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
    found = await find_app(request, parameters)
    if isinstance(found, PageError):
        return await refuse(request, found)
    problem = check_length(parameters, found.client) and first_problem(parameters, found.client)
    if problem:
        return await answer_error(request, found, problem)
    if found.client.popup:
        keep_opener(request, remember=False)
    stored_id = await store(request, found, browser_digest=None)
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
        second_step_wanted=wants_two_factors(found.parameters, found.client),
        email=None,
    )
    return see_other(f"/login?flow={flow_id}")


async def decide(request: PortalRequest, pending: PendingRequest) -> Response[Any]:
    """Check a request, then ask the person for what is missing, or answer the app."""
    if pending.client.popup:
        keep_opener(request)
    problem = first_problem(pending.parameters, pending.client)
    if problem:
        return await answer_error(request, pending, problem)
    hinted_user_id = await _hinted_user(request, pending.parameters)
    if isinstance(hinted_user_id, RedirectError):
        return await answer_error(request, pending, hinted_user_id)
    situation = await _situation(request, pending, hinted_user_id)
    interaction = next_interaction(situation)
    if isinstance(interaction, RedirectError):
        return await answer_error(request, pending, interaction)
    session = request.current_session
    if interaction is None and session is not None:
        return await _give_code(request, pending, session)
    waiting = await stored(request, pending)
    if interaction == "consent" and session is not None:
        return _ask_consent(request, waiting, session, scopes_to_ask(situation))
    return await start_flow(
        request,
        return_to=f"{RESUME_PATH}/{waiting.stored_id}",
        client_id=waiting.client.client_id,
        app_name=waiting.client.name,
        purpose="signup" if interaction == "signup" else "login",
        hint=waiting.parameters.get("login_hint"),
        # With a session the login page would lead straight back here.
        reauthenticate=session is not None,
        second_step_wanted=wants_two_factors(waiting.parameters, waiting.client),
    )


async def _situation(request: PortalRequest, pending: PendingRequest, hinted_user_id: str | None) -> Situation:
    situation = Situation(
        parameters=pending.parameters,
        client=pending.client,
        session=request.current_session,
        asked_at=pending.asked_at,
        stored_at=pending.stored_at,
        granted_scopes=pending.granted_scopes,
        just_allowed=pending.allowed,
        hinted_user_id=hinted_user_id,
    )
    session = situation.session
    if session is None or not wants_stronger_login(situation):
        return situation
    has_one = await can_step_up(request.portal.database, session.user_id, request.namespace.name)
    return replace(situation, has_second_factor=has_one)


async def _begin(request: PortalRequest, parameters: Parameters) -> Response[Any]:
    found = await find_app(request, parameters)
    if isinstance(found, PageError):
        return await refuse(request, found)
    return await decide(request, found)


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
    mode = pending.parameters.get("response_mode")
    return send_to_app(request, pending.client.name, answer.location, answer.body, mode)


def _ask_consent(
    request: PortalRequest, pending: PendingRequest, session: CurrentSession, scopes: tuple[str, ...]
) -> Response[Any]:
    return page(
        request,
        "oidc/consent.html",
        form_may_leave=True,
        app_name=pending.client.name,
        publisher=pending.client.publisher,
        scopes=scopes,
        request_id=pending.stored_id,
        user_id=session.user_id,
        email=session.email,
        name=session.name,
        switch_url=f"/oauth2/authorize/switch/{pending.stored_id}",
    )


ROUTES = (authorize, authorize_by_post, resume, switch_account)

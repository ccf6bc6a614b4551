"""How an authorization request is refused: RFC 6749 section 4.1.2.1, https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1.

To the person, where the app or its address is in doubt; else to the app. An app that this person has never met is told
only when the person goes on: else anybody who may register one had a redirector on our host, by a request that is
wrong on purpose (RFC 9700 section 4.11.2).
"""

from typing import Any
from urllib.parse import urlsplit

from litestar import Response

from portal.oidc import queries
from portal.oidc.authorize.checks import asked_prompts
from portal.oidc.authorize.pending import PendingRequest
from portal.oidc.authorize.response import FORM_POST, answer_address, answer_to_app, send_to_app
from portal.oidc.clients import Client
from portal.oidc.errors import PageError, RedirectError, error_page
from portal.web.pages import page
from portal.web.refusals import mark_refusal
from portal.web.request import PortalRequest

# That somebody is not logged in is an answer, not a refusal: single-page apps ask every few minutes.
PLAIN_ANSWERS = frozenset({"login_required", "consent_required"})


async def refuse(request: PortalRequest, problem: PageError) -> Response[Any]:
    """Show a mistake to the person, and write it down where an app can be named for it."""
    if problem.client is not None:
        await _record(request, problem.client, problem.mistake)
    mark_refusal(request.facts, "authorization_request")
    return error_page(request, problem)


async def answer_error(
    request: PortalRequest, pending: PendingRequest, problem: RedirectError, *, decided: bool = False
) -> Response[Any]:
    """Tell the app. `decided` where the person has just pressed a button for it."""
    if problem.error not in PLAIN_ANSWERS:
        await _record(request, pending.client, problem.error)
    parameters = pending.parameters
    redirect_uri = parameters["redirect_uri"]
    told = {"error": problem.error, "error_description": problem.description}
    answer = answer_to_app(request.namespace.origin, parameters.get("state"), **told)
    mode = parameters.get("response_mode")
    if decided or _is_known(pending) or "none" in asked_prompts(parameters):
        return send_to_app(request, pending.client.name, redirect_uri, answer, mode)
    return page(
        request,
        "oidc/app_error.html",
        status=400,
        form_may_leave=True,
        app_name=pending.client.name,
        host=urlsplit(redirect_uri).netloc or urlsplit(redirect_uri).scheme,
        detail=problem.description,
        error=problem.error,
        back_url=answer_address(redirect_uri, answer),
        by_post=mode == FORM_POST,
        redirect_uri=redirect_uri,
        answer=answer,
        request_id=request.context.request_id,
    )


def _is_known(pending: PendingRequest) -> bool:
    return pending.client.first_party or bool(pending.granted_scopes)


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

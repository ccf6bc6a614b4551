"""Consent: the person allows an app what it asks for, or does not. OpenID Connect Core 1.0 section 3.1.2.4.

https://openid.net/specs/openid-connect-core-1_0.html#Consent. The form carries the request's id and what was seen on
the page; the app's parameters come from the stored request alone, so that nothing can be exchanged on the way.
"""

from dataclasses import replace
from typing import Any
from uuid import UUID

from litestar import Response, post

from portal.oidc import queries
from portal.oidc.authorize.checks import scopes_to_allow
from portal.oidc.authorize.endpoint import decide
from portal.oidc.authorize.pending import RESUME_PATH, PendingRequest, load_pending
from portal.oidc.authorize.refusals import answer_error, refuse
from portal.oidc.authorize.response import see_other
from portal.oidc.errors import PageError, RedirectError
from portal.oidc.scopes import split_scope
from portal.web.forms import Form, read_form
from portal.web.request import CurrentSession, PortalRequest


@post("/oauth2/consent", opt={"session": "optional"}, status_code=303)
async def answer_consent(request: PortalRequest) -> Response[Any]:
    """Take the person's decision. Form: request, scope and user (hidden), decision (allow or deny)."""
    form = await read_form(request)
    request_id = _uuid_text(form.text("request"))
    pending = await load_pending(request, request_id) if request_id else PageError("request_unknown")
    if isinstance(pending, PageError):
        return await refuse(request, pending)
    session = request.current_session
    # The page showed one account; another tab may have changed who is logged in. Whoever it is now is asked anew.
    if session is None or form.text("user") != session.user_id:
        return see_other(f"{RESUME_PATH}/{pending.stored_id}")
    if form.text("decision") == "deny":
        return await _deny(request, pending, session)
    problem = _problem(form, pending)
    if problem:
        return await refuse(request, problem)
    await queries.record_consent(
        request.portal.database,
        request.namespace.name,
        user_id=session.user_id,
        client_id=pending.client.client_id,
        scopes=scopes_to_allow(pending.parameters, pending.client),
        actor=request.context.as_actor(session.user_id),
    )
    return await decide(request, replace(pending, allowed=True))


def _problem(form: Form, pending: PendingRequest) -> PageError | None:
    if form.text("decision") != "allow":
        return PageError("consent_changed", "The decision is neither allow nor deny.", pending.client)
    # What the person saw, with what they allowed before, must cover what is about to be allowed.
    asked = set(scopes_to_allow(pending.parameters, pending.client))
    seen = set(split_scope(form.text("scope")))
    if not seen <= asked or not asked <= seen | pending.granted_scopes:
        return PageError("consent_changed", "The scopes on the page are not those of the request.", pending.client)
    return None


async def _deny(request: PortalRequest, pending: PendingRequest, session: CurrentSession) -> Response[Any]:
    await queries.record_refusal(
        request.portal.database,
        request.namespace.name,
        "consent_denied",
        client_id=pending.client.client_id,
        reason="person",
        user_id=session.user_id,
        actor=request.context.as_actor(session.user_id),
    )
    denied = RedirectError("access_denied", "The person did not allow it.")
    return await answer_error(request, pending, denied, decided=True)


def _uuid_text(value: str) -> str | None:
    try:
        return str(UUID(value))
    except ValueError:
        return None


ROUTES = (answer_consent,)

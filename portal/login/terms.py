"""/login/terms: the terms, accepted after all factors and before the session. Without acceptance there is no session.

Asked of whoever has not accepted the version that the namespace's policy names now; a sign-up asks on its own page.
"""

from typing import Any
from uuid import UUID

from litestar import Response, Router, get, post

from portal.login.flow import LoginFlow
from portal.login.service import complete_step, find_flow, flow_page_gone
from portal.web.forms import read_form
from portal.web.locale import mark
from portal.web.pages import page
from portal.web.request import PortalRequest

TERMS_MISSING = mark("Read the terms and tick the box to go on.")


@get("/login/terms", opt={"session": "optional"})
async def terms_page(request: PortalRequest) -> Response[Any]:
    """Ask for acceptance."""
    flow = await find_flow(request, request.query_params.get("flow"))
    if flow is None or not _is_due(flow):
        return await flow_page_gone(request, flow)
    return _terms(request, flow)


@post("/login/terms", opt={"session": "optional"}, status_code=303)
async def submit_terms(request: PortalRequest) -> Response[Any]:
    """Take the answer: accepted, and the login goes on; or declined, and it ends."""
    form = await read_form(request)
    flow = await find_flow(request, form.text("flow"))
    if flow is None or not _is_due(flow):
        return await flow_page_gone(request, flow)
    if form.text("decision") == "decline":
        await _end(request, flow)
        return page(request, "login/terms_declined.html", form_may_leave=True, app_name=flow.app_name)
    if not form.checked("terms"):
        return _terms(request, flow, error=TERMS_MISSING)
    version = form.text("version") or request.namespace.policy.terms_version  # a program need not send it
    if version != request.namespace.policy.terms_version or not await accept_terms(request, flow.id):
        return _terms(request, flow, error=TERMS_MISSING)  # they changed while the page was open: here are the new ones
    return await complete_step(request, flow)


async def accept_terms(request: PortalRequest, flow_id: str) -> bool:
    """Note in a flow that the person before this browser accepts the terms as they are now; False when they changed."""
    return bool(
        await request.portal.database.fetchval(
            "select authn.note_terms($1, $2, $3, $4)",
            UUID(flow_id),
            request.ensure_browser(),
            request.namespace.policy.terms_version,
            request.namespace.name,
        )
    )


def _is_due(flow: LoginFlow) -> bool:
    return flow.usable and flow.user_id is not None and bool(flow.factors)


async def _end(request: PortalRequest, flow: LoginFlow) -> None:
    await request.portal.database.fetchval(
        "select authn.end_login_flow($1, $2, $3)", UUID(flow.id), request.ensure_browser(), request.namespace.name
    )


def _terms(request: PortalRequest, flow: LoginFlow, *, error: str | None = None) -> Response[Any]:
    gettext = request.portal.templates.gettext(request.language)
    return page(
        request,
        "login/terms.html",
        status=422 if error else 200,
        form_may_leave=True,
        flow_id=flow.id,
        app_name=flow.app_name,
        email=flow.email,
        error=gettext(error) if error else None,
    )


ROUTER = Router(path="/", route_handlers=[terms_page, submit_terms])

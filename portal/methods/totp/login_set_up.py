"""/login/totp/set-up: set an authenticator app up inside a login that asks for a second step and finds none."""

from typing import Any

from litestar import Response, Router, get, post
from litestar.response import Redirect

from portal.db.engine import Querier
from portal.login.authenticators import read_name
from portal.login.flow import Enrolled, LoginFlow
from portal.login.mailed_proof import read_code
from portal.login.notices import security_mail
from portal.login.queries import Completed
from portal.login.second_step import flow_at_second_step, may_set_up
from portal.login.service import ProvenFactor, complete_factor
from portal.methods.totp import queries
from portal.methods.totp.codes import new_secret, step_of
from portal.methods.totp.routes import FACTOR, MALFORMED
from portal.methods.totp.sealed import seal_secret
from portal.methods.totp.setting_up import (
    ADDED,
    EXPIRED,
    WRONG,
    database_time,
    open_secret_of,
    set_up_digest,
    shown_secret,
)
from portal.web.forms import read_form
from portal.web.pages import messages, page
from portal.web.request import PortalRequest

PAGE = "/login/totp/set-up"


@get(PAGE, opt={"session": "optional"})
async def set_up_page(request: PortalRequest) -> Response[Any]:
    """Show a new secret, and ask for its first code."""
    flow = await _flow(request, request.query_params.get("flow") or "")
    return flow if isinstance(flow, Response) else _show(request, flow, new_secret())


@post(PAGE, opt={"session": "optional"}, status_code=200)
async def confirm(request: PortalRequest) -> Response[Any]:
    """Enrol the app with its first code, which is this login's second step as well."""
    form = await read_form(request)
    flow = await _flow(request, form.text("flow"))
    if isinstance(flow, Response):
        return flow
    secret = open_secret_of(request, form.secret("setup"), str(flow.user_id))
    if secret is None:
        return _show(request, flow, new_secret(), form_error=EXPIRED, status=422)
    code, name = read_code(form), read_name(form)
    if code is None:
        return _show(request, flow, secret, name=name, errors={"code": MALFORMED}, status=422)
    step = step_of(secret, code, await database_time(request))
    if step is None:
        return _show(request, flow, secret, name=name, errors={"code": WRONG}, status=422)
    authenticator = {
        "mfa_type": "totp",
        "secret": seal_secret(request.portal.sealer, secret),
        "set_up_digest": set_up_digest(request, secret),
        "name": name,
        "last_step": step,
        "mail": security_mail(request, flow.email, ADDED),
    }

    async def complete(database: Querier, login: dict[str, Any], actor: dict[str, Any], namespace: str) -> Completed:
        return await queries.complete_set_up_login(database, login, authenticator, actor, namespace)

    proven = ProvenFactor(FACTOR, str(flow.user_id), flow.email, Enrolled(second_step=True))
    return await complete_factor(request, flow, proven, remembered=flow.remembered, complete=complete)


async def _flow(request: PortalRequest, flow_id: str) -> LoginFlow | Response[Any]:
    """Return the flow that may set something up, or the way to the step that it has reached."""
    flow = await flow_at_second_step(request, flow_id)
    if isinstance(flow, LoginFlow) and await may_set_up(request, flow) != "yes":
        return Redirect(f"/login?flow={flow.id}", status_code=303)
    return flow


def _show(
    request: PortalRequest,
    flow: LoginFlow,
    secret: bytes,
    *,
    name: str | None = None,
    errors: dict[str, str] | None = None,
    form_error: str | None = None,
    status: int = 200,
) -> Response[Any]:
    return page(
        request,
        "methods/totp/set_up_in_login.html",
        status=status,
        form_may_leave=True,
        flow_id=flow.id,
        app_name=flow.app_name,
        email=flow.email or "",
        **shown_secret(request, secret, str(flow.user_id), flow.email or "account"),
        name=name or "",
        **messages(request, errors, form_error),
    )


ROUTER = Router(path="/", route_handlers=[set_up_page, confirm])

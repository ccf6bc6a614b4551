"""/login/text-message/set-up: prove a number inside a login that asks for a second step and finds none."""

from typing import Any

from litestar import Response, Router, get, post
from litestar.response import Redirect

from portal.db.engine import Querier
from portal.login.flow import Enrolled, LoginFlow
from portal.login.notices import security_mail
from portal.login.queries import Completed
from portal.login.second_step import flow_at_second_step, may_set_up
from portal.login.service import ProvenFactor, complete_factor
from portal.methods.sms_second_step import queries
from portal.methods.sms_second_step.service import ADDED, FACTOR
from portal.methods.sms_second_step.set_up_pages import SetUp, read_proof, send_to_new_number, show_set_up
from portal.web.forms import read_form
from portal.web.request import PortalRequest

PAGE = "/login/text-message/set-up"


@get(PAGE, opt={"session": "optional"})
async def set_up_page(request: PortalRequest) -> Response[Any]:
    """Ask for the number, or for the code that was sent there."""
    flow = await _flow(request, request.query_params.get("flow") or "")
    return flow if isinstance(flow, Response) else await show_set_up(request, _where(flow), flow)


@post(PAGE, opt={"session": "optional"}, status_code=303)
async def submit_number(request: PortalRequest) -> Response[Any]:
    """Send a code to the number."""
    form = await read_form(request)
    flow = await _flow(request, form.text("flow"))
    return flow if isinstance(flow, Response) else await send_to_new_number(request, form, _where(flow), flow)


@post(PAGE + "/verify", opt={"session": "optional"}, status_code=200)
async def submit_code(request: PortalRequest) -> Response[Any]:
    """Make the number the second step with its first code, which is this login's second step as well."""
    form = await read_form(request)
    flow = await _flow(request, form.text("flow"))
    if isinstance(flow, Response):
        return flow
    proof = await read_proof(request, form, _where(flow), flow)
    if isinstance(proof, Response):
        return proof
    mail = security_mail(request, flow.email, ADDED)

    async def complete(database: Querier, login: dict[str, Any], actor: dict[str, Any], namespace: str) -> Completed:
        return await queries.complete_set_up(database, login, proof, mail, actor, namespace)

    proven = ProvenFactor(FACTOR, str(flow.user_id), flow.email, Enrolled(second_step=True))
    return await complete_factor(request, flow, proven, remembered=flow.remembered, complete=complete)


async def _flow(request: PortalRequest, flow_id: str) -> LoginFlow | Response[Any]:
    """Return the flow that may set a number up, or the way to the step that it has reached."""
    flow = await flow_at_second_step(request, flow_id)
    if isinstance(flow, LoginFlow) and (flow.proves(FACTOR.amr) or await may_set_up(request, flow) != "yes"):
        return Redirect(f"/login?flow={flow.id}", status_code=303)
    return flow


def _where(flow: LoginFlow) -> SetUp:
    return SetUp(PAGE, back=f"/login?flow={flow.id}")


ROUTER = Router(path="/", route_handlers=[set_up_page, submit_number, submit_code])

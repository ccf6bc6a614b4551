"""The text message at the second step of a login: send it, and take its code."""

from typing import Any

from litestar import Response, Router, post
from litestar.response import Redirect

from portal.db.engine import Querier
from portal.login.code_page import resend_in
from portal.login.flow import Enrolled, LoginFlow
from portal.login.mailed_proof import read_code
from portal.login.queries import Completed
from portal.login.second_step import (
    begin_second_step,
    fail_second_step,
    flow_at_second_step,
    show_second_step,
)
from portal.login.service import ProvenFactor, complete_factor, flow_page_gone
from portal.login.texted_proof import CODE_MALFORMED
from portal.methods.sms_second_step import queries
from portal.methods.sms_second_step.service import (
    CODE_DEAD,
    CODE_WRONG,
    FACTOR,
    REFUSALS,
    TYPE,
    Purpose,
    proof_of,
    send_text,
    waits_for_code,
)
from portal.web.forms import read_form
from portal.web.logging import get_logger
from portal.web.request import PortalRequest

PURPOSE: Purpose = "sms_second_step"
WAY = FACTOR.method

log = get_logger("portal.login")


@post("/login/text-message/send", opt={"session": "optional"}, status_code=303)
async def send(request: PortalRequest) -> Response[Any]:
    """Send a code to the number of the account. Asked for by a button: opening the page costs nobody a message."""
    form = await read_form(request)
    flow = await flow_at_second_step(request, form.text("flow"))
    if isinstance(flow, Response):
        return flow
    phone = (await _phones(request, flow)).enrolled
    if phone is None:
        return await show_second_step(request, flow)
    asked = await send_text(request, flow, phone, PURPOSE)
    if asked.outcome in REFUSALS:
        log.warning("second_step_text_refused", because=asked.outcome)
        response = await show_second_step(request, flow, way=WAY, form_error=REFUSALS[asked.outcome], status=429)
        if asked.retry_after:
            response.headers["retry-after"] = str(asked.retry_after)
        return response
    if asked.outcome == "gone":
        return await flow_page_gone(request, flow)
    return Redirect(f"/login?flow={flow.id}&way={WAY}", status_code=303)


@post("/login/text-message", opt={"session": "optional"}, status_code=200)
async def submit_code(request: PortalRequest) -> Response[Any]:
    """Check a code and go on."""
    form = await read_form(request)
    flow = await flow_at_second_step(request, form.text("flow"))
    if isinstance(flow, Response):
        return flow
    code = read_code(form)
    if code is None:
        return await show_second_step(request, flow, way=WAY, errors={"code": CODE_MALFORMED}, status=422)
    if not waits_for_code(flow, PURPOSE):
        return await show_second_step(request, flow, way=WAY, form_error=CODE_DEAD, status=422)
    step = await begin_second_step(request, flow, WAY, TYPE)
    if isinstance(step, Response):
        return step
    proof = {**proof_of(request, flow, code), "attempt_id": step.attempt_id}

    async def complete(database: Querier, login: dict[str, Any], actor: dict[str, Any], namespace: str) -> Completed:
        return await queries.complete_second_step(database, login, proof, actor, namespace)

    async def wrong() -> Response[Any]:
        await fail_second_step(request, step, TYPE)
        log.info("login_failed", method=WAY)
        return await show_second_step(request, flow, way=WAY, errors={"code": CODE_WRONG}, status=422)

    proven = ProvenFactor(FACTOR, step.user_id, flow.email, Enrolled(second_step=True))
    return await complete_factor(request, flow, proven, remembered=flow.remembered, complete=complete, used=wrong)


async def challenge(request: PortalRequest, flow: LoginFlow) -> dict[str, Any]:
    """Return what the form of the second step needs: the end of the number, and whether a code is on its way."""
    phone = (await _phones(request, flow)).enrolled or ""
    return {"ends_in": phone[-2:], "sent": waits_for_code(flow, PURPOSE), "resend_in": resend_in(flow)}


async def _phones(request: PortalRequest, flow: LoginFlow) -> queries.Phones:
    return await queries.get_phones(request.portal.database, flow.id, request.browser_digest, request.namespace.name)


ROUTER = Router(path="/", route_handlers=[send, submit_code])

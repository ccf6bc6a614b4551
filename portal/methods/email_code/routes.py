"""Login by mail behind /login/code: mail a code and a link, type the code, or go on after an approval elsewhere."""

from typing import Any

from litestar import Response, Router, get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Redirect

from portal.login.address import read_typed_address
from portal.login.code_channel import CodeChannel
from portal.login.code_page import (
    CODE_DEAD,
    CODE_MALFORMED,
    THROTTLED,
    CodePage,
    answer_refused_code,
    answer_refused_mail,
    show_code_page,
)
from portal.login.code_routes import elsewhere, waits_for_code
from portal.login.flow import LoginFlow
from portal.login.mailed_proof import approval_digits, read_code, typed_code
from portal.login.routes import ADDRESS_INVALID, login_step
from portal.login.service import find_flow, flow_page_gone
from portal.methods.email_code import queries, service
from portal.web.flash import flash
from portal.web.forms import Form, read_form
from portal.web.locale import mark
from portal.web.logging import get_logger
from portal.web.pages import page
from portal.web.request import PortalRequest
from portal.web.return_to import own_path_or_account

STEP = CodePage(
    template="methods/email_code/code.html",
    page="/login/code",
    verify="/login/code/verify",
    resend="/login/code/resend",
    status="/login/code/status",
)
USED_ELSEWHERE = mark("The link in that mail was used on another device. Ask for a new mail below.")
ANSWERS = frozenset({"approve", "mismatch", "deny"})

log = get_logger("portal.login")


async def send_code(request: PortalRequest, form: Form, flow: LoginFlow | None) -> Response[Any]:
    """Mail a code and a link, and go on to the page that asks for the code: the same for every address."""
    typed = form.text("email") or (flow.email if flow and flow.email else "")
    email = read_typed_address(request, typed)
    if email is None:
        invalid = {"email": ADDRESS_INVALID}
        return await login_step(request, flow, email=typed, identify=True, errors=invalid, status=422)
    begun = await service.send_mail(request, flow, email)
    if begun.outcome == "gone":
        return await flow_page_gone(request, flow)
    if begun.outcome == "throttled":
        log.warning("login_mail_throttled", retry_after=begun.retry_after)
        response = await login_step(request, flow, email=email, form_error=THROTTLED, status=429)
        response.headers["retry-after"] = str(begun.retry_after)
        return response
    # Too soon is no failure here: the mail of a moment ago still works, and its page is where to go.
    return Redirect(STEP.of(begun.flow_id), status_code=303)


async def show_page(request: PortalRequest, flow: LoginFlow) -> Response[Any]:
    """Ask for the code, or say that the link was approved."""
    if flow.approved:
        return page(
            request,
            "methods/email_code/approved.html",
            form_may_leave=True,
            flow_id=flow.id,
            email=flow.email,
            app_name=flow.app_name,
        )
    return show_code_page(
        request, STEP, flow, form_error=USED_ELSEWHERE if flow.code_used else None, **_values(request, flow)
    )


async def submit_code(request: PortalRequest, form: Form, flow: LoginFlow) -> Response[Any]:
    """Check the code and go on to the next step of the login."""
    code = read_code(form)
    if code is None:
        return show_code_page(
            request, STEP, flow, errors={"code": CODE_MALFORMED}, status=422, **_values(request, flow)
        )
    verification_id, code_digest = typed_code(request, flow, code)
    tried = await queries.try_login_code(
        request.portal.database,
        flow.id,
        request.ensure_browser(),
        verification_id,
        code_digest,
        request.context.as_actor(),
        request.namespace.name,
    )
    if tried.account is None:
        log.info("login_failed", method="email_code")
        return answer_refused_code(request, STEP, flow, tried.outcome, tried.tries_left, **_values(request, flow))
    proof = {"kind": "code", "verification_id": verification_id, "code_digest": code_digest}
    return await service.complete_with_proof(
        request, flow, tried.account, proof, remembered=form.checked("remember_device")
    )


async def resend_code(request: PortalRequest, _form: Form, flow: LoginFlow) -> Response[Any]:
    """Send a new code and link; the old ones end."""
    if not flow.email:
        return await elsewhere(request, flow)
    begun = await service.send_mail(request, flow, flow.email)
    if begun.outcome in ("too_soon", "throttled"):
        return answer_refused_mail(request, STEP, flow, begun, **_values(request, flow))
    if begun.outcome == "gone":
        return await flow_page_gone(request, flow)
    flash(request, "code_sent")
    return Redirect(STEP.of(flow.id), status_code=303)


@post("/login/code/continue", opt={"session": "optional"}, status_code=303)
async def go_on(request: PortalRequest) -> Response[Any]:
    """Log the browser in that asked, after the link was approved on another device."""
    form = await read_form(request)
    flow = await find_flow(request, form.text("flow"))
    if flow is None or not waits_for_code(flow, CODES.purpose):
        return await elsewhere(request, flow)
    if not flow.approved or not flow.verification_id:
        return Redirect(STEP.of(flow.id), status_code=303)
    account = await queries.get_mail_login_account(
        request.portal.database, flow.verification_id, request.namespace.name
    )
    if account is None:
        return show_code_page(request, STEP, flow, form_error=CODE_DEAD, status=422, **_values(request, flow))
    proof = {"kind": "approval", "verification_id": flow.verification_id}
    return await service.complete_with_proof(request, flow, account, proof, remembered=flow.remembered)


@get("/login/code/status", opt={"session": "optional"})
async def code_status(request: PortalRequest) -> dict[str, str]:
    """Tell the waiting tab whether the link was used: it then posts its button, or goes to `next`."""
    flow = await find_flow(request, request.query_params.get("flow"))
    if flow is None or not flow.own:
        return {"state": "waiting"}
    if flow.finished and request.current_session:
        return {"state": "moved", "next": own_path_or_account(flow.return_to)}
    if flow.approved and flow.usable:
        return {"state": "moved"}
    if flow.purpose == "signup":
        return {"state": "moved", "next": f"/signup?flow={flow.id}"}
    return {"state": "waiting"}


@get("/login/code/answered/{answer:str}", opt={"session": "optional"})
async def answered_page(request: PortalRequest, answer: FromPath[str]) -> Response[Any]:
    """Say what the answer on the other device did."""
    if answer not in ANSWERS:
        raise NotFoundException
    return page(request, "methods/email_code/answered.html", answer=answer)


def _values(request: PortalRequest, flow: LoginFlow) -> dict[str, Any]:
    return {
        "digits": approval_digits(request, flow.verification_id or flow.id),
        "remembered": flow.remembered,
    }


CODES = CodeChannel("email", "login", send=send_code, show=show_page, verify=submit_code, resend=resend_code)

ROUTER = Router(
    path="/",
    route_handlers=[go_on, code_status, answered_page],
)

"""/recover: the address, the code from the mail, the new password. Each step needs the proof of the one before."""

from typing import Any

from litestar import Response, Router, get, post
from litestar.response import Redirect

from portal.crypto.hashing import PASSWORDS
from portal.login.address import read_typed_address
from portal.login.code_page import (
    CODE_MALFORMED,
    THROTTLED,
    CodePage,
    answer_refused_code,
    answer_refused_mail,
    show_code_page,
)
from portal.login.flow import LoginFlow
from portal.login.mailed_proof import read_code, typed_code
from portal.login.proof_of_work import after_work
from portal.login.routes import ADDRESS_INVALID
from portal.login.service import find_flow, flow_page_gone
from portal.methods.password.method import METHOD as PASSWORD
from portal.methods.password.new_password import new_password_problem
from portal.recovery import queries, service
from portal.web.flash import flash
from portal.web.forms import read_form
from portal.web.logging import get_logger
from portal.web.pages import messages, page
from portal.web.refusals import mark_refusal
from portal.web.request import PortalRequest
from portal.web.return_to import own_path_or_account

PASSWORD_PAGE = "/recover/password"  # noqa: S105 - an address
STEP = CodePage(
    template="recovery/verify.html",
    page="/recover/verify",
    verify="/recover/verify",
    resend="/recover/resend",
    status="/recover/status",
)

log = get_logger("portal.login")


@get("/recover", opt={"session": "optional"})
async def recover_page(request: PortalRequest) -> Response[Any]:
    """Ask for the address of the account."""
    flow_id = request.query_params.get("flow")
    flow = await find_flow(request, flow_id)
    if flow_id and (flow is None or not flow.usable):
        return await flow_page_gone(request, flow)
    if flow and flow.recovered:
        return Redirect(f"{PASSWORD_PAGE}?flow={flow.id}", status_code=303)
    session = request.current_session
    return _start(request, flow, email=(flow.email if flow else None) or (session.email if session else None) or "")


@post("/recover", opt={"session": "optional"}, status_code=303)
async def submit_address(request: PortalRequest) -> Response[Any]:
    """Mail a code and a link, and go on to the page that asks for the code: the same for every address."""
    form = await after_work(request, await read_form(request))
    if isinstance(form, Response):
        return form
    flow_id = form.text("flow")
    flow = await find_flow(request, flow_id)
    if flow_id and (flow is None or not flow.usable or flow.user_id):
        return await _elsewhere(request, flow)
    typed = form.text("email")
    email = read_typed_address(request, typed)
    if email is None:
        return _start(request, flow, email=typed, errors={"email": ADDRESS_INVALID}, status=422)
    begun = await service.send_mail(request, flow, email)
    if begun.outcome == "gone":
        return await flow_page_gone(request, flow)
    if begun.outcome == "throttled":
        log.warning("recovery_mail_throttled", retry_after=begun.retry_after)
        response = _start(request, flow, email=typed, form_error=THROTTLED, status=429)
        response.headers["retry-after"] = str(begun.retry_after)
        return response
    # Too soon is no failure here: the mail of a moment ago still works, and its page is where to go.
    return Redirect(STEP.of(begun.flow_id), status_code=303)


@get("/recover/verify", opt={"session": "optional"})
async def verify_page(request: PortalRequest) -> Response[Any]:
    """Ask for the code."""
    flow = await find_flow(request, request.query_params.get("flow"))
    if flow is None or not _waits(flow):
        return await _elsewhere(request, flow)
    return show_code_page(request, STEP, flow)


@post("/recover/verify", opt={"session": "optional"}, status_code=200)
async def submit_code(request: PortalRequest) -> Response[Any]:
    """Check the code; the right one leads to the new password."""
    form = await read_form(request)
    flow = await find_flow(request, form.text("flow"))
    if flow is None or not _waits(flow):
        return await _elsewhere(request, flow)
    code = read_code(form)
    if code is None:
        return show_code_page(request, STEP, flow, errors={"code": CODE_MALFORMED}, status=422)
    verification_id, code_digest = typed_code(request, flow, code)
    outcome, tries_left = await queries.use_recovery_mail_code(
        request.portal.database,
        flow.id,
        request.ensure_browser(),
        verification_id,
        code_digest,
        request.context.as_actor(),
        request.namespace.name,
    )
    if outcome != "right":
        log.info("recovery_failed")
        return answer_refused_code(request, STEP, flow, outcome, tries_left)
    return Redirect(f"{PASSWORD_PAGE}?flow={flow.id}", status_code=303)


@post("/recover/resend", opt={"session": "optional"}, status_code=303)
async def resend_code(request: PortalRequest) -> Response[Any]:
    """Send a new code and link; the old ones end."""
    form = await read_form(request)
    flow = await find_flow(request, form.text("flow"))
    if flow is None or not _waits(flow) or not flow.email:
        return await _elsewhere(request, flow)
    begun = await service.send_mail(request, flow, flow.email)
    if begun.outcome in ("too_soon", "throttled"):
        return answer_refused_mail(request, STEP, flow, begun)
    if begun.outcome == "gone":
        return await flow_page_gone(request, flow)
    flash(request, "code_sent")
    return Redirect(STEP.of(flow.id), status_code=303)


@get("/recover/status", opt={"session": "optional"})
async def recovery_status(request: PortalRequest) -> dict[str, str]:
    """Tell the waiting tab whether the link was used in this browser."""
    flow = await find_flow(request, request.query_params.get("flow"))
    if flow and flow.own and flow.finished and request.current_session:
        return {"state": "moved", "next": own_path_or_account(flow.return_to)}
    if flow and flow.usable and flow.recovered:
        return {"state": "moved", "next": f"{PASSWORD_PAGE}?flow={flow.id}"}
    return {"state": "waiting"}


@get(PASSWORD_PAGE, opt={"session": "optional"})
async def password_page(request: PortalRequest) -> Response[Any]:
    """Ask for the new password, once the mailbox is proven."""
    flow = await find_flow(request, request.query_params.get("flow"))
    if flow is None or not flow.usable or not flow.recovered:
        return await _elsewhere(request, flow)
    return _password(request, flow)


@post(PASSWORD_PAGE, opt={"session": "optional"}, status_code=200)
async def submit_password(request: PortalRequest) -> Response[Any]:
    """Set the new password and log in. The database takes the proof; without one nothing is set."""
    form = await read_form(request)
    flow = await find_flow(request, form.text("flow"))
    if flow is None or not flow.usable or not flow.recovered or not flow.user_id or not flow.email:
        mark_refusal(request.facts, "unproven_recovery")
        return await _elsewhere(request, flow)
    password = form.secret("new_password")
    problem = await new_password_problem(request, password, flow.email)
    if problem:
        return _password(request, flow, errors={"new_password": problem}, status=422)
    return await service.set_password(request, flow, flow.user_id, flow.email, await PASSWORDS.hash(password))


def _waits(flow: LoginFlow) -> bool:
    return flow.usable and flow.proof_purpose == "recovery" and flow.user_id is None


async def _elsewhere(request: PortalRequest, flow: LoginFlow | None) -> Response[Any]:
    """Lead to the step that a flow has reached, when it is not this one. Never past a proof."""
    if flow is None or not flow.usable:
        return await flow_page_gone(request, flow)
    if flow.recovered:
        return Redirect(f"{PASSWORD_PAGE}?flow={flow.id}", status_code=303)
    if _waits(flow):
        return Redirect(STEP.of(flow.id), status_code=303)
    return Redirect(f"/{'signup' if flow.purpose == 'signup' else 'login'}?flow={flow.id}", status_code=303)


def _start(
    request: PortalRequest,
    flow: LoginFlow | None,
    *,
    email: str,
    errors: dict[str, str] | None = None,
    form_error: str | None = None,
    status: int = 200,
) -> Response[Any]:
    return page(
        request,
        "recovery/start.html",
        status=status,
        form_may_leave=True,
        flow_id=flow.id if flow else None,
        app_name=flow.app_name if flow else None,
        email=email,
        **messages(request, errors, form_error),
    )


def _password(
    request: PortalRequest, flow: LoginFlow, *, errors: dict[str, str] | None = None, status: int = 200
) -> Response[Any]:
    return page(
        request,
        "recovery/password.html",
        status=status,
        form_may_leave=True,
        flow_id=flow.id,
        email=flow.email,
        app_name=flow.app_name,
        min_length=request.namespace.policy.password_min_length,
        **messages(request, errors, None),
    )


ROUTER = Router(
    path="/",
    opt={"method": PASSWORD.id},  # without passwords there is nothing to recover
    route_handlers=[
        recover_page,
        submit_address,
        verify_page,
        submit_code,
        resend_code,
        recovery_status,
        password_page,
        submit_password,
    ],
)

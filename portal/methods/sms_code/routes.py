"""Login by text message behind /login/code, and /login/phone, which asks for the number."""

from typing import Any

from litestar import Response, Router, get
from litestar.response import Redirect

from portal.login.code_channel import CodeChannel
from portal.login.code_page import CodePage, answer_refused_code, show_code_page
from portal.login.code_routes import elsewhere
from portal.login.flow import LoginFlow
from portal.login.mailed_proof import read_code, typed_code
from portal.login.service import find_flow, flow_page_gone
from portal.login.texted_proof import CODE_MALFORMED, PHONE_INVALID, THROTTLED, TOO_SOON
from portal.methods.sms_code import queries, service
from portal.sms.phone import read_phone
from portal.web.flash import flash
from portal.web.forms import Form
from portal.web.locale import mark
from portal.web.logging import get_logger
from portal.web.pages import messages, page
from portal.web.request import PortalRequest

STEP = CodePage(
    template="methods/sms_code/code.html",
    page="/login/code",
    verify="/login/code/verify",
    resend="/login/code/resend",
    status="",  # there is no link that could be used elsewhere
)
NOT_SERVED = mark("We cannot send text messages to numbers of that country. Log in another way.")

log = get_logger("portal.login")


@get("/login/phone", opt={"session": "optional"})
async def phone_page(request: PortalRequest) -> Response[Any]:
    """Ask for the number."""
    flow_id = request.query_params.get("flow")
    flow = await find_flow(request, flow_id)
    if flow_id and (flow is None or not flow.usable or flow.user_id):
        return await flow_page_gone(request, flow)
    return _phone(request, flow, phone=read_phone(flow.email) or "" if flow and flow.email else "")


async def send_code(request: PortalRequest, form: Form, flow: LoginFlow | None) -> Response[Any]:
    """Send a code, and go on to the page that asks for it: the same for every number."""
    typed = form.text("phone") or (flow.email if flow and flow.email else "")
    phone = read_phone(typed)
    problem = PHONE_INVALID if phone is None else _not_served(request, phone)
    if phone is None or problem:
        return _phone(request, flow, phone=typed, error=problem, status=422)
    begun = await service.send_text_message(request, flow, phone)
    if begun.outcome == "gone":
        return await flow_page_gone(request, flow)
    if begun.outcome == "throttled":
        log.warning("sms_throttled", retry_after=begun.retry_after)
        response = _phone(request, flow, phone=typed, form_error=THROTTLED, status=429)
        response.headers["retry-after"] = str(begun.retry_after)
        return response
    return Redirect(STEP.of(begun.flow_id), status_code=303)


async def show_page(request: PortalRequest, flow: LoginFlow) -> Response[Any]:
    """Ask for the code."""
    return show_code_page(request, STEP, flow, remembered=flow.remembered)


async def submit_code(request: PortalRequest, form: Form, flow: LoginFlow) -> Response[Any]:
    """Check the code and go on to the next step of the login."""
    code = read_code(form)
    if code is None:
        return show_code_page(
            request, STEP, flow, errors={"code": CODE_MALFORMED}, status=422, remembered=flow.remembered
        )
    verification_id, code_digest = typed_code(request, flow, code)
    tried = await queries.try_sms_code(
        request.portal.database,
        flow.id,
        request.ensure_browser(),
        verification_id,
        code_digest,
        request.context.as_actor(),
        request.namespace.name,
    )
    if tried.user_id is None:
        log.info("login_failed", method="sms_code")
        return answer_refused_code(request, STEP, flow, tried.outcome, tried.tries_left, remembered=flow.remembered)
    proof = {"verification_id": verification_id, "code_digest": code_digest}
    return await service.complete_with_code(request, flow, tried, proof, remembered=form.checked("remember_device"))


async def resend_code(request: PortalRequest, _form: Form, flow: LoginFlow) -> Response[Any]:
    """Send a new code; the old one ends."""
    phone = read_phone(flow.email or "")
    if phone is None:
        return await elsewhere(request, flow)
    begun = await service.send_text_message(request, flow, phone)
    if begun.outcome in ("too_soon", "throttled"):
        text = TOO_SOON if begun.outcome == "too_soon" else THROTTLED
        response = show_code_page(request, STEP, flow, form_error=text, status=429, remembered=flow.remembered)
        response.headers["retry-after"] = str(begun.retry_after)
        return response
    if begun.outcome == "gone":
        return await flow_page_gone(request, flow)
    flash(request, "sms_sent")
    return Redirect(STEP.of(flow.id), status_code=303)


async def card(request: PortalRequest) -> dict[str, Any]:
    """Return the numbers that the person logs in with."""
    session = request.required_session
    phones = await queries.list_proven_phones(request.portal.database, session.user_id, request.namespace.name)
    return {"phones": phones}


def _not_served(request: PortalRequest, phone: str) -> str | None:
    countries = request.namespace.policy.sms_countries
    return None if countries is None or phone.startswith(countries) else NOT_SERVED


def _phone(
    request: PortalRequest,
    flow: LoginFlow | None,
    *,
    phone: str,
    error: str | None = None,
    form_error: str | None = None,
    status: int = 200,
) -> Response[Any]:
    return page(
        request,
        "methods/sms_code/phone.html",
        status=status,
        form_may_leave=True,
        flow_id=flow.id if flow else None,
        app_name=flow.app_name if flow else None,
        phone=phone,
        **messages(request, {"phone": error} if error else None, form_error),
    )


CODES = CodeChannel("phone", "sms", send=send_code, show=show_page, verify=submit_code, resend=resend_code)

ROUTER = Router(path="/", route_handlers=[phone_page])

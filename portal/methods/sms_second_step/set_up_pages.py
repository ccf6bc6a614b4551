"""The two pages that prove a number: which one, and the code that was sent there. On the account and in a login."""

from dataclasses import dataclass
from typing import Any

from litestar import Response
from litestar.response import Redirect

from portal.login.code_page import resend_in
from portal.login.flow import LoginFlow
from portal.login.mailed_proof import read_code
from portal.login.service import flow_page_gone
from portal.login.texted_proof import CODE_MALFORMED, PHONE_INVALID
from portal.methods.sms_second_step import queries
from portal.methods.sms_second_step.service import (
    CODE_DEAD,
    CODE_WRONG,
    REFUSALS,
    Purpose,
    proof_of,
    send_text,
    waits_for_code,
)
from portal.sms.phone import read_phone
from portal.web.forms import Form
from portal.web.pages import messages, page
from portal.web.request import PortalRequest

PURPOSE: Purpose = "sms_set_up"


@dataclass(frozen=True, slots=True)
class SetUp:
    """Where a set-up's forms are: `page` takes the number, `page`/verify the code; `back` leads out of it."""

    page: str
    back: str


async def show_set_up(
    request: PortalRequest,
    where: SetUp,
    flow: LoginFlow | None,
    *,
    phone: str | None = None,
    errors: dict[str, str] | None = None,
    form_error: str | None = None,
    status: int = 200,
) -> Response[Any]:
    """Ask for the number, with what was typed in `phone`; or for the code where one was sent and `phone` is None."""
    values = {
        "where": where,
        "flow_id": flow.id if flow else None,
        "app_name": flow.app_name if flow else None,
        **messages(request, errors, form_error),
    }
    if flow and phone is None and waits_for_code(flow, PURPOSE) and not request.query_params.get("change"):
        phones = await queries.get_phones(
            request.portal.database, flow.id, request.browser_digest, request.namespace.name
        )
        return page(
            request,
            "methods/sms_second_step/set_up_code.html",
            status=status,
            form_may_leave=True,
            phone=phones.sent_to or "",
            resend_in=resend_in(flow),
            **values,
        )
    return page(
        request,
        "methods/sms_second_step/set_up_number.html",
        status=status,
        form_may_leave=True,
        phone=phone or "",
        **values,
    )


async def send_to_new_number(
    request: PortalRequest, form: Form, where: SetUp, flow: LoginFlow | None, **more: Any
) -> Response[Any]:
    """Send a code to the number that was typed, and go on to the page that asks for it."""
    typed = form.text("phone")
    phone = read_phone(typed)
    if phone is None:
        return await show_set_up(request, where, flow, phone=typed, errors={"phone": PHONE_INVALID}, status=422)
    asked = await send_text(request, flow, phone, PURPOSE, **more)
    if asked.outcome in REFUSALS:
        response = await show_set_up(request, where, flow, phone=typed, form_error=REFUSALS[asked.outcome], status=429)
        if asked.retry_after:
            response.headers["retry-after"] = str(asked.retry_after)
        return response
    if asked.outcome == "gone":
        return await flow_page_gone(request, flow)
    return Redirect(f"{where.page}?flow={asked.flow_id}", status_code=303)


async def read_proof(
    request: PortalRequest, form: Form, where: SetUp, flow: LoginFlow
) -> dict[str, str] | Response[Any]:
    """Count a try at the code; return the proof that it is right, or the page that says what is wrong."""
    code = read_code(form)
    if code is None:
        return await show_set_up(request, where, flow, errors={"code": CODE_MALFORMED}, status=422)
    proof = proof_of(request, flow, code)
    outcome, tries_left = await queries.try_set_up_code(
        request.portal.database,
        flow.id,
        request.ensure_browser(),
        proof,
        request.context.as_actor(flow.user_id),
        request.namespace.name,
    )
    if outcome == "right":
        return proof
    text = CODE_WRONG if outcome == "wrong" and tries_left else CODE_DEAD
    return await show_set_up(request, where, flow, errors={"code": text}, status=422)

"""/account/text-message: make a number the second step, change it, remove it."""

from typing import Any

from litestar import Response, Router, get, post
from litestar.response import Redirect

from portal.errors import Conflict
from portal.login.authenticators import SECURITY_PAGE, answer_removal, remove
from portal.login.flow import LoginFlow
from portal.login.notices import security_mail
from portal.login.queries import list_ways_in
from portal.login.reauthentication import ask_to_log_in_again, login_is_recent
from portal.login.service import find_flow
from portal.methods.sms_second_step import queries
from portal.methods.sms_second_step.service import ADDED, TYPE
from portal.methods.sms_second_step.set_up_pages import SetUp, read_proof, send_to_new_number, show_set_up
from portal.web.flash import flash
from portal.web.forms import read_form
from portal.web.locale import mark
from portal.web.request import PortalRequest

PAGE = "/account/text-message"
WHERE = SetUp(PAGE, back=SECURITY_PAGE)
REMOVED = mark("The phone number for your second step was removed from your account.")
ONLY_PHONE_HEADING = mark("Your phone is your first step already")
ONLY_PHONE = mark("A second message proves nothing new. Add another way to log in first, such as a passkey.")


@get(PAGE, opt={"session": "required"})
async def set_up_page(request: PortalRequest) -> Response[Any]:
    """Ask for the number, or for the code that was sent there."""
    if not login_is_recent(request.required_session):
        return await ask_to_log_in_again(request, PAGE)
    return await show_set_up(request, WHERE, await _own_flow(request, request.query_params.get("flow") or ""))


@post(PAGE, opt={"session": "required"}, status_code=303)
async def submit_number(request: PortalRequest) -> Response[Any]:
    """Send a code to the number."""
    form = await read_form(request)
    if not login_is_recent(request.required_session):
        return await ask_to_log_in_again(request, PAGE)
    flow = await _own_flow(request, form.text("flow"))
    return await send_to_new_number(
        request, form, WHERE, flow, user_id=request.required_session.user_id, return_to=SECURITY_PAGE
    )


@post(PAGE + "/verify", opt={"session": "required"}, status_code=303)
async def submit_code(request: PortalRequest) -> Response[Any]:
    """Make the number the second step once its code was typed; until then nothing counts."""
    form, person = await read_form(request), request.required_session
    flow = await _own_flow(request, form.text("flow"))
    if flow is None:
        return Redirect(PAGE, status_code=303)
    if not login_is_recent(person):
        return await ask_to_log_in_again(request, f"{PAGE}?flow={flow.id}")
    proof = await read_proof(request, form, WHERE, flow)
    if isinstance(proof, Response):
        return proof
    outcome = await queries.enrol_phone(
        request.portal.database,
        {"flow_id": flow.id, "browser_digest": request.ensure_browser(), "user_id": person.user_id},
        proof,
        person.session_id,
        security_mail(request, person.email, ADDED),
        request.context.as_actor(person.user_id),
        request.namespace.name,
    )
    if outcome == "login_not_recent":
        return await ask_to_log_in_again(request, PAGE)
    if outcome == "only_phone":
        raise Conflict(ONLY_PHONE, heading=ONLY_PHONE_HEADING, way_back=SECURITY_PAGE)
    if outcome == "gone":
        return Redirect(PAGE, status_code=303)
    flash(request, "text_message_added")
    return Redirect(SECURITY_PAGE, status_code=303)


@post(PAGE + "/{mfa_id:uuid}/remove", opt={"session": "required"}, status_code=303)
async def remove_number(request: PortalRequest) -> Response[Any]:
    """Remove the number, end every other session, and tell the owner."""
    await read_form(request)
    outcome = await remove(request, request.path_params["mfa_id"], TYPE, REMOVED)
    return await answer_removal(request, outcome, flash_name="authenticator_removed")


async def card(request: PortalRequest) -> dict[str, Any]:
    """Return the number that the second step goes to, if there is one, and whether one would help."""
    database, user_id, namespace = request.portal.database, request.required_session.user_id, request.namespace.name
    rows = await database.fetch("select id, secret from authn.get_mfa($1, $2, $3)", user_id, TYPE, namespace)
    if rows:
        return {"phone": rows[0]["secret"], "id": str(rows[0]["id"])}
    return {"phone": None, "only_phone": await list_ways_in(database, user_id, namespace) == {"phone"}}


async def _own_flow(request: PortalRequest, flow_id: str) -> LoginFlow | None:
    """Return the flow in which this person proves a number; None for none, and for what is another's or over."""
    flow = await find_flow(request, flow_id or None)
    if flow is None or not flow.usable or flow.user_id != request.required_session.user_id or flow.factors:
        return None
    return flow


ROUTER = Router(path="/", route_handlers=[set_up_page, submit_number, submit_code, remove_number])

"""/login/code: send a code, show where it is typed, check it, send it again. Form and flow say which method's it is.

Programs rely on these addresses, and on `email` or `phone` telling where the code goes.
"""

from typing import Any

from litestar import Response, Router, get, post
from litestar.response import Redirect

from portal.errors import Forbidden
from portal.login.code_channel import CodeChannel
from portal.login.flow import LoginFlow
from portal.login.method import OFF_HEADING, OFF_TEXT, methods_on
from portal.login.proof_of_work import after_work
from portal.login.service import begin_anew, find_flow, flow_page_gone
from portal.web.forms import Form, read_form
from portal.web.request import PortalRequest


@post("/login/code", opt={"session": "optional"}, status_code=303)
async def send_code(request: PortalRequest) -> Response[Any]:
    """Send a code, and go on to the page that asks for it: the same for every address and number."""
    channels = _channels(request)
    form = await after_work(request, await read_form(request))
    if isinstance(form, Response):
        return form
    flow_id = form.text("flow")
    flow = await find_flow(request, flow_id)
    if flow_id and (flow is None or not flow.usable):
        return await flow_page_gone(request, flow)
    if flow and flow.user_id:  # at the second step: the code is another first factor, and begins the login anew
        flow = await find_flow(request, await begin_anew(request, flow, flow.email))
    return await _named(channels, form).send(request, form, flow)


@get("/login/code", opt={"session": "optional"})
async def code_page(request: PortalRequest) -> Response[Any]:
    """Ask for the code."""
    flow_id = request.query_params.get("flow")
    if not flow_id:
        return Redirect("/login", status_code=303)
    flow = await find_flow(request, flow_id)
    channel = _waiting(request, flow)
    return await channel.show(request, flow) if channel and flow else await elsewhere(request, flow)


@post("/login/code/verify", opt={"session": "optional"}, status_code=200)
async def submit_code(request: PortalRequest) -> Response[Any]:
    """Check the code and go on to the next step of the login."""
    _channels(request)
    form = await read_form(request)
    flow = await find_flow(request, form.text("flow"))
    channel = _waiting(request, flow)
    return await channel.verify(request, form, flow) if channel and flow else await elsewhere(request, flow)


@post("/login/code/resend", opt={"session": "optional"}, status_code=303)
async def resend_code(request: PortalRequest) -> Response[Any]:
    """Send a new code; the old one ends."""
    _channels(request)
    form = await read_form(request)
    flow = await find_flow(request, form.text("flow"))
    channel = _waiting(request, flow)
    return await channel.resend(request, form, flow) if channel and flow else await elsewhere(request, flow)


async def elsewhere(request: PortalRequest, flow: LoginFlow | None) -> Response[Any]:
    """Lead to the step that a flow has reached, when it is not this one."""
    if flow is None or not flow.usable:
        return await flow_page_gone(request, flow)
    return Redirect(f"/{'signup' if flow.purpose == 'signup' else 'login'}?flow={flow.id}", status_code=303)


def waits_for_code(flow: LoginFlow, purpose: str) -> bool:
    """Return whether a flow waits for a code of this purpose."""
    return flow.usable and flow.proof_purpose == purpose and flow.purpose == "login" and flow.user_id is None


def _channels(request: PortalRequest) -> list[CodeChannel]:
    channels = [method.codes for method in methods_on(request) if method.codes]
    if not channels:
        raise Forbidden(OFF_TEXT, heading=OFF_HEADING, way_back="/login")
    return channels


def _named(channels: list[CodeChannel], form: Form) -> CodeChannel:
    """Return the channel whose field was posted; without any, the first one, which takes what the flow knows."""
    for channel in channels:
        if form.has(channel.field):
            return channel
    if any(form.has(field) for field in ("email", "phone")):
        raise Forbidden(OFF_TEXT, heading=OFF_HEADING, way_back="/login")
    return channels[0]


def _waiting(request: PortalRequest, flow: LoginFlow | None) -> CodeChannel | None:
    if flow is None:
        return None
    channels = [method.codes for method in methods_on(request) if method.codes]
    return next((channel for channel in channels if waits_for_code(flow, channel.purpose)), None)


ROUTER = Router(path="/", route_handlers=[send_code, code_page, submit_code, resend_code])

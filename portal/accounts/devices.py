"""/account/devices: where the account is logged in; end one session, or all others.

Each form works as plain HTML with a redirect; HTMX swaps the list alone.
"""

from typing import Any
from uuid import UUID

from litestar import Response, Router, get, post
from litestar.response import Redirect

from portal.login.reauthentication import ask_to_log_in_again, login_is_recent
from portal.sessions.cookie import clear_session_cookie
from portal.sessions.devices import describe_device
from portal.sessions.queries import Device, end_other_sessions, end_session, list_devices
from portal.web.account_sections import sections
from portal.web.flash import SENTENCES, flash
from portal.web.forms import read_form
from portal.web.pages import page
from portal.web.refusals import mark_refusal
from portal.web.request import PortalRequest

PAGE = "/account/devices"


@get("/account/devices", opt={"session": "required"})
async def devices_page(request: PortalRequest) -> Response[Any]:
    """List the person's live sessions."""
    return await _list(request, "account/devices.html")


@post("/account/devices/end", opt={"session": "required"}, status_code=200)
async def end_one(request: PortalRequest) -> Response[Any]:
    """End one session of the person; a foreign or unknown id is as if it had already ended.

    Of another one than this very session only with a recent login (ASVS 7.5.2): who finds a browser open does not log
    its owner out everywhere.
    """
    form = await read_form(request)
    person = request.required_session
    session_id = form.text("session")
    if session_id != person.session_id and not login_is_recent(person):
        return await ask_to_log_in_again(request, PAGE)
    ended = _is_uuid(session_id) and await end_session(
        request.portal.database,
        session_id,
        person.user_id,
        request.context.as_actor(person.user_id),
        request.namespace.name,
    )
    if ended and session_id == person.session_id:
        clear_session_cookie(request)
        return Redirect("/login", status_code=303)
    if not ended:
        mark_refusal(request.facts, "not_theirs")
        template = "account/_devices.html" if request.from_htmx else "account/devices.html"
        return await _list(request, template, status=404, notice=SENTENCES["session_gone"])
    return await _changed(request, "session_ended")


@post("/account/devices/end-others", opt={"session": "required"}, status_code=200)
async def end_others(request: PortalRequest) -> Response[Any]:
    """End every session of the person but this one, with a recent login."""
    await read_form(request)
    person = request.required_session
    if not login_is_recent(person):
        return await ask_to_log_in_again(request, PAGE)
    await end_other_sessions(
        request.portal.database,
        person.user_id,
        person.session_id,
        request.context.as_actor(person.user_id),
        request.namespace.name,
    )
    return await _changed(request, "other_sessions_ended")


async def _changed(request: PortalRequest, sentence: str) -> Response[Any]:
    if request.from_htmx:
        return await _list(request, "account/_devices.html", notice=SENTENCES[sentence])
    flash(request, sentence)
    return Redirect(PAGE, status_code=303)


async def _list(request: PortalRequest, template: str, *, status: int = 200, **values: Any) -> Response[Any]:
    devices = await list_devices(request.portal.database, request.required_session.user_id, request.namespace.name)
    return page(
        request,
        template,
        status=status,
        sections=sections(request, PAGE),
        devices=[_shown(device, request.required_session.session_id) for device in devices],
        **{"notice": None, **values},
    )


def _shown(device: Device, current: str) -> dict[str, Any]:
    name = describe_device(device.user_agent)
    return {
        "id": device.session_id,
        "browser": name.browser,
        "system": name.system,
        "icon": name.icon,
        "ip_address": device.ip_address,
        "created_at": device.created_at,
        "last_active_at": device.last_active_at,
        "current": device.session_id == current,
    }


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


ROUTER = Router(path="/", route_handlers=[devices_page, end_one, end_others])

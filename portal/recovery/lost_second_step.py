"""/login/lost: everything that could take the second step is lost. A mailed link takes it off, three days later.

The first factor is proven by the flow, the mailbox by the link. The three days are the owner's: every proven address of
the account is told at once and again a day before, and one press in any of these mails ends it.
"""

from datetime import timedelta
from typing import Any

from litestar import Response, Router, get, post
from litestar.params import FromPath

from portal.clock import now
from portal.crypto.tokens import MAX_TOKEN_LENGTH, new_token, token_digest
from portal.login.flow import LoginFlow
from portal.login.mailed_proof import sealed_mail
from portal.login.notices import security_mail
from portal.login.second_step import flow_at_second_step
from portal.login.service import flow_page_gone
from portal.recovery.lost_queries import (
    Lost,
    Wish,
    begin_second_step_recovery,
    find_lost_second_step,
    find_second_step_recovery,
    finish_second_step_recovery,
    stop_second_step_recovery,
)
from portal.sessions.devices import describe_device
from portal.web.forms import read_form
from portal.web.locale import mark
from portal.web.logging import get_logger
from portal.web.pages import page
from portal.web.refusals import mark_refusal
from portal.web.request import PortalRequest

DELAY = timedelta(hours=72)  # over a week-end; the same for every namespace, or one setting would undo the second step
OPEN_FOR = timedelta(days=7)  # to finish, once the delay is over
LINK = "/login/lost/link"
TAKEN_OFF = mark(
    "Your login has no second step any more, because somebody who reads your mail asked for that three days ago."
)

log = get_logger("portal.login")


@get("/login/lost", opt={"session": "optional"})
async def lost_page(request: PortalRequest) -> Response[Any]:
    """Say what will happen, before it does."""
    flow = await flow_at_second_step(request, request.query_params.get("flow", ""))
    if isinstance(flow, Response):
        return flow
    lost = await find_lost_second_step(request, flow.id)
    return _show(request, flow, lost) if lost else await flow_page_gone(request, flow)


@post("/login/lost", opt={"session": "optional"}, status_code=200)
async def begin(request: PortalRequest) -> Response[Any]:
    """Begin the three days, and tell every proven address."""
    form = await read_form(request)
    flow = await flow_at_second_step(request, form.text("flow"))
    if isinstance(flow, Response):
        return flow
    lost = await find_lost_second_step(request, flow.id)
    if lost is None:
        return await flow_page_gone(request, flow)
    outcome = await begin_second_step_recovery(request, flow.id, lost.user_id, _wish(request, lost))
    if outcome == "gone":
        return await flow_page_gone(request, flow)
    log.info("second_step_recovery_asked", outcome=outcome)
    after = await find_lost_second_step(request, flow.id)
    return _show(request, flow, after or lost, outcome=outcome, status=409 if outcome == "stopped" else 200)


@get(LINK + "/{token:str}", opt={"session": "optional"})
async def lost_link_page(request: PortalRequest, token: FromPath[str]) -> Response[Any]:
    """Show what the link is for. Reads only: mail scanners open every link."""
    return _show_wish(request, token, await _find(request, token))


@post(LINK + "/{token:str}", opt={"session": "optional"}, status_code=200)
async def use_lost_link(request: PortalRequest, token: FromPath[str]) -> Response[Any]:
    """Say no, or take the second step off."""
    wish = await _find(request, token)
    if wish is None or wish.state not in ("open", "waiting") or (wish.kind == "finish" and wish.state == "waiting"):
        return _show_wish(request, token, wish)
    digest = token_digest(token)
    if wish.kind == "stop":
        done = await stop_second_step_recovery(request, digest)
    else:
        mails = [security_mail(request, address, TAKEN_OFF, ended=True) for address in wish.addresses]
        done = await finish_second_step_recovery(request, digest, wish.user_id, mails)
    log.info("second_step_recovery_answered", kind=wish.kind, done=done)
    if not done:
        return _show_wish(request, token, await _find(request, token))
    return page(request, "recovery/lost_done.html", kind=wish.kind, email=wish.email)


async def _find(request: PortalRequest, token: str) -> Wish | None:
    if len(token) > MAX_TOKEN_LENGTH:
        return None
    return await find_second_step_recovery(request, token_digest(token))


def _wish(request: PortalRequest, lost: Lost) -> dict[str, Any]:
    finish, stop = new_token(), new_token()
    device = describe_device(request.context.user_agent)
    opens_at = now() + DELAY

    def mail(address: str, *, reminder: bool) -> str:
        # The account's own address gets the link that finishes; the others only the one that says no.
        finishes = address == lost.addresses[0]
        return sealed_mail(
            request,
            "second_step_recovery",
            address,
            reminder=reminder,
            opens_at=opens_at,
            account=lost.email or address,
            finish_url=f"{request.namespace.origin}{LINK}/{finish.raw}" if finishes else None,
            stop_url=f"{request.namespace.origin}{LINK}/{stop.raw}",
            browser=device.browser,
            system=device.system,
            ip_address=request.context.ip_address,
            requested_at=now(),
        )

    return {
        "finish_digest": finish.digest,
        "stop_digest": stop.digest,
        "opens_in": int(DELAY.total_seconds()),
        "expires_in": int((DELAY + OPEN_FOR).total_seconds()),
        "mails": [mail(address, reminder=False) for address in lost.addresses],
        "reminders": [mail(address, reminder=True) for address in lost.addresses],
    }


def _show(
    request: PortalRequest, flow: LoginFlow, lost: Lost, *, outcome: str | None = None, status: int = 200
) -> Response[Any]:
    return page(
        request,
        "recovery/lost.html",
        status=status,
        form_may_leave=True,
        flow_id=flow.id,
        app_name=flow.app_name,
        email=lost.email or flow.email or "",  # of somebody without an address the number
        has_mailbox=bool(lost.addresses),
        opens_at=lost.opens_at,
        outcome=outcome,
        days=DELAY.days,
    )


def _show_wish(request: PortalRequest, token: str, wish: Wish | None) -> Response[Any]:
    if request.method != "GET":
        mark_refusal(request.facts, "dead_link")
    if wish is None or wish.state in ("stopped", "over"):
        state = wish.state if wish else "unknown"
        return page(request, "recovery/lost_over.html", status=410 if wish else 404, state=state)
    device = describe_device(wish.user_agent)
    return page(
        request,
        "recovery/lost_link.html",
        token=token,
        kind=wish.kind,
        state=wish.state,
        email=wish.email,
        opens_at=wish.opens_at,
        requested_at=wish.requested_at,
        ip_address=wish.ip_address,
        browser=device.browser,
        system=device.system,
        icon=device.icon,
    )


ROUTER = Router(path="/", route_handlers=[lost_page, begin, lost_link_page, use_lost_link])

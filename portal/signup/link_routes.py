"""/link/<token>: what a mailed link shows, and the button that acts.

Mail scanners open every link, so GET and HEAD change nothing. The token leaves the address bar with the first POST:
every outcome is a redirect (ASVS 14.2.1).
"""

from typing import Any

from litestar import Response, Router, get, post
from litestar.response import Redirect

from portal.crypto.tokens import token_digest
from portal.login.finish import continue_logged_in
from portal.sessions.devices import describe_device
from portal.signup import queries, service
from portal.signup.routes import HANDLERS
from portal.web.request import PortalRequest
from portal.web.templates import page

MAX_TOKEN_LENGTH = 100  # characters; ours have 43


@get("/link/{token:str}", opt={"session": "optional"})
async def link_page(request: PortalRequest, token: str) -> Response[Any]:
    """Show what the link is for. Reads only."""
    link = await _find(request, token)
    if link is None or not link.usable:
        return _dead(request, link)
    device = describe_device(link.user_agent)
    return page(
        request,
        "signup/link.html",
        form_may_leave=True,
        token=token,
        registered=link.outcome == "already_registered",
        own_browser=link.own_browser,
        email=link.email,
        app_name=link.app_name,
        requested_at=link.requested_at,
        browser=device.browser,
        system=device.system,
    )


@post("/link/{token:str}", opt={"session": "optional"}, status_code=303)
async def use_link(request: PortalRequest, token: str) -> Response[Any]:
    """Act on the link: once, whoever presses the button first."""
    link = await _find(request, token)
    if link is None or not link.usable:
        return _dead(request, link)
    proven, session_token = await service.use_link(request, token_digest(token), link)
    if proven.outcome == "session":
        return continue_logged_in(request, session_token, proven.return_to, remembered=False)
    if proven.outcome == "choose_password":
        return Redirect(f"/signup/password?flow={proven.flow_id}", status_code=303)
    if proven.outcome == "login":
        return Redirect(f"/login?flow={proven.flow_id}", status_code=303)
    if proven.outcome == "taken":
        return Redirect("/login", status_code=303)  # somebody proved the address between two mails
    return _dead(request, await _find(request, token))


async def _find(request: PortalRequest, token: str) -> queries.Link | None:
    if len(token) > MAX_TOKEN_LENGTH:
        return None
    return await queries.find_link(
        request.portal.database, token_digest(token), request.browser_digest, request.namespace.name
    )


def _dead(request: PortalRequest, link: queries.Link | None) -> Response[Any]:
    own = link is not None and link.own_browser
    return page(
        request,
        "signup/link_dead.html",
        status=410 if link else 404,
        app_name=link.app_name if link else None,
        flow_id=link.flow_id if link and own else None,
        logged_in=request.current_session is not None,
    )


ROUTER = Router(path="/", route_handlers=[*HANDLERS, link_page, use_link])

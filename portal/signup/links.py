"""The links in sign-up mails: to confirm an address, and to the login for one that has an account."""

from typing import Any

from litestar import Response
from litestar.response import Redirect

from portal.crypto.tokens import token_digest
from portal.login.finish import continue_logged_in
from portal.login.links import Link, LinkKind, show_link_page
from portal.login.service import find_flow
from portal.signup import service
from portal.signup.admission import signup_closed
from portal.web.request import PortalRequest


async def show_link(request: PortalRequest, token: str, link: Link) -> Response[Any] | None:
    """Say what the button will do, and where the sign-up began."""
    registered = link.outcome == "already_registered"
    return show_link_page(request, "signup/link.html", token, link, registered=registered)


async def use_link(request: PortalRequest, token: str, link: Link) -> Response[Any] | None:
    """Make the account, or lead to the login."""
    # Found before the link ends it, and with it what waits in it.
    flow = await find_flow(request, link.flow_id) if link.own_browser else None
    proven, session_token = await service.use_link(request, token_digest(token), link, flow)
    if proven.outcome == "session":
        first = service.first_page(request, flow, proven.return_to)
        return continue_logged_in(request, session_token, first, remembered=False)
    if proven.outcome == "choose_password":
        return Redirect(f"/signup/password?flow={proven.flow_id}", status_code=303)
    if proven.outcome in ("login", "pending"):
        return Redirect(f"/login?flow={proven.flow_id}", status_code=303)
    if proven.outcome == "refused":
        return signup_closed(request, None)
    if proven.outcome == "taken":
        return Redirect("/login", status_code=303)  # somebody proved the address between two mails
    return None


LINKS = tuple(LinkKind(outcome, "/signup/verify", show_link, use_link) for outcome in ("signup", "already_registered"))

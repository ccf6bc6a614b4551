"""Unlocking from the mailbox: what happens when a day's tries at an address are used up in browsers it does not know.

The owner's known browsers never get here. In a new one the password is not even looked at; a mailed link gives the
browser that it is opened in tries of its own (authn.begin_unlock), the same words and work for every address.
"""

import secrets
from datetime import timedelta
from typing import Any
from uuid import uuid4

from litestar import Response
from litestar.response import Redirect

from portal.crypto.tokens import new_token, token_digest
from portal.login import queries
from portal.login.flow import LOGIN_FLOW_VALID_FOR, LoginFlow
from portal.login.links import Link, LinkKind, show_link_page
from portal.login.mailed_proof import sealed_mail
from portal.login.service import flow_page_gone
from portal.sessions.devices import describe_device
from portal.web.pages import page
from portal.web.request import PortalRequest

LINK_VALID_FOR = timedelta(hours=1)  # three mails an hour: whoever asked for them, the owner has one that works


async def answer_locked(request: PortalRequest, flow: LoginFlow | None, email: str, retry_after: int) -> Response[Any]:
    """Mail the link and say so. `retry_after`: seconds until it goes on without one."""
    begun = await queries.begin_unlock(
        request.portal.database, _draft(request, flow, email), request.context.as_actor(), request.namespace.name
    )
    if begun.outcome == "gone":
        return await flow_page_gone(request, flow)
    response = page(
        request,
        "login/unlock_sent.html",
        status=429,
        form_may_leave=True,
        flow_id=flow.id if flow else begun.flow_id,
        app_name=flow.app_name if flow else None,
        email=email,
    )
    response.headers["retry-after"] = str(retry_after)
    return response


async def show_unlock(request: PortalRequest, token: str, link: Link) -> Response[Any]:
    """Say what the button will do, and who asked."""
    return show_link_page(request, "login/unlock.html", token, link)


async def use_unlock(request: PortalRequest, token: str, link: Link) -> Response[Any] | None:
    """Give this browser tries of its own and lead to the password: on the way to the same app."""
    flow_id = await queries.use_unlock_link(
        request.portal.database,
        token_digest(token),
        request.ensure_browser(),
        link.elsewhere(),
        request.context.as_actor(),
        request.namespace.name,
    )
    return Redirect(f"/login?flow={flow_id}", status_code=303) if flow_id else None


def _draft(request: PortalRequest, flow: LoginFlow | None, email: str) -> dict[str, Any]:
    link = new_token()
    device = describe_device(request.context.user_agent)
    values: dict[str, Any] = {
        "app_name": flow.app_name if flow else None,
        "link": f"{request.namespace.origin}/link/{link.raw}",
        "link_minutes": int(LINK_VALID_FOR.total_seconds() // 60),
    }
    return {
        "flow_id": flow.id if flow else None,
        "browser_digest": request.ensure_browser(),
        "email": email,
        "verification_id": str(uuid4()),
        "impossible_digest": secrets.token_hex(32),
        "link_digest": link.digest,
        "link_expires_in": int(LINK_VALID_FOR.total_seconds()),
        "expires_in": int(LOGIN_FLOW_VALID_FOR.total_seconds()),
        "mail_unlock": sealed_mail(
            request,
            "login_unlock",
            email,
            browser=device.browser,
            system=device.system,
            ip_address=request.context.ip_address,
            **values,
        ),
        "mail_disabled": sealed_mail(request, "login_disabled", email, **values),
        "mail_other": sealed_mail(
            request,
            "login_not_possible",
            email,
            signup_open=request.namespace.policy.signup == "open",
            **values,
        ),
    }


LINKS = (LinkKind("unlock", "/login", show_unlock, use_unlock),)

"""The links in login mails: to log in, and to the sign-up for an address without an account.

In the browser that asked the button logs in. Anywhere else it logs nobody in: a link can be forwarded, opened by a
stranger's request, or fished for. There the person types the two digits that the asking screen shows (one try).
"""

import hmac
import re
from typing import Any

from litestar import Response
from litestar.response import Redirect

from portal.crypto.tokens import token_digest
from portal.login.links import Link, LinkKind, show_link_page
from portal.login.mailed_proof import approval_digits, sealed_mail
from portal.login.service import find_flow
from portal.methods.email_code import queries, service
from portal.sessions.devices import describe_device
from portal.web.forms import read_form
from portal.web.locale import mark
from portal.web.pages import messages
from portal.web.request import PortalRequest

DIGITS_MALFORMED = mark("Enter the two digits that the other screen shows.")


async def show_login_link(request: PortalRequest, token: str, link: Link) -> Response[Any] | None:
    """Show which device asks, and the button or the question."""
    account = await queries.get_mail_login_account(
        request.portal.database, link.verification_id, request.namespace.name
    )
    return _login_link(request, token, link, account) if account else None


async def use_login_link(request: PortalRequest, token: str, link: Link) -> Response[Any] | None:
    """Log in the browser that asked, or take the answer about it."""
    form = await read_form(request)
    account = await queries.get_mail_login_account(
        request.portal.database, link.verification_id, request.namespace.name
    )
    if account is None:
        return None
    if form.text("answer") == "deny":
        return await _answer(request, token, link, "deny")
    if link.own_browser:
        flow = await find_flow(request, link.flow_id)
        if flow is None:
            return None
        proof = {"kind": "link", "verification_id": link.verification_id, "link_digest": token_digest(token)}
        return await service.complete_with_proof(request, flow, account, proof, remembered=flow.remembered)
    digits = form.text("digits")
    if account.has_second_factor or not re.fullmatch(r"[0-9]{2}", digits):
        return _login_link(request, token, link, account, error=DIGITS_MALFORMED)
    expected = approval_digits(request, link.verification_id)
    return await _answer(request, token, link, "approve" if hmac.compare_digest(digits, expected) else "mismatch")


async def show_no_account(request: PortalRequest, token: str, link: Link) -> Response[Any] | None:
    """Say that there is no account, and offer to make one where anybody may."""
    if request.namespace.policy.signup != "open":
        return None
    return show_link_page(request, "methods/email_code/no_account.html", token, link)


async def use_no_account(request: PortalRequest, token: str, link: Link) -> Response[Any] | None:
    """Lead to the sign-up, on the way to the same app."""
    if request.namespace.policy.signup != "open":
        return None
    flow_id = await queries.leave_login_link(
        request.portal.database,
        token_digest(token),
        request.ensure_browser(),
        link.elsewhere(),
        request.namespace.name,
    )
    return Redirect(f"/signup?flow={flow_id}", status_code=303) if flow_id else None


async def _answer(request: PortalRequest, token: str, link: Link, answer: str) -> Response[Any] | None:
    device = describe_device(link.user_agent)
    warning = sealed_mail(
        request,
        "login_denied",
        link.email,
        app_name=link.app_name,
        browser=device.browser,
        system=device.system,
        requested_at=link.requested_at,
        ip_address=link.ip_address,
    )
    noted = await queries.answer_login_link(
        request.portal.database,
        token_digest(token),
        answer,
        warning,
        request.context.as_actor(),
        request.namespace.name,
    )
    return Redirect(f"/login/code/answered/{answer}", status_code=303) if noted else None


def _login_link(
    request: PortalRequest, token: str, link: Link, account: queries.Account, *, error: str | None = None
) -> Response[Any]:
    return show_link_page(
        request,
        "methods/email_code/link.html",
        token,
        link,
        status=422 if error else 200,
        can_approve=not account.has_second_factor,
        **messages(request, {"digits": error} if error else None, None),
    )


LINKS = (
    LinkKind("login", "/login/code", show_login_link, use_login_link),
    LinkKind("login_not_possible", "/login", show_no_account, use_no_account),
)

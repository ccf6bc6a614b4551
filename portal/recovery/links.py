"""The link in a recovery mail: it proves the mailbox, and its button leads to the new password."""

from typing import Any

from litestar import Response
from litestar.response import Redirect

from portal.crypto.tokens import token_digest
from portal.login.links import Link, LinkKind, show_link_page
from portal.recovery import queries
from portal.web.request import PortalRequest


async def show_link(request: PortalRequest, token: str, link: Link) -> Response[Any] | None:
    """Say what the button will do, and where the recovery began."""
    return show_link_page(request, "recovery/link.html", token, link)


async def use_link(request: PortalRequest, token: str, link: Link) -> Response[Any] | None:
    """Note the proof, in the flow that asked or, in another browser, in a fresh one that leads to the same app."""
    flow_id = await queries.use_recovery_link(
        request.portal.database,
        token_digest(token),
        request.ensure_browser(),
        link.elsewhere(),
        request.context.as_actor(),
        request.namespace.name,
    )
    return Redirect(f"/recover/password?flow={flow_id}", status_code=303) if flow_id else None


LINKS = (LinkKind("recovery", "/recover/verify", show_link, use_link),)

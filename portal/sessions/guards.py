"""Who is logged in: resumes the session of the cookie on routes that ask for it.

A route says in its opt `session="optional"` or `session="required"`; without either no query is made.
"""

from typing import Any, cast

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from portal.sessions.cookie import SESSION_COOKIE, clear_session_cookie, session_digest
from portal.sessions.queries import resume_session
from portal.web.refusals import mark_refusal
from portal.web.request import PortalRequest


class LoginRequired(Exception):
    """The page needs a login; answered with a redirect there and back."""


async def load_session(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Resume the session where the route asks for one.

    Raises:
        LoginRequired: when the route requires a session and there is none.
    """
    wanted = handler.opt.get("session")
    if wanted is None:
        return
    request = cast(PortalRequest, connection)
    digest = session_digest(request)
    session = await resume_session(request.portal.database, digest, request.namespace.name) if digest else None
    request.facts["session"] = session
    if digest and session is None and SESSION_COOKIE not in request.facts.get("cookies", {}):
        clear_session_cookie(request)
    if session is None and (digest or (wanted == "required" and request.method != "GET")):
        mark_refusal(request.facts, "dead_session" if digest else "no_session")
    if session is None and wanted == "required":
        raise LoginRequired

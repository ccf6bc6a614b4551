"""The session cookie: an opaque token of 256 random bits. The database knows only its digest."""

from typing import Any

from litestar.connection import ASGIConnection

from portal.crypto.tokens import token_digest
from portal.web.cookies import read_cookie
from portal.web.request import PortalRequest

SESSION_COOKIE = "portal_session"


def session_digest(connection: ASGIConnection[Any, Any, Any, Any]) -> str | None:
    """Return the digest of the session token that the browser sent, or None."""
    raw = read_cookie(connection, SESSION_COOKIE)
    return token_digest(raw) if raw else None


def set_session_cookie(request: PortalRequest, raw: str, *, remembered: bool) -> None:
    """Give the browser its session: for as long as it may last with "stay logged in", else until the browser closes."""
    max_age = request.namespace.policy.session_absolute_hours * 3600 if remembered else None
    request.set_cookie(SESSION_COOKIE, raw, max_age=max_age)


def clear_session_cookie(request: PortalRequest) -> None:
    """Take the session cookie back."""
    request.set_cookie(SESSION_COOKIE, "", max_age=0)

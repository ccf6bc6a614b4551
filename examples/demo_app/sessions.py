"""Who is logged in to this app: opaque tokens in a cookie, the rest in memory. A restart logs everybody out."""

import secrets
import time
from dataclasses import dataclass

from openid import VerifiedLogin

SESSION_VALID_FOR = 12 * 3600  # seconds
MOST_SESSIONS = 10_000  # the oldest goes first


@dataclass(frozen=True)
class Session:
    """One logged-in browser."""

    login: VerifiedLogin
    expires_at: float


_sessions: dict[str, Session] = {}


def start_session(login: VerifiedLogin) -> str:
    """Return the new session's token."""
    while len(_sessions) >= MOST_SESSIONS:
        _sessions.pop(next(iter(_sessions)))
    token = secrets.token_urlsafe(32)
    _sessions[token] = Session(login, time.monotonic() + SESSION_VALID_FOR)
    return token


def resume_session(token: str | None) -> Session | None:
    """Return the session of a token, while it lasts."""
    session = _sessions.get(token or "")
    return session if session and session.expires_at > time.monotonic() else None


def end_session(token: str | None) -> Session | None:
    """Forget a session and return what it was."""
    return _sessions.pop(token or "", None)

"""Who is logged in to this app: opaque tokens in a cookie, the rest in memory. A restart logs everybody out."""

import asyncio
import secrets
import time
from dataclasses import dataclass, field

from openid import VerifiedLogin, refresh_login

SESSION_VALID_FOR = 12 * 3600  # seconds
MOST_SESSIONS = 10_000  # the oldest goes first


@dataclass
class Session:
    """One logged-in browser."""

    login: VerifiedLogin
    expires_at: float
    _refreshing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def refresh(self) -> None:
        """Renew the login at the provider, once however many tabs ask at the same time.

        Raises:
            LoginRefused, LoginEnded: as `refresh_login` does.
        """
        known = self.login
        async with self._refreshing:
            if self.login is known:
                self.login = await refresh_login(known)


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


def end_sessions_of(sid: str) -> int:
    """Forget what came from one login at the provider, in whatever browser; return how many there were."""
    tokens = [token for token, session in _sessions.items() if session.login.id_token_claims.get("sid") == sid]
    for token in tokens:
        del _sessions[token]
    return len(tokens)


def end_session(token: str | None) -> Session | None:
    """Forget a session and return what it was."""
    return _sessions.pop(token or "", None)

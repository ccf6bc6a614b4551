"""The typed request: namespace, session, language, browser and the context that every log line and audit row carries.

What belongs to one request lives in the ASGI scope's state, so that the gate, guards and handlers see the same values.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, cast

from litestar import Request
from litestar.datastructures import State

from portal.crypto.tokens import new_token, token_digest
from portal.web.cookies import cookie_header, cookie_name, read_cookie
from portal.web.policy import Policy

if TYPE_CHECKING:
    from portal.crypto.sealing import Sealer
    from portal.db.engine import Database
    from portal.settings import Settings
    from portal.web.templates import Templates

BROWSER_COOKIE = "portal_browser"
BROWSER_COOKIE_VALID_FOR = 400 * 24 * 3600  # seconds; the longest that browsers keep a cookie


@dataclass(frozen=True, slots=True)
class Namespace:
    """One tenant as its visitors see it: host, name, look, links and policy."""

    name: str
    origin: str  # "https://login.example.com"; every absolute URL is built from it, never from the Host header
    display_name: str = "Portal"
    logo: str | None = None  # own path
    accent: str | None = None  # "#3456d0"; None = the default tokens
    color_scheme: Literal["system", "light", "dark"] = "system"
    support_email: str | None = None
    help_url: str | None = None
    terms_url: str | None = None
    privacy_url: str | None = None
    mail_sender_name: str | None = None
    policy: Policy = field(default_factory=Policy)

    @property
    def secure(self) -> bool:
        """Whether browsers reach it over TLS."""
        return self.origin.startswith("https://")


@dataclass(frozen=True, slots=True)
class CurrentSession:
    """The session that the request's cookie resumed."""

    session_id: str
    user_id: str
    email: str | None
    email_verified: bool
    name: str | None
    auth_time: datetime
    amr: tuple[str, ...]
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class RequestContext:
    """Who asks, as far as the network shows it."""

    request_id: str
    ip_address: str
    user_agent: str  # cut to 400 characters, control characters removed

    def as_actor(self, user_id: str | None = None) -> dict[str, str]:
        """Return the `p_actor` argument of SQL functions that write audit events."""
        return {
            "actor_id": f"user:{user_id}" if user_id else "anonymous",
            "request_id": self.request_id,
            "ip_address": self.ip_address,
            "user_agent": self.user_agent,
        }


@dataclass(slots=True)
class Portal:
    """What the process made once at start and every request uses."""

    settings: "Settings"
    database: "Database"
    sealer: "Sealer"
    templates: "Templates"


class PortalRequest(Request[Any, Any, State]):
    """A request to the portal. Litestar makes one for each call (`request_class`)."""

    __slots__ = ()

    @property
    def portal(self) -> Portal:
        """What the process made once at start."""
        return cast(Portal, self.app.state.portal)

    @property
    def facts(self) -> dict[str, Any]:
        """The values of this one request that gate and guards left."""
        return self.scope["state"]

    @property
    def namespace(self) -> Namespace:
        """The namespace of the Host header, found by the gate."""
        return cast(Namespace, self.facts["namespace"])

    @property
    def context(self) -> RequestContext:
        """Request id, address and user agent."""
        return cast(RequestContext, self.facts["context"])

    @property
    def language(self) -> str:
        """The language of the answer, a BCP 47 tag."""
        return cast(str, self.facts.get("language", "en"))

    @property
    def current_session(self) -> CurrentSession | None:
        """The session, on routes that look for one (`session` in the route's opt)."""
        return cast("CurrentSession | None", self.facts.get("session"))

    @property
    def required_session(self) -> CurrentSession:
        """The session, on routes that require one."""
        session = self.current_session
        if session is None:
            raise RuntimeError("a route that uses required_session needs opt session='required'")
        return session

    @property
    def browser_digest(self) -> str | None:
        """SHA-256 of the browser cookie, or None for a browser that sent none. It is never a login."""
        if "browser_digest" not in self.facts:
            raw = read_cookie(self, BROWSER_COOKIE)
            self.facts["browser_digest"] = token_digest(raw) if raw else None
        return cast("str | None", self.facts["browser_digest"])

    def ensure_browser(self) -> str:
        """Return the browser digest, giving the browser its cookie with this answer when it has none."""
        digest = self.browser_digest
        if digest is None:
            token = new_token()
            digest = self.facts["browser_digest"] = token.digest
            self.set_cookie(BROWSER_COOKIE, token.raw, max_age=BROWSER_COOKIE_VALID_FOR)
        return digest

    def set_cookie(self, name: str, value: str, *, max_age: int | None = None) -> None:
        """Set a cookie with this answer, whatever the answer is; `max_age` 0 deletes it, None ends with the browser."""
        secure = self.namespace.secure
        header = cookie_header(cookie_name(name, secure=secure), value, secure=secure, max_age=max_age)
        self.facts.setdefault("cookies", {})[name] = header

    @property
    def wants_json(self) -> bool:
        """Whether a program asks, so that an error is better told in JSON."""
        accept = self.headers.get("accept", "")
        return "application/json" in accept and "text/html" not in accept

    @property
    def from_htmx(self) -> bool:
        """Whether HTMX asks for a fragment."""
        return self.headers.get("hx-request") == "true"

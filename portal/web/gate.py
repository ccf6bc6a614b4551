"""The outermost layer, plain ASGI: host rule, request id, client address, security headers, cookies, access log.

It wraps the whole application, so that no answer, error or static file leaves without it.
"""

import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.handlers import BaseRouteHandler
from litestar.types import ASGIApp, HTTPScope, Message, Receive, ReceiveMessage, Scope, Send

from portal.db.engine import DatabaseUnavailable
from portal.settings import Network
from portal.web.client_address import client_address
from portal.web.error_pages import last_resort
from portal.web.locale import choose_language
from portal.web.logging import bind_request, get_logger
from portal.web.metrics import metrics
from portal.web.popup import OPENER_KEPT, keeps_opener
from portal.web.refusals import Refusals, mark_refusal
from portal.web.request import Namespace, RequestContext
from portal.web.security_headers import with_security_headers

USER_AGENT_MAX_LENGTH = 400  # characters kept; the rest is noise or an attack on the log
CLIENT_GONE = 499  # no status of HTTP: what nginx logs for a client that hung up before its request was whole
EXEMPT_FROM_HOST_RULE = frozenset({"/livez", "/readyz"})  # probes call by address

FindNamespace = Callable[[str], Awaitable[Namespace | None]]

log = get_logger("portal.request")


class Gate:
    """ASGI wrapper around the Litestar application."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        find_namespace: FindNamespace,
        fallback: Namespace,
        trusted: tuple[Network, ...],
        refusals: Refusals,
    ) -> None:
        """Wrap `app`. `fallback` serves probes and the refusals of unknown hosts."""
        self.app = app
        self._find_namespace = find_namespace
        self._fallback = fallback
        self._trusted = trusted
        self._refusals = refusals
        self._ending = False

    @property
    def secure(self) -> bool:
        """Whether browsers reach us over TLS."""
        return self._fallback.secure

    def announce_end(self) -> None:
        """Tell the proxy to go elsewhere: /readyz answers 503, and every answer is the last on its connection."""
        self._ending = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != ScopeType.HTTP:
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        method = scope["method"]
        # HEAD is answered as GET is; the server sends no body for it (RFC 9110 9.3.2). A copy: the server reads its.
        scope = cast(HTTPScope, {**scope, "method": "GET" if method == "HEAD" else method})
        facts = self._prepare(scope)
        status, begun, gone = 500, False, False

        async def listen() -> ReceiveMessage:
            nonlocal gone
            message = await receive()
            gone = gone or (message["type"] == "http.disconnect" and not begun)
            return message

        async def answer(message: Message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                status = message["status"]
                await self._refusals.note(status, facts)
                begun = True
                headers = [(bytes(name), bytes(value)) for name, value in message["headers"]]
                headers += [(b"set-cookie", cookie) for cookie in facts.get("cookies", {}).values()]
                headers.append((b"x-request-id", facts["context"].request_id.encode()))
                if keeps_opener(scope):
                    headers.append(OPENER_KEPT)
                if self._ending:
                    headers.append((b"connection", b"close"))
                message["headers"] = with_security_headers(headers, secure=facts["namespace"].secure)
            await send(message)

        try:
            refusal = await self._refusal(scope, facts)
            with bind_request(facts["context"].request_id, facts["namespace"].name):
                if refusal:
                    await last_resort(*refusal)(scope, listen, answer)
                else:
                    await self.app(scope, listen, answer)
        except Exception as error:
            # Outside of the application's own error pages; the server's bare answer would have none of our headers.
            if begun:
                raise
            log.exception("unhandled_fault", error=error)
            await last_resort(500, "Something went wrong on our side. Please try again.")(scope, listen, answer)
        finally:
            # Nobody was left to be answered: counted as a fault of ours, any stranger could raise the alarm.
            self._finish(scope, facts, method, CLIENT_GONE if gone else status, time.perf_counter() - started)

    def _finish(self, scope: HTTPScope, facts: dict[str, Any], method: str, status: int, seconds: float) -> None:
        route = str(scope.get("path_template") or "-")
        metrics().request(route, method, status, seconds)
        log.info(
            "request",
            request_id=facts["context"].request_id,
            namespace=facts["namespace"].name,
            method=method,
            route=route,
            status=status,
            ms=round(seconds * 1000, 1),
        )

    def _prepare(self, scope: HTTPScope) -> dict[str, Any]:
        headers = scope["headers"]
        agent = next((value for name, value in headers if name == b"user-agent"), b"").decode("latin-1")
        language = next((value for name, value in headers if name == b"accept-language"), b"").decode("latin-1")
        forwarded = [value.decode("latin-1") for name, value in headers if name == b"x-forwarded-for"]
        client = scope.get("client")
        peer = client[0] if client else ""
        facts: dict[str, Any] = dict(scope.get("state") or {})
        facts |= {
            "namespace": self._fallback,
            "ending": self._ending,
            "language": choose_language(language),
            "context": RequestContext(
                request_id=secrets.token_hex(8),
                ip_address=client_address(peer, tuple(forwarded), self._trusted),
                user_agent=_printable(agent[:USER_AGENT_MAX_LENGTH]),
            ),
        }
        scope["state"] = facts
        return facts

    async def _refusal(self, scope: HTTPScope, facts: dict[str, Any]) -> tuple[int, str] | None:
        """Return status and text when the request must not reach the application."""
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1:
            # uvicorn lets both pass; two readers that pick different ones is how mails get a foreign address.
            mark_refusal(facts, "not_one_host")
            return 400, "The request must name one host."
        if scope["path"] in EXEMPT_FROM_HOST_RULE:
            return None
        try:
            namespace = await self._find_namespace(hosts[0].decode("latin-1").lower())
        except DatabaseUnavailable as error:
            # Whose host this is cannot be told now. The guard below answers with a page that looks like the portal.
            facts["outage"] = error
            return None
        if namespace is None:
            return 421, "There is nothing at this address."
        facts["namespace"] = namespace
        return None


def _printable(text: str) -> str:
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def refuse_during_outage(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Answer 503 while the namespace cannot be found, but for what needs none (opt `works_in_outage`)."""
    outage = connection.scope["state"].get("outage")
    if outage and not handler.opt.get("works_in_outage"):
        raise outage

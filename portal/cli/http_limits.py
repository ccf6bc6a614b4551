"""Limits on what one connection may send and how slowly, which uvicorn leaves to a front proxy.

Without them a few hundred connections that send one byte a minute, or one header of a gigabyte, take the portal down
(CWE-400). HTTP/1.1: RFC 9112, 431: RFC 6585 section 5. https://www.rfc-editor.org/rfc/rfc6585#section-5
"""

import asyncio
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from portal.web.security_headers import with_security_headers

HEAD_MAX_SIZE = 32 * 1024  # bytes of request line and headers; our longest honest request has a tenth of it
HEAD_WITHIN = 10.0  # seconds from the first byte, or from the connection, to the end of the headers
FIRST_REQUEST_WITHIN = 1.0  # seconds that a new connection has to send its request when the server is leaving
BODY_WITHIN = 20.0  # seconds from the end of the headers to the end of the body; forms are a few kilobytes


class HeadTooLarge(Exception):
    """Raised inside the parser's callbacks to end the parsing."""


class ForeignTarget(Exception):
    """The request line names another host than the Host header. Raised inside a callback, as HeadTooLarge is."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """uvicorn's httptools protocol with a bound on the size of the head and on the time of head and body."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_size = 0
        self._in_head = True
        self._deadline: asyncio.TimerHandle | None = None
        self._began = False  # a request has come
        self._leaving = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the clock: a connection that says nothing is ended like one that says it slowly."""
        super().connection_made(transport)  # type: ignore[arg-type]
        self._expect_within(HEAD_WITHIN)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_clock()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, unless the head grew too large before it ended."""
        super().data_received(data)
        # A header that never ends reaches none of the callbacks below, so unfinished bytes are counted here.
        if self._in_head and not self.transport.is_closing():
            self._head_size += len(data)
            if self._head_size > HEAD_MAX_SIZE:
                self._refuse(431, "The request has more headers than any browser sends.")

    def on_message_begin(self) -> None:
        """Begin to count anew."""
        super().on_message_begin()
        self._head_size, self._in_head = 0, True
        self._expect_within(HEAD_WITHIN)

    def on_url(self, url: bytes) -> None:
        """Take a part of the request target."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one header."""
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Give the body its time. A head that names two hosts is refused: no two readers may pick different ones."""
        if not self.url.startswith((b"/", b"*")) and target_host(self.url) not in self._hosts():
            raise ForeignTarget
        self._in_head = False
        self._expect_within(BODY_WITHIN)
        super().on_headers_complete()
        self._began = True
        if self._leaving:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """Stop the clock: the rest is our own time."""
        self._stop_clock()
        super().on_message_complete()

    def shutdown(self) -> None:
        """End the connection because the server is leaving, but not before the first answer of a new one.

        Whoever has just connected has a request on the way. To close now would lose it, and no client repeats a form.
        """
        if self._began or self.transport.is_closing():
            super().shutdown()
        else:
            self._leaving = True
            self._expect_within(FIRST_REQUEST_WITHIN)

    def send_400_response(self, msg: str) -> None:
        """Answer what the parser refused, with the headers that every answer of ours has."""
        if self._head_size > HEAD_MAX_SIZE:
            self._refuse(431, "The request has more headers than any browser sends.")
        else:
            self._refuse(400, "This is no HTTP request that we understand.")

    def _hosts(self) -> set[bytes]:
        return {value.lower() for name, value in self.headers if name == b"host"}

    def _count(self, size: int) -> None:
        self._head_size += size
        if self._head_size > HEAD_MAX_SIZE:
            raise HeadTooLarge

    def _refuse(self, status: int, text: str) -> None:
        if self.transport.is_closing():
            return
        body = text.encode()
        headers = [
            *self.server_state.default_headers,
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        secure = bool(getattr(self.app, "secure", False))
        lines = [name + b": " + value + b"\r\n" for name, value in with_security_headers(headers, secure=secure)]
        self.transport.write(b"".join([STATUS_LINE[status], *lines, b"\r\n", body]))
        self.transport.close()

    def _expect_within(self, seconds: float) -> None:
        self._stop_clock()
        self._deadline = self.loop.call_later(seconds, self._too_slow)

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        # Closed without an answer: a client that sends this slowly reads as slowly.
        if not self.transport.is_closing():
            self.transport.abort()


def target_host(url: bytes) -> bytes | None:
    """Return the host of an absolute request target as a Host header has it; None where it has none.

    RFC 9112 section 3.2.2, https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2
    """
    parsed = httptools.parse_url(url)
    if not parsed.schema or not parsed.host:
        return None
    host = b"[%s]" % parsed.host if b":" in parsed.host else parsed.host
    return (b"%s:%d" % (host, parsed.port) if parsed.port else host).lower()

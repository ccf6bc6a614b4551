"""One new connection at a time, and a breath before the next, so that workers behind one socket share a burst of them.

libuv takes every connection that waits as soon as one worker wakes up. Sixteen that come at once, as from a proxy, then
stay with one worker for as long as they are kept alive, and the other cores look on.
https://docs.libuv.org/en/v1.x/stream.html#c.uv_listen
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import uvloop

from portal.web.logging import get_logger

BREATH = 0.001  # seconds in which another worker may take the next one; a worker answers fewer requests a second anyway
FULL_PAUSE = 0.5  # seconds without accepting after the system had no more files to give

log = get_logger("portal.serve")


class Acceptor:
    """A listening socket that gives up one connection at a time: what uvicorn uses of an asyncio server."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, protocol_factory: Callable[[], asyncio.BaseProtocol], listener: Any
    ) -> None:
        self._loop = loop
        self._protocol_factory = protocol_factory
        self._listener: socket.socket = listener
        self._connecting: set[asyncio.Task[Any]] = set()
        self._serving = False

    def start(self) -> None:
        """Accept from now on."""
        self._serving = True
        self._loop.add_reader(self._listener.fileno(), self._accept)

    def close(self) -> None:
        """Accept no more; what was accepted goes on."""
        if self._serving:
            self._serving = False
            self._loop.remove_reader(self._listener.fileno())

    async def wait_closed(self) -> None:
        """Wait until the last accepted connection has its protocol."""
        if self._connecting:
            await asyncio.wait(self._connecting)

    def _accept(self) -> None:
        try:
            connection, _address = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # another worker was quicker, or the caller has hung up
        except OSError as error:
            # The waiting connection would wake this loop again at once, and it would do nothing else.
            log.error("cannot_accept", error=error.strerror)
            self._pause(FULL_PAUSE)
            return
        self._pause(BREATH)
        connection.setblocking(False)
        task = self._loop.create_task(self._loop.connect_accepted_socket(self._protocol_factory, connection))
        self._connecting.add(task)
        task.add_done_callback(self._connected)

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self._listener.fileno())
        self._loop.call_later(seconds, self._resume)

    def _resume(self) -> None:
        if self._serving:
            self.start()

    def _connected(self, task: "asyncio.Task[Any]") -> None:
        self._connecting.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.warning("connection_failed", error=str(task.exception()))


class Loop(uvloop.Loop):
    """uvloop, with that acceptor for the sockets that a parent process hands down."""

    async def create_server(self, protocol_factory: Any, *arguments: Any, **options: Any) -> Any:
        """Serve a listening socket; everything else is left to uvloop."""
        listener, backlog = options.get("sock"), options.get("backlog", 100)
        if listener is None or options.get("ssl") is not None:
            return await super().create_server(protocol_factory, *arguments, **options)
        listener.setblocking(False)
        listener.listen(backlog)
        acceptor = Acceptor(self, protocol_factory, listener)
        acceptor.start()
        return acceptor


def event_loop() -> asyncio.AbstractEventLoop:
    """Return the event loop of a server process."""
    return Loop()

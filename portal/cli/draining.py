"""Leaving without a lost request: `portal serve` announces its end to the proxy before it stops listening.

A proxy learns from /readyz that a server is going, but only at its next look. So on SIGTERM a server first says it
(SIGUSR1 to each worker: /readyz answers 503, every answer closes its connection) and goes on serving for a few
seconds; when it then closes its socket nobody comes any more. SIGHUP replaces the workers one by one behind the one
socket: that needs no announcement, since the others serve on. https://www.rfc-editor.org/rfc/rfc9112#section-9.6
"""

import asyncio
import os
import signal
import socket
import time

import uvicorn
from uvicorn.supervisors import Multiprocess

from portal.app import app_from_environment
from portal.web.gate import Gate

ANNOUNCE = signal.SIGUSR1
ANNOUNCED_FOR = 3.0  # seconds; a proxy that looks every second and believes the second look has turned away by then


def application() -> Gate:
    """Build the application of one server process, which ANNOUNCE then takes out of the proxy's rotation."""
    gate = app_from_environment()
    signal.signal(ANNOUNCE, lambda _signal, _frame: gate.announce_end())
    return gate


class SingleServer(uvicorn.Server):
    """The one server process where there is only one."""

    def __init__(self, config: uvicorn.Config, *, announces: bool) -> None:
        super().__init__(config)
        self._announces = announces

    async def main_loop(self) -> None:
        """Serve until told to stop, and then until the proxy has noticed."""
        await super().main_loop()
        if not self._announces or signal.SIGTERM not in self._captured_signals:
            return  # Ctrl-C: somebody waits at a terminal
        os.kill(os.getpid(), ANNOUNCE)
        deadline = time.monotonic() + ANNOUNCED_FOR
        # Looked at and not waited for: what a second signal changes is set by its handler, outside the event loop.
        while time.monotonic() < deadline and len(self._captured_signals) == 1:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


class Workers(Multiprocess):
    """The parent of several server processes that share a socket."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket], *, announces: bool) -> None:
        super().__init__(config, sockets)
        self._announces = announces
        self._terminated = False

    def handle_term(self) -> None:
        """Stop, announced."""
        super().handle_term()
        self._terminated = True

    def handle_usr1(self) -> None:
        """Hand the announcement on."""
        for process in self.processes:
            if process.pid is not None and process.exitcode is None:
                os.kill(process.pid, ANNOUNCE)

    def terminate_all(self) -> None:
        """Announce the end, wait, and then end the workers."""
        if self._announces and self._terminated:
            self.handle_usr1()
            deadline = time.monotonic() + ANNOUNCED_FOR
            while time.monotonic() < deadline and not self.signal_queue:  # a second signal: at once
                time.sleep(0.1)
        super().terminate_all()

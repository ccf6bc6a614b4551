"""Workers behind one socket share a burst of connections."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest

from portal.cli import accepting
from portal.cli.accepting import Acceptor, event_loop

BURST = 5


class Greeter(asyncio.Protocol):
    def connection_made(self, transport: Any) -> None:
        transport.write(b"hello")


class NoFilesLeft:
    """A listening socket whose first call is refused by the system."""

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.refused = False

    def fileno(self) -> int:
        return self.listener.fileno()

    def accept(self) -> object:
        if not self.refused:
            self.refused = True
            raise OSError(errno.EMFILE, "Too many open files")
        return self.listener.accept()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        bound.setblocking(False)
        yield bound


@pytest.fixture
def burst(listener: socket.socket) -> Iterator[list[socket.socket]]:
    """Connections that wait already when somebody looks."""
    callers = [socket.create_connection(listener.getsockname(), timeout=5) for _ in range(BURST)]
    yield callers
    for caller in callers:
        caller.close()


def run(work: Coroutine[Any, Any, int]) -> int:
    """Run in the event loop of a server process."""
    with asyncio.Runner(loop_factory=event_loop) as runner:
        return runner.run(work)


async def greeted(callers: list[socket.socket]) -> int:
    """Count those who have an answer."""
    count = 0
    for caller in callers:
        caller.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            count += caller.recv(5) == b"hello"
    return count


def test_the_next_connection_is_left_to_the_other_workers_for_a_moment(
    listener: socket.socket, burst: list[socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accepting, "BREATH", 60)

    async def work() -> int:
        server = await asyncio.get_running_loop().create_server(Greeter, sock=listener)
        await asyncio.sleep(0.1)
        server.close()
        await server.wait_closed()
        return await greeted(burst)

    assert run(work()) == 1


def test_one_worker_alone_takes_them_all(listener: socket.socket, burst: list[socket.socket]) -> None:
    async def work() -> int:
        server = await asyncio.get_running_loop().create_server(Greeter, sock=listener)
        count, tries = 0, 0
        while count < BURST and tries < 500:
            await asyncio.sleep(0.01)
            count, tries = count + await greeted(burst), tries + 1
        server.close()
        return count

    assert run(work()) == BURST


def test_a_system_without_files_is_asked_again_later(
    listener: socket.socket, burst: list[socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accepting, "FULL_PAUSE", 0.01)

    async def work() -> int:
        poor = NoFilesLeft(listener)
        acceptor = Acceptor(asyncio.get_running_loop(), Greeter, poor)
        acceptor.start()
        count, tries = 0, 0
        while count < BURST and tries < 500:
            await asyncio.sleep(0.01)
            count, tries = count + await greeted(burst), tries + 1
        acceptor.close()
        assert poor.refused
        return count

    assert run(work()) == BURST

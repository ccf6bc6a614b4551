"""The load generator: HTTP/1.1 over keep-alive connections with next to no work of its own.

A full HTTP client costs more per request than the servers it would measure.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import cast
from urllib.parse import urlencode

ANSWER_WITHIN = 30.0  # seconds
BROWSER_HEADERS = {
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "accept-language": "en-GB,en;q=0.5",
    "accept-encoding": "gzip, deflate",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; `body` is as it came over the wire, so compressed where it was."""

    status: int
    head: str
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the first header of that name."""
        return next((value for key, value in self.headers() if key == name), None)

    def headers(self) -> list[tuple[str, str]]:
        """Return all headers, names in lower case."""
        pairs = (line.partition(":") for line in self.head.split("\r\n")[1:])
        return [(name.lower(), value.strip()) for name, _, value in pairs]

    def cookies(self) -> dict[str, str]:
        """Return the cookies that it sets."""
        jar = SimpleCookie()
        for name, value in self.headers():
            if name == "set-cookie":
                jar.load(value)
        return {name: morsel.value for name, morsel in jar.items()}


class Connection(asyncio.Protocol):
    """One keep-alive connection; opened again when the server has closed it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._waiter: asyncio.Future[Answer] | None = None

    async def send(self, request: bytes) -> Answer:
        """Send one request and return its answer."""
        loop = asyncio.get_running_loop()
        if self._transport is None or self._transport.is_closing():
            await loop.create_connection(lambda: self, "127.0.0.1", self._port)
        assert self._transport is not None
        self._waiter = loop.create_future()
        self._transport.write(request)
        return await asyncio.wait_for(self._waiter, ANSWER_WITHIN)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._buffer.clear()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(exc or ConnectionResetError("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        lowered = self._buffer[:end].lower()
        at = lowered.find(b"\r\ncontent-length:")
        if at >= 0:
            length = int(lowered[at + 17 : end].split(b"\r\n", 1)[0])
            if len(self._buffer) < end + 4 + length:
                return
        elif b"\r\ntransfer-encoding: chunked" in lowered and not self._buffer.endswith(b"0\r\n\r\n"):
            return
        answer = Answer(int(self._buffer[9:12]), self._buffer[:end].decode("latin-1"), bytes(self._buffer[end + 4 :]))
        self._buffer.clear()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(answer)


Operation = Callable[[Connection], Awaitable[None]]  # one unit of work: one request, or a few that belong together


@dataclass(slots=True)
class Load:
    """What a load met: the time of each operation and the time of all together, in seconds."""

    latencies: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Operations per second."""
        return len(self.latencies) / self.seconds

    def quantile(self, share: float) -> float:
        """Return the latency in milliseconds that this share of the operations kept."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000


async def run_load(port: int, operation: Operation, *, count: int, connections: int) -> Load:
    """Do an operation `count` times, over so many connections at once; each waits for its answer."""
    load = Load()
    left = count

    async def work() -> None:
        nonlocal left
        connection = Connection(port)
        while left > 0:
            left -= 1
            started = time.perf_counter()
            await operation(connection)
            load.latencies.append(time.perf_counter() - started)
        connection.close()

    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(connections)))
    load.seconds = time.perf_counter() - started
    return load


def request(
    method: str, host: str, path: str, headers: dict[str, str] | None = None, form: dict[str, str] | None = None
) -> bytes:
    """Return a request as a browser sends it; with `form`, a posted one."""
    lines = {"host": host, **BROWSER_HEADERS, **(headers or {})}
    body = b""
    if form is not None:
        body = urlencode(form).encode()
        lines |= {"content-type": "application/x-www-form-urlencoded", "content-length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body


def expecting(status: int, raw: bytes) -> Operation:
    """Return the operation that sends one fixed request; any other status ends the run: it would measure nothing."""

    async def operation(connection: Connection) -> None:
        answer = await connection.send(raw)
        if answer.status != status:
            raise RuntimeError(f"expected {status}, got {answer.status} to {raw[:200]!r}: {answer.body[:300]!r}")

    return operation

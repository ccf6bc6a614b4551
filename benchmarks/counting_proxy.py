"""Counts what goes between a program and PostgreSQL: statements, round trips, and whether a transaction stays open.

It reads the message types of the frontend/backend protocol and passes every byte on unchanged.
https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit, urlunsplit

SOCKET = ".s.PGSQL.5432"
GONE_WITHIN = 2.0  # seconds
CHUNK = 64 * 1024  # bytes
IN_TRANSACTION = frozenset(b"TE")  # of ReadyForQuery's status: in a block, in a failed block


@dataclass(slots=True)
class Counts:
    """What was counted so far; subtract two to get what lies between."""

    statements: int = 0  # executed, BEGIN and COMMIT too
    round_trips: int = 0  # times that the program waited for the server
    open_transactions: int = 0  # answers after which a transaction stayed open

    def since(self, earlier: "Counts") -> "Counts":
        """Return what was counted after `earlier`."""
        return Counts(
            self.statements - earlier.statements,
            self.round_trips - earlier.round_trips,
            self.open_transactions - earlier.open_transactions,
        )

    def __str__(self) -> str:
        return f"{self.statements} / {self.round_trips}"


class CountingProxy:
    """A socket folder that stands in for the server's. Made by `counting_proxy`."""

    def __init__(self, folder: Path, server_url: str) -> None:
        self.folder = folder
        self.counts = Counts()
        self._server = urlsplit(server_url)
        self._carriers: set[asyncio.Task[None]] = set()

    def url(self, direct: str) -> str:
        """Return the address that leads through here: the login and database of `direct` in our own folder."""
        parts = urlsplit(direct)
        login = parts.netloc.rpartition("@")[0]
        return urlunsplit(
            parts._replace(netloc=f"{login}@", query=f"host={quote(str(self.folder), safe='/')}&port=5432")
        )

    async def count(
        self,
        work: Callable[[], Awaitable[object]],
        *,
        before: Callable[[], Awaitable[object]] | None = None,
        repeats: int = 9,
    ) -> Counts:
        """Return what one piece of work costs; `before` prepares each time and is not counted.

        The least that was seen: once a second a process looks its host up anew, and its own jobs run beside. Both only
        ever add, and on a busy machine they fall into most repeats.
        """
        seen: list[tuple[int, int, int]] = []
        for _ in range(repeats):
            if before is not None:
                await before()
            earlier = replace(self.counts)
            await work()
            spent = self.counts.since(earlier)
            seen.append((spent.statements, spent.round_trips, spent.open_transactions))
        return Counts(*min(seen))

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection to the server and back."""
        task = asyncio.current_task()
        assert task is not None
        self._carriers.add(task)
        task.add_done_callback(self._carriers.discard)
        server_reader, server_writer = await self._connect()
        # The first message of a client has no type byte.
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(
                self._carry(reader, server_writer, self._asked, skip_first=True),
                self._carry(server_reader, writer, self._answered, skip_first=False),
            )

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        folder = parse_qs(self._server.query).get("host", [""])[0]
        if folder:
            return await asyncio.open_unix_connection(str(Path(folder) / SOCKET))
        return await asyncio.open_connection(self._server.hostname, self._server.port or 5432)

    async def close(self) -> None:
        """Wait for the connections whose ends have gone, and end what is still carried."""
        if self._carriers:
            _ended, left = await asyncio.wait(self._carriers, timeout=GONE_WITHIN)
            for task in left:
                task.cancel()

    async def _carry(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        seen: Callable[[int, int], None],
        *,
        skip_first: bool,
    ) -> None:
        pending = bytearray()
        typed = not skip_first
        try:
            while data := await reader.read(CHUNK):
                pending += data
                while len(pending) >= 5 + typed:
                    size = int.from_bytes(pending[typed : 4 + typed]) + typed
                    if len(pending) < size:
                        break
                    if typed:
                        seen(pending[0], pending[5] if size > 5 else 0)
                    del pending[:size]
                    typed = True
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    def _asked(self, kind: int, _first: int) -> None:
        match kind:
            case 0x51:  # Query: one statement, answered at once
                self.counts.statements += 1
                self.counts.round_trips += 1
            case 0x45:  # Execute
                self.counts.statements += 1
            case 0x53 | 0x48:  # Sync, Flush: the program waits for the answer
                self.counts.round_trips += 1

    def _answered(self, kind: int, first: int) -> None:
        if kind == 0x5A and first in IN_TRANSACTION:  # ReadyForQuery
            self.counts.open_transactions += 1


@contextlib.asynccontextmanager
async def counting_proxy(server_url: str) -> AsyncIterator[CountingProxy]:
    """Listen in a folder of its own, in front of the server of that address, for as long as the block runs."""
    with tempfile.TemporaryDirectory(prefix="portal-count-") as folder:
        proxy = CountingProxy(Path(folder), server_url)
        server = await asyncio.start_unix_server(proxy.handle, str(proxy.folder / SOCKET))
        try:
            yield proxy
        finally:
            server.close()
            await proxy.close()

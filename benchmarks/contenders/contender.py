"""A server under measurement: a process, its port, and its database."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.processes import backends, cpu_seconds, with_children

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "bench"  # what the peers install
ANSWERS_WITHIN = 60.0  # seconds


@dataclass
class Contender:
    """One server process with its children. `database` is the name of its database, None where it has none."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    port: int
    database: str | None = None
    postmaster: int = 0
    _process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    async def start(self, log_folder: Path) -> None:
        """Start it and return when its port is open."""
        self.launch(log_folder)
        async with asyncio.timeout(ANSWERS_WITHIN):
            while not self._listens():
                assert self._process is not None
                if self._process.poll() is not None:
                    raise RuntimeError(f"{self.name} did not start:\n{self._log(log_folder).read_text()[-3000:]}")
                await asyncio.sleep(0.02)

    def launch(self, log_folder: Path) -> None:
        """Start its process and do not wait."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PORTAL_")}
        with self._log(log_folder).open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env=inherited | dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def stop(self) -> None:
        """End it at once, children included: there is nothing that it would have to finish."""
        process, self._process = self._process, None
        if process is None:
            return
        for pid in with_children(process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()

    @property
    def pids(self) -> set[int]:
        """Its own processes, PostgreSQL's not included."""
        assert self._process is not None
        return with_children(self._process.pid)

    def cpu_seconds(self) -> float:
        """Return the CPU time of its processes and of PostgreSQL's for its database."""
        working = self.pids
        if self.database:
            working |= backends(self.postmaster, self.database)
        return cpu_seconds(working)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _log(self, folder: Path) -> Path:
        return folder / f"{self.name.replace(' ', '-')}.log"


def free_port() -> int:
    """Return a port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

"""The bare work: a Litestar answer under the portal's own server settings, and loops without any server."""

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cluster import DatabaseServer
from benchmarks.contenders.contender import ROOT, Contender, free_port
from benchmarks.processes import backends, cpu_seconds


def make_bare_litestar(server: DatabaseServer) -> Contender:
    """Describe the smallest Litestar application: `/` is a ready text, `/query` a row by its key and JSON."""
    port = free_port()
    environment = {"BENCH_PORT": str(port), "BENCH_DATABASE_URL": server.app_url}
    command = [sys.executable, "-m", "benchmarks.peers.bare_litestar"]
    return Contender("bare Litestar", command, environment, ROOT, port, "portal", server.postmaster)


@dataclass
class Loops:
    """A process that repeats one thing when told to: `query` or `argon2`."""

    process: asyncio.subprocess.Process
    postmaster: int

    async def run(self, work: str, count: int, threads: int = 1) -> list[float]:
        """Repeat and return the time of each, in seconds."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{work} {count} {threads}\n".encode())
        return [float(value) for value in (await self.process.stdout.readline()).split()]

    def cpu_seconds(self) -> float:
        """Return the CPU time that it used, PostgreSQL's for its database included."""
        return cpu_seconds({self.process.pid} | backends(self.postmaster, "portal"))

    async def stop(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        await self.process.wait()


async def start_loops(server: DatabaseServer, log_folder: Path) -> Loops:
    """Start the process."""
    with (log_folder / "loops.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.peers.bare_loops", server.app_url),
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            limit=2**24,
        )
    return Loops(process, server.postmaster)

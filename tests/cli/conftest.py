"""The `portal` command as people run it: a process of its own, with an environment of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from portal.cli import main
from tests.support.database import TestDatabase, temporary_data_dir
from tests.support.server import free_port

ROOT = Path(__file__).parents[2]
SECRET_KEY = "tests-only-" + "k" * 40
START_WITHIN = 60.0  # seconds; three processes start on a busy machine


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Portal:
    """One environment to run the command in."""

    environment: dict[str, str]
    servers: list["Server"] = field(default_factory=list)

    def run(self, *arguments: str, stdin: str = "", **environment: str) -> Result:
        """Run the command inside this process: a process of its own takes a second or more to start."""
        removed: dict[str, str | None] = {name: None for name in os.environ if name not in self.environment}
        runner = CliRunner(env=removed | self.environment | environment)
        ended = runner.invoke(main, arguments, input=stdin, prog_name="portal")
        if ended.exception is not None and not isinstance(ended.exception, SystemExit):
            raise ended.exception
        return Result(ended.exit_code, ended.stdout, ended.stderr)

    def run_process(self, *arguments: str, stdin: str = "", **environment: str) -> Result:
        """Run the command in a process of its own."""
        ended = subprocess.run(
            [sys.executable, "-m", "portal", *arguments],
            cwd=ROOT,
            env=self.environment | environment,
            input=stdin.encode(),
            capture_output=True,
            timeout=120,
            check=False,
        )
        return Result(ended.returncode, ended.stdout.decode(), ended.stderr.decode())

    def serve(self, *arguments: str, **environment: str) -> "Server":
        port = free_port()
        url = f"http://localhost:{port}"
        process = subprocess.Popen(
            [sys.executable, "-m", "portal", "serve", *arguments],
            cwd=ROOT,
            env=self.environment | {"PORTAL_URL": url, "PORTAL_LOG_FORMAT": "json"} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # A group of its own: Ctrl-C is sent to a whole group, and must not end the tests.
            start_new_session=True,
        )
        server = Server(url, port, process)
        self.servers.append(server)
        server.wait_until_ready()
        return server


@dataclass
class Server:
    """A running `portal serve`."""

    url: str
    port: int
    process: "subprocess.Popen[bytes]"

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_WITHIN
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log()
            try:
                if httpx.get(f"{self.url}/readyz").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise AssertionError("the server was not ready in time")

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def stop(self, signal_number: int = signal.SIGTERM, *, group: bool = False) -> int:
        """Send the signal and return the exit status."""
        if group:
            os.killpg(self.process.pid, signal_number)
        else:
            self.process.send_signal(signal_number)
        return self.process.wait(timeout=30)

    def log(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.read().decode()

    def processes(self) -> list[int]:
        """The server's processes and their children, while they live."""
        return session_members(self.process.pid)


def session_members(session: int) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(entry.name))
    return found


def plain_environment(**more: str) -> dict[str, str]:
    """The caller's environment without anything that decides what the portal does."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PORTAL_", "PG"))}
    return kept | {"PYTHONDONTWRITEBYTECODE": "1"} | more


def with_servers_stopped(portal: Portal) -> Iterator[Portal]:
    yield portal
    for server in portal.servers:
        if server.process.poll() is None:
            os.killpg(server.process.pid, signal.SIGKILL)
            server.process.wait()


@pytest.fixture
def portal(database: TestDatabase, tmp_path: Path) -> Iterator[Portal]:
    """The command on a migrated database of its own."""
    yield from with_servers_stopped(
        Portal(
            plain_environment(
                PORTAL_DATABASE_URL=database.app_url,
                PORTAL_DATABASE_OWNER_URL=database.owner_url,
                PORTAL_SECRET_KEY=SECRET_KEY,
                PORTAL_DATA_DIR=str(tmp_path),
            )
        )
    )


@pytest.fixture
def embedded_portal() -> Iterator[Portal]:
    """The command without a database: it starts its own."""
    with temporary_data_dir() as data_dir:
        yield from with_servers_stopped(Portal(plain_environment(PORTAL_DATA_DIR=str(data_dir))))

"""The portal as its visitors meet it: `portal serve` on a port of its own, with its own database.

`portal_server` serves the whole test run. A test that stops or breaks things takes `own_portal_server`. Both trust
X-Forwarded-For from loopback, so that each person of `tests.support.person` has an address, and budgets, of their own.
"""

import contextlib
import ipaddress
import itertools
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.support.database import (
    STATEMENT_CACHE,
    TestDatabase,
    drop_database,
    empty_database,
    execute,
    fetch,
    temporary_data_dir,
)

ROOT = Path(__file__).parents[2]
READY_WITHIN = 60.0  # seconds; a busy machine that makes a database first needs a few
STOPPED_WITHIN = 15.0  # seconds
SECRET_KEY = "a-secret-key-for-tests-only-and-long-enough"
SEEDED_PASSWORD = "correct-horse-battery"


@dataclass
class PortalServer:
    """A portal process. `environment` is what it is started with, beside the surroundings of the test run."""

    url: str
    environment: dict[str, str]
    log_path: Path
    database: TestDatabase | None = None
    sources: Path = ROOT  # the tree that it runs from
    _process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def port(self) -> int:
        return int(self.environment["PORT"])

    @property
    def host(self) -> str:
        """The Host header of its own pages."""
        return self.url.partition("://")[2]

    @property
    def address(self) -> str:
        """Where its socket is, whatever PORTAL_URL says."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and return when it can serve."""
        ours = {name: value for name, value in self.environment.items() if name != "PORT"}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PORTAL_")}
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "portal", "serve", "--port", str(self.port)],
                cwd=self.sources,
                env=inherited | ours,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Return when /readyz says so."""
        deadline = time.monotonic() + READY_WITHIN
        while time.monotonic() < deadline:
            if self._process is not None and self._process.poll() is not None:
                break
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.address}/readyz", timeout=2).status_code == 200:
                    return
            time.sleep(0.05)
        self.stop()
        raise AssertionError(f"the portal did not become ready:\n{self.log()[-4000:]}")

    def stop(self, signal_number: int = signal.SIGTERM) -> int | None:
        """End it and return its exit status."""
        process, self._process = self._process, None
        if process is None:
            return None
        process.send_signal(signal_number)
        try:
            return process.wait(STOPPED_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"the portal did not stop:\n{self.log()[-4000:]}") from None

    def restart(self) -> None:
        """Stop it in order and start it again, as an update does."""
        self.stop()
        self.start()

    def log(self) -> str:
        """Everything that it has written to its log."""
        return self.log_path.read_text(errors="replace")

    def rows(self, query: str, *arguments: object) -> list[dict[str, object]]:
        """Look into its database as the superuser, whom row-level security does not bind."""
        assert self.database is not None
        return [dict(row) for row in fetch(self.database.superuser_url, query, *arguments)]

    def sql(self, *statements: str) -> None:
        """Change its database behind its back: the way to make an hour pass."""
        assert self.database is not None
        execute(self.database.superuser_url, *statements)


@pytest.fixture(scope="session")
def portal_server(postgres_server: TestDatabase, template_database: TestDatabase) -> Iterator[PortalServer]:
    """The portal of this test run, in development mode: with its inbox, alice@example.com and dana@example.com."""
    with serving(postgres_server, template_database) as server:
        yield server


@pytest.fixture
def own_portal_server(postgres_server: TestDatabase, template_database: TestDatabase) -> Iterator[PortalServer]:
    """A portal that only this test sees, to stop and to break."""
    with serving(postgres_server, template_database) as server:
        yield server


@pytest.fixture(scope="module")
def https_portal_server(postgres_server: TestDatabase, template_database: TestDatabase) -> Iterator[PortalServer]:
    """A portal as behind a TLS proxy: PORTAL_URL is https, no development mode."""
    production = {"PORTAL_URL": "https://login.example.com", "PORTAL_DEV": "0"}
    with serving(postgres_server, template_database, **production) as server:
        yield server


@contextlib.contextmanager
def serving(postgres_server: TestDatabase, template_database: TestDatabase, **settings: str) -> Iterator[PortalServer]:
    """Run a portal on a clone of the template database; `settings` win over those of development."""
    database = empty_database(postgres_server, template=template_database.name)
    with temporary_data_dir() as data_dir:
        address = {"PORTAL_DATABASE_URL": database.app_url, "PORTAL_DATABASE_STATEMENT_CACHE": str(STATEMENT_CACHE)}
        server = prepare_server(data_dir, **address, **settings)
        server.environment["PORTAL_DATABASE_OWNER_URL"] = database.owner_url
        server.database = database
        try:
            server.start()
            yield server
        finally:
            server.stop()
            drop_database(postgres_server, database)


def prepare_server(data_dir: Path, **settings: str) -> PortalServer:
    """Describe a portal on a free port. Without PORTAL_DATABASE_URL it brings its own embedded PostgreSQL."""
    port = free_port()
    environment = {
        "PORT": str(port),
        "PORTAL_URL": f"http://localhost:{port}",
        "PORTAL_DEV": "1",
        "PORTAL_DATA_DIR": str(data_dir),
        "PORTAL_SECRET_KEY": SECRET_KEY,
        "PORTAL_TRUSTED_PROXIES": "127.0.0.0/8,::1",
        "PORTAL_LOG_FORMAT": "json",
        **settings,
    }
    log_path = Path(tempfile.mkstemp(prefix="portal-", suffix=".log", dir=data_dir)[1])
    return PortalServer(environment["PORTAL_URL"], environment, log_path)


def free_port() -> int:
    """Return a port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


SHARED_SPACE = ipaddress.IPv4Network("100.64.0.0/10")
_GIVEN_AWAY = itertools.count(secrets.randbelow(SHARED_SPACE.num_addresses))


def an_address() -> str:
    """Return an address that nobody else of this process has: RFC 6598's shared space, which is nobody's.

    Not by chance alone: of the thousands that a run gives away two would be the same.
    """
    return str(SHARED_SPACE[next(_GIVEN_AWAY) % SHARED_SPACE.num_addresses])

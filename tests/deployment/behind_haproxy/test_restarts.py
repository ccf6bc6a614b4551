"""Restarts that lose no request: workers replaced one by one, and an end that is announced first.

Ten rolling restarts of two servers behind a real proxy: `make test-tls`.
"""

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.database import TestDatabase
from tests.support.journeys import crowd
from tests.support.person import Person
from tests.support.server import SEEDED_PASSWORD, PortalServer, serving

REPLACED = 2  # times
PEOPLE = 3
ANNOUNCED_FOR = 3.0  # seconds


@pytest.fixture(scope="module")
def two_workers(postgres_server: TestDatabase, template_database: TestDatabase) -> Iterator[PortalServer]:
    with serving(postgres_server, template_database, PORTAL_WORKERS="2") as server:
        yield server


@pytest.fixture
def behind_a_proxy(
    request: pytest.FixtureRequest, postgres_server: TestDatabase, template_database: TestDatabase
) -> Iterator[PortalServer]:
    workers = getattr(request, "param", "2")
    settings = {"PORTAL_URL": "https://login.example.com", "PORTAL_DEV": "0", "PORTAL_WORKERS": workers}
    with serving(postgres_server, template_database, **settings) as server:
        yield server


def workers_of(server: PortalServer) -> set[int]:
    """The process numbers of the workers: children that serve."""
    assert server._process is not None
    children = Path(f"/proc/{server._process.pid}/task/{server._process.pid}/children").read_text().split()
    return {int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()}


def log_in_and_out(server: PortalServer) -> None:
    with Person(server) as alice:
        # A browser that meets a connection which was closed while idle asks again by itself; this client does not.
        alice.http.headers["connection"] = "close"
        alice.log_in("alice@example.com", SEEDED_PASSWORD)
        assert alice.path == "/account", alice.page.text
        alice.open("/account/devices")
        assert alice.response.status_code == 200
        alice.log_out()
        assert not alice.is_logged_in()


def replace_workers(server: PortalServer) -> None:
    before = workers_of(server)
    assert len(before) == 2
    assert server._process is not None
    server._process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 90
    while workers_of(server) & before or len(workers_of(server)) != 2:
        assert time.monotonic() < deadline, "the workers were not replaced"
        time.sleep(0.1)


def test_workers_are_replaced_on_sighup_and_no_journey_fails(two_workers: PortalServer) -> None:
    with crowd(lambda: log_in_and_out(two_workers), PEOPLE) as people:
        for _ in range(REPLACED):
            replace_workers(two_workers)
    people.assert_all_arrived(at_least=REPLACED)


@pytest.mark.parametrize("behind_a_proxy", ["1", "2"], ids=["one process", "two workers"], indirect=True)
def test_on_sigterm_readiness_ends_first_and_service_later(behind_a_proxy: PortalServer) -> None:
    server, headers = behind_a_proxy, {"host": behind_a_proxy.host}
    kept = httpx.Client(base_url=server.address, headers=headers)
    assert "connection" not in kept.get("/login").headers
    stopping = threading.Thread(target=server.stop)
    started = time.monotonic()
    stopping.start()
    while httpx.get(f"{server.address}/readyz").status_code == 200:
        assert time.monotonic() - started < ANNOUNCED_FOR / 2
        time.sleep(0.02)
    answers = []
    with contextlib.suppress(httpx.TransportError):
        while True:
            answers.append((time.monotonic() - started, httpx.get(f"{server.address}/login", headers=headers)))
            time.sleep(0.05)
    stopping.join()
    assert len(answers) >= 2
    assert {answer.status_code for _when, answer in answers} == {200}
    # Each answer is the last on its connection, so that nothing is under way on one when the socket closes.
    assert {answer.headers["connection"] for _when, answer in answers} == {"close"}
    assert answers[-1][0] >= ANNOUNCED_FOR - 0.5
    assert time.monotonic() - started < 10
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", server.port))


def test_a_second_sigterm_ends_it_at_once(behind_a_proxy: PortalServer) -> None:
    process = behind_a_proxy._process
    assert process is not None
    process.send_signal(signal.SIGTERM)
    started = time.monotonic()
    while httpx.get(f"{behind_a_proxy.address}/readyz").status_code == 200:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    process.wait(10)
    assert time.monotonic() - started < ANNOUNCED_FOR
    assert process.returncode == 0, behind_a_proxy.log()


def test_sigusr1_takes_a_server_out_of_rotation_and_it_serves_on(behind_a_proxy: PortalServer) -> None:
    process = behind_a_proxy._process
    assert process is not None
    process.send_signal(signal.SIGUSR1)
    deadline = time.monotonic() + 5
    while httpx.get(f"{behind_a_proxy.address}/readyz").status_code == 200:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    for _ in range(20):
        assert httpx.get(f"{behind_a_proxy.address}/login", headers={"host": behind_a_proxy.host}).status_code == 200
    assert process.poll() is None
    os.kill(process.pid, 0)

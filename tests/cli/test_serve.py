"""`portal serve`: what it refuses, how it starts, and that it leaves nothing behind."""

import contextlib
import json
import os
import signal
import socket
import threading
import time
from pathlib import Path

import httpx
import pytest

from tests.cli.conftest import Portal, Server, session_members
from tests.support.database import TestDatabase
from tests.support.server import PortalServer


def connected(server: PortalServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=30)


def answered(connection: socket.socket) -> bytes:
    """Read until the other side closes."""
    parts = []
    try:
        while part := connection.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def test_development_mode_listens_on_loopback_only(portal: Portal) -> None:
    refused = portal.run("serve", "--host", "0.0.0.0", PORTAL_DEV="1")
    assert refused.status == 1
    assert "loopback" in refused.err


def test_a_role_that_row_level_security_does_not_bind_is_refused(portal: Portal, database: TestDatabase) -> None:
    refused = portal.run("serve", "--port", "1", PORTAL_DATABASE_URL=database.superuser_url)
    assert refused.status == 1
    # Port 1 is refused to ordinary users before the role is looked at; root reaches the database.
    assert "superuser" in refused.err or os.geteuid() != 0


def test_a_taken_port_is_said_in_a_sentence(portal: Portal) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        refused = portal.run("serve", "--port", str(other.getsockname()[1]))
    assert refused.status == 1
    assert "Choose another --port" in refused.err


def test_a_mail_server_that_cannot_be_read_is_said_before_anything_starts(portal: Portal) -> None:
    refused = portal.run("serve", PORTAL_SMTP_URL="mail.example.com")
    assert refused.status == 1
    assert "PORTAL_SMTP_URL" in refused.err


def test_unknown_settings_are_named(portal: Portal) -> None:
    refused = portal.run("serve", PORTAL_SMPT_URL="smtp://mail.example.com")
    assert refused.status == 1
    assert "PORTAL_SMPT_URL is not a setting" in refused.err


def test_a_database_that_is_not_up_to_date_is_not_served(portal: Portal, postgres_server: TestDatabase) -> None:
    refused = portal.run("serve", PORTAL_DATABASE_URL=postgres_server.named("postgres").superuser_url)
    assert refused.status == 1
    assert "portal migrate" in refused.err


def test_two_workers_on_the_embedded_database_leave_nothing_behind_after_sigterm(embedded_portal: Portal) -> None:
    server = embedded_portal.serve("--workers", "2", PORTAL_DEV="1")
    assert len(session_members(server.process.pid)) >= 3
    assert httpx.get(f"{server.url}/login").status_code == 200
    started = time.monotonic()
    status = server.stop(signal.SIGTERM)
    assert status == 0, server.log()
    assert_nothing_is_left(server, started)
    assert postmasters_in(embedded_portal.environment["PORTAL_DATA_DIR"]) == []


def test_ctrl_c_in_a_terminal_stops_two_workers(portal: Portal) -> None:
    server = portal.serve("--workers", "2")
    started = time.monotonic()
    status = server.stop(signal.SIGINT, group=True)  # a terminal sends it to the whole group
    assert status == 0, server.log()
    assert_nothing_is_left(server, started)


def assert_nothing_is_left(server: Server, since: float) -> None:
    while session_members(server.process.pid):
        assert time.monotonic() - since < 10
        time.sleep(0.05)
    with pytest.raises(OSError, match="refused"):
        server.connect()


def wait_until_nobody_listens(server: Server) -> None:
    deadline = time.monotonic() + 10
    with contextlib.suppress(ConnectionRefusedError):
        while True:
            server.connect().close()
            assert time.monotonic() < deadline
            time.sleep(0.05)


def postmasters_in(data_dir: str) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if data_dir in command and "postgres" in command:
            found.append(command)
    return found


def test_a_request_under_way_is_answered_before_the_server_leaves(portal: Portal) -> None:
    server = portal.serve()
    body = b"email=nobody%40example.com&password=wrong-horse"
    head = (
        f"POST /login/password HTTP/1.1\r\nHost: localhost:{server.port}\r\nOrigin: {server.url}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    with server.connect() as connection:
        connection.sendall(head + body[:10])  # the server has begun with it and waits for the rest
        time.sleep(0.3)
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        wait_until_nobody_listens(server)
        connection.sendall(body[10:])
        answer = answered(connection)
        stopping.join()
    assert answer.startswith(b"HTTP/1.1 422 ")
    assert server.process.returncode == 0


def test_the_answer_does_not_say_which_server_it_is(portal_server: PortalServer) -> None:
    answer = httpx.get(f"{portal_server.address}/login", headers={"host": portal_server.host})
    assert answer.status_code == 200
    assert "server" not in answer.headers


@pytest.mark.adversarial("U2")
@pytest.mark.parametrize(
    "request_head",
    [
        b"GET /login HTTP/1.1\r\nHost: HOST\r\nX-Long: " + b"a" * 100_000,
        b"GET /login HTTP/1.1\r\nHost: HOST\r\nX-Long: " + b"a" * 60_000 + b"\r\n\r\n",
        b"GET /login HTTP/1.1\r\nHost: HOST\r\n" + b"X-Many: a\r\n" * 10_000 + b"\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: HOST\r\n\r\n",
    ],
    ids=["unfinished header", "long header", "many headers", "long address"],
)
def test_a_head_that_no_browser_sends_is_refused(portal_server: PortalServer, request_head: bytes) -> None:
    with connected(portal_server) as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused before all of it was sent
            connection.sendall(request_head.replace(b"HOST", portal_server.host.encode()))
        answer = answered(connection)
    assert answer.startswith(b"HTTP/1.1 431 ") or answer == b""
    assert httpx.get(f"{portal_server.address}/livez").status_code == 200


@pytest.mark.adversarial("U2", "D5")
@pytest.mark.parametrize(
    "request_head",
    [
        b"NONSENSE\r\n\r\n",
        b"GET /login HTTP/9.9\r\n\r\n",
        b"GET /caf\xe9 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
    ],
    ids=["words", "version", "bytes in the path", "TLS"],
)
def test_what_is_no_http_is_refused_with_the_security_headers(portal_server: PortalServer, request_head: bytes) -> None:
    with connected(portal_server) as connection:
        connection.sendall(request_head)
        answer = answered(connection)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"content-security-policy: default-src 'none'" in answer
    assert b"cache-control: no-store" in answer


def test_logs_are_json_lines_without_what_stood_in_the_address(portal_server: PortalServer) -> None:
    marker = "MARKER-4711"
    httpx.get(f"{portal_server.address}/link/{marker}", headers={"host": portal_server.host})
    httpx.get(f"{portal_server.address}/login?code={marker}", headers={"host": portal_server.host})
    httpx.get(f"{portal_server.address}/nothing/{marker}", headers={"host": portal_server.host})
    lines = [json.loads(line) for line in portal_server.log().splitlines()]
    requests = [line for line in lines if line["event"] == "request"]
    assert {"method", "route", "status", "ms", "request_id", "namespace"} <= set(requests[-1])
    assert marker not in portal_server.log()


def test_who_has_just_connected_gets_an_answer_from_a_server_that_leaves(portal: Portal) -> None:
    """A worker that is replaced must not lose the request that is on its way to it."""
    server = portal.serve()
    with server.connect() as connection:
        time.sleep(0.2)  # accepted by now
        server.process.send_signal(signal.SIGINT)  # no announcement: it leaves at once
        time.sleep(0.3)
        connection.sendall(b"GET /livez HTTP/1.1\r\nhost: " + server.url.removeprefix("http://").encode() + b"\r\n\r\n")
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 200"), answer
    assert b"connection: close" in answer.lower()

"""Slow connections are ended: portal/cli/http_limits.py on a real socket, with its clocks shortened."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn

from portal.cli.http_limits import BoundedHttpProtocol

ANSWER_WITHIN = 10.0  # seconds


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Read the whole body and say how long it was."""
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size, more = size + len(message["body"]), message["more_body"]
    body = str(size).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    monkeypatch.setattr("portal.cli.http_limits.HEAD_WITHIN", 1.0)
    monkeypatch.setattr("portal.cli.http_limits.BODY_WITHIN", 2.0)
    config = uvicorn.Config(
        application, port=0, http=BoundedHttpProtocol, lifespan="off", log_config=None, access_log=False,
        timeout_keep_alive=10, timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    monkeypatch.setattr(server, "capture_signals", _no_signals)
    running = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has a flag, no event
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await running


def _no_signals() -> Any:
    return contextlib.nullcontext()  # the test run keeps its own Ctrl-C


async def read_to_end(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(ANSWER_WITHIN):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


@pytest.mark.adversarial("U2")
async def test_a_connection_that_says_nothing_is_ended(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    started = time.monotonic()
    assert await read_to_end(reader) == b""
    assert time.monotonic() - started >= 0.9
    writer.close()


@pytest.mark.adversarial("D1")
@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("http://portal.example:8000/login", b"200"),
        ("HTTP://PORTAL.example:8000/login", b"200"),
        ("/login", b"200"),
        ("http://evil.example/login", b"400"),
        ("http://portal.example/login", b"400"),
        ("http://portal.example:8000@evil.example/login", b"400"),
        ("evil.example:443", b"400"),
    ],
)
async def test_d1_the_request_line_names_no_other_host(port: int, target: str, status: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {target} HTTP/1.1\r\nHost: portal.example:8000\r\nConnection: close\r\n\r\n".encode())
    assert (await read_to_end(reader)).split(b" ")[1] == status
    writer.close()


@pytest.mark.adversarial("U2")
async def test_a_head_that_drips_is_ended(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n")

    async def drip() -> None:
        while True:
            writer.write(b"X-Drip: 1\r\n")
            await asyncio.sleep(0.1)

    dripping = asyncio.create_task(drip())
    assert await read_to_end(reader) == b""
    dripping.cancel()
    writer.close()


@pytest.mark.adversarial("U2")
async def test_a_body_that_drips_is_ended(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")

    async def drip() -> None:
        while True:
            writer.write(b"x")
            await asyncio.sleep(0.1)

    dripping = asyncio.create_task(drip())
    assert await read_to_end(reader) == b""
    dripping.cancel()
    writer.close()


async def test_an_honest_connection_may_pause_between_requests(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for pause in (0.0, 1.5):
        await asyncio.sleep(pause)  # longer than a head may take, shorter than keep-alive
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel")
        await asyncio.sleep(0.1)
        writer.write(b"lo")
        assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), ANSWER_WITHIN)).startswith(b"HTTP/1.1 200 ")
        assert await reader.readexactly(1) == b"5"
    writer.close()


async def test_pipelined_requests_are_all_answered(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 3)
    for _ in range(3):
        assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), ANSWER_WITHIN)).startswith(b"HTTP/1.1 200 ")
        assert await reader.readexactly(1) == b"0"
    writer.close()

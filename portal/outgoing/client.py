"""One outgoing HTTP call: resolved first, checked, connected to what was checked, bounded in time and size.

HTTP/1.1: https://www.rfc-editor.org/rfc/rfc9112. Redirects are answers like others: the address was checked, where it
leads was not. Between the check and the connection nothing is resolved again, so a name that changes its mind (DNS
rebinding) changes nothing.
"""

import asyncio
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from portal.outgoing.addresses import Blocked, Target, check_addresses, read_target
from portal.settings import Network

ANSWER_WITHIN = 5.0  # seconds for everything: a name server, a handshake and a body that drip end here
BODY_MAX_BYTES = 1_000_000  # a JWK set has a few thousand; ASVS 5.0, 15.2.2
HEADERS_MAX_BYTES = 65_536  # what other servers' software allows at most
READ_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side answered."""

    status: int
    content_type: str
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Unreachable:
    """No answer, or none that can be read. `reason` is for the operator and repeats nothing that was sent."""

    reason: str


Outcome = Answer | Blocked | Unreachable


async def get(
    url: str, *, allowed: Sequence[Network], headers: Mapping[str, str] | None = None, within: float = ANSWER_WITHIN
) -> Outcome:
    """Fetch a document in `within` seconds. `allowed` are networks that may be reached although they are private."""
    return await _call("GET", url, b"", headers or {"accept": "application/json"}, allowed, within)


async def post_form(url: str, fields: Mapping[str, str], *, allowed: Sequence[Network]) -> Outcome:
    """Send a form. `allowed` are networks that may be reached although they are private."""
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return await _call("POST", url, urlencode(fields).encode(), headers, allowed)


async def _call(
    method: str,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    allowed: Sequence[Network],
    within: float = ANSWER_WITHIN,
) -> Outcome:
    target = read_target(url)
    if isinstance(target, Blocked):
        return target
    try:
        async with asyncio.timeout(within):
            addresses = await _resolve(target)
            blocked = check_addresses(target, addresses, allowed)
            if blocked:
                return blocked
            return await _exchange(target, addresses, _request(method, target, body, headers))
    except TimeoutError:
        return Unreachable(f"no answer within {within:g} seconds")
    except (OSError, UnicodeError) as error:  # refused, reset, a bad certificate, a name that is none
        return Unreachable(type(error).__name__)


async def _resolve(target: Target) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _request(method: str, target: Target, body: bytes, headers: Mapping[str, str]) -> bytes:
    lines = {
        "host": target.authority,
        "user-agent": "portal",
        "connection": "close",
        "accept-encoding": "identity",  # nothing that unpacks to more than was counted
        **headers,
        **({"content-length": str(len(body))} if method == "POST" else {}),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {target.path} HTTP/1.1\r\n{head}\r\n".encode("ascii") + body


async def _exchange(target: Target, addresses: Sequence[str], request: bytes) -> Answer | Unreachable:
    reader, writer = await _connect(target, addresses)
    try:
        writer.write(request)
        await writer.drain()
        return await _read(reader)
    finally:
        writer.close()
        # The other side may refuse to close its end of TLS: it is not waited for.
        with suppress(OSError, TimeoutError):
            await asyncio.wait_for(writer.wait_closed(), 0.2)


async def _connect(target: Target, addresses: Sequence[str]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    tls: dict[str, Any] = {}
    if target.scheme == "https":
        import ssl  # late: a process that calls nobody keeps the certificates of the world out of its memory

        # The certificate is checked for the name, though the connection goes to the address.
        tls = {"ssl": ssl.create_default_context(), "server_hostname": target.host}
    last: OSError | None = None
    for address in addresses:
        try:
            return await asyncio.open_connection(address, target.port, limit=READ_BYTES, **tls)
        except OSError as error:
            last = error
    raise last or OSError("no address")


class _Reading:
    """What the parser calls back with."""

    def __init__(self) -> None:
        self.body = bytearray()
        self.content_type = ""
        self.complete = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"content-type":
            self.content_type = value.decode("latin-1").partition(";")[0].strip().lower()

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.complete = True


async def _read(reader: asyncio.StreamReader) -> Answer | Unreachable:
    from httptools import HttpParserError, HttpResponseParser

    reading, received = _Reading(), 0
    parser = HttpResponseParser(reading)
    while not reading.complete:
        data = await reader.read(READ_BYTES)
        received += len(data)
        # Counted as it comes, headers and chunk sizes included: what counts is what reaches our memory.
        if received > BODY_MAX_BYTES + HEADERS_MAX_BYTES or len(reading.body) > BODY_MAX_BYTES:
            return Unreachable(f"the answer is longer than {BODY_MAX_BYTES} bytes")
        if not data:
            break
        try:
            parser.feed_data(data)
        except HttpParserError:
            return Unreachable("the answer is not HTTP")
    status = parser.get_status_code()
    if not 200 <= status <= 599:
        return Unreachable("the answer is not HTTP")
    return Answer(status, reading.content_type, bytes(reading.body))

"""Outgoing calls stay out of the network that the portal stands in, and are bounded (adversarial family S1)."""

import asyncio
import datetime as dt
import ipaddress
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from portal.outgoing.addresses import Blocked, allowed_networks, check_addresses, read_target
from portal.outgoing.client import BODY_MAX_BYTES, Answer, Unreachable, get, post_form
from portal.settings import load_settings
from tests.outgoing.sink import Sink, listening

pytestmark = pytest.mark.adversarial("S1")

LOOPBACK = (ipaddress.ip_network("127.0.0.1/32"),)
INSIDE = (
    "127.0.0.1", "127.1", "0", "0.0.0.0", "2130706433", "017700000001", "0x7f.1", "localhost", "[::1]", "[::]",
    "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]",
)  # fmt: skip
PRIVATE = (
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1",
    "::ffff:10.0.0.1", "::ffff:169.254.169.254", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1",
    "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "2001:0:a9fe::1", "2001:db8::1", "::7f00:1",
)  # fmt: skip


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with listening() as made:
        yield made


@pytest.mark.parametrize("host", INSIDE)
async def test_no_spelling_of_a_private_address_gets_a_packet(sink: Sink, host: str) -> None:
    for scheme in ("http", "https"):
        outcome = await get(sink.url(host, scheme=scheme), allowed=())
        assert isinstance(outcome, Blocked | Unreachable), host
    assert sink.connections == 0
    # The honest call: what the operator allows is reached.
    assert isinstance(await get(sink.url(), allowed=LOOPBACK), Answer)
    assert sink.connections == 1


@pytest.mark.parametrize("address", PRIVATE)
def test_every_kind_of_private_address_is_refused_alone_and_beside_a_public_one(address: str) -> None:
    target = read_target("https://app.example/logout")
    assert not isinstance(target, Blocked)
    assert check_addresses(target, ["93.184.215.14", "2606:2800:21f::1"], ()) is None
    assert isinstance(check_addresses(target, [address], ()), Blocked)
    assert isinstance(check_addresses(target, ["93.184.215.14", address], ()), Blocked)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "gopher://127.0.0.1:70/_x", "unix:/var/run/docker.sock", "ftp://app.example/",
        "//app.example/", "app.example", "", "https://", "https:///path", "https://user@app.example/",
        "https://user:pw@app.example/", "https://public.example@10.0.0.1/", "https://app.example/#f",
        "https://app.example:0/", "https://app.example:65536/", "https://app.example:x/", "https://[::",
        "https://app%2eexample/", "https://app。example/", "https://app．example/", "https://app.example\\@10.0.0.1/",
        "https://app.example/ HTTP/1.1\r\nhost: x", "https://app.example/\n", "https://app.example/" + "a" * 2048,
    ],
)  # fmt: skip
def test_an_address_that_can_be_read_in_two_ways_is_not_read(url: str) -> None:
    assert isinstance(read_target(url), Blocked)


@pytest.mark.parametrize("port", [22, 25, 80, 5432, 6379, 9200])
def test_a_public_address_is_called_on_the_ports_of_the_web_only(port: int) -> None:
    target, web = read_target(f"https://app.example:{port}/"), read_target("https://app.example:8443/")
    assert not isinstance(target, Blocked)
    assert not isinstance(web, Blocked)
    assert isinstance(check_addresses(target, ["93.184.215.14"], ()), Blocked)
    assert check_addresses(web, ["93.184.215.14"], ()) is None
    plain = read_target("http://app.example:443/")
    assert not isinstance(plain, Blocked)
    assert isinstance(check_addresses(plain, ["93.184.215.14"], ()), Blocked)


async def test_a_name_that_changes_its_mind_leads_where_it_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def changing(host: str, port: int, **_more: Any) -> Any:
        asked.append(host)
        return [(2, 1, 6, "", ("127.0.0.1" if len(asked) == 1 else "127.0.0.2", port))]

    async with listening() as public, listening("127.0.0.2", public.port) as inside:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", changing, raising=False)
        assert isinstance(await get(public.url("rebinding.example"), allowed=LOOPBACK), Answer)
        assert (public.connections, inside.connections) == (1, 0)
        # And the other way round: now it says the private one.
        assert isinstance(await get(public.url("rebinding.example"), allowed=LOOPBACK), Blocked)
        assert (public.connections, inside.connections) == (1, 0)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_answer_and_is_not_followed(sink: Sink, status: int) -> None:
    async with listening("127.0.0.2") as inside:
        location = inside.url("127.0.0.2")
        sink.answer = f"HTTP/1.1 {status} X\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n".encode()
        outcome = await post_form(sink.url(), {"a": "b"}, allowed=(ipaddress.ip_network("127.0.0.0/8"),))
        assert isinstance(outcome, Answer)
        assert outcome.status == status
        assert inside.connections == 0


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (BODY_MAX_BYTES + 1),
        b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n" + b"x" * 2_000_000,
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 400_000,
        b"220 mail.example ESMTP\r\n",
        b"",
    ],
    ids=["long", "longer", "headers", "another protocol", "nothing"],
)
async def test_what_is_no_small_http_answer_is_no_answer(sink: Sink, answer: bytes) -> None:
    sink.answer = answer
    outcome = await get(sink.url(), allowed=LOOPBACK)
    assert isinstance(outcome, Unreachable)
    assert "ESMTP" not in outcome.reason


async def test_a_server_that_drips_is_left_after_five_seconds(sink: Sink) -> None:
    sink.drip = True
    before = time.monotonic()
    assert isinstance(await get(sink.url(), allowed=LOOPBACK), Unreachable)
    assert 4.5 < time.monotonic() - before < 20  # it would drip for ever


async def test_a_chunked_answer_is_read_and_the_request_says_who_is_meant(sink: Sink) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/x; a=b\r\ntransfer-encoding: chunked\r\n\r\n"
    sink.answer = head + b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
    outcome = await post_form(sink.url(path="/logout?a=1"), {"logout_token": "a.b+c"}, allowed=LOOPBACK)
    assert outcome == Answer(200, "text/x", b"abc")
    (request,) = sink.requests
    assert request.startswith(b"POST /logout?a=1 HTTP/1.1\r\nhost: 127.0.0.1:")
    assert request.endswith(b"\r\n\r\nlogout_token=a.b%2Bc")


async def test_the_certificate_is_checked_for_the_name_while_the_address_is_the_checked_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def to_loopback(host: str, port: int, **_more: Any) -> Any:
        return [(2, 1, 6, "", ("127.0.0.1", port))]

    async with listening(tls=_tls_for("app.example", tmp_path)) as sink:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", to_loopback, raising=False)
        # Unknown to the machine's list of authorities: no.
        assert isinstance(await get(sink.url("app.example", scheme="https"), allowed=LOOPBACK), Unreachable)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "app.pem"))
        assert isinstance(await get(sink.url("app.example", scheme="https"), allowed=LOOPBACK), Answer)
        assert isinstance(await get(sink.url("other.example", scheme="https"), allowed=LOOPBACK), Unreachable)
        assert sink.names[:2] == ["app.example", "app.example"]
        assert sink.requests[0].split(b"\r\n")[1] == f"host: app.example:{sink.port}".encode()
        assert len(sink.requests) == 1


def test_the_setting_names_networks_and_development_has_loopback() -> None:
    production = load_settings({"PORTAL_OUTGOING_ALLOW": "10.1.2.3, fd00::/8", "PORTAL_URL": "https://login.example"})
    assert [str(network) for network in allowed_networks(production)] == ["10.1.2.3/32", "fd00::/8"]
    assert allowed_networks(load_settings({"PORTAL_URL": "https://login.example"})) == ()
    development = allowed_networks(load_settings({"PORTAL_DEV": "1"}))
    assert [str(network) for network in development] == ["127.0.0.0/8", "::1/128"]


def _tls_for(name: str, folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "app.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "app.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "app.pem", folder / "app.key")
    return context

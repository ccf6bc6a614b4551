"""The senders against real SMTP servers on this machine: portal/mail/senders.py."""

import asyncio
import datetime as dt
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from portal.mail.message import Mail
from portal.mail.senders import (
    DevelopmentInbox,
    Refused,
    Sent,
    SmtpSender,
    SmtpServer,
    SmtpServerError,
    TryAgain,
    WaitingSender,
    parse_smtp_url,
)

Start = Callable[..., Awaitable[int]]

MAIL = Mail(
    to="alice@example.com",
    subject="Confirm your address",
    text="Your code: 482913\n",
    html="<p>482913</p>\n",
    sender_name="Example Portal",
    language="en",
    reference="0123456789abcdef",
)


class Mailbox:
    """What the server took, and what it answers."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.rcpt_answer = ""
        self.data_answer = "250 OK"
        self.delay = 0.0
        self.logins: list[tuple[bytes, bytes]] = []

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.rcpt_answer:
            return self.rcpt_answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        await asyncio.sleep(self.delay)
        if self.data_answer.startswith("250"):
            self.envelopes.append(envelope)
        return self.data_answer

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"right horse", handled=False)


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
async def start(mailbox: Mailbox) -> AsyncIterator[Start]:
    """Start servers on free ports of the loopback address; they end with the test."""
    running: list[asyncio.Server] = []

    async def start_one(**options: Any) -> int:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: SMTP(mailbox, hostname="mail.test", enable_SMTPUTF8=True, loop=loop, **options), "127.0.0.1", 0
        )
        running.append(server)
        return int(server.sockets[0].getsockname()[1])

    yield start_one
    for server in running:
        server.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 with its key, in one file; its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail.test")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def plain(port: int, **options: Any) -> SmtpSender:
    return SmtpSender(SmtpServer("127.0.0.1", port, "none"), "no-reply@portal.example", **options)


async def test_a_mail_reaches_the_server_with_exactly_one_recipient(start: Start, mailbox: Mailbox) -> None:
    assert await plain(await start()).send(MAIL) == Sent()
    [envelope] = mailbox.envelopes
    assert envelope.rcpt_tos == ["alice@example.com"]
    assert envelope.mail_from == "no-reply@portal.example"
    assert isinstance(envelope.content, bytes)
    read = message_from_bytes(envelope.content, policy=default)
    assert read["Subject"] == "Confirm your address"
    assert read["Auto-Submitted"] == "auto-generated"
    assert "482913" in read.get_body(("plain",)).get_content()  # type: ignore[attr-defined]


async def test_an_address_of_another_alphabet_reaches_a_server_that_knows_them(start: Start, mailbox: Mailbox) -> None:
    assert await plain(await start()).send(replace(MAIL, to="jörg@bücher.example")) == Sent()
    assert mailbox.envelopes[0].rcpt_tos == ["jörg@xn--bcher-kva.example"]


@pytest.mark.adversarial("E1")
async def test_a_sealed_mail_to_two_people_is_refused_before_any_connection(start: Start, mailbox: Mailbox) -> None:
    sender = plain(await start())
    delivery = await sender.send(replace(MAIL, to="a@evil.example,v@victim.example"))
    assert isinstance(delivery, Refused)
    assert mailbox.envelopes == []
    assert await sender.send(MAIL) == Sent()  # the honest one passes


async def test_starttls_and_login_are_used(start: Start, mailbox: Mailbox, certificate: Path) -> None:
    port = await start(
        tls_context=server_tls(certificate),
        require_starttls=True,
        authenticator=mailbox.authenticate,
        auth_required=True,
    )
    server = SmtpServer("localhost", port, "starttls", "portal", "right horse")
    trusted = ssl.create_default_context(cafile=certificate)
    assert await SmtpSender(server, "no-reply@portal.example", tls_context=trusted).send(MAIL) == Sent()
    assert mailbox.logins == [(b"portal", b"right horse")]


async def test_a_server_with_an_unknown_certificate_gets_neither_password_nor_mail(
    start: Start, mailbox: Mailbox, certificate: Path
) -> None:
    port = await start(tls_context=server_tls(certificate), authenticator=mailbox.authenticate)
    server = SmtpServer("localhost", port, "starttls", "portal", "right horse")
    delivery = await SmtpSender(server, "no-reply@portal.example").send(MAIL)
    assert isinstance(delivery, TryAgain)
    assert mailbox.logins == []
    assert mailbox.envelopes == []


async def test_a_server_that_offers_no_tls_gets_no_mail_when_tls_is_demanded(start: Start, mailbox: Mailbox) -> None:
    server = SmtpServer("127.0.0.1", await start(), "starttls")
    assert isinstance(await SmtpSender(server, "no-reply@portal.example").send(MAIL), TryAgain)
    assert mailbox.envelopes == []


async def test_a_wrong_password_is_tried_again_later_and_not_named_in_the_reason(
    start: Start, mailbox: Mailbox, certificate: Path
) -> None:
    port = await start(tls_context=server_tls(certificate), authenticator=mailbox.authenticate, auth_required=True)
    server = SmtpServer("localhost", port, "starttls", "portal", "wrong horse")
    trusted = ssl.create_default_context(cafile=certificate)
    delivery = await SmtpSender(server, "no-reply@portal.example", tls_context=trusted).send(MAIL)
    assert delivery == TryAgain("SMTPAuthenticationError (535)")


@pytest.mark.parametrize("answer", ["451 4.7.1 greylisted", "550 relaying denied", "554 5.7.1 not today"])
async def test_a_refusal_that_may_pass_is_tried_again(start: Start, mailbox: Mailbox, answer: str) -> None:
    mailbox.rcpt_answer = answer
    assert isinstance(await plain(await start()).send(MAIL), TryAgain)


async def test_a_mailbox_that_does_not_exist_is_given_up(start: Start, mailbox: Mailbox) -> None:
    mailbox.rcpt_answer = "550 5.1.1 no such user"
    assert await plain(await start()).send(MAIL) == Refused("the server refused the recipient (550)")


async def test_the_reason_repeats_nothing_that_the_server_said(start: Start, mailbox: Mailbox) -> None:
    mailbox.data_answer = "554 spam: alice@example.com, your code 482913"
    delivery = await plain(await start()).send(MAIL)
    assert delivery == TryAgain("SMTPDataError (554)")


async def test_a_server_that_is_away_is_tried_again(unused_tcp_port_factory: Callable[[], int]) -> None:
    assert isinstance(await plain(unused_tcp_port_factory()).send(MAIL), TryAgain)


async def test_a_server_that_says_nothing_is_left_in_time() -> None:
    async def say_nothing(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)
        writer.close()

    silent = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    started = time.monotonic()
    assert isinstance(await plain(port, timeout=0.3).send(MAIL), TryAgain)
    assert time.monotonic() - started < 5
    silent.close()


async def test_a_server_that_drips_its_answers_is_left_in_time() -> None:
    async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            writer.write(b"220-still here\r\n")  # each line resets a timeout that counts single reads
            await asyncio.sleep(0.05)

    dripping = await asyncio.start_server(drip, "127.0.0.1", 0)
    port = dripping.sockets[0].getsockname()[1]
    started = time.monotonic()
    assert isinstance(await plain(port, timeout=0.5).send(MAIL), TryAgain)
    assert time.monotonic() - started < 5
    dripping.close()


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example.com", SmtpServer("mail.example.com", 587, "starttls")),
        ("smtp://u:p%40w@mail.example.com:2525", SmtpServer("mail.example.com", 2525, "starttls", "u", "p@w")),
        ("smtp://mail.example.com:587?tls=starttls", SmtpServer("mail.example.com", 587, "starttls")),
        ("smtps://mail.example.com", SmtpServer("mail.example.com", 465, "implicit")),
        ("smtp://mail.example.com:465", SmtpServer("mail.example.com", 465, "implicit")),
        ("smtp://127.0.0.1:1025?tls=none", SmtpServer("127.0.0.1", 1025, "none")),
    ],
)
def test_the_server_is_read_from_its_url(url: str, server: SmtpServer) -> None:
    assert parse_smtp_url(url) == server


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.com:587",
        "http://mail.example.com",
        "smtp://",
        "smtp://mail.example.com:port",
        "smtp://mail.example.com?tls=maybe",
        "smtp://mail.example.com?verify=no",
        "smtp://user:hunter2@mail.example.com?tls=none",
    ],
)
def test_a_url_that_says_no_server_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(SmtpServerError) as refusal:
        parse_smtp_url(url)
    assert "hunter2" not in str(refusal.value)
    assert "PORTAL_SMTP_URL" in str(refusal.value)


def test_the_password_is_in_no_representation() -> None:
    assert "hunter2" not in repr(SmtpSender(SmtpServer("h", 1, "starttls", "u", "hunter2"), "a@b.co"))


async def test_without_a_server_mail_waits_and_in_development_it_stays_readable() -> None:
    assert not WaitingSender().ready
    assert DevelopmentInbox().ready
    assert DevelopmentInbox().keeps_payload
    assert await DevelopmentInbox().send(MAIL) == Sent()

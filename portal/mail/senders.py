"""The ways a mail leaves: an SMTP server, the development inbox, or not yet because no server is configured.

SMTP: RFC 5321; submission with TLS: RFC 8314. https://www.rfc-editor.org/rfc/rfc8314#section-3
"""

import asyncio
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from portal.mail.address import ascii_address
from portal.mail.message import Mail, as_mime
from portal.settings import LOOPBACK_NAMES, Settings

if TYPE_CHECKING:
    import aiosmtplib

COMMAND_TIMEOUT = 10.0  # seconds for one answer of the server
DELIVERY_TIMEOUT = 30.0  # seconds for a whole mail: a server that drips one byte a second ends here
Tls = Literal["starttls", "implicit", "none"]
_DEFAULT_PORTS: dict[Tls, int] = {"starttls": 587, "implicit": 465, "none": 25}


@dataclass(frozen=True, slots=True)
class Sent:
    """The server took the mail."""


@dataclass(frozen=True, slots=True)
class TryAgain:
    """Not now: the server is away, slow or busy. `reason` is for the operator."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Never: the server says that this mailbox takes no mail. `reason` is for the operator."""

    reason: str


Delivery = Sent | TryAgain | Refused


class Sender(Protocol):
    """Sends one mail. Never raises for what a mail server may do."""

    @property
    def ready(self) -> bool:
        """Whether mails may be taken from the outbox at all."""
        ...

    @property
    def keeps_payload(self) -> bool:
        """Whether a mail stays readable in the outbox after it was sent."""
        ...

    async def send(self, mail: Mail) -> Delivery:
        """Hand the mail on and say how it went."""
        ...


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where mail is handed in, from PORTAL_SMTP_URL."""

    host: str
    port: int
    tls: Tls
    username: str | None = None
    password: str | None = field(default=None, repr=False)


class SmtpServerError(ValueError):
    """PORTAL_SMTP_URL does not say where to send mail; the text is a plain sentence without the password."""


@dataclass(frozen=True, slots=True)
class SmtpSender:
    """Hands mail to a server over SMTP with a verified certificate."""

    server: SmtpServer
    mail_from: str
    keeps_payload: bool = False
    tls_context: ssl.SSLContext = field(default_factory=ssl.create_default_context, repr=False)
    ready: bool = True
    timeout: float = DELIVERY_TIMEOUT

    async def send(self, mail: Mail) -> Delivery:
        """Send over a connection of its own: a server that broke one leaves the others alone."""
        import aiosmtplib  # here: a portal that sends no mail of its own never loads it

        try:
            message = as_mime(mail, self.mail_from)
        except ValueError as error:  # a recipient or sender that is no address: no later try would mend it
            return Refused(f"the mail cannot be written: {error}")
        try:
            async with asyncio.timeout(self.timeout):
                await aiosmtplib.send(
                    message,
                    recipients=[ascii_address(mail.to)],  # the envelope is ours, never read back from headers
                    hostname=self.server.host,
                    port=self.server.port,
                    username=self.server.username,
                    password=self.server.password,
                    use_tls=self.server.tls == "implicit",
                    # True demands STARTTLS: a network that strips the offer must not get the mail in the clear.
                    start_tls=self.server.tls == "starttls",
                    tls_context=None if self.server.tls == "none" else self.tls_context,
                    timeout=min(COMMAND_TIMEOUT, self.timeout),
                )
        except aiosmtplib.SMTPRecipientsRefused as error:
            return _recipient_refused(error)
        except aiosmtplib.SMTPNotSupported as error:  # no SMTPUTF8: this server never takes such an address
            return Refused(_reason(error))
        except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as error:
            return TryAgain(_reason(error))
        return Sent()


@dataclass(frozen=True, slots=True)
class DevelopmentInbox:
    """Sends nothing: the mail stays in the outbox, where /dev/inbox reads it. Only with PORTAL_DEV=1."""

    ready: bool = True
    keeps_payload: bool = True

    async def send(self, mail: Mail) -> Delivery:
        """Accept the mail."""
        return Sent()


@dataclass(frozen=True, slots=True)
class WaitingSender:
    """No server is configured: mail waits in the outbox; `portal doctor` and /readyz say why."""

    ready: bool = False
    keeps_payload: bool = False

    async def send(self, mail: Mail) -> Delivery:
        """Leave the mail where it is."""
        return TryAgain("no mail server is configured (PORTAL_SMTP_URL)")


def sender_for(settings: Settings) -> Sender:
    """Return the sender that the settings ask for.

    Raises:
        SmtpServerError: when PORTAL_SMTP_URL cannot be read.
    """
    if settings.smtp_url:
        return SmtpSender(parse_smtp_url(settings.smtp_url), settings.mail_from, keeps_payload=settings.dev)
    return DevelopmentInbox() if settings.dev else WaitingSender()


def parse_smtp_url(url: str) -> SmtpServer:
    """Read `smtp://user:password@host:587?tls=starttls` (the default), `smtps://host` or `?tls=implicit|none`.

    Raises:
        SmtpServerError: with a plain sentence that repeats no password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise SmtpServerError("PORTAL_SMTP_URL is no address such as smtp://user:password@host:587.") from error
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.path not in ("", "/"):
        raise SmtpServerError("PORTAL_SMTP_URL is no address such as smtp://user:password@host:587.")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    tls = options.pop(
        "tls", "implicit" if parts.scheme == "smtps" or port == _DEFAULT_PORTS["implicit"] else "starttls"
    )
    if options or tls not in _DEFAULT_PORTS:
        raise SmtpServerError("PORTAL_SMTP_URL knows one option, tls, which is starttls, implicit or none.")
    username = unquote(parts.username) if parts.username else None
    if tls == "none" and username and parts.hostname not in LOOPBACK_NAMES:
        raise SmtpServerError("PORTAL_SMTP_URL has a password and tls=none: it would travel in the clear.")
    return SmtpServer(
        host=parts.hostname,
        port=port or _DEFAULT_PORTS[tls],
        tls=tls,
        username=username,
        password=unquote(parts.password) if parts.password else None,
    )


def _recipient_refused(error: "aiosmtplib.SMTPRecipientsRefused") -> Delivery:
    # RFC 3463 3.2: 5.1.x says that the mailbox is not there. Any other 5yz may be our own relay's configuration (a
    # plain 550 is what "relaying denied" looks like), and a day of mail must not be thrown away for that.
    if not error.recipients:
        return TryAgain(_reason(error))
    refusal = error.recipients[0]
    reason = f"the server refused the recipient ({refusal.code})"
    return Refused(reason) if refusal.code >= 500 and refusal.message.startswith("5.1.") else TryAgain(reason)


def _reason(error: Exception) -> str:
    """Name the failure without the server's own words: some servers repeat the address or the text of the mail."""
    code = getattr(error, "code", None)
    return f"{type(error).__name__} ({code})" if isinstance(code, int) else type(error).__name__

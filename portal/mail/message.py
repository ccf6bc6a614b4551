"""One mail: composed from three templates, and sealed for the time it waits in the outbox.

Headers are described in RFC 5322, Auto-Submitted in RFC 3834. https://www.rfc-editor.org/rfc/rfc3834#section-5
"""

import json
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import Any, Protocol

from portal import clock
from portal.crypto.sealing import Sealer
from portal.mail.address import ascii_address

SEALED_FOR = "outbox"  # a sealed mail opens for no other use
SUBJECT_MAX_LENGTH = 150  # characters; a mailbox shows about 70 of them
NAME_MAX_LENGTH = 80  # characters of an app's or a namespace's name


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail to one person. `reference` is the same on every try, so that a mailbox can tell a repetition."""

    to: str
    subject: str
    text: str
    html: str
    sender_name: str
    language: str
    reference: str


class Renderer(Protocol):
    """What renders the texts: `portal.web.templates.Templates`."""

    def render(self, template: str, language: str, values: Mapping[str, Any]) -> str:
        """Return a template's text in a language."""
        ...


def compose(
    templates: Renderer,
    name: str,
    recipient: str,
    language: str,
    *,
    display_name: str,
    sender_name: str | None = None,
    **values: object,
) -> Mail:
    """Render the mail templates/email/<name>/{subject.txt, body.txt, body.html}.

    Args:
        templates: the portal's templates, which escape values in `.html` files and in no `.txt`.
        name: the message's folder, a constant of the caller.
        recipient: exactly one address, see `portal.mail.address.address_problem`.
        language: BCP 47 tag of the texts.
        display_name: the namespace's name, as the texts show it.
        sender_name: the name in front of the sender's address, where it is another one.
        values: what the message's templates name.

    Raises:
        ValueError: when the recipient is not exactly one address. Forms check that before they come here.
    """
    ascii_address(recipient)
    shown_name = one_line(display_name, NAME_MAX_LENGTH)
    if "app_name" in values and values["app_name"] is not None:
        values["app_name"] = one_line(str(values["app_name"]), NAME_MAX_LENGTH)
    shown = {**values, "display_name": shown_name, "recipient": recipient}
    subject = one_line(templates.render(f"email/{name}/subject.txt", language, shown), SUBJECT_MAX_LENGTH)
    return Mail(
        to=recipient,
        subject=subject,
        text=templates.render(f"email/{name}/body.txt", language, shown).strip() + "\n",
        html=templates.render(f"email/{name}/body.html", language, {**shown, "subject": subject}).strip() + "\n",
        sender_name=one_line(sender_name or "", NAME_MAX_LENGTH) or shown_name,
        language=language,
        reference=secrets.token_hex(16),
    )


def one_line(text: str, limit: int) -> str:
    """Return the text on one line of at most `limit` characters, without anything that is no visible character.

    A line break in a header starts another header (OWASP: mail header injection); a bidirectional override shows
    another name than the one written. Names come from whoever registers an app.
    """
    visible = ("".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in text)).split()
    line = " ".join(visible)
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def seal_mail(sealer: Sealer, mail: Mail) -> str:
    """Return the mail as the outbox keeps it: it carries codes and links, so nobody reads it in the table."""
    return sealer.seal(json.dumps(asdict(mail), ensure_ascii=False).encode("utf-8"), SEALED_FOR)


def open_mail(sealer: Sealer, sealed: str) -> Mail:
    """Return the mail that `seal_mail` sealed.

    Raises:
        portal.crypto.sealing.CannotOpen: when none of our keys sealed it.
    """
    return Mail(**json.loads(sealer.open(sealed, SEALED_FOR)))


def as_mime(mail: Mail, mail_from: str) -> EmailMessage:
    """Return the mail as it travels: text and HTML side by side, one recipient, marked as sent by a machine.

    `mail_from` is PORTAL_MAIL_FROM, an address with or without a name; the namespace's own name goes before that name.

    Raises:
        ValueError: when sender or recipient is not exactly one address.
    """
    configured_name, configured_address = parseaddr(mail_from)
    sender = ascii_address(configured_address)
    recipient = ascii_address(mail.to)
    message = EmailMessage(policy=SMTP.clone(utf8=not (sender + recipient).isascii()))
    message["From"] = Address(one_line(mail.sender_name, NAME_MAX_LENGTH) or configured_name, *sender.split("@"))
    message["To"] = Address("", *recipient.split("@"))
    message["Subject"] = one_line(mail.subject, SUBJECT_MAX_LENGTH)
    message["Date"] = format_datetime(clock.now())
    message["Message-ID"] = f"<{mail.reference}@{sender.partition('@')[2]}>"
    # RFC 3834 5: holiday replies and the like must not answer a machine. The second one is the same for Exchange.
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(mail.text, cte="quoted-printable")
    message.add_alternative(mail.html, subtype="html", cte="quoted-printable")
    message["Content-Language"] = mail.language  # last: what is set before moves into the first part
    return message

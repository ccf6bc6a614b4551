"""One mail: composed from three templates, and sealed for the time it waits in the outbox.

Headers are described in RFC 5322, Auto-Submitted in RFC 3834. https://www.rfc-editor.org/rfc/rfc3834#section-5
"""

import json
import re
import secrets
import textwrap
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
SIGNATURE_FOLLOWS = "-- "
LINE_LENGTH = 72  # characters; what a program that knows no more than text shows without scrolling
OTHERS_NAMES = ("app_name", "passkey")  # values of mails that somebody else than the recipient may have chosen
OTHERS_ADDRESSES = ("account",)
# What mail programs make a link of, in a name and in an address; the latter has dots by itself.
_LINK_IN_A_NAME = re.compile(r"://|\w\.\w")
_LINK_IN_AN_ADDRESS = re.compile(r"/|\bwww\.", re.IGNORECASE)


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
        values: what the message's templates name. `support` is the address that answers questions, where there is one.

    Raises:
        ValueError: when the recipient is not exactly one address. Forms check that before they come here.
    """
    ascii_address(recipient)
    shown_name = one_line(display_name, NAME_MAX_LENGTH)
    for key in OTHERS_NAMES:
        if values.get(key) is not None:
            values[key] = one_line(str(values[key]), NAME_MAX_LENGTH)
    named = {"support": None, **values, "display_name": shown_name, "recipient": recipient}
    subject = one_line(templates.render(f"email/{name}/subject.txt", language, named), SUBJECT_MAX_LENGTH)
    shown = _without_links(named)
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


def _without_links(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a mail's texts, with names and addresses that no mail program makes a link of.

    Whoever registers an app called `https://evil.example`, or types `you+www.evil.example/win@…` as an address, would
    otherwise send a link under our name. A zero-width space after each dot, colon and slash is not seen.
    """
    broken = dict(values)
    for keys, link in (
        ((*OTHERS_NAMES, "display_name"), _LINK_IN_A_NAME),
        ((*OTHERS_ADDRESSES, "recipient"), _LINK_IN_AN_ADDRESS),
    ):
        for key in keys:
            if isinstance(text := broken.get(key), str) and link.search(text):
                broken[key] = re.sub(r"([.:/])", "\\1\u200b", text)
    return broken


def flowed(text: str) -> str:
    """Return the text in short lines, of which those that go on end in a space, for programs to join (RFC 3676 4.2).

    A link is one word, so it stays whole. "-- " keeps its meaning: the signature follows (4.3).
    """
    lines: list[str] = []
    for paragraph in text.splitlines():
        if paragraph == SIGNATURE_FOLLOWS:
            lines.append(paragraph)
            continue
        wrapped = textwrap.wrap(paragraph, LINE_LENGTH, break_long_words=False, break_on_hyphens=False) or [""]
        # Stuffed with a space: quotes and what a mail server takes for the beginning of another mail (4.4).
        stuffed = [f" {line}" if line.startswith((" ", ">", "From ")) else line for line in wrapped]
        lines += [f"{line} " for line in stuffed[:-1]] + stuffed[-1:]
    return "\n".join(lines) + "\n"


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
    message.set_content(flowed(mail.text), cte="quoted-printable", params={"format": "flowed"})
    message.add_alternative(mail.html, subtype="html", cte="quoted-printable")
    message["Content-Language"] = mail.language  # last: what is set before moves into the first part
    return message

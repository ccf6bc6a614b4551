"""What counts as one mail address: RFC 5321 section 4.1.2 without its quoted forms, and RFC 6531 for other alphabets.

https://www.rfc-editor.org/rfc/rfc5321#section-4.1.2

Deliberately narrower than the RFC: lists, comments, quoted local parts and angle brackets are where two programs read
one text as two different mailboxes, and then the code of one person reaches another (OWASP: mail header injection).
"""

import re
import unicodedata
from typing import Literal

import idna

AddressProblem = Literal["empty", "too_long", "not_one_address"]

ADDRESS_MAX_LENGTH = 254  # characters; RFC 5321 4.5.3.1.3 leaves this much inside the angle brackets of a path
LOCAL_PART_MAX_LENGTH = 64  # octets; RFC 5321 4.5.3.1.1

# RFC 5322 3.2.3 atext, plus everything outside ASCII (RFC 6531); what is no letter there is refused by category below.
_DOT_ATOM = re.compile(
    r"[a-zA-Z0-9!#$%&'*+/=?^_`{|}~\-\u0080-\U0010ffff]+(?:\.[a-zA-Z0-9!#$%&'*+/=?^_`{|}~\-\u0080-\U0010ffff]+)*"
)
_HOST_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)


def address_problem(address: str) -> AddressProblem | None:
    """Say why a text is not exactly one mail address that we send to, or return None when it is.

    `address` is what a person typed, already trimmed.
    """
    if not address:
        return "empty"
    if len(address) > ADDRESS_MAX_LENGTH or len(address.encode("utf-8", "surrogatepass")) > ADDRESS_MAX_LENGTH:
        return "too_long"
    local_part, at, domain = address.partition("@")
    if not at or "@" in domain or has_invisible_characters(address):
        return "not_one_address"
    if len(local_part.encode("utf-8", "surrogatepass")) > LOCAL_PART_MAX_LENGTH or not _DOT_ATOM.fullmatch(local_part):
        return "not_one_address"
    return None if _ascii_domain(domain) else "not_one_address"


def ascii_address(address: str) -> str:
    """Return the address as a mail server wants it: the domain in its ASCII form (RFC 5890), the local part untouched.

    Raises:
        ValueError: when `address_problem` finds one.
    """
    if address_problem(address) is not None:
        raise ValueError("not exactly one mail address")
    local_part, _, domain = address.partition("@")
    return f"{local_part}@{_ascii_domain(domain)}"


def has_invisible_characters(text: str) -> bool:
    """Return whether a text has a character that nobody sees: a line break, a direction override, any space."""
    # Control, format, surrogate, private, unassigned, and every kind of space and separator.
    return any(unicodedata.category(character)[0] in "CZ" for character in text)


def _ascii_domain(domain: str) -> str | None:
    """Return the domain in ASCII, or None. Never IDNA 2003: it turns ß into ss, which is somebody else's domain."""
    try:
        ascii_domain = domain if domain.isascii() else idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        return None
    labels = ascii_domain.split(".")
    return ascii_domain if all(_HOST_LABEL.fullmatch(label) for label in labels) else None

"""The address that a person types to say who they are, in the one spelling that accounts are found by.

Two spellings of one mailbox must not be two accounts (RFC 5890 for the domain, RFC 6532 section 3.1 for the rest).
https://www.rfc-editor.org/rfc/rfc5890
"""

import unicodedata

from portal.mail.address import address_problem, ascii_address, has_invisible_characters
from portal.web.refusals import mark_refusal
from portal.web.request import PortalRequest

LIST_MARKS = frozenset(',;<>"')  # with these some programs read one text as several addresses


def read_address(typed: str) -> str | None:
    """Return an address in the one spelling that accounts are found by, or None when it is not exactly one address.

    Case, width of letters, a trailing dot and the alphabet that a domain is written in do not tell mailboxes apart;
    plus tags and dots in the local part do. The domain comes back in ASCII: so do lists of domains name it, mail
    servers and apps.
    """
    # Composed again at the end: a capital may become two characters in lower case.
    lowered = unicodedata.normalize("NFKC", typed.strip()).lower()
    address = unicodedata.normalize("NFKC", lowered).removesuffix(".")
    if address_problem(address):
        return None
    canonical = ascii_address(address)
    return None if address_problem(canonical) else canonical  # in ASCII it may be too long


def read_typed_address(request: PortalRequest, typed: str) -> str | None:
    """Return what `read_address` does, and note the refusal of a text that looks like more than one address.

    Whoever forgot the ending of an address is no matter for the audit log; who tries to smuggle in a second one is.
    """
    address = read_address(typed)
    if address is None and _may_be_several(typed):
        mark_refusal(request.facts, "odd_address")
    return address


def _may_be_several(typed: str) -> bool:
    text = unicodedata.normalize("NFKC", typed.strip())
    return text.count("@") > 1 or not LIST_MARKS.isdisjoint(text) or has_invisible_characters(text)

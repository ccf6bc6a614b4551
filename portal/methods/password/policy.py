"""Which passwords are accepted: length and a list of common ones, no composition rules (NIST SP 800-63B-4 3.1.1.2)."""

import gzip
import re
from collections.abc import Callable, Iterable
from enum import Enum
from functools import lru_cache
from pathlib import Path

from portal.crypto.hashing import normalise
from portal.web.locale import mark

MAX_LENGTH = 256  # characters: room for any passphrase, a bound for the hash
MIN_CONTEXT_WORD = 4  # characters; shorter words occur in good passwords by chance
COMMON_PASSWORDS = Path(__file__).with_name("common_passwords.txt.gz")


class PasswordProblem(Enum):
    """Why a password is refused; the value is what the page says."""

    EMPTY = mark("Enter a password.")
    TOO_SHORT = mark("Use at least {least} characters.")
    TOO_LONG = mark("Use at most {most} characters.")
    BREACHED = mark("This password was stolen from another service, and attackers try it. Choose another one.")
    COMMON = mark("This password is on lists that attackers try first. Choose another one.")
    CONTEXT = mark("This password is too close to your name, your address or this service. Choose another one.")

    def text(self, least: int, gettext: Callable[[str], str] = str) -> str:
        """Return the sentence, translated by `gettext`, with its numbers."""
        return gettext(self.value).format(least=least, most=MAX_LENGTH)


def check_password(
    password: str, context: Iterable[str | None] = (), *, min_length: int = 8, refuse_common: bool = True
) -> PasswordProblem | None:
    """Return why a new password is refused, or None.

    `context` are words that an attacker would try for this person: address, name, name of the service. Each Unicode
    code point counts as one character; the whole password is compared, so that a good one may contain a common word.
    Without `refuse_common` the list that is shipped is left out.
    """
    normal = normalise(password)
    if not normal:
        return PasswordProblem.EMPTY
    if len(normal) < min_length:
        return PasswordProblem.TOO_SHORT
    if len(normal) > MAX_LENGTH:
        return PasswordProblem.TOO_LONG
    folded = normal.casefold()
    if refuse_common and (folded in common_passwords() or len(set(folded)) <= 2):
        return PasswordProblem.COMMON
    if _stripped(folded) in {_stripped(word) for phrase in context if phrase for word in _words(phrase)}:
        return PasswordProblem.CONTEXT
    return None


@lru_cache(maxsize=1)
def common_passwords() -> frozenset[str]:
    """Return the list that is shipped: common and breached passwords of eight characters or more, lower case."""
    with gzip.open(COMMON_PASSWORDS, "rt", encoding="utf-8") as lines:
        return frozenset(line.rstrip("\n") for line in lines)


def _words(phrase: str) -> Iterable[str]:
    folded = phrase.casefold()
    yield folded
    yield folded.partition("@")[0]
    yield from (word for word in re.split(r"[^\w]+", folded) if len(word) >= MIN_CONTEXT_WORD)


def _stripped(text: str) -> str:
    # "Alice2024!" is "alice" to whoever guesses: digits and marks at both ends are the first thing tried.
    return re.sub(r"^[\W\d_]+|[\W\d_]+$", "", text) or text

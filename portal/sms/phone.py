"""Phone numbers as people type them, in the one spelling that accounts are found by: E.164 (+41791234567).

Only the international form is taken: to complete a local one we would have to guess the country.
"""

import re

_DECORATION = re.compile(r"[\s().\-/\u2010-\u2015\u00a0]+")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")  # ITU-T E.164 6.2.1: at most 15 digits


def read_phone(typed: str) -> str | None:
    """Return a number in E.164, or None for what is none. "00" before the country stands for the plus sign."""
    digits = _DECORATION.sub("", typed)
    if digits.startswith("00"):
        digits = f"+{digits[2:]}"
    return digits if digits.isascii() and _E164.fullmatch(digits) else None

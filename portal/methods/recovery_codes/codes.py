"""Making and checking recovery codes: ten of 75 random bits, each hashed with a salt of its own.

A code begins with its number in the set, so that checking one costs one hash and not ten.
NIST SP 800-63B-4, look-up secrets: https://pages.nist.gov/800-63-4/sp800-63b.html
"""

import json
import re
import secrets

from portal.crypto.hashing import PASSWORDS

COUNT = 10
LENGTH = 15  # characters after the number: 75 bits; NIST asks for 64 of codes that are kept
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no letter that looks like a digit
LOOKS_LIKE = str.maketrans("oil", "011")


def new_codes() -> list[str]:
    """Return a fresh set, as people write it down: `3-k7mpq-2xw9r-8tnva`."""
    return [_new_code(number) for number in range(COUNT)]


async def hash_codes(codes: list[str]) -> str:
    """Return what the database keeps of a set: a JSON list of argon2id hashes, in the order of the numbers.

    Raises:
        HashQueueFull: when too many hashes wait.
    """
    return json.dumps([await PASSWORDS.hash(_bare(code)) for code in codes])


def read_code(typed: str) -> str | None:
    """Return a typed code without what people add and mistake, or None for what cannot be one."""
    code = _bare(typed)
    return code if re.fullmatch(rf"[0-9][{ALPHABET}]{{{LENGTH}}}", code) else None


async def number_of(code: str, hashes: str) -> int | None:
    """Return the place of a code in its set, from 1, or None for a wrong one.

    Raises:
        HashQueueFull: when too many hashes wait.
    """
    try:
        stored = json.loads(hashes)
    except ValueError:
        stored = []  # a set that another program enrolled
    number = int(code[0])
    theirs = stored[number] if isinstance(stored, list) and number < len(stored) else None
    return number + 1 if await PASSWORDS.verify(theirs if isinstance(theirs, str) else None, code) else None


def _new_code(number: int) -> str:
    characters = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    return f"{number}-{characters[:5]}-{characters[5:10]}-{characters[10:]}"


def _bare(code: str) -> str:
    return re.sub(r"[\s-]", "", code).lower().translate(LOOKS_LIKE)

"""Whether a password is known from breaches, asked of a service that learns five of the 40 digits of its hash.

The range lookup of Have I Been Pwned (k-anonymity), or a mirror of it: https://haveibeenpwned.com/API/v3#PwnedPasswords
"""

import asyncio
import hashlib
from collections.abc import Sequence

from portal.outgoing.client import Answer, get
from portal.settings import Network
from portal.web.logging import get_logger

PREFIX_LENGTH = 5  # hexadecimal digits; well over a thousand known passwords begin with each
ANSWER_WITHIN = 2.0  # seconds; somebody waits for the page
LOOKUPS_AT_ONCE = 16  # of a process: whoever sends sign-ups must not flood the service through it

log = get_logger("portal.password")

_under_way = asyncio.Semaphore(LOOKUPS_AT_ONCE)


async def is_breached(password: str, range_url: str, *, allowed: Sequence[Network]) -> bool:
    """Return whether the service at `range_url` knows the password. `allowed` are private networks that it may be in.

    Without an answer it is not known: a service that is away must not keep people from signing up, and the list that
    is shipped has been asked.
    """
    if _under_way.locked():
        log.warning("breach_lookup_failed", reason="too many at once")
        return False
    digest = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()
    url = f"{range_url.rstrip('/')}/{digest[:PREFIX_LENGTH]}"
    # Padded: from the length of an answer one who watches the wire could tell which five digits were asked for.
    headers = {"accept": "text/plain", "add-padding": "true"}
    async with _under_way:
        outcome = await get(url, allowed=allowed, headers=headers, within=ANSWER_WITHIN)
    if not isinstance(outcome, Answer) or outcome.status != 200:
        reason = f"it answered {outcome.status}" if isinstance(outcome, Answer) else outcome.reason
        log.warning("breach_lookup_failed", reason=reason)
        return False
    return _has(outcome.body.decode("ascii", errors="replace"), digest[PREFIX_LENGTH:])


def _has(answer: str, rest: str) -> bool:
    found = (line.strip().upper().partition(":") for line in answer.splitlines())
    return any(digits == rest and times != "0" for digits, _, times in found)  # padding was seen 0 times

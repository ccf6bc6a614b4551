"""What was refused, for the audit log: `request_refused` with a kind, counted by the minute and network.

A flood of refused requests must not become a flood of rows. A process calls the database for the first of a minute,
kind and network, and then for the tenth, the hundredth …: what lies between two of those is not written.
"""

import ipaddress
import time
from typing import Any

from portal.db.engine import Database, DatabaseUnavailable
from portal.web.logging import get_logger
from portal.web.request import RequestContext

FACT = "refusal"
# What a status says by itself; whoever knows better calls mark_refusal.
KIND_OF_STATUS = {413: "too_large", 415: "no_form", 421: "unknown_host", 429: "throttled"}
MAX_COUNTED = 10_000  # kinds and networks in one minute, a megabyte or two; more begin again at one

log = get_logger("portal.web")


def mark_refusal(facts: dict[str, Any], kind: str) -> None:
    """Say of which kind the refusal is that this request is about to get. `facts` are the state of its ASGI scope."""
    facts[FACT] = kind


class Refusals:
    """The refusals of this process in the current minute."""

    def __init__(self, database: Database) -> None:
        """Begin with none."""
        self._database = database
        self._minute = 0
        self._counted: dict[tuple[str, str, str], int] = {}

    async def note(self, status: int, facts: dict[str, Any]) -> None:
        """Count the answer of a request when it is a refusal, and write it down when its turn has come."""
        kind = facts.pop(FACT, None) or KIND_OF_STATUS.get(status)
        if kind is None or "outage" in facts:
            return
        context: RequestContext = facts["context"]
        due = self._count(facts["namespace"].name, kind, context.ip_address)
        if not due:
            return
        try:
            await self._database.fetchval(
                "select authn.note_refusal($1, $2, $3, $4)", kind, due, context.as_actor(), facts["namespace"].name
            )
        except DatabaseUnavailable as error:
            log.warning("refusal_not_noted", kind=kind, reason=str(error))  # refused all the same

    def _count(self, namespace: str, kind: str, ip_address: str) -> int:
        """Return how many to write down now, 0 for none."""
        minute = int(time.time() // 60)
        if minute != self._minute or len(self._counted) >= MAX_COUNTED:
            self._minute = minute
            self._counted.clear()
        key = (namespace, kind, _network(ip_address))
        times = self._counted[key] = self._counted.get(key, 0) + 1
        power = 10 ** (len(str(times)) - 1)
        return times - times // 10 if times == power else 0


def _network(ip_address: str) -> str:
    # As authn._address_prefix: one IPv4 address, or the IPv6 /64 of one line.
    address = ipaddress.ip_address(ip_address)
    return ip_address if address.version == 4 else str(ipaddress.ip_network((address, 64), strict=False))

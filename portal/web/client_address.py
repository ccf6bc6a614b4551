"""The client's address: the peer's, unless a trusted proxy forwards for it (ASVS 5.0 15.3.4)."""

import ipaddress
from functools import lru_cache

from portal.settings import Network


@lru_cache(maxsize=1024)  # a visitor's requests come many at a time
def client_address(peer: str, forwarded_for: tuple[str, ...], trusted: tuple[Network, ...]) -> str:
    """Return the address to count and log, in one spelling.

    `forwarded_for` are the X-Forwarded-For lines in order. They count only when the peer is a trusted proxy, and are
    read from the right: everything left of the first untrusted address was written by the client.
    """
    current = _parse(peer)
    if current is None:
        return "0.0.0.0"  # noqa: S104 - an address to log for a peer without one (a unix socket)
    hops = [hop for line in forwarded_for for hop in line.split(",")]
    while hops and any(current in network for network in trusted):
        earlier = _parse(hops.pop())
        if earlier is None:
            break
        current = earlier
    return str(current)


def _parse(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    host = text.strip()
    # Some proxies forward the port too. Not read, all their visitors would pass for the proxy and share one budget.
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    # ::ffff:1.2.3.4 and 1.2.3.4 are one client and share one budget.
    return getattr(address, "ipv4_mapped", None) or address

"""Where an outgoing call may go: server-side request forgery, https://owasp.org/www-community/attacks/Server_Side_Request_Forgery.

Special addresses: https://www.iana.org/assignments/iana-ipv6-special-registry and its twin for IPv4.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from portal.settings import LOOPBACK_NETWORKS, Network, Settings

ADDRESS_MAX_LENGTH = 2048  # characters; what databases, logs and other people's servers take
# The web's own ports. Behind any other may be a server that takes an HTTP request for its own commands (SMTP, Redis).
PORTS = frozenset({443, 8443})
# These carry an IPv4 address inside, and a gateway takes the packet there: what looks public may be 10.0.0.1.
CARRIERS = tuple(
    ipaddress.ip_network(network)
    for network in ("::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16", "::ffff:0:0:0/96")
)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Target:
    """A checked address of a call: not yet resolved."""

    scheme: str
    host: str
    port: int
    path: str  # with the query

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == (443 if self.scheme == "https" else 80) else f"{name}:{self.port}"


@dataclass(frozen=True, slots=True)
class Blocked:
    """A call that is not made. `reason` is for the operator."""

    reason: str


def allowed_networks(settings: Settings) -> tuple[Network, ...]:
    """Return what outgoing calls may reach although private: PORTAL_OUTGOING_ALLOW, and loopback in development."""
    return (*settings.outgoing_allow, *(LOOPBACK_NETWORKS if settings.dev else ()))


def read_target(url: str) -> Target | Blocked:
    """Take an address apart; what a resolver or a server could read in two ways is refused."""
    if len(url) > ADDRESS_MAX_LENGTH or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return Blocked("the address has characters that no address has")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return Blocked("the address cannot be read")
    if parts.scheme not in ("https", "http") or not parts.hostname:
        return Blocked("the address is not one of https")
    if "@" in parts.netloc or parts.fragment or "%" in parts.netloc:
        return Blocked("the address has a user name, a fragment or an escape in its host")
    if port == 0:
        return Blocked("the address has a port that is none")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, parts.hostname, port or (443 if parts.scheme == "https" else 80), path)


def check_addresses(target: Target, addresses: Sequence[str], allowed: Sequence[Network]) -> Blocked | None:
    """Refuse a target unless every address that its name stands for may be reached.

    Every one: a name with a public and a private address would else lead inside by chance, or by whoever closes the
    public one.
    """
    for text in addresses:
        # A zone ("fe80::1%eth0") is of link-local addresses only.
        address = ipaddress.ip_address(text.partition("%")[0])
        inner = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        found = inner or address
        if any(found.version == network.version and found in network for network in allowed):
            continue
        if not _is_public(found):
            return Blocked(f"{target.host} leads to {found}, which is not public")
        if target.scheme != "https":
            return Blocked("the address is not one of https")
        if target.port not in PORTS:
            return Blocked(f"port {target.port} is not one of the web")
    return None if addresses else Blocked(f"{target.host} leads nowhere")


def _is_public(address: Address) -> bool:
    if not address.is_global or address.is_multicast or address.is_reserved or address.is_unspecified:
        return False
    return not any(address.version == network.version and address in network for network in CARRIERS)

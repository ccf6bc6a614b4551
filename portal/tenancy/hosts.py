"""Which namespace a host belongs to, and how it looks. Cached for at most one second a process."""

import time
from typing import Any, Literal
from urllib.parse import urlsplit

from portal.db.engine import DatabaseUnavailable, Querier
from portal.settings import Settings
from portal.web.policy import Policy, PolicyError, read_policy
from portal.web.request import Namespace

CACHED_FOR = 1.0  # seconds; a suspended or changed namespace is noticed within that everywhere
MAX_CACHED = 10_000  # hosts; an unknown Host header must not grow memory
HOST_MAX_LENGTH = 260  # characters; a name of 253 (RFC 1035 section 2.3.4) and a port. Longer ones would fill the cache
DEFAULT_PORTS = {"http": 80, "https": 443}


class Hosts:
    """Finds the namespace of a Host header."""

    def __init__(self, database: Querier, settings: Settings) -> None:
        self._database = database
        self._scheme = urlsplit(settings.url).scheme
        self._own_host = normal_host(urlsplit(settings.url).netloc, self._scheme)
        self._own_origin = settings.url
        self._cache: dict[str, tuple[float, Namespace | None]] = {}

    async def find(self, host: str) -> Namespace | None:
        """Return the namespace of a Host header's value, or None for a host that is nobody's.

        Raises:
            DatabaseUnavailable: when it is not cached and the database is away, and when the policy cannot be read.
        """
        if len(host) > HOST_MAX_LENGTH:
            return None
        host = normal_host(host, self._scheme)
        now = time.monotonic()
        cached = self._cache.get(host)
        if cached and cached[0] > now:
            return cached[1]
        row = await self._database.fetchrow("select * from authn.find_namespace($1, $2)", host, self._own_host)
        found = self._namespace(host, row) if row and not row["suspended"] else None
        if len(self._cache) >= MAX_CACHED:
            self._cache.clear()
        self._cache[host] = (now + CACHED_FOR, found)
        return found

    def default(self) -> Namespace:
        """Return the default namespace without its settings, for answers that come before any look-up."""
        return Namespace(name="default", origin=self._own_origin)

    def _namespace(self, host: str, row: Any) -> Namespace:
        settings: dict[str, Any] = row["settings"]
        policy = _policy(row["namespace"], settings)
        origin = self._own_origin if host == self._own_host else f"{self._scheme}://{host}"
        return Namespace(
            name=row["namespace"],
            origin=origin,
            display_name=str(settings.get("display_name") or "Portal"),
            logo=settings.get("logo"),
            accent=settings.get("accent"),
            color_scheme=_scheme(settings.get("color_scheme")),
            support_email=settings.get("support_email"),
            help_url=settings.get("help_url"),
            terms_url=policy.terms_url,
            privacy_url=policy.privacy_url,
            mail_sender_name=settings.get("mail_sender_name"),
            policy=policy,
        )


def normal_host(host: str, scheme: str) -> str:
    """Return a host in the spelling it is looked up by: lower case, without the scheme's default port."""
    host = host.lower()
    name, separator, port = host.rpartition(":")
    has_one_port = ":" not in name or name.endswith("]")  # an IPv6 address is in brackets
    return name if separator and has_one_port and port == str(DEFAULT_PORTS[scheme]) else host


def _policy(namespace: str, settings: dict[str, Any]) -> Policy:
    try:
        return read_policy(settings.get("policy", {}))
    except PolicyError as error:
        # Closed rather than open: what cannot be read may be the rule that shuts somebody out. 503, as in an outage.
        raise DatabaseUnavailable(f"the policy of the namespace {namespace} cannot be read: {error}") from error


def _scheme(value: object) -> Literal["system", "light", "dark"]:
    if value == "light":
        return "light"
    return "dark" if value == "dark" else "system"

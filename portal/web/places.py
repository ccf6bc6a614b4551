"""Roughly where a network address is, by a database that the operator brings: GeoLite2, DB-IP, any MMDB with cities.

https://maxmind.github.io/MaxMind-DB/ and, for the names in it, https://dev.maxmind.com/geoip/docs/databases/city-and-country
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from portal.settings import SettingsError

if TYPE_CHECKING:
    from maxminddb import Reader

FALLBACK = "en"  # of the languages that names are in


class Places:
    """Looks places up. The file is mapped, not read: it stays as it was at start until the process is replaced."""

    def __init__(self, database: Path | None) -> None:
        """Open the database; without one no place is ever known.

        Raises:
            SettingsError: when the file cannot be read as one.
        """
        self._reader: Reader | None = None
        if database is None:
            return
        from maxminddb import InvalidDatabaseError, open_database  # here: most portals have no such file

        try:
            self._reader = open_database(database)
        except (OSError, ValueError, InvalidDatabaseError) as error:
            problem = f"PORTAL_GEO_DATABASE: {database} is no MaxMind database that can be read."
            raise SettingsError([problem]) from error

    @property
    def kind(self) -> str | None:
        """What the database calls itself, such as `GeoLite2-City`; None without one."""
        return self._reader.metadata().database_type if self._reader else None

    def with_place(self, ip_address: str | None, language: str) -> str | None:
        """Return the address and, as far as it is known, where that is: `203.0.113.7 (Zürich, Switzerland)`."""
        place = self._find(ip_address, language) if ip_address else None
        return f"{ip_address} ({place})" if place else ip_address

    def _find(self, ip_address: str, language: str) -> str | None:
        if self._reader is None:
            return None
        try:
            record: Any = self._reader.get(ip_address)
        except ValueError:  # an IPv6 address, in a database of IPv4
            return None
        if not isinstance(record, dict):
            return None
        names = [record.get(level, {}).get("names", {}) for level in ("city", "country")]
        return ", ".join(name for known in names if (name := known.get(language) or known.get(FALLBACK))) or None

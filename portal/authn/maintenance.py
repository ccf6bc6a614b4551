"""Purging and counting: operations of the SDK."""

from portal.authn.caller import Caller
from portal.authn.records import CleanupCounts, Stats


class MaintenanceOperations(Caller):
    """Keep a namespace clean and know its size."""

    async def cleanup_expired(self, batch_size: int = 10000) -> CleanupCounts:
        """Delete what is expired, revoked or used, and attempts older than 30 days; at most `batch_size` of each."""
        query = "SELECT * FROM authn.cleanup_expired($1, $2)"
        return (await self._rows(CleanupCounts, query, self._namespace, batch_size))[0]

    async def get_stats(self) -> Stats:
        """Count users, sessions, authenticators and keys."""
        return (await self._rows(Stats, "SELECT * FROM authn.get_stats($1)", self._namespace))[0]

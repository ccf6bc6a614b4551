"""What keeps the database in order: expired rows purged, audit partitions made ahead, and dropped when they are old."""

from dataclasses import dataclass
from datetime import timedelta

from portal.db.engine import Database, Querier
from portal.jobs.job import Job

PARTITIONS_EVERY = timedelta(hours=6)  # made three months ahead, so that days of failure do no harm
CLEANUP_EVERY = timedelta(minutes=15)
WAIT_FOR_LOG = "2s"  # dropping waits for readers of the log, and everyone who writes to it then waits behind
KEEP_AUDIT_MONTHS = 84  # seven years, the longest that bookkeeping laws commonly ask for
BATCH_SIZE = 1000  # rows of a kind and tenant; a batch is a short transaction that nobody waits for


@dataclass(frozen=True, slots=True)
class Purged:
    """What a whole purge did: rows deleted, and audit partitions made and dropped, by name."""

    rows: int
    partitions_made: tuple[str, ...]
    partitions_dropped: tuple[str, ...]


async def purge(database: Querier, owner_url: str | None, keep_audit_months: int = KEEP_AUDIT_MONTHS) -> Purged:
    """Delete everything that is over, batch by batch until nothing is left, and look after the audit partitions.

    Args:
        database: the application's.
        owner_url: the login that owns the tables; without it no partition is dropped, for the application must not be
            able to shorten the log.
        keep_audit_months: how many whole months of the log stay.
    """
    rows = 0
    while deleted := await purge_batch(database):
        rows += deleted
    made = await make_audit_partitions(database)
    return Purged(rows, made, await drop_audit_partitions(owner_url, keep_audit_months))


async def purge_batch(database: Querier) -> int:
    """Delete one batch of what is over in every namespace; return how many rows went."""
    return int(await database.fetchval("select authn.clean_up($1)", BATCH_SIZE))


async def make_audit_partitions(database: Querier) -> tuple[str, ...]:
    """Make the partitions of this month and the next three; return those that were missing."""
    return tuple(row["name"] for row in await database.fetch("select name from authn.ensure_audit_partitions() name"))


async def drop_audit_partitions(owner_url: str | None, keep_audit_months: int = KEEP_AUDIT_MONTHS) -> tuple[str, ...]:
    """Drop the partitions of months that are over for so long, with the owner's login; return their names."""
    if owner_url is None:
        return ()
    owner = Database(owner_url, statement_cache=0, pool_size=1)
    try:
        # Of the session, which is this one connection and ends below.
        await owner.fetchval("select set_config('lock_timeout', $1, false)", WAIT_FOR_LOG)
        query = "select name from authn.drop_audit_partitions($1) name"
        return tuple(row["name"] for row in await owner.fetch(query, keep_audit_months))
    finally:
        await owner.close()


def maintenance_jobs(database: Querier, owner_url: str | None = None) -> tuple[Job, ...]:
    """Return the jobs for `portal.installed`."""

    async def look_after_audit_partitions() -> bool:
        await make_audit_partitions(database)
        await drop_audit_partitions(owner_url)
        return False

    async def clean_up() -> bool:
        return await purge_batch(database) > 0

    return (
        Job("audit partitions", PARTITIONS_EVERY, look_after_audit_partitions),
        Job("cleanup", CLEANUP_EVERY, clean_up),
    )

"""What keeps the database in order: audit partitions made ahead, expired rows purged."""

from datetime import timedelta

from portal.db.engine import Querier
from portal.jobs.job import Job

PARTITIONS_EVERY = timedelta(hours=6)  # made three months ahead, so that days of failure do no harm
CLEANUP_EVERY = timedelta(minutes=15)


def maintenance_jobs(database: Querier) -> tuple[Job, ...]:
    """Return the jobs for `portal.installed`."""

    async def make_audit_partitions() -> bool:
        await database.fetch("select authn.ensure_audit_partitions()")
        return False

    async def clean_up() -> bool:
        # Small batches, again and again: each is a short transaction that nobody waits for.
        return bool(await database.fetchval("select authn.clean_up()"))

    return (
        Job("audit partitions", PARTITIONS_EVERY, make_audit_partitions),
        Job("cleanup", CLEANUP_EVERY, clean_up),
    )

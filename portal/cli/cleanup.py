"""`portal cleanup`: purge what is over, now. The worker of the server does the same every quarter of an hour."""

import click

from portal.cli.answers import answer, failing_plainly, json_option
from portal.cli.environment import Environment, with_environment
from portal.db.engine import Database
from portal.jobs.maintenance import KEEP_AUDIT_MONTHS, Purged, purge


@click.command()
@click.option(
    "--keep-audit-months",
    type=click.IntRange(0, 12000),
    default=KEEP_AUDIT_MONTHS,
    show_default=True,
    help="How many whole months of the audit log stay. Needs PORTAL_DATABASE_OWNER_URL.",
)
@json_option
@failing_plainly
def cleanup(keep_audit_months: int, as_json: bool) -> None:
    """Delete expired rows of every namespace, make coming audit partitions and drop those past their time."""

    async def work(environment: Environment, database: Database) -> tuple[Purged, bool]:
        purged = await purge(database, environment.owner_url, keep_audit_months)
        return purged, environment.owner_url is not None

    purged, may_drop = with_environment(work)
    answer(
        {
            "rows_deleted": purged.rows,
            "partitions_made": list(purged.partitions_made),
            "partitions_dropped": list(purged.partitions_dropped),
        },
        _in_words(purged, may_drop),
        as_json=as_json,
    )


def _in_words(purged: Purged, may_drop: bool) -> str:
    lines = [f"Deleted {purged.rows} rows."]
    if purged.partitions_made:
        lines.append(f"Made audit partitions: {', '.join(purged.partitions_made)}.")
    if purged.partitions_dropped:
        lines.append(f"Dropped audit partitions: {', '.join(purged.partitions_dropped)}.")
    if not may_drop:
        lines.append("PORTAL_DATABASE_OWNER_URL is not set, so no audit partition was dropped.")
    return "\n".join(lines)

"""`portal migrate`: bring the database up to this release."""

import asyncio

import click

from portal.cli.answers import Failure, answer, failing_plainly, json_option
from portal.cli.environment import Environment, open_environment
from portal.db.migrate import MigrationError, MigrationReport
from portal.db.migrate import migrate as bring_up


@click.command()
@click.option("--dry-run", is_flag=True, help="Change nothing, only say what would be done.")
@json_option
@failing_plainly
def migrate(dry_run: bool, as_json: bool) -> None:
    """Bring the database up. Safe to run from many machines at once."""
    with open_environment() as environment:
        report = asyncio.run(_migrate(environment, dry_run))
    answer(
        {"changed": list(report.changed), "newer": list(report.newer), "dry_run": dry_run},
        _in_words(report),
        as_json=as_json,
    )


async def _migrate(environment: Environment, dry_run: bool) -> MigrationReport:
    if environment.owner_url is None:
        raise Failure("PORTAL_DATABASE_OWNER_URL is not set: it is the login that owns the tables.")
    try:
        return await bring_up(environment.owner_url, environment.database_url, dry_run)
    except MigrationError as error:
        raise Failure(str(error)) from error


def _in_words(report: MigrationReport) -> str:
    if report.newer:
        return f"A newer release has migrated this database ({', '.join(report.newer)}). Nothing was done."
    if not report.changed:
        return "The database is up to date."
    verb = "Would apply" if report.dry_run else "Applied"
    return "\n".join([f"{verb} {len(report.changed)} files:", *(f"  {path}" for path in report.changed)])

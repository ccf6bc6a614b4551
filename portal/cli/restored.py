"""`portal restored`: the last step of a restore. docs/operating.md, "Backup and restore".

What was ended or used after the backup was taken is alive again in its copy, and nothing in the copy says which it was.
So everything of the kind is ended, and people log in anew.
"""

from collections.abc import Mapping

import click

from portal.authn.audit import COMMAND_LINE
from portal.cli.answers import answer, failing_plainly, json_option
from portal.cli.environment import with_database
from portal.db.engine import Database

ACTOR = {**COMMAND_LINE, "reason": "backup restored"}
WORDS = {
    "sessions": "sessions",
    "refresh_token_families": "grants to apps",
    "access_tokens": "access tokens",
    "authorization_codes": "codes of apps",
    "verifications": "mailed codes and links",
    "tokens": "one-time tokens",
    "api_keys": "API keys",
    "recovery_code_sets": "sets of recovery codes",
    "messages": "waiting messages",
}


@click.command()
@click.option("--moved", is_flag=True, help="Nothing changed since the dump, as after a move: end nothing.")
@click.option("--keep-api-keys", is_flag=True, help="No API key was revoked since the backup.")
@click.option("--keep-recovery-codes", is_flag=True, help="No recovery code was used since the backup.")
@json_option
@failing_plainly
def restored(moved: bool, keep_api_keys: bool, keep_recovery_codes: bool, as_json: bool) -> None:
    """End what a restored backup brought back to life, and let `portal serve` start on it."""
    if moved and (keep_api_keys or keep_recovery_codes):
        raise click.UsageError("--moved ends nothing, so there is nothing to keep.")

    async def work(database: Database) -> dict[str, int]:
        if moved:
            await database.fetchval("select authn.settle_home()")
            return {}
        ended = await database.fetchval(
            "select authn.end_what_a_backup_revived($1, $2, $3)", keep_api_keys, keep_recovery_codes, ACTOR
        )
        return {kind: int(count) for kind, count in ended.items()}

    ended = with_database(work)
    answer({"moved": moved, "ended": ended}, _in_words(ended, moved=moved), as_json=as_json)


def _in_words(ended: Mapping[str, int], *, moved: bool) -> str:
    if moved:
        return "This database is the home of the data now. Nothing was ended."
    lines = [f"Ended {ended[kind]} {words}." for kind, words in WORDS.items() if ended.get(kind)]
    lines.append(
        "What else changed since the backup is as it was before: disabled accounts, changed passwords, removed "
        "authenticators and apps, rotated keys. Look at docs/operating.md for how to find and repeat them."
    )
    return "\n".join(lines)

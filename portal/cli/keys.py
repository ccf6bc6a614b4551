"""`portal keys`: the keys that the portal signs and keeps secrets with. docs/operating.md, "Keys"."""

from dataclasses import dataclass
from typing import Any

import click

from portal.authn.audit import COMMAND_LINE
from portal.cli.answers import Failure, answer, failing_plainly, json_option, namespace_option
from portal.cli.environment import Environment, with_database, with_environment
from portal.crypto.sealing import CannotOpen, Sealer
from portal.db.engine import Database
from portal.mail.message import SEALED_FOR as MAIL
from portal.methods.totp.sealed import SEALED_FOR as TOTP_SECRET
from portal.oidc.queries import SigningKeyRow, list_signing_keys
from portal.oidc.signing_keys import ALGORITHM, ALGORITHMS, PUBLISHED_BEFORE_SIGNING, SigningKeys
from portal.oidc.signing_keys import SEALING_PURPOSE as SIGNING_KEY

PURPOSES = (SIGNING_KEY, TOTP_SECRET, MAIL)  # of everything sealed that lies in the database
BATCH = 500  # values read at once; each is exchanged in a transaction of its own, so that nothing waits for the others


@dataclass(frozen=True, slots=True)
class Resealed:
    """How many values have the newest key now, and how many no key in the list opens."""

    resealed: int
    unreadable: int


@click.group()
def keys() -> None:
    """Look after the keys that tokens are signed and secrets are sealed with."""


@keys.command("list")
@namespace_option
@json_option
@failing_plainly
def list_(namespace: str, as_json: bool) -> None:
    """List the keys that tokens are signed with."""

    async def work(database: Database) -> list[SigningKeyRow]:
        return await list_signing_keys(database, namespace)

    found = with_database(work)
    if as_json:
        answer({"keys": [_as_json(key) for key in found]}, "", as_json=True)
        return
    for key in found:
        since = f", from {key.signs_from:%Y-%m-%d %H:%M} UTC" if key.state == "next" and key.signs_from else ""
        click.echo(f"{key.kid}  {key.algorithm}  {key.state}{since}")
    if not found:
        click.echo("There are no keys yet. The portal makes the first one when it starts.")


@keys.command()
@click.option("--alg", "algorithm", type=click.Choice(ALGORITHMS), default=ALGORITHM, show_default=True)
@namespace_option
@json_option
@failing_plainly
def rotate(algorithm: str, namespace: str, as_json: bool) -> None:
    """Publish a new signing key, which takes over once every app has seen it."""

    async def work(environment: Environment, database: Database) -> str | None:
        signing_keys = SigningKeys(database, Sealer(environment.settings.secret_keys))
        return await signing_keys.rotate(namespace, algorithm, older_than=None, actor=COMMAND_LINE)

    kid = with_environment(work)
    if kid is None:
        raise Failure(f"There is no {algorithm} key to follow, or a new one waits already. See `portal keys list`.")
    minutes = int(PUBLISHED_BEFORE_SIGNING.total_seconds() // 60)
    answer(
        {"kid": kid}, f"Published {kid}. It signs in {minutes} minutes; the old one stays published.", as_json=as_json
    )


@keys.command("rotate-sealing")
@json_option
@failing_plainly
def rotate_sealing(as_json: bool) -> None:
    """Seal every stored secret anew with the first key in PORTAL_SECRET_KEY, so that the others may be taken out."""

    async def work(environment: Environment, database: Database) -> Resealed:
        return await reseal(database, Sealer(environment.settings.secret_keys))

    done = with_environment(work)
    if done.unreadable:
        raise Failure(
            f"Sealed {done.resealed} values anew. {done.unreadable} open with no key in PORTAL_SECRET_KEY: put the old "
            "key back into the list, behind the new one, and run this again."
        )
    answer(
        {"resealed": done.resealed},
        f"Sealed {done.resealed} values anew. Keys behind the first one are not needed any more, once every server has "
        "the new list.",
        as_json=as_json,
    )


async def reseal(database: Database, sealer: Sealer) -> Resealed:
    """Exchange every value that an older key sealed, in batches, while the portal serves."""
    resealed, unreadable = 0, 0
    while True:
        # What does not open stays and is found again: the batch must be larger than that.
        rows = await database.fetch("select * from authn.find_sealed($1, $2)", sealer.newest, BATCH + unreadable)
        exchanged = 0
        for row in rows:
            anew = _sealed_anew(sealer, row["sealed"])
            if anew is not None:
                exchanged += 1
                resealed += await database.fetchval(
                    "select authn.replace_sealed($1, $2, $3, $4, $5)",
                    row["place"], row["row_id"], row["sealed"], anew, row["namespace"],
                )  # fmt: skip
        unreadable = len(rows) - exchanged
        if not exchanged:
            return Resealed(resealed, unreadable)


def _as_json(key: SigningKeyRow) -> dict[str, Any]:
    signs_from = key.signs_from.isoformat() if key.signs_from else None
    return {"kid": key.kid, "algorithm": key.algorithm, "state": key.state, "signs_from": signs_from}


def _sealed_anew(sealer: Sealer, sealed: str) -> str | None:
    for purpose in PURPOSES:
        try:
            return sealer.seal(sealer.open(sealed, purpose), purpose)
        except CannotOpen:
            continue
    return None

"""`portal invitations`: take back what `portal users invite` sent."""

import click

from portal.authn.audit import COMMAND_LINE
from portal.cli.addresses import email_argument, typed_address
from portal.cli.answers import Failure, answer, failing_plainly, json_option, namespace_option
from portal.cli.environment import with_database
from portal.db.engine import Database
from portal.signup.invites import withdraw_invite


@click.group()
def invitations() -> None:
    """Look after invitations to sign up; `portal users invite` makes them."""


@invitations.command()
@email_argument
@namespace_option
@json_option
@failing_plainly
def withdraw(email: str, namespace: str, as_json: bool) -> None:
    """End an address's invitation: its link no longer works, and a sign-up that waits for its code makes no account."""
    address = typed_address(email)

    async def work(database: Database) -> None:
        if not await withdraw_invite(database, address, dict(COMMAND_LINE), namespace):
            raise Failure(f"There is no invitation of {address} that still works in the namespace {namespace}.")

    with_database(work)
    answer({"email": address}, f"Withdrew the invitation of {address}.", as_json=as_json)

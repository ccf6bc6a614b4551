"""`portal users invite`: mail somebody a link with which that address may sign up, once, within seven days."""

import click

from portal.authn.audit import COMMAND_LINE
from portal.cli.addresses import email_argument, typed_address
from portal.cli.answers import Failure, answer, failing_plainly, json_option, namespace_option
from portal.cli.environment import Environment, with_environment
from portal.cli.tenant import sealed_mail, tenant_of
from portal.crypto.tokens import new_token
from portal.db.engine import Database
from portal.signup.invites import VALID_FOR, create_invite

WHY_NOT = {
    "registered": "There is an account with the address {email} already.",
    "closed": "Sign-up is closed. Open it to the invited: portal namespaces set-policy {namespace} signup=invite",
    "domain_refused": "The policy of {namespace} lets no address of that domain sign up (signup_domains).",
}


@click.command()
@email_argument
@namespace_option
@json_option
@failing_plainly
def invite(email: str, namespace: str, as_json: bool) -> None:
    """Mail an address a link to sign up with, good for seven days."""
    address = typed_address(email)

    async def work(environment: Environment, database: Database) -> None:
        tenant, code = await tenant_of(environment, database, namespace), new_token()
        link = f"{tenant.origin}/invite/{code.raw}"
        mail = sealed_mail(environment, tenant, "invite", address, link=link, days=VALID_FOR.days)
        outcome = await create_invite(database, address, code, mail, dict(COMMAND_LINE), namespace)
        if outcome in WHY_NOT:
            raise Failure(WHY_NOT[outcome].format(email=address, namespace=namespace))

    with_environment(work)
    answer({"email": address, "days": VALID_FOR.days}, f"Invited {address}.", as_json=as_json)

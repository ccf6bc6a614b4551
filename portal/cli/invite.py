"""`portal users invite`: mail somebody a link with which that address may sign up, once, within seven days."""

import asyncio

import click

from portal.accounts.provisioning import COMMAND_LINE
from portal.cli.answers import Failure, answer, failing_plainly, json_option, namespace_option
from portal.cli.environment import Environment, open_database, open_environment
from portal.cli.tenant import tenant_of
from portal.crypto.sealing import Sealer
from portal.crypto.tokens import new_token
from portal.db.engine import Database
from portal.mail.address import address_problem
from portal.mail.message import compose, seal_mail
from portal.signup.invites import VALID_FOR, create_invite
from portal.web.locale import DEFAULT_LANGUAGE
from portal.web.templates import Templates

WHY_NOT = {
    "registered": "There is an account with the address {email} already.",
    "closed": "Sign-up is closed. Open it to the invited: portal namespaces set-policy {namespace} signup=invite",
    "domain_refused": "The policy of {namespace} lets no address of that domain sign up (signup_domains).",
}


@click.command()
@click.argument("email")
@namespace_option
@json_option
@failing_plainly
def invite(email: str, namespace: str, as_json: bool) -> None:
    """Mail an address a link to sign up with, good for seven days."""
    address = email.strip().lower()
    if address_problem(address):
        raise Failure(f"{email} is no mail address.")
    with open_environment() as environment:
        asyncio.run(_invite(environment, address, namespace))
    answer({"email": address, "days": VALID_FOR.days}, f"Invited {address}.", as_json=as_json)


async def _invite(environment: Environment, email: str, namespace: str) -> None:
    async with open_database(environment) as database:
        code = new_token()
        outcome = await create_invite(
            database,
            email,
            code,
            await _mail(environment, database, email, code.raw, namespace),
            dict(COMMAND_LINE),
            namespace,
        )
        if outcome in WHY_NOT:
            raise Failure(WHY_NOT[outcome].format(email=email, namespace=namespace))


async def _mail(environment: Environment, database: Database, email: str, code: str, namespace: str) -> str:
    tenant = await tenant_of(environment, database, namespace)
    mail = compose(
        Templates(),
        "invite",
        email,
        DEFAULT_LANGUAGE,
        display_name=tenant.display_name,
        sender_name=tenant.mail_sender_name,
        link=f"{tenant.origin}/invite/{code}",
        days=VALID_FOR.days,
    )
    return seal_mail(Sealer(environment.settings.secret_keys), mail)

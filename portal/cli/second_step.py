"""`portal users totp` and `portal users reset-mfa`: show a code of an authenticator app, help who lost everything."""

import asyncio
from uuid import UUID

import click

from portal.authn import AuthnClient
from portal.cli.answers import Failure, answer, failing_plainly, json_option, namespace_option
from portal.cli.environment import Environment, open_database, open_environment
from portal.cli.tenant import tenant_of
from portal.clock import now
from portal.crypto.sealing import Sealer
from portal.db.engine import Database
from portal.mail.message import compose, seal_mail
from portal.methods.totp.codes import STEP, code_at
from portal.methods.totp.sealed import open_secret
from portal.web.locale import DEFAULT_LANGUAGE, mark
from portal.web.templates import Templates

ACTOR = {"actor_id": "command line"}
RESET = mark("The people who run this site took the second step off your account: apps and recovery codes are gone.")


@click.command()
@click.argument("email")
@namespace_option
@json_option
@failing_plainly
def totp(email: str, namespace: str, as_json: bool) -> None:
    """Print the code that an account's authenticator app shows now. It leaves an audit event."""

    async def work(database: Database, sealer: Sealer) -> str:
        user_id = await _find(database, email, namespace)
        query = "select * from authn.read_totp_secrets($1, $2, $3)"
        for row in await database.fetch(query, UUID(user_id), ACTOR, namespace):
            if secret := open_secret(sealer, row["secret"]):
                return code_at(secret, row["now_seconds"] // STEP)
        raise Failure(f"{email} has no authenticator app.")

    async def run() -> str:
        async with open_database(environment) as database:
            return await work(database, Sealer(environment.settings.secret_keys))

    with open_environment() as environment:
        if not environment.settings.secret_keys:
            raise Failure("PORTAL_SECRET_KEY is needed: the app's secret is sealed with it.")
        code = asyncio.run(run())
    answer({"code": code}, code, as_json=as_json)


@click.command(name="reset-mfa")
@click.argument("email")
@namespace_option
@json_option
@failing_plainly
def reset_mfa(email: str, namespace: str, as_json: bool) -> None:
    """Take the second step off an account whose owner lost everything, and end its sessions. Passkeys stay."""

    async def run() -> int:
        async with open_database(environment) as database:
            user_id = await _find(database, email, namespace)
            mail = await _mail(environment, database, email, namespace)
            query = "select authn.reset_mfa($1, $2, $3, $4)"
            return int(await database.fetchval(query, UUID(user_id), mail, ACTOR, namespace))

    with open_environment() as environment:
        removed = asyncio.run(run())
    answer({"removed": removed}, f"Removed {removed}. {email} logs in without a second step now.", as_json=as_json)


async def _mail(environment: Environment, database: Database, email: str, namespace: str) -> str:
    """Compose the mail that tells the owner: whoever talked an operator into this may be somebody else."""
    tenant, templates = await tenant_of(environment, database, namespace), Templates()
    mail = compose(
        templates,
        "security_changed",
        email,
        DEFAULT_LANGUAGE,
        display_name=tenant.display_name,
        sender_name=tenant.mail_sender_name,
        what=templates.gettext(DEFAULT_LANGUAGE)(RESET),
        ended=True,
        browser=None,
        system=None,
        ip_address=None,
        changed_at=now(),
        recover_url=f"{tenant.origin}/recover",
    )
    return seal_mail(Sealer(environment.settings.secret_keys), mail)


async def _find(database: Database, email: str, namespace: str) -> str:
    user = await AuthnClient(database, namespace).get_user_by_email(email)
    if user is None:
        raise Failure(f"There is no account with the address {email} in the namespace {namespace}.")
    return user.user_id

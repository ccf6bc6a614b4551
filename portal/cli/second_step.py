"""`portal users totp` and `portal users reset-mfa`: show a code of an authenticator app, help who lost everything."""

from uuid import UUID

import click

from portal.authn import AuthnClient
from portal.authn.audit import COMMAND_LINE
from portal.cli.addresses import email_argument, user_of
from portal.cli.answers import Failure, answer, failing_plainly, json_option, namespace_option
from portal.cli.environment import Environment, with_environment
from portal.cli.tenant import sealed_mail, tenant_of
from portal.clock import now
from portal.crypto.sealing import Sealer
from portal.db.engine import Database
from portal.methods.totp.codes import STEP, code_at
from portal.methods.totp.sealed import open_secret
from portal.web.locale import DEFAULT_LANGUAGE, mark, translations

RESET = mark("The people who run this site took the second step off your account: apps and recovery codes are gone.")


@click.command()
@email_argument
@namespace_option
@json_option
@failing_plainly
def totp(email: str, namespace: str, as_json: bool) -> None:
    """Print the code that an account's authenticator app shows now. It leaves an audit event."""

    async def work(environment: Environment, database: Database) -> str:
        if not environment.settings.secret_keys:
            raise Failure("PORTAL_SECRET_KEY is needed: the app's secret is sealed with it.")
        sealer = Sealer(environment.settings.secret_keys)
        user = await user_of(AuthnClient(database, namespace), email)
        query = "select * from authn.read_totp_secrets($1, $2, $3)"
        for row in await database.fetch(query, UUID(user.user_id), COMMAND_LINE, namespace):
            if secret := open_secret(sealer, row["secret"]):
                return code_at(secret, row["now_seconds"] // STEP)
        raise Failure(f"{email} has no authenticator app.")

    code = with_environment(work)
    answer({"code": code}, code, as_json=as_json)


@click.command(name="reset-mfa")
@email_argument
@namespace_option
@json_option
@failing_plainly
def reset_mfa(email: str, namespace: str, as_json: bool) -> None:
    """Take the second step off an account whose owner lost everything, and end its sessions. Passkeys stay."""

    async def work(environment: Environment, database: Database) -> int:
        user = await user_of(AuthnClient(database, namespace), email)
        tenant = await tenant_of(environment, database, namespace)
        # Whoever talked an operator into this may be somebody else.
        mail = sealed_mail(
            environment,
            tenant,
            "security_changed",
            email,
            what=translations(DEFAULT_LANGUAGE).gettext(RESET),
            ended=True,
            browser=None,
            system=None,
            ip_address=None,
            changed_at=now(),
            recover_url=f"{tenant.origin}/recover",
        )
        query = "select authn.reset_mfa($1, $2, $3, $4)"
        return int(await database.fetchval(query, UUID(user.user_id), mail, COMMAND_LINE, namespace))

    removed = with_environment(work)
    answer({"removed": removed}, f"Removed {removed}. {email} logs in without a second step now.", as_json=as_json)

"""`portal users`: make, disable, enable and delete accounts, set passwords."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from uuid import UUID

import click

from portal.accounts.provisioning import AddressTaken, Malformed, provision_user
from portal.authn import AuthnClient, User
from portal.authn.audit import COMMAND_LINE
from portal.cli.addresses import email_argument, typed_address, user_of
from portal.cli.answers import Failure, answer, as_sentence, failing_plainly, json_option, namespace_option
from portal.cli.environment import with_database
from portal.cli.invite import invite
from portal.cli.second_step import reset_mfa, totp
from portal.crypto.hashing import PASSWORDS
from portal.db.engine import Database
from portal.methods.password.new_password import check_new_password
from portal.methods.password.policy import MAX_LENGTH
from portal.settings import load_settings

MIN_PASSWORD_LENGTH = 8  # characters; the default of a namespace
STDIN_MAX_LENGTH = 4 * MAX_LENGTH + 2  # bytes of the longest password and its line end, read at most

password_option = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input: arguments are visible to everyone."
)


@click.group()
def users() -> None:
    """Make and look after accounts."""


users.add_command(invite)
users.add_command(totp)
users.add_command(reset_mfa)


@users.command()
@email_argument
@password_option
@click.option("--verified", is_flag=True, help="The address counts as proven.")
@click.option("--admin", is_flag=True, help="Let the account into the admin pages.")
@click.option("--name", help="What the person is called.")
@namespace_option
@json_option
@failing_plainly
def create(
    email: str, password_stdin: bool, verified: bool, admin: bool, name: str | None, namespace: str, as_json: bool
) -> None:
    """Make an account. Without a password the person logs in by other methods."""
    if admin:
        # Accepting it silently would promise rights that nothing grants.
        raise Failure("There are no admin pages in this release, so nobody can be made an admin yet.")
    address = typed_address(email)
    password = _read_password(address, name) if password_stdin else None

    async def work(database: Database) -> str:
        made = await provision_user(
            database,
            namespace,
            address,
            password_hash=None if password is None else await PASSWORDS.hash(password),
            name=name,
            verified=verified,
        )
        if isinstance(made, AddressTaken):
            raise Failure(f"There is an account with the address {address} already.")
        if isinstance(made, Malformed):
            raise Failure(as_sentence(made.reason))
        return made.user_id

    user_id = with_database(work)
    answer({"user_id": user_id, "email": address}, f"Made the account of {address} ({user_id}).", as_json=as_json)


@users.command("set-password")
@email_argument
@password_option
@namespace_option
@json_option
@failing_plainly
def set_password(email: str, password_stdin: bool, namespace: str, as_json: bool) -> None:
    """Give an account another password and end everything that began with the old one."""
    if not password_stdin:
        raise click.UsageError("Pass --password-stdin and the password on standard input.")
    password = _read_password(typed_address(email), None)

    async def work(database: Database) -> tuple[User, int]:
        user = await user_of(AuthnClient(database, namespace), email)
        query = "select authn.replace_password($1, $2, $3, $4)"
        new_hash = await PASSWORDS.hash(password)
        return user, await database.fetchval(query, UUID(user.user_id), new_hash, COMMAND_LINE, namespace)

    user, ended = with_database(work)
    sentence = f"Set the password of {user.email} and ended {ended} sessions."
    answer({"user_id": user.user_id, "email": user.email}, sentence, as_json=as_json)


@users.command()
@email_argument
@namespace_option
@json_option
@failing_plainly
def disable(email: str, namespace: str, as_json: bool) -> None:
    """Shut an account out and end its sessions and API keys."""

    async def change(accounts: AuthnClient, user: User) -> str:
        done = await accounts.disable_user(user.user_id)
        return f"Disabled {user.email}." if done else f"{user.email} was disabled already."

    _change(email, namespace, change, as_json=as_json)


@users.command()
@email_argument
@namespace_option
@json_option
@failing_plainly
def enable(email: str, namespace: str, as_json: bool) -> None:
    """Let a disabled account log in again; what was ended stays ended."""

    async def change(accounts: AuthnClient, user: User) -> str:
        done = await accounts.enable_user(user.user_id)
        return f"Enabled {user.email}." if done else f"{user.email} was not disabled."

    _change(email, namespace, change, as_json=as_json)


@users.command("log-out")
@email_argument
@namespace_option
@json_option
@failing_plainly
def log_out(email: str, namespace: str, as_json: bool) -> None:
    """End an account's sessions and what apps hold for it. Its owner can log in again."""

    async def work(database: Database) -> int:
        user = await user_of(AuthnClient(database, namespace), email)
        query = "select authn.log_out_user($1, $2, $3)"
        return int(await database.fetchval(query, UUID(user.user_id), COMMAND_LINE, namespace))

    ended = with_database(work)
    answer({"sessions": ended}, f"Ended {ended} sessions of {email}.", as_json=as_json)


@users.command()
@email_argument
@namespace_option
@json_option
@failing_plainly
def unlock(email: str, namespace: str, as_json: bool) -> None:
    """Forget the failed tries at an account of the last day, so that its owner can log in from anywhere again."""

    async def work(database: Database) -> int:
        user = await user_of(AuthnClient(database, namespace), email)
        query = "select authn.unlock_login($1, $2, $3)"
        return int(await database.fetchval(query, UUID(user.user_id), COMMAND_LINE, namespace))

    forgotten = with_database(work)
    answer({"forgotten": forgotten}, f"Forgot {forgotten} failed tries at {email}.", as_json=as_json)


@users.command()
@email_argument
@namespace_option
@json_option
@failing_plainly
def delete(email: str, namespace: str, as_json: bool) -> None:
    """Delete an account with everything that belongs to it. There is no way back."""

    async def change(accounts: AuthnClient, user: User) -> str:
        await accounts.delete_user(user.user_id)
        return f"Deleted {user.email}."

    _change(email, namespace, change, as_json=as_json)


def _change(
    email: str, namespace: str, change: Callable[[AuthnClient, User], Awaitable[str]], *, as_json: bool
) -> None:
    async def work(database: Database) -> tuple[User, str]:
        accounts = AuthnClient(database, namespace)
        await accounts.set_actor(**COMMAND_LINE)
        user = await user_of(accounts, email)
        return user, await change(accounts, user)

    user, sentence = with_database(work)
    answer({"user_id": user.user_id, "email": user.email}, sentence, as_json=as_json)


def _read_password(email: str, name: str | None) -> str:
    """Read one line and hold it against the same policy as the pages do."""
    try:
        line = sys.stdin.buffer.readline(STDIN_MAX_LENGTH + 1).decode()
    except UnicodeDecodeError as error:
        raise Failure("The password on standard input is not UTF-8.") from error
    password = line.removesuffix("\n").removesuffix("\r")
    checked = check_new_password(load_settings(os.environ), password, (email, name), min_length=MIN_PASSWORD_LENGTH)
    problem = asyncio.run(checked)
    if problem is not None:
        raise Failure(problem.text(MIN_PASSWORD_LENGTH))
    return password

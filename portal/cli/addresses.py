"""Mail addresses on the command line: read, or refused in a sentence; and whose account one is."""

import click

from portal.authn import AuthnClient, User
from portal.cli.answers import Failure
from portal.login.address import read_address

email_argument = click.argument("email")


def typed_address(email: str) -> str:
    """Return an address in the spelling that the database keeps.

    Raises:
        Failure: when it is none.
    """
    address = read_address(email)
    if address is None:
        raise Failure(f"{email} is no mail address.")
    return address


async def user_of(accounts: AuthnClient, email: str) -> User:
    """Return the account that an address belongs to, in the client's namespace.

    Raises:
        Failure: when there is none.
    """
    # What the pages would refuse may be an account's all the same: other programs make accounts, too.
    user = await accounts.get_user_by_email(read_address(email) or email)
    if user is None:
        raise Failure(f"There is no account with the address {email} in the namespace {accounts.namespace}.")
    return user

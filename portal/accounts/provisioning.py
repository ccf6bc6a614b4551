"""Accounts that an operator makes: on the command line and as development seeds. Nobody proves an address here."""

from collections.abc import Mapping
from dataclasses import dataclass

import asyncpg

from portal.authn.audit import COMMAND_LINE
from portal.db.engine import Querier


@dataclass(frozen=True, slots=True)
class Provisioned:
    """The new account."""

    user_id: str


@dataclass(frozen=True, slots=True)
class AddressTaken:
    """The namespace has an account with this address."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """What was given cannot be an account; `reason` is the database's, such as "email must be an address"."""

    reason: str


async def provision_user(
    querier: Querier,
    namespace: str,
    email: str,
    *,
    password_hash: str | None = None,
    name: str | None = None,
    verified: bool = False,
    actor: Mapping[str, str] = COMMAND_LINE,
) -> Provisioned | AddressTaken | Malformed:
    """Make an account. With `verified`, the operator vouches for the address.

    Args:
        querier: the database or a transaction.
        namespace: the tenant.
        email: the address; the database trims and lower-cases it.
        password_hash: PHC string; None for an account that logs in by other methods.
        name: what the person is called.
        verified: whether the address counts as proven.
        actor: who acts, for the audit log.
    """
    try:
        user_id = await querier.fetchval(
            "select authn.provision_user($1, $2, $3, $4, $5, $6)",
            email,
            password_hash,
            name,
            verified,
            dict(actor),
            namespace,
        )
    except asyncpg.UniqueViolationError:
        return AddressTaken()
    except asyncpg.DataError as error:
        return Malformed(str(error.args[0]))
    return Provisioned(str(user_id))

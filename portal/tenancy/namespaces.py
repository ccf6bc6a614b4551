"""Namespaces as an operator makes and changes them: on the command line now, on admin pages later."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import asyncpg

from portal.db.engine import Querier


class NamespaceRow(NamedTuple):
    """One namespace as it is stored: `policy` has only what differs from the defaults."""

    name: str
    display_name: str | None
    policy: dict[str, Any]
    hosts: tuple[str, ...]
    suspended: bool


class Refused(NamedTuple):
    """What was asked cannot be; `reason` is the database's, such as "signup has a value that it cannot have"."""

    reason: str


async def create_namespace(
    database: Querier, namespace: str, display_name: str | None, actor: Mapping[str, str]
) -> bool | Refused:
    """Register a namespace; False when it is there already."""
    made: bool | Refused = await _asked(database, "create_namespace", namespace, display_name, dict(actor))
    return made


async def add_host(database: Querier, namespace: str, host: str, actor: Mapping[str, str]) -> bool | Refused:
    """Let a host lead to a namespace; False when it leads to one already."""
    made: bool | Refused = await _asked(database, "add_namespace_host", host, dict(actor), namespace)
    return made


async def set_policy(
    database: Querier, namespace: str, changes: Mapping[str, Any], actor: Mapping[str, str]
) -> dict[str, Any] | Refused:
    """Change keys of a policy, None puts one back to its default; returns the policy as stored."""
    stored: dict[str, Any] | Refused = await _asked(
        database, "set_namespace_policy", dict(changes), dict(actor), namespace
    )
    return stored


async def suspend(database: Querier, namespace: str, suspended: bool, actor: Mapping[str, str]) -> bool | Refused:
    """Switch a namespace off, or on again; False when it was so already."""
    changed: bool | Refused = await _asked(database, "suspend_namespace", suspended, dict(actor), namespace)
    return changed


async def list_namespaces(database: Querier) -> list[NamespaceRow]:
    """Return every namespace, by name."""
    rows = await database.fetch("select * from authn.list_namespaces()")
    return [
        NamespaceRow(row["namespace"], row["display_name"], row["policy"], tuple(row["hosts"]), row["suspended"])
        for row in rows
    ]


async def _asked(database: Querier, function: str, *arguments: Any) -> Any:
    places = ", ".join(f"${number}" for number in range(1, len(arguments) + 1))
    try:
        return await database.fetchval(f"select authn.{function}({places})", *arguments)
    except (asyncpg.DataError, asyncpg.ForeignKeyViolationError) as error:
        return Refused(str(error.args[0]))

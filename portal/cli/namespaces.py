"""`portal namespaces`: make and list tenants, say what each asks of logins and sign-ups, and which hosts lead to it."""

import json
import types
import typing
from dataclasses import fields
from typing import Any, get_args, get_origin

import click
from rich.console import Console
from rich.table import Table

from portal.authn.audit import COMMAND_LINE
from portal.cli.answers import Failure, answer, as_sentence, failing_plainly, json_option
from portal.cli.environment import with_database
from portal.db.engine import Database
from portal.installed import METHODS
from portal.tenancy import namespaces as tenancy
from portal.tenancy.namespaces import NamespaceRow, Refused
from portal.web.policy import Policy

DEFAULT_WORD = "default"  # `key=default` puts a key back
name_argument = click.argument("namespace")


@click.group()
def namespaces() -> None:
    """Make and look after tenants."""


@namespaces.command()
@name_argument
@click.option("--name", "display_name", help="What its pages call it.")
@click.option("--host", "hosts", multiple=True, metavar="HOST", help="May be repeated. Same as add-host.")
@json_option
@failing_plainly
def create(namespace: str, display_name: str | None, hosts: tuple[str, ...], as_json: bool) -> None:
    """Register a tenant, with the hosts by which it is reached."""

    async def work(database: Database) -> None:
        made = _accepted(await tenancy.create_namespace(database, namespace, display_name, COMMAND_LINE))
        if not made:
            raise Failure(f"There is a namespace {namespace} already.")
        for host in hosts:
            await _add_host(database, namespace, host)

    with_database(work)
    answer({"namespace": namespace, "hosts": list(hosts)}, f"Made the namespace {namespace}.", as_json=as_json)


@namespaces.command("list")
@json_option
@failing_plainly
def list_(as_json: bool) -> None:
    """List the tenants with their hosts and what differs from the default policy."""

    async def work(database: Database) -> list[NamespaceRow]:
        return await tenancy.list_namespaces(database)

    found = with_database(work)
    if as_json:
        answer({"namespaces": [_as_json(row) for row in found]}, "", as_json=True)
        return
    table = Table("namespace", "name", "hosts", "policy", box=None, pad_edge=False)
    for row in found:
        policy = "\n".join(f"{key}={_shown(value)}" for key, value in sorted(row.policy.items()))
        suspended = " (suspended)" if row.suspended else ""
        table.add_row(row.name + suspended, row.display_name or "", "\n".join(row.hosts), policy)
    Console(markup=False, highlight=False).print(table)


@namespaces.command("set-policy")
@name_argument
@click.argument("changes", nargs=-1, metavar="KEY=VALUE...")
@json_option
@failing_plainly
def set_policy(namespace: str, changes: tuple[str, ...], as_json: bool) -> None:
    """Change what a tenant asks of logins and sign-ups; servers follow within a second.

    A list is written with commas; KEY=default puts a key back. Without changes the policy is shown. docs/operating.md
    lists the keys.
    """
    wanted = dict(_change(text) for text in changes)

    async def work(database: Database) -> dict[str, Any]:
        stored: dict[str, Any] = _accepted(await tenancy.set_policy(database, namespace, wanted, COMMAND_LINE))
        return stored

    stored = with_database(work)
    if as_json:
        answer({"namespace": namespace, "policy": stored}, "", as_json=True)
        return
    for field in fields(Policy):
        value = stored.get(field.name)
        default = _shown(field.default)
        click.echo(f"{field.name}={default}  (default)" if value is None else f"{field.name}={_shown(value)}")


@namespaces.command("add-host")
@name_argument
@click.argument("host")
@json_option
@failing_plainly
def add_host(namespace: str, host: str, as_json: bool) -> None:
    """Let a host, with a port where it is not the usual one, lead to a tenant."""

    async def work(database: Database) -> None:
        await _add_host(database, namespace, host)

    with_database(work)
    answer({"namespace": namespace, "host": host}, f"{host} leads to {namespace} now.", as_json=as_json)


@namespaces.command()
@name_argument
@json_option
@failing_plainly
def suspend(namespace: str, as_json: bool) -> None:
    """Switch a tenant off: its hosts lead nowhere, and nothing of it is lost."""
    _suspend(namespace, True)
    answer({"namespace": namespace, "suspended": True}, f"{namespace} is switched off.", as_json=as_json)


@namespaces.command()
@name_argument
@json_option
@failing_plainly
def resume(namespace: str, as_json: bool) -> None:
    """Switch a tenant on again."""
    _suspend(namespace, False)
    answer({"namespace": namespace, "suspended": False}, f"{namespace} is served again.", as_json=as_json)


@namespaces.command("log-out")
@name_argument
@json_option
@failing_plainly
def log_out(namespace: str, as_json: bool) -> None:
    """End every session of a tenant and what apps hold for its people. Everybody can log in again."""

    async def work(database: Database) -> dict[str, int]:
        if namespace not in {row.name for row in await tenancy.list_namespaces(database)}:
            raise Failure("There is no such namespace.")
        row = await database.fetchrow("select * from authn.log_everybody_out($1, $2)", COMMAND_LINE, namespace)
        return {"people": row["people"], "sessions": row["sessions"]}

    done = with_database(work)
    sentence = f"Ended {done['sessions']} sessions of {done['people']} people of {namespace}."
    answer({"namespace": namespace, **done}, sentence, as_json=as_json)


def _suspend(namespace: str, suspended: bool) -> None:
    async def work(database: Database) -> None:
        if not _accepted(await tenancy.suspend(database, namespace, suspended, COMMAND_LINE)):
            raise Failure(f"{namespace} is switched {'off' if suspended else 'on'} already.")

    with_database(work)


async def _add_host(database: Database, namespace: str, host: str) -> None:
    if not _accepted(await tenancy.add_host(database, namespace, host, COMMAND_LINE)):
        raise Failure(f"The host {host} leads to a namespace already.")


def _accepted(result: Any) -> Any:
    if isinstance(result, Refused):
        raise Failure(as_sentence(result.reason))
    return result


def _change(text: str) -> tuple[str, Any]:
    key, separator, value = text.partition("=")
    hints = typing.get_type_hints(Policy)
    if not separator:
        raise Failure(f"{text} is not of the form key=value.")
    if key not in hints:
        raise Failure(f"{key} is no part of a policy. There are: {', '.join(hints)}.")
    if value == DEFAULT_WORD:
        return key, None
    read = _read(hints[key], value)
    if key == "methods":
        _check_methods(read)
    return key, read


def _read(hint: Any, value: str) -> Any:
    kinds = get_args(hint) if get_origin(hint) is types.UnionType else (hint,)
    if any(get_origin(kind) is tuple for kind in kinds):
        return [item.strip() for item in value.split(",") if item.strip()]
    if bool in kinds and value in ("on", "off", "true", "false"):
        return value in ("on", "true")
    return int(value) if int in kinds and value.isascii() and value.isdigit() else value


def _check_methods(chosen: list[str]) -> None:
    # The database knows no list of methods, on purpose: here is the only place that can tell a typing mistake.
    installed = {method.id: method for method in METHODS}
    unknown = [name for name in chosen if name not in installed]
    if unknown:
        raise Failure(f"There is no login method {unknown[0]}. There are: {', '.join(installed)}.")
    if not any(installed[name].may_be_first for name in chosen):
        raise Failure("Nobody could log in: at least one method must be able to begin a login.")


def _as_json(row: NamespaceRow) -> dict[str, Any]:
    return {
        "namespace": row.name,
        "display_name": row.display_name,
        "hosts": list(row.hosts),
        "policy": row.policy,
        "suspended": row.suspended,
    }


def _shown(value: Any) -> str:
    if value is None:
        return "any"
    if isinstance(value, (list, tuple)):
        return ",".join(value)
    return json.dumps(value).strip('"')

"""`portal clients`: register and list the apps that log people in through the portal."""

from typing import Any

import click
from rich.console import Console
from rich.table import Table

from portal.cli.answers import Failure, answer, failing_plainly, json_option, namespace_option
from portal.cli.environment import with_database
from portal.db.engine import Database
from portal.oidc.clients import (
    AUTH_METHODS,
    DEFAULT_GRANT_TYPES,
    Client,
    InvalidRegistration,
    RegisteredClient,
    create_client,
    list_clients,
)
from portal.oidc.scopes import SCOPES


@click.group()
def clients() -> None:
    """Register and list apps."""


@clients.command()
@click.argument("name")
@click.option("--redirect-uri", "redirect_uris", multiple=True, required=True, metavar="URI", help="May be repeated.")
@click.option("--post-logout-redirect-uri", "post_logout_redirect_uris", multiple=True, metavar="URI")
@click.option("--backchannel-logout-uri", metavar="URI")
@click.option(
    "--initiate-login-uri", metavar="URI", help="Where a login begins at the app; people are sent back there."
)
@click.option("--public", is_flag=True, help="The app can keep no secret (in a browser or on a phone).")
@click.option("--first-party", is_flag=True, help="The app is your own: people are not asked for consent.")
@click.option("--scope", "scopes", multiple=True, metavar="S", help="May be repeated. Default: all.")
@click.option("--grant", "grants", multiple=True, metavar="G", help="May be repeated. Default: authorization_code.")
@click.option("--token-endpoint-auth-method", "method", type=click.Choice(AUTH_METHODS))
@click.option("--require-pkce/--no-require-pkce", default=True, help="Older libraries send no PKCE.")
@click.option("--popup", is_flag=True, help="The app opens the login in a popup and talks to it.")
@namespace_option
@json_option
@failing_plainly
def create(
    name: str,
    redirect_uris: tuple[str, ...],
    scopes: tuple[str, ...],
    grants: tuple[str, ...],
    method: str | None,
    namespace: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Register an app and show its secret, this once."""

    async def work(database: Database) -> RegisteredClient | InvalidRegistration:
        return await create_client(
            database,
            namespace,
            name=name,
            redirect_uris=redirect_uris,
            scopes=scopes or SCOPES,
            grant_types=grants or DEFAULT_GRANT_TYPES,
            token_endpoint_auth_method=method,
            **options,
        )

    made = with_database(work)
    if isinstance(made, InvalidRegistration):
        raise Failure("\n".join(made.problems))
    secret = made.client_secret
    shown = f"client_secret: {secret}  (shown only now)" if secret else "It is a public app and has no secret."
    answer(
        {"client_id": made.client.client_id, "client_secret": secret},
        f"Registered {made.client.name}.\nclient_id: {made.client.client_id}\n{shown}",
        as_json=as_json,
    )


@clients.command("list")
@namespace_option
@json_option
@failing_plainly
def list_(namespace: str, as_json: bool) -> None:
    """List the apps."""

    async def work(database: Database) -> list[Client]:
        return await list_clients(database, namespace)

    found = with_database(work)
    if as_json:
        answer({"clients": [_as_json(client) for client in found]}, "", as_json=True)
        return
    if not found:
        click.echo("There are no apps yet. Register one with `portal clients create`.")
        return
    table = Table("client_id", "name", "redirect URIs", "kind", box=None, pad_edge=False)
    for client in found:
        kinds = ["public" if client.public else "confidential", *(["first party"] if client.first_party else [])]
        # Markup off: names are other people's text.
        table.add_row(client.client_id, client.name, "\n".join(client.redirect_uris), ", ".join(kinds))
    Console(markup=False, highlight=False).print(table)


def _as_json(client: Client) -> dict[str, Any]:
    return {
        "client_id": client.client_id,
        "name": client.name,
        "redirect_uris": client.redirect_uris,
        "post_logout_redirect_uris": client.post_logout_redirect_uris,
        "backchannel_logout_uri": client.backchannel_logout_uri,
        "initiate_login_uri": client.initiate_login_uri,
        "public": client.public,
        "first_party": client.first_party,
        "scopes": client.scopes,
        "grant_types": client.grant_types,
        "token_endpoint_auth_method": client.token_endpoint_auth_method,
        "require_pkce": client.require_pkce,
        "popup": client.popup,
    }

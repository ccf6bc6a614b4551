"""`portal clients`: register and list the apps that log people in through the portal."""

import json
from typing import IO, Any

import click
from rich.console import Console
from rich.table import Table

from portal.cli.answers import Failure, answer, failing_plainly, json_option, namespace_option
from portal.cli.environment import with_database
from portal.db.engine import Database
from portal.oidc.backchannel import list_logouts
from portal.oidc.clients import (
    AUTH_METHODS,
    DEFAULT_GRANT_TYPES,
    Client,
    InvalidRegistration,
    RegisteredClient,
    create_client,
    delete_client,
    list_clients,
    rotate_client_secret,
)
from portal.oidc.scopes import SCOPES
from portal.oidc.signing_keys import ALGORITHM, ALGORITHMS
from portal.oidc.subjects import SUBJECT_TYPES


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
@click.option("--id-token-alg", "id_token_signed_response_alg", type=click.Choice(ALGORITHMS), default=ALGORITHM)
@click.option("--subject-type", type=click.Choice(SUBJECT_TYPES), default="public", help="How the app names people.")
@click.option("--jwks-file", type=click.File("rb"), help="The app's public keys as a JWK set, for private_key_jwt.")
@click.option("--userinfo-alg", "userinfo_signed_response_alg", type=click.Choice(ALGORITHMS), help="Sign userinfo.")
@click.option("--publisher", metavar="NAME", help="Who publishes the app, as the consent page says it.")
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
    jwks_file: IO[bytes] | None,
    namespace: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Register an app and show its secret, this once."""
    jwks = None if jwks_file is None else _read_json(jwks_file)

    async def work(database: Database) -> RegisteredClient | InvalidRegistration:
        return await create_client(
            database,
            namespace,
            name=name,
            redirect_uris=redirect_uris,
            scopes=scopes or SCOPES,
            grant_types=grants or DEFAULT_GRANT_TYPES,
            token_endpoint_auth_method=method,
            jwks=jwks,
            **options,
        )

    made = with_database(work)
    if isinstance(made, InvalidRegistration):
        raise Failure("\n".join(made.problems))
    secret = made.client_secret
    proof = "It is a public app" if made.client.public else "It proves itself by its key"
    shown = f"client_secret: {secret}  (shown only now)" if secret else f"{proof} and has no secret."
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


@clients.command()
@click.argument("client_id")
@namespace_option
@json_option
@failing_plainly
def logouts(client_id: str, namespace: str, as_json: bool) -> None:
    """Show what an app was told of logins that ended, and what it answered."""

    async def work(database: Database) -> list[dict[str, Any]]:
        return await list_logouts(database, namespace, client_id)

    found = with_database(work)
    if as_json:
        answer({"logouts": found}, "", as_json=True)
        return
    if not found:
        click.echo("That app was told of none.")
        return
    table = Table("ended", "result", "answer", "tries", "reason", box=None, pad_edge=False)
    for told in found:
        status = str(told["status"] or "")
        table.add_row(told["created_at"][:19], told["state"], status, str(told["attempts"]), told["error"] or "")
    Console(markup=False, highlight=False).print(table)


@clients.command("rotate-secret")
@click.argument("client_id")
@namespace_option
@json_option
@failing_plainly
def rotate_secret(client_id: str, namespace: str, as_json: bool) -> None:
    """Give an app a new secret; the old one is dead at once."""

    async def work(database: Database) -> str | None:
        return await rotate_client_secret(database, namespace, client_id)

    secret = with_database(work)
    if secret is None:
        raise Failure("There is no app with that client_id and a secret.")
    answer(
        {"client_id": client_id, "client_secret": secret}, f"client_secret: {secret}  (shown only now)", as_json=as_json
    )


@clients.command()
@click.argument("client_id")
@namespace_option
@json_option
@failing_plainly
def delete(client_id: str, namespace: str, as_json: bool) -> None:
    """Remove an app; its codes and tokens die with it."""

    async def work(database: Database) -> bool:
        return await delete_client(database, namespace, client_id)

    if not with_database(work):
        raise Failure("There is no app with that client_id.")
    answer({"client_id": client_id}, "The app is gone, and all that it was given.", as_json=as_json)


def _read_json(file: IO[bytes]) -> Any:
    try:
        return json.load(file)
    except ValueError:
        raise Failure("The file with the keys is not JSON.") from None


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
        "id_token_signed_response_alg": client.id_token_signed_response_alg,
        "subject_type": "public" if client.pairwise_key is None else "pairwise",
        "publisher": client.publisher,
        "userinfo_signed_response_alg": client.userinfo_signed_response_alg,
    }

"""Registering apps: what may be registered, and that a secret is shown once."""

from typing import Any

import pytest

from portal.oidc.clients import (
    InvalidRegistration,
    RegisteredClient,
    create_client,
    delete_client,
    find_client,
    list_clients,
    rotate_client_secret,
)
from tests.oidc.people_and_apps import CALLBACK, World


async def register(world: World, namespace: str = "default", **registration: Any) -> RegisteredClient:
    made = await create_client(
        world.database, namespace, **{"name": "App", "redirect_uris": [CALLBACK], **registration}
    )
    assert isinstance(made, RegisteredClient), made
    return made


async def test_a_confidential_app_gets_a_secret_this_once(world: World) -> None:
    made = await register(world, name="  Spaced \n out ")
    assert made.client_secret
    assert made.client.name == "Spaced out"
    found = await find_client(world.database, "default", made.client.client_id)
    assert found == made.client
    assert found.check_client_secret(made.client_secret)
    assert not found.check_client_secret(made.client_secret + "x")
    assert not found.check_client_secret(found.secret_hash or "")
    (event,) = await world.events("client_created", made.client.client_id)
    assert made.client_secret not in str(event)
    assert found.secret_hash not in str(event)


async def test_a_public_app_has_no_secret_and_cannot_do_without_pkce(world: World) -> None:
    made = await register(world, public=True)
    assert made.client_secret is None
    assert made.client.token_endpoint_auth_method == "none"
    assert made.client.application_type == "web"
    assert not made.client.check_client_secret("")


async def test_a_native_app_is_recognised(world: World) -> None:
    made = await register(world, public=True, redirect_uris=["http://127.0.0.1/cb", "com.example.app:/cb"])
    assert made.client.application_type == "native"
    assert made.client.check_redirect_uri("http://127.0.0.1:51004/cb")


@pytest.mark.adversarial("A6", "P5")
@pytest.mark.parametrize(
    "registration",
    [
        {"name": ""},
        {"name": "x" * 81},
        {"name": "bell\x07"},
        {"redirect_uris": []},
        {"redirect_uris": ["javascript:alert(1)"]},
        {"redirect_uris": ["https://app.example/#x"]},
        {"redirect_uris": ["http://app.example/cb"]},
        {"redirect_uris": ["https://*.example/cb"]},
        {"redirect_uris": [f"https://app.example/{n}" for n in range(51)]},
        {"post_logout_redirect_uris": ["javascript:alert(1)"]},
        {"initiate_login_uri": "javascript:alert(1)"},
        {"logo_uri": "data:image/svg+xml,<svg>"},
        {"backchannel_logout_uri": "file:///etc/passwd"},
        {"token_endpoint_auth_method": "private_key_jwt"},
        {"public": True, "require_pkce": False},
        {"application_type": "native"},
        {"scopes": ["openid", "admin"]},
        {"grant_types": ["password"]},
        {"client_secret": "short"},
    ],
)
async def test_what_does_not_hold_together_is_not_registered(world: World, registration: dict[str, Any]) -> None:
    before = len(await list_clients(world.database, "default"))
    made = await create_client(
        world.database, "default", **{"name": "App", "redirect_uris": [CALLBACK], **registration}
    )
    assert isinstance(made, InvalidRegistration)
    assert made.problems
    assert len(await list_clients(world.database, "default")) == before


async def test_an_app_of_one_namespace_is_not_there_in_another(world: World) -> None:
    made = await register(world, "tenant-a")
    client_id = made.client.client_id
    assert await find_client(world.database, "tenant-b", client_id) is None
    assert await list_clients(world.database, "tenant-b") == []
    assert await rotate_client_secret(world.database, "tenant-b", client_id) is None
    assert not await delete_client(world.database, "tenant-b", client_id)
    assert [client.client_id for client in await list_clients(world.database, "tenant-a")] == [client_id]
    assert await delete_client(world.database, "tenant-a", client_id)
    assert not await delete_client(world.database, "tenant-a", client_id)


async def test_a_new_secret_is_for_confidential_apps(world: World) -> None:
    made, public = await register(world), await register(world, public=True)
    new = await rotate_client_secret(world.database, "default", made.client.client_id)
    found = await find_client(world.database, "default", made.client.client_id)
    assert found
    assert new
    assert found.check_client_secret(new)
    assert not found.check_client_secret(made.client_secret or "")
    assert await rotate_client_secret(world.database, "default", public.client.client_id) is None


async def test_odd_client_ids_find_nothing(world: World) -> None:
    for client_id in ("", "\0", "x" * 10_000, "' or true --", "\ud800"):
        assert await find_client(world.database, "default", client_id) is None

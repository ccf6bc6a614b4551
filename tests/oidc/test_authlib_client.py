"""Authlib's own client logs in over a real connection, unchanged; other languages are in tests/interop."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import uvicorn
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client

from portal.app import create_app
from portal.crypto.hashing import PASSWORDS
from portal.db.engine import Database
from portal.oidc.clients import RegisteredClient, create_client
from portal.settings import load_settings
from tests.oidc.people_and_apps import CALLBACK, PASSWORD, SECRET_KEY
from tests.support.database import STATEMENT_CACHE, TestDatabase


@dataclass
class Server:
    """A portal on a port of its own."""

    issuer: str
    database: Database

    async def app(self, **registration: Any) -> tuple[str, str | None]:
        made = await create_client(
            self.database, "default", name="Stock", redirect_uris=[CALLBACK], first_party=True, **registration
        )
        assert isinstance(made, RegisteredClient)
        return made.client.client_id, made.client_secret

    async def send_browser(self, url: str) -> str:
        """Log alice in where the app sends her, and return the address that she comes back to."""
        async with httpx.AsyncClient(base_url=self.issuer, follow_redirects=False) as http:
            response = await http.get(url)
            flow = httpx.URL(response.headers["location"]).params["flow"]
            form = {"email": "alice@example.com", "password": PASSWORD, "flow": flow}
            response = await http.post("/login/password", data=form, headers={"origin": self.issuer})
            response = await http.get(response.headers["location"])
            return str(response.headers["location"])


@pytest.fixture(scope="module")
async def server(module_database: TestDatabase, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        issuer = f"http://localhost:{listener.getsockname()[1]}"
        environ = {
            "PORTAL_URL": issuer,
            "PORTAL_DATABASE_URL": module_database.app_url,
            "PORTAL_SECRET_KEY": SECRET_KEY,
            "PORTAL_DATA_DIR": str(tmp_path_factory.mktemp("data")),
        }
        database = Database(module_database.app_url, statement_cache=STATEMENT_CACHE)
        await database.fetchval("select authn.create_user($1, $2)", "alice@example.com", await PASSWORDS.hash(PASSWORD))
        config = uvicorn.Config(create_app(load_settings(environ), database), log_config=None)
        running = uvicorn.Server(config)
        serving = asyncio.create_task(running.serve(sockets=[listener]))
        while not running.started:  # noqa: ASYNC110 - uvicorn has no event to wait for
            await asyncio.sleep(0.05)
        yield Server(issuer, database)
        running.should_exit = True
        await serving
        await database.close()


async def test_authlibs_client_logs_in_unchanged(server: Server) -> None:
    client_id, client_secret = await server.app()
    async with AsyncOAuth2Client(
        client_id, client_secret, scope="openid email", redirect_uri=CALLBACK, code_challenge_method="S256"
    ) as client:
        verifier = "v" * 60
        url, state = client.create_authorization_url(f"{server.issuer}/oauth2/authorize", code_verifier=verifier)
        came = await server.send_browser(url)
        token = await client.fetch_token(
            f"{server.issuer}/oauth2/token", authorization_response=came, code_verifier=verifier, state=state
        )
        assert token["id_token"]
        told = (await client.get(f"{server.issuer}/oauth2/userinfo")).json()
        assert told["email"] == "alice@example.com"


@pytest.mark.parametrize("public", [False, True])
async def test_authlibs_client_refreshes_asks_and_revokes(server: Server, public: bool) -> None:
    client_id, client_secret = await server.app(public=public)
    async with AsyncOAuth2Client(
        client_id,
        client_secret,
        scope="openid email offline_access",
        redirect_uri=CALLBACK,
        code_challenge_method="S256",
    ) as client:
        verifier = "v" * 60
        url, state = client.create_authorization_url(f"{server.issuer}/oauth2/authorize", code_verifier=verifier)
        endpoint = f"{server.issuer}/oauth2/token"
        came = await server.send_browser(url)
        first = dict(
            await client.fetch_token(endpoint, authorization_response=came, code_verifier=verifier, state=state)
        )
        second = dict(await client.refresh_token(endpoint))
        assert second["refresh_token"] != first["refresh_token"]
        assert (await client.get(f"{server.issuer}/oauth2/userinfo")).json()["email"] == "alice@example.com"
        if not public:
            answered = await client.introspect_token(f"{server.issuer}/oauth2/introspect", second["access_token"])
            assert answered.json()["active"] is True
        revoked = await client.revoke_token(f"{server.issuer}/oauth2/revoke", second["refresh_token"], "refresh_token")
        assert revoked.status_code == 200
        with pytest.raises(OAuthError) as refused:
            await client.refresh_token(endpoint, refresh_token=second["refresh_token"])
        assert refused.value.error == "invalid_grant"

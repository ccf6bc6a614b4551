"""A process that is killed between the commit of a refresh and its answer, beside another that lives on."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Iterator

import asyncpg
import httpx
import pytest

from tests.oidc.people_and_apps import ISSUER, SECRET_KEY, Browser, World
from tests.oidc.test_codes import assert_refused
from tests.oidc.test_refresh_reuse import seconds_pass
from tests.oidc.test_refresh_tokens import refreshed, tokens_of
from tests.support.database import temporary_data_dir
from tests.support.server import PortalServer, prepare_server


class ToPort(httpx.AsyncHTTPTransport):
    """Connects to a process wherever PORTAL_URL says it is, as a proxy would; the Host header stays."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        there = request.url.copy_with(host="127.0.0.1", port=self._port)
        sent = httpx.Request(request.method, there, headers=request.headers, stream=request.stream)
        return await super().handle_async_request(sent)


@pytest.fixture
def doomed(world: World) -> Iterator[PortalServer]:
    """A process of its own on the database of the other one, which runs in the test's."""
    with temporary_data_dir() as data_dir:
        server = prepare_server(
            data_dir,
            PORTAL_URL=ISSUER,
            PORTAL_DATABASE_URL=world.app_url,
            PORTAL_SECRET_KEY=SECRET_KEY,
        )
        server.start()
        yield server
        server.stop()


@contextlib.asynccontextmanager
async def no_answer_can_be_signed(world: World) -> AsyncIterator[None]:
    """Hold a process between the commit of a refresh and its answer: it waits for the key of the ID token."""
    connection = await asyncpg.connect(world.superuser_url)
    try:
        async with connection.transaction():
            await connection.execute("lock table authn.signing_keys in access exclusive mode")
            yield
    finally:
        await connection.close()


async def committed(world: World, generation: int) -> None:
    """Return when a refresh has been committed that made this generation."""
    async with asyncio.timeout(30):
        while not await world.rows(  # noqa: ASYNC110 - it happens in another process
            "select from authn.refresh_tokens where generation = $1", generation
        ):
            await asyncio.sleep(0.02)


@pytest.mark.adversarial("B6")
async def test_an_app_whose_answer_died_with_the_process_gets_the_same_successor_from_another(
    world: World, doomed: PortalServer, alice: Browser
) -> None:
    app = await world.app("Cut off", grant_types=["authorization_code", "refresh_token"])
    token = (await tokens_of(app, alice))["refresh_token"]
    here, app.http = app.http, httpx.AsyncClient(transport=ToPort(doomed.port), base_url=ISSUER)
    token = (await refreshed(app, token))["refresh_token"]
    await asyncio.sleep(1.1)  # a process remembers its keys for a second
    async with no_answer_can_be_signed(world):
        unanswered = [asyncio.create_task(app.refresh(token)) for _ in range(5)]
        await committed(world, generation=2)
        doomed.stop(signal.SIGKILL)
        for outcome in await asyncio.gather(*unanswered, return_exceptions=True):
            assert isinstance(outcome, httpx.TransportError), outcome
    app.http = here
    # However long that took on a busy machine, the app tries again after five seconds.
    await world.tamper("update authn.refresh_tokens set used_at = now() - interval '5 seconds' where generation = 1")
    retries = await asyncio.gather(*(app.refresh(token) for _ in range(50)))
    assert {response.status_code for response in retries} == {200}
    (successor,) = {response.json()["refresh_token"] for response in retries}
    after = await refreshed(app, successor)
    (live,) = await world.rows("select generation from authn.refresh_tokens where used_at is null")
    assert live["generation"] == 3
    await seconds_pass(world, app, 11)
    assert_refused(await app.refresh(token))
    assert_refused(await app.refresh(after["refresh_token"]))
    assert (await app.userinfo(after["access_token"])).status_code == 401

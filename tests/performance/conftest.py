"""A portal whose database is reached through a proxy that counts what goes over the wire."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest

from benchmarks.counting_proxy import CountingProxy, Counts, counting_proxy
from tests.support.database import TestDatabase, drop_database, empty_database, temporary_data_dir
from tests.support.server import SEEDED_PASSWORD, PortalServer, an_address, prepare_server

REPEATS = 7  # a look-up that comes once a second is not in all of them


@dataclass
class CountedWire:
    """The portal, a browser, and the counter between it and PostgreSQL."""

    portal: PortalServer
    proxy: CountingProxy
    http: httpx.AsyncClient

    async def get(self, path: str) -> Counts:
        """What it costs to open an address."""

        async def work() -> None:
            response = await self.http.get(path)
            assert response.status_code == 200, response.text

        return await self.proxy.count(work, repeats=REPEATS)

    def stranger(self) -> httpx.AsyncClient:
        """A browser that has never been here, in a place of its own: budgets go by address."""
        headers = {"origin": self.portal.url, "x-forwarded-for": an_address()}
        limits = httpx.Limits(max_connections=None)
        return httpx.AsyncClient(base_url=self.portal.url, headers=headers, timeout=60, limits=limits)


@pytest.fixture(scope="module")
async def wire(postgres_server: TestDatabase, template_database: TestDatabase) -> AsyncIterator[CountedWire]:
    """A served portal with alice logged in."""
    database = empty_database(postgres_server, template=template_database.name)
    with temporary_data_dir() as data_dir:
        async with counting_proxy(database.app_url) as proxy:
            portal = prepare_server(
                data_dir,
                PORTAL_DATABASE_URL=proxy.url(database.app_url),
                PORTAL_DATABASE_OWNER_URL=database.owner_url,
                PORTAL_DATABASE_STATEMENT_CACHE="100",
            )
            # In a thread: the portal's way to its database leads through this event loop.
            await asyncio.to_thread(portal.start)
            async with httpx.AsyncClient(base_url=portal.url, headers={"origin": portal.url}, timeout=60) as http:
                assert await log_in(http) == 303
                yield CountedWire(portal, proxy, http)
            await asyncio.to_thread(portal.stop)
    drop_database(postgres_server, database)


async def log_in(browser: httpx.AsyncClient, email: str = "alice@example.com", password: str = SEEDED_PASSWORD) -> int:
    """Send the login form without an earlier page and return the status of the answer."""
    return (await browser.post("/login/password", data={"email": email, "password": password})).status_code

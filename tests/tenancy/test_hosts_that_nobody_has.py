"""Hosts and apps that strangers make up fill no memory."""

import gc
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from portal.crypto.sealing import Sealer
from portal.db.engine import Database
from portal.oidc.provider import Provider
from portal.settings import load_settings
from portal.tenancy.hosts import Hosts
from tests.support.database import STATEMENT_CACHE, TestDatabase

LONG = 30_000  # characters, about the longest that the server takes
TRIES = 300
GROWTH = 1_000_000  # bytes; all of the names together are nine times that

pytestmark = pytest.mark.adversarial("U2")


@pytest.fixture
async def opened(module_database: TestDatabase) -> AsyncIterator[Database]:
    database = Database(module_database.app_url, statement_cache=STATEMENT_CACHE, pool_size=1)
    yield database
    await database.close()


async def growth(ask: Callable[[str], Awaitable[object]]) -> int:
    """Bytes that stay after many names, each of them unknown."""
    assert await ask("unknown") is None
    tracemalloc.start()
    try:
        for number in range(TRIES):
            assert await ask(f"{number}".rjust(LONG, "x")) is None
        gc.collect()
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


async def test_a_host_that_no_name_can_have_is_not_remembered(opened: Database) -> None:
    hosts = Hosts(opened, load_settings({"PORTAL_URL": "http://localhost:8000", "PORTAL_DEV": "1"}))
    found = await hosts.find("localhost:8000")
    assert found is not None
    assert found.name == "default"
    assert await growth(hosts.find) < GROWTH


async def test_a_client_id_that_no_app_can_have_is_not_remembered(opened: Database) -> None:
    provider = Provider(opened, Sealer((b"k" * 40,)))
    assert await growth(lambda name: provider.find_client("default", name)) < GROWTH

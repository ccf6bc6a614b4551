"""A portal for each file of provider tests: the real application on a database of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from portal.app import create_app
from portal.methods.password.hashing import PASSWORDS
from portal.settings import load_settings
from tests.oidc.people_and_apps import ISSUER, PASSWORD, SECRET_KEY, App, Browser, CountingDatabase, World
from tests.support.database import TestDatabase


@pytest.fixture(scope="module")
async def world(module_database: TestDatabase, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """The portal with alice, who has proven her address, and bo, who has not."""
    settings = load_settings(
        {
            "PORTAL_URL": ISSUER,
            "PORTAL_DATABASE_URL": module_database.app_url,
            "PORTAL_SECRET_KEY": SECRET_KEY,
            "PORTAL_DATA_DIR": str(Path(tmp_path_factory.mktemp("data"))),
        }
    )
    database = CountingDatabase(module_database.app_url)
    # As a server would: a fault is an answer of 500, never an exception in the test's own code.
    transport = httpx.ASGITransport(create_app(settings, database), raise_app_exceptions=False)
    password_hash = await PASSWORDS.hash(PASSWORD)
    for email in ("alice@example.com", "bo@example.com"):
        await database.fetchval("select authn.create_user($1, $2)", email, password_hash)
    yield World(transport, database, module_database)
    await database.close()


@pytest.fixture
async def app(world: World) -> App:
    """A confidential first-party app."""
    return await world.app()


@pytest.fixture
async def renewing(world: World) -> App:
    """An app that was registered with the refresh token grant."""
    return await world.app("Renewing", grant_types=["authorization_code", "refresh_token"])


@pytest.fixture
async def alice(world: World) -> Browser:
    """A browser in which alice is logged in."""
    return await world.logged_in()

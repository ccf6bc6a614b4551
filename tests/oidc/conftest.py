"""A portal for each file of provider tests: the real application on a database of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from joserfc.jwk import RSAKey

from portal.app import create_app
from portal.crypto.hashing import PASSWORDS
from portal.oidc.queries import SigningKeyRow, add_first_signing_key
from portal.oidc.signing_keys import KEY_BITS, seal_key
from portal.settings import load_settings
from tests.oidc.people_and_apps import ISSUER, PASSWORD, SEALER, SECRET_KEY, App, Browser, CountingDatabase, World
from tests.support.database import TestDatabase


@pytest.fixture(scope="session")
async def signing_key() -> SigningKeyRow:
    """The key of every portal here: finding two primes anew for each file would take longer than its tests."""
    return seal_key(RSAKey.generate_key(KEY_BITS), SEALER)


@pytest.fixture(scope="module")
async def world(
    module_database: TestDatabase, signing_key: SigningKeyRow, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
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
    await add_first_signing_key(database, "default", signing_key)
    password_hash = await PASSWORDS.hash(PASSWORD)
    for email in ("alice@example.com", "bo@example.com"):
        await database.fetchval("select authn.create_user($1, $2)", email, password_hash)
    made = World(transport, database, module_database)
    yield made
    await made.close()


@pytest.fixture
async def app(world: World) -> App:
    """A confidential first-party app."""
    return await world.app()


@pytest.fixture
async def renewing(world: World) -> App:
    """An app that was registered with the refresh token grant."""
    return await world.app("Renewing", grant_types=["authorization_code", "refresh_token"])


@pytest.fixture(scope="module")
async def login_of_alice(world: World) -> Browser:
    """The one login that the tests of a file share."""
    return await world.logged_in()


@pytest.fixture
async def alice(world: World, login_of_alice: Browser) -> Browser:
    """A browser in which alice is logged in. A test that ends or renews logins makes one of its own."""
    browser = world.browser()
    browser.http.cookies.update(login_of_alice.http.cookies)
    return browser

"""The SDK on the application's own connection, in a namespace of the test's own."""

import secrets
from collections.abc import AsyncIterator

import asyncpg
import pytest

from portal.authn import AuthnClient
from tests.support.database import TestDatabase, connect


@pytest.fixture(scope="module")
async def connection(module_database: TestDatabase) -> AsyncIterator[asyncpg.Connection]:
    connection = await connect(module_database.app_url)
    yield connection
    await connection.close()


@pytest.fixture
def namespace() -> str:
    return f"test-{secrets.token_hex(6)}"


@pytest.fixture
def authn(connection: asyncpg.Connection, namespace: str) -> AuthnClient:
    return AuthnClient(connection, namespace)

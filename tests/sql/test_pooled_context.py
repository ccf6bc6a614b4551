"""A pooled connection serves one tenant after the other, also after requests that failed or were cut off."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import asyncpg
import pytest

from portal.db.engine import Database
from tests.support.database import STATEMENT_CACHE, TestDatabase

REQUESTS = 10_000
POOL_SIZE = 4
AT_ONCE = 16
LOOK_EVERY = 4  # requests
SETTINGS = ("tenant_id", "actor_id", "request_id", "ip_address", "user_agent", "on_behalf_of", "reason")
CONTEXT = f"SELECT {' || '.join(f'''coalesce(current_setting('authn.{name}', true), '')''' for name in SETTINGS)}"
ACTOR = {"actor_id": "somebody", "ip_address": "192.0.2.1", "user_agent": "Browser", "reason": "so"}


class Broken(Exception):
    """What a request dies of in the middle of its work."""


@pytest.fixture
async def pool(module_database: TestDatabase) -> AsyncIterator[Database]:
    database = Database(module_database.app_url, statement_cache=STATEMENT_CACHE, pool_size=POOL_SIZE)
    yield database
    await database.close()


async def _look(pool: Database, tenant: str) -> None:
    rows = await pool.fetch("SELECT user_id FROM authn.list_users($1, 10)", tenant)
    assert len(rows) == 1


async def _write_with_an_actor(pool: Database, tenant: str) -> None:
    await pool.fetchval("SELECT authn.record_login_attempt('a@b', true, NULL, authn.act_in($1, $2))", tenant, ACTOR)


async def _be_refused(pool: Database, tenant: str) -> None:
    with pytest.raises(asyncpg.UniqueViolationError):
        await pool.fetchval("SELECT authn.create_user('alice@example.com', NULL, authn.act_in($1, $2))", tenant, ACTOR)


async def _set_a_tenant_in_autocommit(pool: Database, tenant: str) -> None:
    await pool.fetchval("SELECT authn.set_tenant($1)", tenant)


async def _work_in_a_transaction(pool: Database, tenant: str) -> None:
    async with pool.transaction(tenant) as transaction:
        await transaction.fetchval("SELECT authn.set_actor('somebody', 'r', '192.0.2.1', 'Browser', 'x', 'so')")
        assert [row[0] for row in await transaction.fetch("SELECT namespace FROM authn.users")] == [tenant]


async def _break_in_a_transaction(pool: Database, tenant: str) -> None:
    with suppress(Broken):
        async with pool.transaction(tenant) as transaction:
            await transaction.fetchval("SELECT authn.set_actor('somebody')")
            raise Broken


async def _fail_in_a_transaction(pool: Database, tenant: str) -> None:
    with suppress(asyncpg.DivisionByZeroError):
        async with pool.transaction(tenant) as transaction:
            await transaction.fetchval("SELECT authn.set_actor('somebody')")
            await transaction.fetchval("SELECT 1 / 0")


async def _be_cut_off(pool: Database, tenant: str) -> None:
    """A person closes the tab, or a time limit strikes, while a statement runs or between two."""

    async def slow() -> None:
        async with pool.transaction(tenant) as transaction:
            await transaction.fetchval("SELECT authn.set_actor('somebody')")
            await transaction.fetchval("SELECT pg_sleep(0.05)")

    with suppress(TimeoutError):
        await asyncio.wait_for(slow(), random.choice((0.0, 0.001, 0.005)))


async def _be_cut_off_in_autocommit(pool: Database, tenant: str) -> None:
    query = "SELECT authn.act_in($1, $2), authn.set_tenant($1), pg_sleep(0.05)"
    with suppress(TimeoutError):
        await asyncio.wait_for(pool.fetchrow(query, tenant, ACTOR), random.choice((0.0, 0.001, 0.005)))


Request = Callable[[Database, str], Awaitable[None]]
# How often each comes in a thousand.
MIX: tuple[tuple[Request, int], ...] = (
    (_look, 250), (_write_with_an_actor, 150), (_be_refused, 120), (_set_a_tenant_in_autocommit, 120),
    (_work_in_a_transaction, 120), (_break_in_a_transaction, 80), (_fail_in_a_transaction, 80),
    (_be_cut_off, 15), (_be_cut_off_in_autocommit, 15),
)  # fmt: skip


async def test_10000_mixed_requests_leave_no_context_on_a_pooled_connection(pool: Database) -> None:
    tenants = [f"tenant-{number}" for number in range(5)]
    for tenant in tenants:
        await pool.fetchval("SELECT authn.create_user('alice@example.com', NULL, $1)", tenant)
    kinds, weights = zip(*MIX, strict=True)
    waiting = random.choices(kinds, weights, k=REQUESTS)
    assert set(waiting) == set(kinds)
    left_behind: list[str] = []

    async def client() -> None:
        while waiting:
            await waiting.pop()(pool, random.choice(tenants))
            if len(waiting) % LOOK_EVERY == 0:
                # Whichever connection comes next: somebody has just used it.
                left_behind.append(await pool.fetchval(CONTEXT))

    async with asyncio.TaskGroup() as clients:
        for _ in range(AT_ONCE):
            clients.create_task(client())
    assert len(left_behind) >= REQUESTS / LOOK_EVERY
    assert set(left_behind) == {""}
    # Without a context there are no rows, on any of them.
    held = [pool.transaction("nobody") for _ in range(POOL_SIZE)]
    transactions = [await transaction.__aenter__() for transaction in held]
    assert [await one.fetchval("SELECT count(*) FROM authn.users") for one in transactions] == [0] * POOL_SIZE
    for transaction in held:
        await transaction.__aexit__(None, None, None)
    assert [await pool.fetchval("SELECT count(*) FROM authn.users") for _ in range(POOL_SIZE)] == [0] * POOL_SIZE

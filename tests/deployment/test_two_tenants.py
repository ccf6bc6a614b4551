"""Two tenants on the same few database connections: nothing of one ever shows in the other (adversarial family R1).

`make test-pg15` and `make test-pgbouncer` run it, too. Behind a pooler in transaction mode every transaction may have
another connection, so a context that outlived its transaction would meet the next person's request.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import asyncpg
import httpx
import pytest

from portal.crypto.hashing import PASSWORDS
from portal.db.engine import Database
from tests.support.database import STATEMENT_CACHE, TestDatabase, execute
from tests.support.server import PortalServer, an_address, serving

PASSWORD = "three quiet lanterns"
TENANTS = ("acme", "globex")
PEOPLE = 3  # in each
REQUESTS = 1000
AT_ONCE = 24
CONNECTIONS = 12  # more than the pooler of `make test-pgbouncer` has
SEED = 20240


@dataclass
class Browser:
    """Somebody who is logged in, and what their own pages show."""

    tenant: str
    email: str
    http: httpx.AsyncClient


@pytest.fixture(scope="module")
def server(postgres_server: TestDatabase, template_database: TestDatabase) -> Iterator[PortalServer]:
    """A portal with two more tenants, each on a host of its own."""
    with serving(postgres_server, template_database, PORTAL_DEV="0") as running:
        for tenant in TENANTS:
            running.sql(
                "insert into authn.namespaces (namespace, settings) "
                f"values ('{tenant}', '{{\"display_name\": \"The {tenant} portal\"}}')",
                "insert into authn.namespace_hosts (host, namespace) "
                f"values ('{host_of(tenant, running)}', '{tenant}')",
            )
        yield running


@pytest.fixture(scope="module")
async def browsers(server: PortalServer) -> AsyncIterator[list[Browser]]:
    """The people of both tenants, logged in through the form."""
    password_hash = await PASSWORDS.hash(PASSWORD)
    arrived = []
    for tenant in TENANTS:
        for number in range(PEOPLE):
            email = f"person-{number}@{tenant}.example"
            server.sql(f"select authn.create_user('{email}', '{password_hash}', '{tenant}')")
            browser = Browser(tenant, email, visitor(server, tenant))
            answer = await browser.http.post("/login/password", data={"email": email, "password": PASSWORD})
            assert answer.status_code == 303, answer.text
            arrived.append(browser)
    yield arrived
    for browser in arrived:
        await browser.http.aclose()


def host_of(tenant: str, server: PortalServer) -> str:
    return f"{tenant}.localhost:{server.port}"


def visitor(server: PortalServer, tenant: str) -> httpx.AsyncClient:
    host = host_of(tenant, server)
    return httpx.AsyncClient(
        base_url=server.address,
        headers={"host": host, "origin": f"http://{host}", "accept": "text/html", "x-forwarded-for": an_address()},
        timeout=60,
        verify=False,  # no TLS here, and reading the certificates takes longer than the request
    )


def other(tenant: str) -> str:
    return TENANTS[1 - TENANTS.index(tenant)]


async def own_account(server: PortalServer, browser: Browser) -> None:
    answer = await browser.http.get("/account")
    assert answer.status_code == 200
    assert browser.email in answer.text
    assert_only(browser.tenant, answer)


async def own_devices(server: PortalServer, browser: Browser) -> None:
    answer = await browser.http.get("/account/devices")
    assert answer.status_code == 200
    assert_only(browser.tenant, answer)


async def login_page(server: PortalServer, browser: Browser) -> None:
    async with visitor(server, browser.tenant) as stranger:
        answer = await stranger.get("/login")
    assert f"The {browser.tenant} portal" in answer.text
    assert_only(browser.tenant, answer)


async def session_at_the_other_tenant(server: PortalServer, browser: Browser) -> None:
    async with visitor(server, other(browser.tenant)) as thief:
        answer = await thief.get(
            "/account", headers={"cookie": f"portal_session={browser.http.cookies['portal_session']}"}
        )
    assert answer.status_code == 303, "a session of one tenant opened a page of the other"
    assert browser.email not in answer.text


async def password_at_the_other_tenant(server: PortalServer, browser: Browser) -> None:
    async with visitor(server, other(browser.tenant)) as stranger:
        answer = await stranger.post("/login/password", data={"email": browser.email, "password": PASSWORD})
    assert answer.status_code == 422
    assert_only(other(browser.tenant), answer, typed=browser.email)


async def unknown_host(server: PortalServer, browser: Browser) -> None:
    answer = await browser.http.get("/account", headers={"host": f"nobody.localhost:{server.port}"})
    assert answer.status_code == 421


def assert_only(tenant: str, answer: httpx.Response, typed: str = "") -> None:
    body = answer.text.replace(typed, "") if typed else answer.text
    assert other(tenant) not in body, f"a page of {tenant} shows something of {other(tenant)}"


# How often each is drawn: passwords cost a hash.
KINDS = {
    own_account: 40,
    own_devices: 20,
    login_page: 15,
    session_at_the_other_tenant: 20,
    password_at_the_other_tenant: 2,
    unknown_host: 3,
}


@pytest.mark.adversarial("R1")
async def test_a_thousand_mixed_requests_show_nothing_of_another_tenant(
    server: PortalServer, browsers: list[Browser]
) -> None:
    draw = random.Random(SEED)
    turn = asyncio.Semaphore(AT_ONCE)

    async def one() -> None:
        kind, browser = draw.choices(list(KINDS), list(KINDS.values()))[0], draw.choice(browsers)
        async with turn:
            await kind(server, browser)

    await asyncio.gather(*(one() for _ in range(REQUESTS)))


class WaysToUseThePool:
    """Everything that `Database` offers, each checked for what it sees."""

    WHOSE = "select namespace, count(*) as rows from authn.users group by 1"

    def __init__(self, database: Database) -> None:
        self.database = database

    async def one_function_call(self, tenant: str) -> None:
        rows = await self.database.fetch("select * from authn.list_users($1)", tenant)
        assert {row["email"].partition("@")[2] for row in rows} == {f"{tenant}.example"}

    async def transaction(self, tenant: str) -> None:
        async with self.database.transaction(tenant) as querier:
            await asyncio.sleep(0.002)
            assert [tuple(row) for row in await querier.fetch(self.WHOSE)] == [(tenant, PEOPLE)]

    async def transaction_that_fails(self, tenant: str) -> None:
        with pytest.raises(asyncpg.DivisionByZeroError):
            async with self.database.transaction(tenant) as querier:
                await querier.fetchval("select 1 / $1::int", 0)

    async def transaction_that_is_given_up(self, tenant: str) -> None:
        async def endless() -> None:
            async with self.database.transaction(tenant) as querier:
                await querier.fetchval("select pg_sleep(20)")

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(endless(), 0.02)

    async def nobody_in_particular(self, _tenant: str) -> None:
        assert await self.database.fetch(self.WHOSE) == []
        assert not await self.database.fetchval("select current_setting('authn.tenant_id', true)")


@pytest.mark.adversarial("R1")
async def test_no_way_of_using_the_pool_leaves_its_tenant_on_a_connection(module_database: TestDatabase) -> None:
    insert = (
        "insert into authn.users (namespace, email) select '{0}', n || '@{0}.example' from generate_series(1, {1}) n"
    )
    execute(module_database.superuser_url, *(insert.format(tenant, PEOPLE) for tenant in TENANTS))
    database = Database(module_database.app_url, statement_cache=STATEMENT_CACHE, pool_size=CONNECTIONS)
    pool = WaysToUseThePool(database)
    ways = {
        pool.one_function_call: 20,
        pool.transaction: 20,
        pool.transaction_that_fails: 10,
        pool.transaction_that_is_given_up: 1,
        pool.nobody_in_particular: 29,
    }
    draw, turn = random.Random(SEED), asyncio.Semaphore(CONNECTIONS * 2)

    async def one() -> None:
        async with turn:
            await draw.choices(list(ways), list(ways.values()))[0](draw.choice(TENANTS))

    try:
        await asyncio.gather(*(one() for _ in range(REQUESTS)))
    finally:
        await database.close()

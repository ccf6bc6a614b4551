"""Statements and round trips of one operation, counted on the wire of a second process of each contender."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from benchmarks.contenders.allauth import LOGIN_PAGE, SESSION_CHECK, SIGNED_IN_PAGE, make_allauth
from benchmarks.contenders.contender import Contender
from benchmarks.contenders.node import BETTER_AUTH_SESSION_CHECK, make_better_auth
from benchmarks.contenders.portal import PASSWORD, PortalUnderTest, make_portal
from benchmarks.counting_proxy import CountingProxy, Counts, counting_proxy
from benchmarks.http_client import Connection, Operation, expecting, request
from benchmarks.stage import Peer, Stage


@dataclass(frozen=True, slots=True)
class PortalCounts:
    """What each operation of the portal costs its database."""

    login_page: Counts
    login_page_with_flow: Counts
    session_check: Counts
    signed_in_page: Counts
    login: Counts
    login_with_flow: Counts
    authorize: Counts
    token: Counts


@dataclass(frozen=True, slots=True)
class PeerCounts:
    """The same of a peer, as far as it has these pages."""

    session_check: Counts
    login_page: Counts | None = None
    signed_in_page: Counts | None = None


async def counts_of_portal(stage: Stage) -> PortalCounts:
    """Count once a run."""
    return await stage.once("portal counts", lambda: _count_portal(stage))


async def counts_of_allauth(stage: Stage) -> PeerCounts:
    """Count once a run."""
    return await stage.once("allauth counts", lambda: _count_allauth(stage))


async def counts_of_better_auth(stage: Stage) -> PeerCounts:
    """Count once a run."""
    return await stage.once("better-auth counts", lambda: _count_better_auth(stage))


async def _count_portal(stage: Stage) -> PortalCounts:
    original = await stage.portal()
    async with counting_proxy(stage.server.app_url) as proxy:
        # It stands in for the first one: the same address and keys, so that cookies and the app work here too.
        stand_in = make_portal(stage.server, url=original.origin, database_url=proxy.url(stage.server.app_url))
        async with _started(stage, stand_in.contender) as connection:
            return await _count_operations(stage, proxy, stand_in, connection)


async def _count_operations(
    stage: Stage, proxy: CountingProxy, portal: PortalUnderTest, connection: Connection
) -> PortalCounts:
    session = await stage.portal_cookie()
    flow_id, browser = await portal.start_flow()
    code_flow = (await stage.portal_code_flow()).by_way_of(portal.contender)
    codes: list[str] = []
    flows: list[tuple[str, str]] = []

    async def count(operation: Operation) -> Counts:
        return await proxy.count(lambda: operation(connection))

    async def log_in_with_flow() -> None:
        form = {"email": "person-00001@example.com", "password": PASSWORD, "flow": flows[-1][0]}
        await expecting(303, portal.post("/login/password", form, cookie=flows[-1][1]))(connection)

    async def get_code() -> None:
        codes.append(await code_flow.get_code(connection))

    async def start_flow() -> None:
        flows.append(await portal.start_flow())

    return PortalCounts(
        login_page=await count(expecting(200, portal.get("/login"))),
        login_page_with_flow=await count(expecting(200, portal.get(f"/login?flow={flow_id}", cookie=browser))),
        session_check=await count(expecting(200, portal.get("/signup/status", cookie=session))),
        signed_in_page=await count(expecting(200, portal.get("/account", cookie=session))),
        login=await count(portal.logins()),
        login_with_flow=await proxy.count(log_in_with_flow, before=start_flow),
        authorize=await proxy.count(get_code),
        token=await proxy.count(lambda: code_flow.redeem(connection, codes.pop()), before=get_code),
    )


async def _count_allauth(stage: Stage) -> PeerCounts:
    peer = await stage.allauth()
    async with counting_proxy(stage.server.app_url) as proxy:
        stand_in = make_allauth(stage.server, proxy.url(peer.database_url))
        async with _started(stage, stand_in) as connection:
            return PeerCounts(
                login_page=await _count_get(proxy, connection, stand_in, LOGIN_PAGE, ""),
                session_check=await _count_get(proxy, connection, stand_in, SESSION_CHECK, peer.cookie),
                signed_in_page=await _count_get(proxy, connection, stand_in, SIGNED_IN_PAGE, peer.cookie),
            )


async def _count_better_auth(stage: Stage) -> PeerCounts:
    peer: Peer = await stage.better_auth()
    async with counting_proxy(stage.server.app_url) as proxy:
        stand_in = make_better_auth(stage.server, proxy.url(peer.database_url))
        async with _started(stage, stand_in) as connection:
            return PeerCounts(await _count_get(proxy, connection, stand_in, BETTER_AUTH_SESSION_CHECK, peer.cookie))


async def _count_get(
    proxy: CountingProxy, connection: Connection, contender: Contender, path: str, cookie: str
) -> Counts:
    headers = {"cookie": cookie} if cookie else {}
    operation = expecting(200, request("GET", f"127.0.0.1:{contender.port}", path, headers))
    return await proxy.count(lambda: operation(connection))


@asynccontextmanager
async def _started(stage: Stage, contender: Contender) -> AsyncIterator[Connection]:
    contender = replace(contender, name=f"{contender.name}, counted")
    await stage.start(contender)
    connection = Connection(contender.port)
    try:
        yield connection
    finally:
        connection.close()
        stage.stop(contender)

"""The stage of a run: the database server, and each contender from the moment that somebody asks for it."""

import contextlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from benchmarks.cluster import DatabaseServer, database_server
from benchmarks.contenders.allauth import make_allauth, prepare_allauth
from benchmarks.contenders.bare import Loops, make_bare_litestar, start_loops
from benchmarks.contenders.code_flow import CodeFlow, flow_of_oidc_provider, flow_of_portal, register_app
from benchmarks.contenders.contender import Contender
from benchmarks.contenders.node import install_node_peers, make_better_auth, make_oidc_provider, sign_up_to_better_auth
from benchmarks.contenders.portal import PortalUnderTest, make_accounts, make_portal
from benchmarks.measure import FULL, Pace

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Peer:
    """A peer with somebody logged in. `database_url` is how it reaches its database."""

    contender: Contender
    cookie: str
    database_url: str


@dataclass
class Stage:
    """Everything that a run has started. Contenders are made once and stopped when the run ends."""

    server: DatabaseServer
    log_folder: Path
    pace: Pace
    started: list[Contender] = field(default_factory=list)
    _made: dict[str, object] = field(default_factory=dict)
    _loops: Loops | None = None

    async def portal(self) -> PortalUnderTest:
        """The portal with one worker."""
        return await self.once("portal", self._start_portal)

    async def portal_cookie(self) -> str:
        """The Cookie header of a browser that is logged in to the portal."""
        portal = await self.portal()
        return await self.once("portal cookie", portal.log_in)

    async def bare_litestar(self) -> Contender:
        """The smallest Litestar application."""
        return await self.once("bare", lambda: self.start(self.make_bare_litestar()))

    def make_bare_litestar(self) -> Contender:
        """Describe another one of these."""
        return make_bare_litestar(self.server)

    async def allauth(self) -> Peer:
        """django-allauth under gunicorn."""
        return await self.once("allauth", self._start_allauth)

    async def better_auth(self) -> Peer:
        """better-auth under Node."""
        return await self.once("better-auth", self._start_better_auth)

    async def portal_code_flow(self) -> CodeFlow:
        """An app of the portal, and a browser that is logged in."""
        return await self.once("portal code flow", self._make_portal_code_flow)

    async def new_code_flow(self, portal: PortalUnderTest, cookie: str) -> CodeFlow:
        """Register an app and return its code flow at that portal in that browser."""
        return flow_of_portal(portal, await register_app(self.server), cookie)

    async def oidc_provider_code_flow(self) -> CodeFlow:
        """An app of npm's oidc-provider, and a browser that is logged in."""
        return await self.once("oidc-provider", self._start_oidc_provider)

    async def loops(self) -> Loops:
        """The bare loops."""
        if self._loops is None:
            self._loops = await start_loops(self.server, self.log_folder)
        return self._loops

    async def start(self, contender: Contender) -> Contender:
        """Start a contender and remember to stop it."""
        self.started.append(contender)
        await contender.start(self.log_folder)
        return contender

    def stop(self, contender: Contender) -> None:
        """Stop a contender before the end of the run."""
        contender.stop()
        self.started.remove(contender)

    async def close(self) -> None:
        """Stop them all."""
        if self._loops is not None:
            await self._loops.stop()
        for contender in self.started:
            contender.stop()

    async def once(self, name: str, make: Callable[[], Awaitable[T]]) -> T:
        """Return what `make` returned the first time that this name was asked for."""
        if name not in self._made:
            self._made[name] = await make()
        return self._made[name]  # type: ignore[return-value]

    async def _start_portal(self) -> PortalUnderTest:
        portal = make_portal(self.server)
        await self.start(portal.contender)
        return portal

    async def _start_allauth(self) -> Peer:
        database_url = await self.server.create_database("bench_allauth")
        cookie = await prepare_allauth(database_url)
        return Peer(await self.start(make_allauth(self.server, database_url)), cookie, database_url)

    async def _start_better_auth(self) -> Peer:
        install_node_peers()
        database_url = await self.server.create_database("bench_better_auth")
        contender = await self.start(make_better_auth(self.server, database_url))
        return Peer(contender, await sign_up_to_better_auth(contender), database_url)

    async def _make_portal_code_flow(self) -> CodeFlow:
        return await self.new_code_flow(await self.portal(), await self.portal_cookie())

    async def _start_oidc_provider(self) -> CodeFlow:
        install_node_peers()
        return await flow_of_oidc_provider(await self.start(make_oidc_provider()))


@contextlib.asynccontextmanager
async def stage(pace: Pace = FULL) -> AsyncIterator[Stage]:
    """Start the database with the portal's accounts; stop everything at the end."""
    with tempfile.TemporaryDirectory(prefix="portal-bench-logs-") as log_folder:
        async with database_server() as server:
            await make_accounts(server)
            made = Stage(server, Path(log_folder), pace)
            try:
                yield made
            finally:
                await made.close()

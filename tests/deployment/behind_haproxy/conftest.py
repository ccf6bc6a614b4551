"""Two portals on one database behind HAProxy with TLS, and the people who come to them."""

import contextlib
import json
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from portal.crypto.hashing import PASSWORDS
from tests.support.database import TestDatabase, drop_database, empty_database, run_now, temporary_data_dir
from tests.support.person import FIREFOX, Person
from tests.support.proxy import Proxy, haproxy
from tests.support.server import PortalServer, free_port, prepare_server

EMAIL = "alice@example.com"
PASSWORD = "correct-horse-battery"


class PersonOverTls(Person):
    """A browser on an address of its own, which the proxy sees; what it says of itself in headers is not true."""

    def __init__(self, deployment: "Deployment", address: str = "127.0.0.1", **headers: str) -> None:
        super().__init__(deployment.servers[0])
        self.http.close()
        self.http = deployment.client(address, **{"user-agent": FIREFOX, "accept": "text/html", **headers})

    @property
    def session_cookie(self) -> str | None:
        return self.cookies.get("__Host-portal_session")


@dataclass
class Deployment:
    """What an operator has set up."""

    proxy: Proxy
    servers: list[PortalServer]

    @property
    def url(self) -> str:
        return self.proxy.url

    def client(self, address: str = "127.0.0.1", **headers: str) -> httpx.Client:
        """An HTTP client that comes from one of the machine's loopback addresses."""
        transport = httpx.HTTPTransport(verify=self.trust(), local_address=address)
        return httpx.Client(base_url=self.url, transport=transport, headers=headers, timeout=30)

    def trust(self) -> ssl.SSLContext:
        """What a client needs to believe the proxy's certificate."""
        return ssl.create_default_context(cafile=str(self.proxy.certificate))

    def requests_seen(self, server: PortalServer) -> int:
        """How many requests a portal has logged, but for the proxy's looks at it."""
        lines = [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]
        return sum(line["event"] == "request" and line["route"] not in ("/readyz", "/livez") for line in lines)

    def restart(self, server: PortalServer) -> None:
        """Restart one portal as docs/operating.md says: wait until the proxy has it back."""
        server.restart()
        self.proxy.wait_until_up(len(self.servers))


@pytest.fixture(scope="module")
def deployment(postgres_server: TestDatabase, template_database: TestDatabase) -> Iterator[Deployment]:
    """Two portals behind the proxy, with alice."""
    with contextlib.ExitStack() as stack:
        database = empty_database(postgres_server, template=template_database.name)
        stack.callback(drop_database, postgres_server, database)
        port, servers = free_port(), []
        for _ in range(2):
            server = prepare_server(
                stack.enter_context(temporary_data_dir()),
                PORTAL_URL=f"https://localhost:{port}",
                PORTAL_DEV="0",
                PORTAL_DATABASE_URL=database.app_url,
                PORTAL_TRUSTED_PROXIES="127.0.0.1",
            )
            server.database = database
            stack.callback(server.stop)
            server.start()
            servers.append(server)
        password_hash = run_now(lambda: PASSWORDS.hash(PASSWORD))
        servers[0].sql(f"select authn.create_user('{EMAIL}', '{password_hash}')")
        proxy = stack.enter_context(haproxy(port, [server.port for server in servers]))
        made = Deployment(proxy, servers)
        proxy.wait_until_up(2)
        yield made

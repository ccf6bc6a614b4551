"""The portal as an operator runs it: `portal serve` with an external database and no development mode."""

import sys
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from argon2 import PasswordHasher

from benchmarks.cluster import DatabaseServer, execute
from benchmarks.contenders.contender import ROOT, Contender, free_port
from benchmarks.http_client import Answer, Connection, Operation, request
from portal.crypto.hashing import LANES, MEMORY_KIB, PASSES

PASSWORD = "correct-horse-battery"
USERS = 1200  # a few for each measurement, so that none meets the login budgets of another
# What an address can be. Their names are of one length: even a byte more is more to send.
NAMES = {"an account": "person", "nobody": "nobody", "a disabled account": "lapsed", "without a password": "keyles"}
KINDS = tuple(NAMES)
SECRET_KEY = "a-secret-key-for-figures-only-and-long-enough"


@dataclass
class PortalUnderTest:
    """A running portal and how its visitors ask it."""

    contender: Contender
    host: str
    _strangers: int = field(default=0, repr=False)

    @property
    def origin(self) -> str:
        return f"http://{self.host}"

    def get(self, path: str, **headers: str) -> bytes:
        return request("GET", self.host, path, headers)

    def post(self, path: str, form: dict[str, str], **headers: str) -> bytes:
        """Return a form as the portal's own page would send it, each from an address of its own."""
        sent = {"origin": self.origin, "x-forwarded-for": self.next_address(), **headers}
        return request("POST", self.host, path, sent, form)

    def next_address(self) -> str:
        """Return an address that was not used yet: budgets go by address. RFC 6598's shared space is nobody's."""
        self._strangers += 1
        return f"100.{64 + (self._strangers >> 16 & 63)}.{self._strangers >> 8 & 255}.{self._strangers & 255}"

    async def ask(self, raw: bytes, *, expect: int) -> Answer:
        """Send one request on a connection of its own."""
        connection = Connection(self.contender.port)
        answer = await connection.send(raw)
        connection.close()
        if answer.status != expect:
            raise RuntimeError(f"the portal answered {answer.status} to {raw[:300]!r}: {answer.body[:300]!r}")
        return answer

    async def log_in(self, number: int = 0) -> str:
        """Log a user in and return the Cookie header of their browser."""
        answer = await self.ask(self.login_form(number), expect=303)
        return "; ".join(f"{name}={value}" for name, value in answer.cookies().items())

    async def start_flow(self) -> tuple[str, str]:
        """Begin a login as a browser that comes from another page: the flow's id, and the Cookie header."""
        answer = await self.ask(self.get("/login?return_to=/account/devices"), expect=303)
        flow = parse_qs(urlsplit(answer.header("location") or "").query)["flow"][0]
        return flow, "; ".join(f"{name}={value}" for name, value in answer.cookies().items())

    def login_form(self, number: int, password: str = PASSWORD) -> bytes:
        """Return the post of address and password that logs a user in, or does not."""
        return self.post("/login/password", {"email": email(number), "password": password})

    def logins(self) -> Operation:
        """Return the operation that logs in one user after the other."""
        numbers = iter(range(10**9))

        async def operation(connection: Connection) -> None:
            answer = await connection.send(self.login_form(next(numbers) % USERS))
            if answer.status != 303:
                raise RuntimeError(f"a login was answered with {answer.status}: {answer.body[:300]!r}")

        return operation


def email(number: int, kind: str = KINDS[0]) -> str:
    """Return the address of one of the accounts, or of nobody."""
    return f"{NAMES[kind]}-{number:05}@example.com"


def make_portal(
    server: DatabaseServer, *, workers: int = 1, url: str | None = None, database_url: str | None = None
) -> PortalUnderTest:
    """Describe a portal. `url` is that of another one which it stands in for, `database_url` leads through a proxy."""
    port = free_port()
    url = url or f"http://localhost:{port}"
    environment = {
        "PORTAL_URL": url,
        "PORTAL_DATABASE_URL": database_url or server.app_url,
        "PORTAL_SECRET_KEY": SECRET_KEY,
        "PORTAL_TRUSTED_PROXIES": "127.0.0.0/8",
        "PORTAL_WORKERS": str(workers),
        "PORTAL_LOG_FORMAT": "json",
    }
    name = "portal" if workers == 1 else f"portal with {workers} workers"
    command = [sys.executable, "-m", "portal", "serve", "--port", str(port)]
    contender = Contender(name, command, environment, ROOT, port, "portal", server.postmaster)
    return PortalUnderTest(contender, url.removeprefix("http://"))


async def make_accounts(server: DatabaseServer) -> None:
    """Make the accounts, all with one password and so with one hash; and as many disabled ones and ones without."""
    hasher = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)
    make = (
        "SELECT {made} FROM generate_series(0, {last}) AS n, LATERAL ("
        "SELECT authn.create_user('{name}-' || lpad(n::text, 5, '0') || '@example.com', {password}) AS id) AS u"
    )
    usual = make.format(made="u.id", last=USERS - 1, name="person", password="$1")
    disabled = make.format(made="authn.disable_user(u.id)", last=USERS - 1, name="lapsed", password="$1")
    without = make.format(made="u.id", last=USERS - 1, name="keyles", password="NULL")
    await execute(server.app_url, usual, disabled, arguments=[hasher.hash(PASSWORD)])
    await execute(server.app_url, without)

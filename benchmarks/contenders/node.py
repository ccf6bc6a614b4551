"""The peers on Node: npm's oidc-provider with its in-memory store, and better-auth on PostgreSQL."""

import shutil
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from benchmarks.cluster import DatabaseServer
from benchmarks.contenders.contender import CACHE, ROOT, Contender, free_port
from benchmarks.http_client import Connection, request
from tests.support.node import WHEEL, npm_install

SOURCE = ROOT / "benchmarks" / "peers" / "node"
FOLDER = CACHE / "node"
MAX_REDIRECTS = 6

BETTER_AUTH_SESSION_CHECK = "/api/auth/get-session"


def install_node_peers() -> None:
    """Install what the lock names, without running any script of a package."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for file in SOURCE.iterdir():
        shutil.copy(file, FOLDER)
    npm_install(FOLDER)


def make_oidc_provider() -> Contender:
    """Describe npm's oidc-provider."""
    return _make("npm oidc-provider", "oidc_provider.mjs", {})


def make_better_auth(server: DatabaseServer, database_url: str) -> Contender:
    """Describe better-auth."""
    contender = _make("better-auth", "better_auth.mjs", {"BENCH_DATABASE_URL": _for_node(database_url)})
    contender.database, contender.postmaster = "bench_better_auth", server.postmaster
    return contender


async def sign_up_to_better_auth(contender: Contender) -> str:
    """Make an account and return the Cookie header of its session."""
    body = b'{"name": "Alice", "email": "alice@example.com", "password": "correct-horse-battery"}'
    host = f"127.0.0.1:{contender.port}"
    headers = {"content-type": "application/json", "content-length": str(len(body)), "origin": f"http://{host}"}
    connection = Connection(contender.port)
    answer = await connection.send(request("POST", host, "/api/auth/sign-up/email", headers) + body)
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"better-auth answered {answer.status}: {answer.body!r}")
    return "; ".join(f"{name}={value}" for name, value in answer.cookies().items())


@dataclass
class CookieJar:
    """The cookies that one server has set."""

    values: dict[str, str] = field(default_factory=dict)

    def header(self) -> dict[str, str]:
        return {"cookie": "; ".join(f"{name}={value}" for name, value in self.values.items() if value)}


async def log_in_to_oidc_provider(contender: Contender, authorize_path: str) -> str:
    """Go through login and consent once and return the Cookie header that later requests need no page with."""
    host, jar, path = f"127.0.0.1:{contender.port}", CookieJar(), authorize_path
    connection = Connection(contender.port)
    for _ in range(MAX_REDIRECTS):
        answer = await connection.send(request("GET", host, path, jar.header()))
        jar.values |= answer.cookies()
        location = answer.header("location")
        if location is None:
            raise RuntimeError(f"oidc-provider answered {answer.status} to {path}: {answer.body[:500]!r}")
        if location.startswith("https://app.example/"):
            connection.close()
            return jar.header()["cookie"]
        parts = urlsplit(location)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    raise RuntimeError("oidc-provider leads in a circle")


def _make(name: str, script: str, environment: dict[str, str]) -> Contender:
    port = free_port()
    command = [str(WHEEL / "bin" / "node"), script]
    return Contender(name, command, {"BENCH_PORT": str(port), "NODE_ENV": "production", **environment}, FOLDER, port)


def _for_node(database_url: str) -> str:
    # pg reads a unix socket's folder from `host` only where the address names some host.
    return database_url.replace("@/", "@localhost/")

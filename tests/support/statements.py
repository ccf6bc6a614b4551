"""What an answer costs: the portal inside the test's own process, with its hashes, statements and rows counted.

`same work for known and unknown addresses` cannot be seen from outside; times would be the other way, and they lie.
"""

import asyncio
import re
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import uvicorn

from portal.app import create_app
from portal.crypto.hashing import PASSWORDS
from portal.db.engine import Database
from portal.settings import load_settings
from portal.web.logging import _request
from tests.support.database import TestDatabase, execute, fetch
from tests.support.server import SECRET_KEY, free_port

WITHIN = 30.0  # seconds to start and to stop
ROWS = ("outbox", "verifications", "login_flows", "login_attempts", "audit_events", "sessions", "users")


@dataclass(frozen=True)
class Work:
    """What one request made the portal do."""

    hashes: int
    statements: tuple[str, ...]
    rows: dict[str, int]  # how many more, by table


@dataclass
class CountedPortal:
    """A portal whose work is counted. One request at a time, please."""

    url: str
    database: TestDatabase
    _statements: dict[str, list[str]] = field(default_factory=dict)

    @property
    def host(self) -> str:
        """The Host header of its own pages."""
        return self.url.partition("://")[2]

    @property
    def address(self) -> str:
        """Where its socket is."""
        return self.url

    def note(self, record: Any) -> None:
        """Keep a statement with the request that ran it; asyncpg calls back in the request's own context."""
        request_id, _namespace = _request.get()
        # Which namespace a host belongs to is asked once a second, and refusals are counted by the minute, whoever the
        # next request is about.
        if request_id and "find_namespace" not in record.query and "note_refusal" not in record.query:
            self._statements.setdefault(request_id, []).append(" ".join(record.query.split()))

    def work_of(self, send: Any) -> tuple[httpx.Response, Work]:
        """Send one request by calling `send` and return the answer with its work."""
        hashes, rows = PASSWORDS.work_done, self._count_rows()
        response: httpx.Response = send()
        after = self._count_rows()
        return response, Work(
            PASSWORDS.work_done - hashes,
            tuple(self._statements.get(response.headers["x-request-id"], ())),
            {table: after[table] - rows[table] for table in ROWS},
        )

    def sql(self, *statements: str) -> None:
        """Change its database as the superuser."""
        execute(self.database.superuser_url, *statements)

    def rows(self, query: str, *arguments: object) -> list[dict[str, Any]]:
        """Look into its database as the superuser."""
        return [dict(row) for row in fetch(self.database.superuser_url, query, *arguments)]

    def _count_rows(self) -> dict[str, int]:
        # Audit events without a request are the worker's own, and those of refusals go by the minute.
        by_the_minute = "event_type not in ('request_refused', 'mail_suppressed')"
        ours = {"audit_events": f" where request_id is not null and {by_the_minute}"}
        columns = ", ".join(f"(select count(*) from authn.{table}{ours.get(table, '')}) as {table}" for table in ROWS)
        return {name: int(count) for name, count in self.rows(f"select {columns}")[0].items()}


@contextmanager
def counted_portal(database: TestDatabase, data_dir: Path, **more_settings: str) -> Iterator[CountedPortal]:
    """Serve the real application from a thread of this process. No mail leaves: there is nowhere to send it to."""
    port = free_port()
    portal = CountedPortal(f"http://localhost:{port}", database)
    settings = load_settings(
        {
            "PORTAL_URL": portal.url,
            "PORTAL_DATABASE_URL": database.app_url,
            "PORTAL_SECRET_KEY": SECRET_KEY,
            "PORTAL_DATA_DIR": str(data_dir),
            "PORTAL_TRUSTED_PROXIES": "127.0.0.0/8,::1",
            **more_settings,
        }
    )
    pool = Database(database.app_url)
    pool._connect = _listening(pool._connect, portal)
    config = uvicorn.Config(
        create_app(settings, pool), host="127.0.0.1", port=port, log_config=None, access_log=False, lifespan="on"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), name="counted portal", daemon=True)
    thread.start()
    started = threading.Event()
    for _ in range(int(WITHIN / 0.05)):
        if server.started or not thread.is_alive():
            break
        started.wait(0.05)
    assert server.started, "the portal did not start"
    try:
        yield portal
    finally:
        server.should_exit = True
        thread.join(WITHIN)


def _listening(connect: Callable[..., Awaitable[Any]], portal: CountedPortal) -> Callable[..., Awaitable[Any]]:
    async def listening(**more: Any) -> Any:
        connection: asyncpg.Connection[asyncpg.Record] = await connect(**more)
        connection.add_query_logger(portal.note)
        return connection

    return listening


def shape_of(response: httpx.Response, *secrets: str) -> dict[str, Any]:
    """Return everything of an answer that a stranger could compare, with what must differ taken out of it.

    Taken out: date, request id, flow ids, digits to compare, the values of new cookies, and the `secrets` (the address
    that was typed). Seconds that are counted down are taken out too: they tell when one asked, not about whom.
    """
    headers = [
        (name, _masked(value, secrets))
        for name, value in response.headers.multi_items()
        if name not in ("date", "x-request-id", "retry-after")
    ]
    body = re.sub(
        r'data-seconds="\d+"|\d:\d\d</span>|<code>[0-9a-f]{16}</code>|pairing__digits">\d\d<',
        "",
        _masked(response.text, secrets),
    )
    return {"status": response.status_code, "headers": headers, "body": body}


def _masked(text: str, secrets: tuple[str, ...]) -> str:
    for secret in secrets:
        text = text.replace(secret, "<masked>")
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<flow>", text)
    return re.sub(r"(portal_\w+)=[^;]{10,}", r"\1=<value>", text)

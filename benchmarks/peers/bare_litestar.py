"""The smallest Litestar application, under the server settings of `portal serve`."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import uvicorn
from litestar import Litestar, Request, get

from portal.cli.http_limits import BoundedHttpProtocol


@get("/", media_type="text/html")
async def answer() -> str:
    return "<!doctype html><title>Ready</title><p>A text that was there before."


@get("/query")
async def query(request: Request[Any, Any, Any]) -> dict[str, str]:
    async with request.app.state.pool.acquire() as connection:
        row = await connection.fetchrow("SELECT $1::text AS word, now()::text AS time", "ready")
    return dict(row)


async def _nothing(_connection: Any) -> None:
    """Do without asyncpg's own reset: it is a round trip."""


@asynccontextmanager
async def lifespan(app: Litestar) -> AsyncIterator[None]:
    async with asyncpg.create_pool(os.environ["BENCH_DATABASE_URL"], min_size=2, max_size=8, reset=_nothing) as pool:
        app.state.pool = pool
        yield


app = Litestar([answer, query], lifespan=[lifespan], openapi_config=None, logging_config=None)

if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(os.environ["BENCH_PORT"]),
        loop="uvloop",
        http=BoundedHttpProtocol,
        ws="none",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        log_level="warning",
    )

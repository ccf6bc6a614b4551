"""Repeats one thing a number of times: `query 1000 1` or `argon2 50 2` on stdin, the seconds of each on stdout."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import asyncpg
import uvloop
from argon2 import PasswordHasher

from portal.crypto.hashing import LANES, MEMORY_KIB, PASSES

HASHER = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)


async def main(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    known = HASHER.hash("correct-horse-battery")
    loop = asyncio.get_running_loop()
    pools: dict[int, ThreadPoolExecutor] = {}  # kept, or the CPU time of their threads would go with them
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        work, count, threads = line.split()[0], *map(int, line.split()[1:])
        pool = pools.setdefault(threads, ThreadPoolExecutor(threads))

        async def query() -> object:
            return await connection.fetchrow("SELECT $1::text AS word, now()::text AS time", "ready")

        async def argon2(pool: ThreadPoolExecutor = pool) -> object:
            return await loop.run_in_executor(pool, HASHER.verify, known, "correct-horse-battery")

        print(*await repeat({"query": query, "argon2": argon2}[work], count, threads), flush=True)


async def repeat(once: Callable[[], Awaitable[object]], count: int, at_once: int) -> list[float]:
    taken: list[float] = []
    left = count

    async def worker() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            started = time.perf_counter()
            await once()
            taken.append(time.perf_counter() - started)

    await asyncio.gather(*(worker() for _ in range(at_once)))
    return taken


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))

"""The worker of one process: one task per job, woken by its clock or by NOTIFY, on the event loop of the requests.

Polling alone is enough; NOTIFY only makes it quicker. Through a pooler it delivers nothing, silently, and a lost
connection misses what was sent meanwhile. https://www.postgresql.org/docs/current/sql-notify.html
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol

from portal.db.engine import DatabaseUnavailable
from portal.jobs.job import Job
from portal.web.logging import get_logger

STOP_WITHIN = 5.0  # seconds for work under way; a lease brings back what is cut off
RETRY_AFTER_FAULT = 5.0  # seconds
LISTEN_CHECK_EVERY = 15.0  # seconds between two looks at the listening connection
FIRST_RUN_WITHIN = 3.0  # seconds; processes that start together should not all do the same work at once

log = get_logger("portal.jobs")


class Listener(Protocol):
    """The one connection that hears NOTIFY: an asyncpg connection, straight to the server."""

    async def add_listener(self, channel: str, callback: Callable[..., Any]) -> None:
        """Call back for each notification."""
        ...

    async def fetchval(self, query: str) -> Any:
        """Run a query, to see whether the server is still there."""
        ...

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - asyncpg's signature
        """Close the connection."""
        ...


Connect = Callable[[], Awaitable[Listener]]


class Worker:
    """The running jobs of this process. Made by `start_worker`."""

    def __init__(self, jobs: Sequence[Job], connect: Connect | None) -> None:
        self._wake = {job.name: asyncio.Event() for job in jobs}
        self._stopping = asyncio.Event()
        self._tasks = [asyncio.create_task(self._run(job), name=f"job {job.name}") for job in jobs]
        channels = {job.wakes_on: self._wake[job.name] for job in jobs if job.wakes_on}
        if connect is not None and channels:
            self._tasks.append(asyncio.create_task(self._listen(connect, channels), name="job listener"))

    def wake(self, name: str) -> None:
        """Run a job now instead of at its next time."""
        self._wake[name].set()

    async def stop(self) -> None:
        """Let what is under way finish for a few seconds, then end it."""
        self._stopping.set()
        for event in self._wake.values():
            event.set()
        _done, unfinished = await asyncio.wait(self._tasks, timeout=STOP_WITHIN) if self._tasks else (set(), set())
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)

    async def _run(self, job: Job) -> None:
        wake, pause = self._wake[job.name], random.uniform(0, min(FIRST_RUN_WITHIN, job.every.total_seconds()))  # noqa: S311 - spreads load
        away = False
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(wake.wait(), pause)
            wake.clear()
            if self._stopping.is_set():
                return
            try:
                while await job.run() and not self._stopping.is_set():
                    pass
                pause, away = job.every.total_seconds(), False
            except DatabaseUnavailable as error:
                if not away:  # one line per outage, not one per second
                    log.warning("job_waits_for_database", job=job.name, reason=str(error))
                pause, away = max(job.every.total_seconds(), 1.0), True
            except Exception as error:  # a fault of one run must not end the job for the life of the process
                log.exception("job_failed", error=error, job=job.name)
                pause = max(job.every.total_seconds(), RETRY_AFTER_FAULT)

    async def _listen(self, connect: Connect, channels: dict[str, asyncio.Event]) -> None:
        stopped = asyncio.create_task(self._stopping.wait())
        while not self._stopping.is_set():
            connection: Listener | None = None
            try:
                connection = await connect()
                for channel, event in channels.items():
                    await connection.add_listener(channel, lambda *_notice, event=event: event.set())
                    event.set()  # whatever was notified while nobody listened
                while not self._stopping.is_set():
                    await asyncio.wait({stopped}, timeout=LISTEN_CHECK_EVERY)
                    await connection.fetchval("select 1")
            except Exception as error:  # asyncpg raises a dozen kinds; polling goes on meanwhile
                log.debug("listener_lost", reason=type(error).__name__)
                await asyncio.wait({stopped}, timeout=RETRY_AFTER_FAULT)
            finally:
                if connection is not None:
                    with suppress(Exception):
                        await connection.close(timeout=1.0)


async def start_worker(jobs: Sequence[Job], connect: Connect | None = None) -> Worker:
    """Start the jobs of this process on the running event loop.

    Args:
        jobs: what to run, see `portal.installed`.
        connect: makes the connection that listens; None where there is no direct way to the server.
    """
    return Worker(jobs, connect)

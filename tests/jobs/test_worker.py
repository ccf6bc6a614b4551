"""The worker of a process: portal/jobs/worker.py."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

import asyncpg
import pytest

from portal.db.engine import DatabaseUnavailable
from portal.jobs.job import Job
from portal.jobs.worker import Listener, Worker, start_worker
from tests.support.database import TestDatabase, execute

OFTEN = timedelta(milliseconds=20)
SELDOM = timedelta(hours=1)


async def until(holds: Callable[[], bool], within: float = 10.0) -> None:
    """Wait until something holds; fail when it does not in time."""
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, "it never came to hold"
        await asyncio.sleep(0.01)


def counting(runs: list[float], more: Callable[[], bool] = lambda: False) -> Callable[[], Awaitable[bool]]:
    async def run() -> bool:
        runs.append(time.monotonic())
        return more()

    return run


def listening(database: TestDatabase) -> Callable[[], Awaitable[Listener]]:
    async def connect() -> Listener:
        connection: Listener = await asyncpg.connect(database.app_url)
        return connection

    return connect


async def test_a_job_runs_again_and_again() -> None:
    runs: list[float] = []
    worker = await start_worker([Job("test", OFTEN, counting(runs))])
    await until(lambda: len(runs) >= 3)
    await worker.stop()
    stopped_at = len(runs)
    await asyncio.sleep(0.1)
    assert len(runs) == stopped_at


async def test_a_job_with_more_to_do_runs_again_at_once() -> None:
    runs: list[float] = []
    worker = await start_worker([Job("test", SELDOM, counting(runs, lambda: len(runs) < 5))])
    worker.wake("test")
    await until(lambda: len(runs) == 5)
    await asyncio.sleep(0.05)
    assert len(runs) == 5
    await worker.stop()


async def test_a_notification_starts_a_job_early(database: TestDatabase) -> None:
    runs: list[float] = []
    worker = await start_worker([Job("test", SELDOM, counting(runs), wakes_on="portal_outbox")], listening(database))
    await until(lambda: len(runs) == 1)  # on listening, for what was notified before
    before = time.monotonic()
    await asyncio.to_thread(execute, database.app_url, "select pg_notify('portal_outbox', '')")
    await until(lambda: len(runs) == 2)
    assert runs[1] - before < 5  # an hour without it
    await worker.stop()


async def test_a_lost_listening_connection_is_made_again(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.jobs.worker.LISTEN_CHECK_EVERY", 0.1)
    monkeypatch.setattr("portal.jobs.worker.RETRY_AFTER_FAULT", 0.1)
    runs: list[float] = []
    worker = await start_worker([Job("test", SELDOM, counting(runs), wakes_on="portal_outbox")], listening(database))
    await until(lambda: len(runs) == 1)
    await asyncio.to_thread(
        execute,
        database.superuser_url,
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where datname = current_database() and pid <> pg_backend_pid()",
    )
    await until(lambda: len(runs) == 2)
    await asyncio.to_thread(execute, database.app_url, "select pg_notify('portal_outbox', '')")
    await until(lambda: len(runs) == 3)
    await worker.stop()


async def test_a_job_that_fails_is_run_again_and_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.jobs.worker.RETRY_AFTER_FAULT", 0.02)
    failures: list[float] = []
    runs: list[float] = []

    async def fail() -> bool:
        failures.append(time.monotonic())
        raise ValueError("a fault in a job")

    worker = await start_worker([Job("failing", OFTEN, fail), Job("honest", OFTEN, counting(runs))])
    await until(lambda: len(failures) >= 2 and len(runs) >= 2)
    await worker.stop()


async def test_an_outage_is_waited_out_with_one_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    tries: list[float] = []
    away = True

    async def work() -> bool:
        tries.append(time.monotonic())
        if away:
            raise DatabaseUnavailable("connection refused")
        return False

    worker = await start_worker([Job("test", OFTEN, work)])
    await until(lambda: len(tries) >= 3)
    away = False
    tried = len(tries)
    await until(lambda: len(tries) >= tried + 2)
    await worker.stop()
    assert [record.message for record in caplog.records].count("job_waits_for_database") == 1


async def test_stopping_lets_work_under_way_finish() -> None:
    finished = False

    async def work() -> bool:
        nonlocal finished
        await asyncio.sleep(0.3)
        finished = True
        return True

    worker = await start_worker([Job("test", OFTEN, work)])
    await asyncio.sleep(0.1)
    await worker.stop()
    assert finished


async def test_stopping_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.jobs.worker.STOP_WITHIN", 0.2)

    async def hang() -> bool:
        await asyncio.Event().wait()
        return False

    worker = await start_worker([Job("test", OFTEN, hang)])
    await asyncio.sleep(0.1)
    started = time.monotonic()
    await worker.stop()
    assert time.monotonic() - started < 3


async def test_a_worker_without_jobs_stops() -> None:
    worker = await start_worker([])
    assert isinstance(worker, Worker)
    await worker.stop()

"""What the databases of a whole run have seen, in whatever process: which SQL functions were called, what was logged.

Each database is asked before it is dropped, see `drop_database`. The tests that judge the answers run last, and only
where the whole suite runs: a part of it calls a part of the functions. Where pytest-xdist runs the suite in several
processes, each leaves what it has seen in a file when it ends, and the one that judges waits for the others.
"""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

TRACK = "SET track_functions = 'all'"
JUDGES = "test_the_whole_run.py"
OTHERS_END_WITHIN = 300.0  # seconds; the longest file that another process may still be in takes a good minute

CALLED_FUNCTIONS = "SELECT funcname FROM pg_stat_user_functions WHERE schemaname = 'authn' AND calls > 0"

# Password hashes, digests, tokens as they are handed out, API keys; and members that are named like one.
LOGGED_SECRETS = r"""
SELECT DISTINCT e.event_type || ' ' || v.key || ': ' || (v.value #>> '{}')
  FROM authn.audit_events e, jsonb_each(coalesce(e.old_values, '{}') || coalesce(e.new_values, '{}')) v
 WHERE (v.value #>> '{}') ~ '\$argon2|(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])|portal_[0-9A-Za-z]{49}'
    OR (v.value #>> '{}') ~ '(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])'
    OR v.key ~ '(hash|digest|secret|password|token|code|challenge|private_key)$'
"""

called: set[str] = set()
logged_secrets: set[str] = set()


async def ask(superuser_url: str) -> None:
    """Note what one database has seen so far."""
    connection = await asyncpg.connect(superuser_url)
    try:
        called.update(row[0] for row in await connection.fetch(CALLED_FUNCTIONS))
        if await connection.fetchval("SELECT to_regclass('authn.audit_events') IS NOT NULL"):
            logged_secrets.update(row[0] for row in await connection.fetch(LOGGED_SECRETS))
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def folder_of_all_processes(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path | None:
    """Where the processes of this run tell each other what they saw; None where there is only one."""
    return None if worker_id == "master" else tmp_path_factory.getbasetemp().parent


@pytest.fixture(scope="session", autouse=True)
def tell_the_other_processes(folder_of_all_processes: Path | None, worker_id: str) -> Iterator[None]:
    """Leave what this process saw. The first fixture that is made: the last to end, after all databases."""
    yield
    if folder_of_all_processes:
        unfinished = folder_of_all_processes / f"unfinished-{worker_id}"
        unfinished.write_text(json.dumps([sorted(called), sorted(logged_secrets)]))
        unfinished.rename(folder_of_all_processes / f"seen-{worker_id}.json")


@pytest.fixture(scope="session")
def seen_by_the_other_processes(folder_of_all_processes: Path | None) -> None:
    """Wait until the others have ended, and take in what they saw."""
    if folder_of_all_processes is None:
        return
    others = int(os.environ["PYTEST_XDIST_WORKER_COUNT"]) - 1
    deadline = time.monotonic() + OTHERS_END_WITHIN
    while len(files := list(folder_of_all_processes.glob("seen-*.json"))) < others:
        assert time.monotonic() < deadline, "another process of this run does not end"
        time.sleep(0.2)
    for file in files:
        functions, secrets = json.loads(file.read_text())
        called.update(functions)
        logged_secrets.update(secrets)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Move the judging tests to the end, or take them out where only some tests were asked for."""
    judges = [item for item in items if item.path.name == JUDGES]
    items[:] = [item for item in items if item.path.name != JUDGES]
    if _is_whole(config):
        items.extend(judges)
    elif judges:
        config.hook.pytest_deselected(items=judges)


def _is_whole(config: pytest.Config) -> bool:
    from_configuration = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    narrowed = any(config.getoption(name, None) for name in ("keyword", "markexpr", "lf", "deselect"))
    return from_configuration and not narrowed

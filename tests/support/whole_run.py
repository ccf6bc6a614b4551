"""What the databases of a whole run have seen, in whatever process: which SQL functions were called, what was logged.

Each database is asked before it is dropped, see `drop_database`. The tests that judge the answers run last, and only
where the whole suite runs: a part of it calls a part of the functions.
"""

import asyncpg
import pytest

TRACK = "SET track_functions = 'all'"
JUDGES = "test_the_whole_run.py"

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
    narrowed = any(config.getoption(name, None) for name in ("keyword", "markexpr", "lf", "deselect", "numprocesses"))
    return from_configuration and not narrowed

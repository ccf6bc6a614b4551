"""No SQL function without a test that calls it, and nothing secret in any audit log that any test wrote."""

import time

import pytest

from tests.support.database import TestDatabase, fetch, run_now
from tests.support.whole_run import ask, called, logged_secrets

pytestmark = pytest.mark.usefixtures("seen_by_the_other_processes")

TOLD_WITHIN = 15.0  # seconds; an idle connection tells its counts after ten


@pytest.fixture
def existing(template_database: TestDatabase) -> set[str]:
    """The names of all functions."""
    # PostgreSQL counts a call when it returns, and _raise_duplicate never does: its callers' tests see what it raises.
    query = "SELECT proname FROM pg_proc WHERE pronamespace = 'authn'::regnamespace AND proname <> '_raise_duplicate'"
    return {row["proname"] for row in fetch(template_database.superuser_url, query)}


def _ask_those_still_in_use(postgres_server: TestDatabase) -> None:
    names = "SELECT datname FROM pg_database WHERE datname LIKE 'portal\\_test\\_%'"
    for row in fetch(postgres_server.superuser_url, names):
        url = postgres_server.named(row["datname"]).superuser_url
        run_now(lambda url=url: ask(url))


def test_every_function_was_called(postgres_server: TestDatabase, existing: set[str]) -> None:
    assert len(existing) > 100
    deadline = time.monotonic() + TOLD_WITHIN
    _ask_those_still_in_use(postgres_server)
    while existing - called and time.monotonic() < deadline:
        time.sleep(1)
        _ask_those_still_in_use(postgres_server)
    assert sorted(existing - called) == []


def test_no_secret_was_written_to_an_audit_log(postgres_server: TestDatabase) -> None:
    _ask_those_still_in_use(postgres_server)
    assert sorted(logged_secrets) == []

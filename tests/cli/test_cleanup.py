"""`portal cleanup`: what is over goes, in every namespace, and with the owner's login old months of the log too."""

import pytest

from tests.cli.conftest import Portal
from tests.support.database import TestDatabase, execute, fetch

# More than one batch of sessions, in a namespace that nobody registered.
OVER = """
insert into authn.users (namespace, email) values ('default', 'a@example.com'), ('unregistered', 'a@example.com');
insert into authn.sessions (namespace, user_id, token_hash, expires_at)
select u.namespace, u.id, n::text, now() - interval '1 hour'
  from authn.users u, generate_series(1, case u.namespace when 'default' then 3 else 1200 end) n;
insert into authn.sessions (namespace, user_id, token_hash, expires_at)
select u.namespace, u.id, 'live', now() + interval '1 hour' from authn.users u;
insert into authn.login_attempts (namespace, email, success, attempted_at)
values ('attempts only', 'a@example.com', false, now() - interval '31 days');
insert into authn.known_browsers (namespace, user_id, browser_digest, last_seen_at)
select u.namespace, u.id, 'long gone', now() - interval '401 days' from authn.users u where u.namespace = 'default';
select authn.create_audit_partition(2001, 3);
"""


@pytest.fixture
def with_rows(database: TestDatabase) -> TestDatabase:
    execute(database.superuser_url, OVER)
    return database


def test_everything_that_is_over_goes_and_the_rest_stays(portal: Portal, with_rows: TestDatabase) -> None:
    result = portal.run("cleanup", "--json")
    assert result.status == 0
    assert result.json == {
        "rows_deleted": 1205,
        "partitions_made": [],
        "partitions_dropped": ["audit_events_y2001m03"],
    }
    left = fetch(with_rows.superuser_url, "select namespace, token_hash from authn.sessions order by 1")
    assert [tuple(row) for row in left] == [("default", "live"), ("unregistered", "live")]
    assert portal.run("cleanup").out == "Deleted 0 rows.\n"


def test_missing_months_are_made(portal: Portal, with_rows: TestDatabase) -> None:
    query = "select to_char(now() at time zone 'UTC', '\"audit_events_y\"YYYY\"m\"MM') as name"
    this_month = fetch(with_rows.superuser_url, query)[0]["name"]
    execute(with_rows.superuser_url, f"drop table authn.{this_month}")
    assert portal.run("cleanup", "--json").json["partitions_made"] == [this_month]


def test_how_long_the_log_is_kept_is_said_on_the_command_line(portal: Portal, with_rows: TestDatabase) -> None:
    assert portal.run("cleanup", "--keep-audit-months", "12000", "--json").json["partitions_dropped"] == []
    assert portal.run("cleanup", "--keep-audit-months", "-1").status == 2
    dropped = portal.run("cleanup", "--keep-audit-months", "12")
    assert dropped.out == "Deleted 0 rows.\nDropped audit partitions: audit_events_y2001m03.\n"


def test_without_the_owners_login_the_log_stays_and_that_is_said(portal: Portal, with_rows: TestDatabase) -> None:
    del portal.environment["PORTAL_DATABASE_OWNER_URL"]
    result = portal.run("cleanup")
    assert result.status == 0
    assert "PORTAL_DATABASE_OWNER_URL is not set, so no audit partition was dropped." in result.out
    query = "select to_regclass('authn.audit_events_y2001m03') is not null as there"
    assert fetch(with_rows.superuser_url, query)[0]["there"] is True

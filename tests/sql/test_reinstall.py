"""The schema goes and comes back, and grows on a database that people are in."""

import shutil
from pathlib import Path

from portal.db.migrate import migrate
from portal.resources import MIGRATIONS
from tests.support.database import TestDatabase, execute, fetch, run_now

CONTENTS = """
SELECT 'function ' || oid::regprocedure AS thing FROM pg_proc WHERE pronamespace = to_regnamespace('authn')
UNION ALL
SELECT 'table ' || relname FROM pg_class WHERE relnamespace = to_regnamespace('authn') AND relkind IN ('r', 'p')
UNION ALL
SELECT 'policy ' || polrelid::regclass || ' ' || polname FROM pg_policy WHERE polrelid::regclass::text LIKE 'authn.%'
"""
LATER = ("0009_", "0010_", "0011_", "0012_")  # files that came after the first tables were in use


def _contents(database: TestDatabase) -> set[str]:
    return {row["thing"] for row in fetch(database.superuser_url, CONTENTS)}


def test_a_dropped_schema_comes_back_whole(database: TestDatabase) -> None:
    before = _contents(database)
    assert len(before) > 150
    execute(database.superuser_url, "DROP SCHEMA authn CASCADE")
    assert _contents(database) == set()
    report = run_now(lambda: migrate(database.owner_url, database.app_url))
    assert len(report.changed) > 50
    assert _contents(database) == before
    user_id = fetch(database.app_url, "SELECT authn.create_user('alice@example.com', 'hash') AS id")[0]["id"]
    (user,) = fetch(database.app_url, "SELECT * FROM authn.get_user($1)", user_id)
    assert user["email"] == "alice@example.com"
    assert run_now(lambda: migrate(database.owner_url, database.app_url)).changed == ()


def test_people_of_before_have_their_identities_when_the_table_comes(database: TestDatabase, tmp_path: Path) -> None:
    shutil.copytree(MIGRATIONS / "schema", tmp_path / "schema", ignore=lambda _folder, names: _of(names, LATER))
    execute(database.superuser_url, "DROP SCHEMA authn CASCADE")
    run_now(lambda: migrate(database.owner_url, database.app_url, folder=tmp_path))
    execute(
        database.superuser_url,
        "INSERT INTO authn.users (namespace, email, email_verified_at) VALUES ('acme', 'alice@example.com', now())",
    )
    report = run_now(lambda: migrate(database.owner_url, database.app_url))
    assert {path for path in report.changed if path.startswith("schema/")} == {
        f"schema/{path.name}" for path in (MIGRATIONS / "schema").iterdir() if path.name.startswith(LATER)
    }
    query = "SELECT * FROM authn.find_verified_identity('email', 'alice@example.com', 'acme')"
    (found,) = fetch(database.app_url, query)
    (listed,) = fetch(database.app_url, "SELECT * FROM authn.list_identities($1, 'acme')", found["user_id"])
    assert (listed["value"], listed["is_primary"]) == ("alice@example.com", True)
    assert listed["verified_at"] is not None


def _of(names: list[str], beginnings: tuple[str, ...]) -> set[str]:
    return {name for name in names if name.startswith(beginnings)}

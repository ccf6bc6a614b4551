"""The migration runner on small SQL files of its own, and once on the real ones."""

import asyncio
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from portal.db.migrate import MigrationError, MigrationReport, migrate, pending_migrations
from portal.db.migration_files import make_plan, read_migrations
from portal.resources import MIGRATIONS
from tests.support.database import TestDatabase, drop_database, empty_database, execute, fetch, run_now

NOTES = """
CREATE TABLE authn.notes (namespace text NOT NULL, note text NOT NULL);
INSERT INTO authn.notes VALUES ('default', 'first');
"""
COUNT_NOTES = """
CREATE OR REPLACE FUNCTION authn.count_notes() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$ BEGIN RETURN (SELECT count(*) FROM authn.notes); END $$;
GRANT EXECUTE ON FUNCTION authn.count_notes() TO portal_app;
ALTER FUNCTION authn.count_notes() OWNER TO portal_system;
"""
TENANT_POLICY = """
ALTER TABLE authn.notes ENABLE ROW LEVEL SECURITY;
ALTER TABLE authn.notes FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenant ON authn.notes;
CREATE POLICY tenant ON authn.notes
    USING (namespace = (select nullif(current_setting('authn.tenant_id', true), '')));
DROP POLICY IF EXISTS counting ON authn.notes;
CREATE POLICY counting ON authn.notes FOR SELECT TO portal_system USING (true);
GRANT SELECT ON authn.notes TO portal_app, portal_system;
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "schema/0001_notes.sql", NOTES)
    write(tmp_path, "functions/001_count_notes.sql", COUNT_NOTES)
    write(tmp_path, "policies/001_notes.sql", TENANT_POLICY)
    return tmp_path


@pytest.fixture
def blank(postgres_server: TestDatabase) -> Iterator[TestDatabase]:
    """A database without our schema."""
    made = empty_database(postgres_server)
    yield made
    drop_database(postgres_server, made)


@pytest.fixture
def plain_login(postgres_server: TestDatabase, blank: TestDatabase) -> Iterator[str]:
    """The address of a login that owns the blank database and may nothing else, as managed databases give out."""
    name = f"tenant_{secrets.token_hex(4)}"
    execute(
        postgres_server.superuser_url,
        f"CREATE ROLE {name} LOGIN NOINHERIT PASSWORD 'plain'",
        f"ALTER DATABASE {blank.name} OWNER TO {name}",
    )
    yield as_login(blank, name, "plain")
    execute(blank.superuser_url, "DROP SCHEMA IF EXISTS authn CASCADE", f"DROP OWNED BY {name}")
    execute(
        postgres_server.superuser_url,
        f"ALTER DATABASE {blank.name} OWNER TO CURRENT_USER",
        f"DROP ROLE {name}",
    )


def write(folder: Path, path: str, text: str) -> None:
    (folder / path).parent.mkdir(exist_ok=True)
    (folder / path).write_text(text)


def as_login(database: TestDatabase, name: str, password: str) -> str:
    scheme, rest = database.owner_url.split("://", 1)
    return f"{scheme}://{name}:{password}@{rest.split('@', 1)[1]}"


def run(database: TestDatabase, folder: Path, *, dry_run: bool = False) -> MigrationReport:
    return run_now(lambda: migrate(database.owner_url, database.app_url, dry_run, folder))


def test_everything_is_applied_once_and_then_nothing_is_left(blank: TestDatabase, folder: Path) -> None:
    report = run(blank, folder)
    assert report.changed == ("schema/0001_notes.sql", "functions/001_count_notes.sql", "policies/001_notes.sql")
    assert run(blank, folder).changed == ()
    assert fetch(blank.app_url, "SELECT authn.count_notes() AS notes")[0]["notes"] == 1


def test_a_dry_run_says_what_it_would_do_and_does_nothing(blank: TestDatabase, folder: Path) -> None:
    assert len(run(blank, folder, dry_run=True).changed) == 3
    assert fetch(blank.superuser_url, "SELECT to_regnamespace('authn') AS found")[0]["found"] is None


def test_the_servers_own_login_sees_what_is_pending(blank: TestDatabase, folder: Path) -> None:
    async def pending() -> tuple[str, ...]:
        connection = await asyncpg.connect(blank.app_url)
        try:
            return await pending_migrations(connection, folder)
        finally:
            await connection.close()

    run(blank, folder)
    assert run_now(pending) == ()
    write(folder, "schema/0002_more.sql", "ALTER TABLE authn.notes ADD COLUMN colour text;")
    assert run_now(pending) == ("schema/0002_more.sql",)


def test_a_schema_file_that_was_edited_after_it_ran_is_an_error_that_names_it(
    blank: TestDatabase, folder: Path
) -> None:
    run(blank, folder)
    write(folder, "schema/0001_notes.sql", NOTES + "-- one more thought\n")
    with pytest.raises(MigrationError, match=r"schema/0001_notes\.sql was changed after it ran"):
        run(blank, folder)


def test_a_changed_function_is_replaced_also_where_portal_system_owns_it(blank: TestDatabase, folder: Path) -> None:
    run(blank, folder)
    write(folder, "functions/001_count_notes.sql", COUNT_NOTES.replace("(SELECT count(*)", "100 + (SELECT count(*)"))
    assert run(blank, folder).changed == ("functions/001_count_notes.sql",)
    assert fetch(blank.app_url, "SELECT authn.count_notes() AS notes")[0]["notes"] == 101
    owner = fetch(blank.app_url, "SELECT proowner::regrole::text AS name FROM pg_proc WHERE proname = 'count_notes'")
    assert owner[0]["name"] == "portal_system"


def test_a_failing_file_is_named_with_its_line_and_leaves_nothing_behind(blank: TestDatabase, folder: Path) -> None:
    write(folder, "schema/0002_broken.sql", "CREATE TABLE authn.fine (id int);\n\nCREATE TABEL authn.broken (id int);")
    with pytest.raises(MigrationError, match=r"schema/0002_broken\.sql line 3"):
        run(blank, folder)
    assert fetch(blank.superuser_url, "SELECT to_regnamespace('authn') AS found")[0]["found"] is None


def test_four_machines_that_migrate_at_once_all_succeed_and_one_does_the_work(
    blank: TestDatabase, folder: Path
) -> None:
    write(folder, "schema/0002_slow.sql", "SELECT pg_sleep(0.5); INSERT INTO authn.notes VALUES ('default', 'second');")
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from portal.db.migrate import migrate\n"
        "print(len(asyncio.run(migrate(sys.argv[1], sys.argv[2], folder=Path(sys.argv[3]))).changed))"
    )
    machines = [
        subprocess.Popen(
            [sys.executable, "-c", program, blank.owner_url, blank.app_url, str(folder)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    assert sorted(int(machine.communicate(timeout=60)[0]) for machine in machines) == [0, 0, 0, 4]
    assert fetch(blank.app_url, "SELECT authn.count_notes() AS notes")[0]["notes"] == 2


def test_a_table_in_use_makes_the_migration_give_way_and_try_again(blank: TestDatabase, folder: Path) -> None:
    run(blank, folder)
    write(folder, "schema/0002_more.sql", "ALTER TABLE authn.notes ADD COLUMN colour text;")

    async def migrate_while_the_table_is_locked() -> MigrationReport:
        connection = await asyncpg.connect(blank.superuser_url)
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("LOCK TABLE authn.notes IN ACCESS SHARE MODE")
        migration = asyncio.create_task(migrate(blank.owner_url, blank.app_url, folder=folder))
        await asyncio.sleep(5.5)  # longer than the migration waits for a table
        assert not migration.done()
        await transaction.rollback()
        await connection.close()
        return await migration

    assert "schema/0002_more.sql" in run_now(migrate_while_the_table_is_locked).changed


def test_a_release_that_is_older_than_the_database_touches_nothing(blank: TestDatabase, folder: Path) -> None:
    write(folder, "schema/0002_newer.sql", "ALTER TABLE authn.notes ADD COLUMN colour text;")
    run(blank, folder)
    (folder / "schema" / "0002_newer.sql").unlink()
    write(folder, "functions/001_count_notes.sql", COUNT_NOTES.replace("count(*)", "-1"))
    report = run(blank, folder)
    assert (report.changed, report.newer) == ((), ("schema/0002_newer.sql",))
    assert fetch(blank.app_url, "SELECT authn.count_notes() AS notes")[0]["notes"] == 1


def test_dropping_the_schema_and_migrating_again_works(blank: TestDatabase, folder: Path) -> None:
    run(blank, folder)
    execute(blank.superuser_url, "DROP SCHEMA authn CASCADE")
    assert len(run(blank, folder).changed) == 3
    assert fetch(blank.app_url, "SELECT authn.count_notes() AS notes")[0]["notes"] == 1


def test_functions_are_closed_to_everyone_who_was_not_named(blank: TestDatabase, folder: Path) -> None:
    write(
        folder,
        "functions/002_private.sql",
        "CREATE OR REPLACE FUNCTION authn._private() RETURNS int LANGUAGE sql AS 'SELECT 1';",
    )
    run(blank, folder)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        fetch(blank.app_url, "SELECT authn._private()")


def test_what_a_superuser_migrates_is_owned_by_a_role_that_row_level_security_binds(
    blank: TestDatabase, folder: Path
) -> None:
    run_now(lambda: migrate(blank.superuser_url, blank.app_url, folder=folder))
    owners = fetch(
        blank.superuser_url,
        "SELECT relowner::regrole::text AS name FROM pg_class WHERE relnamespace = 'authn'::regnamespace",
    )
    assert {row["name"] for row in owners} == {"portal_owner"}

    async def as_the_owner() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(blank.superuser_url)
        try:
            await connection.execute("SET ROLE portal_owner")
            return await connection.fetch("SELECT * FROM authn.notes")
        finally:
            await connection.close()

    assert run_now(as_the_owner) == []
    assert run(blank, folder).changed == ()


def test_a_login_that_may_not_make_roles_is_told_what_to_run(plain_login: str, folder: Path) -> None:
    with pytest.raises(MigrationError) as told:
        run_now(lambda: migrate(plain_login, None, folder=folder))
    assert "GRANT portal_system TO tenant_" in str(told.value)


def test_a_plain_login_owns_everything_once_that_was_run(plain_login: str, blank: TestDatabase, folder: Path) -> None:
    with pytest.raises(MigrationError) as told:
        run_now(lambda: migrate(plain_login, None, folder=folder))
    execute(blank.superuser_url, str(told.value).split("\n")[-1].strip().rstrip(";"))
    run_now(lambda: migrate(plain_login, blank.app_url, folder=folder))
    assert fetch(plain_login, "SELECT * FROM authn.notes") == []
    assert fetch(blank.app_url, "SELECT authn.count_notes() AS notes")[0]["notes"] == 1


def test_an_owner_that_inherits_from_portal_system_is_refused(
    plain_login: str, blank: TestDatabase, folder: Path
) -> None:
    owner = plain_login.split("//")[1].split(":")[0]
    execute(blank.superuser_url, f"GRANT portal_system TO {owner}", f"ALTER ROLE {owner} INHERIT")
    if fetch(blank.superuser_url, "SELECT current_setting('server_version_num')::int AS v")[0]["v"] >= 160000:
        execute(blank.superuser_url, f"GRANT portal_system TO {owner} WITH INHERIT TRUE")
    with pytest.raises(MigrationError, match="would see every namespace"):
        run_now(lambda: migrate(plain_login, blank.app_url, folder=folder))


def test_a_login_of_another_name_is_let_into_portal_app(blank: TestDatabase, folder: Path) -> None:
    name = f"web_{secrets.token_hex(4)}"
    execute(blank.superuser_url, f"CREATE ROLE {name} LOGIN PASSWORD 'web'")
    try:
        app_url = as_login(blank, name, "web")
        run_now(lambda: migrate(blank.superuser_url, app_url, folder=folder))
        assert fetch(app_url, "SELECT authn.count_notes() AS notes")[0]["notes"] == 1
    finally:
        execute(blank.superuser_url, f"DROP ROLE {name}")


def test_the_server_may_not_log_in_as_the_owner(blank: TestDatabase, folder: Path) -> None:
    with pytest.raises(MigrationError, match="a login of its own"):
        run_now(lambda: migrate(blank.owner_url, blank.owner_url, folder=folder))


def test_an_unreachable_database_is_said_plainly(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(MigrationError, match="does not let the owner in"):
        run_now(lambda: migrate(f"postgresql://nobody@/none?host={tmp_path}", None, folder=folder))


def test_two_files_of_one_number_are_refused(folder: Path) -> None:
    write(folder, "schema/0001_other.sql", "SELECT 1;")
    with pytest.raises(MigrationError, match="the same number"):
        read_migrations(folder)


def test_a_file_without_a_number_is_refused(folder: Path) -> None:
    write(folder, "policies/notes.sql", "SELECT 1;")
    with pytest.raises(MigrationError, match="must be named like"):
        read_migrations(folder)


def test_windows_line_ends_change_no_checksum(folder: Path) -> None:
    before = {file.path: file.checksum for file in read_migrations(folder)}
    schema = folder / "schema" / "0001_notes.sql"
    schema.write_bytes(schema.read_bytes().replace(b"\n", b"\r\n"))
    assert {file.path: file.checksum for file in read_migrations(folder)} == before


def test_a_new_schema_file_brings_functions_and_policies_along(folder: Path) -> None:
    journal = {(file.kind, file.name): file.checksum for file in read_migrations(folder)}
    write(folder, "schema/0002_more.sql", "SELECT 1;")
    plan = make_plan(read_migrations(folder), journal)
    assert [file.path for file in plan.files] == [
        "schema/0002_more.sql",
        "functions/001_count_notes.sql",
        "policies/001_notes.sql",
    ]
    assert plan.changed == ("schema/0002_more.sql",)


def test_the_portals_own_files_apply_and_apply_again_after_every_function_has_changed(
    database: TestDatabase,
) -> None:
    assert run(database, MIGRATIONS).changed == ()
    execute(database.superuser_url, "UPDATE authn.migrations SET checksum = 'old' WHERE kind <> 'schema'")
    report = run(database, MIGRATIONS)
    assert any(path.startswith("functions/") for path in report.changed)
    assert any(path.startswith("policies/") for path in report.changed)

"""The embedded database's backup, restored onto an empty machine by the steps of docs/operating.md."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.db.embedded import EmbeddedPostgres
from tests.cli.conftest import Portal, free_port, plain_environment
from tests.deployment.before_and_after import LONGER, a_past, follow_the_guide
from tests.support.database import TestDatabase, drop_database, empty_database, execute, temporary_data_dir
from tests.support.server import PortalServer, prepare_server


@contextlib.contextmanager
def machine() -> Iterator[PortalServer]:
    """A machine with nothing on it: its own data folder, no key, no database."""
    with temporary_data_dir() as data_dir:
        server = prepare_server(data_dir)
        del server.environment["PORTAL_SECRET_KEY"]
        try:
            yield server
        finally:
            server.stop()


def looked_into(server: PortalServer, share: EmbeddedPostgres) -> None:
    server.database = TestDatabase("portal", share.app_url, share.owner_url, share.superuser_url)


def data_dir_of(server: PortalServer) -> Path:
    return Path(server.environment["PORTAL_DATA_DIR"])


def settings_of(server: PortalServer) -> dict[str, str]:
    return {name: value for name, value in server.environment.items() if name != "PORT"}


def test_a_restored_backup_lets_people_in_and_keeps_dead_what_was_ended_since(tmp_path: Path) -> None:
    places = {"/backup": tmp_path, "/another/place": tmp_path}
    with contextlib.ExitStack() as stack:
        old = stack.enter_context(machine())
        old.start()
        with EmbeddedPostgres(data_dir_of(old)) as share:
            looked_into(old, share)
            past = a_past(old)
            past.live()
            follow_the_guide("The embedded database", "backup", settings_of(old), places)
            past.go_on()
            key_ids = past.key_ids()
        old.stop()

        new = stack.enter_context(machine())
        new.environment |= {"PORTAL_URL": old.url, "PORT": old.environment["PORT"]}
        new.url = old.url
        with EmbeddedPostgres(data_dir_of(new)) as share:
            looked_into(new, share)
            said = follow_the_guide("The embedded database", "restore", settings_of(new), places)
            assert "Ended 2 sessions." in said
            new.sql(*LONGER)
            new.start()
            past.portal = new
            past.assert_dead()
            assert past.key_ids() == key_ids
            past.assert_alive()


@pytest.fixture
def copied(postgres_server: TestDatabase, template_database: TestDatabase) -> Iterator[tuple[Portal, Portal]]:
    """The command on a database that was served, and on a copy of it."""
    original = empty_database(postgres_server, template=template_database.name)
    execute(original.superuser_url, "select authn.recognise_home()")  # as `portal serve` does
    copy = empty_database(postgres_server, template=original.name)
    with temporary_data_dir() as data_dir:
        yield tuple(  # type: ignore[misc]
            Portal(
                plain_environment(
                    PORTAL_DATABASE_URL=database.app_url,
                    PORTAL_DATABASE_OWNER_URL=database.owner_url,
                    PORTAL_SECRET_KEY="k" * 40,
                    PORTAL_DATA_DIR=str(data_dir),
                    PORTAL_DEV="1",
                )
            )
            for database in (original, copy)
        )
    for database in (original, copy):
        drop_database(postgres_server, database)


def home(portal: Portal) -> tuple[bool, str]:
    [check] = [check for check in portal.run("doctor", "--json").json["checks"] if check["name"] == "home"]
    return check["ok"], check["says"] + check["advice"]


def test_a_copy_is_not_served_before_portal_restored_has_run(copied: tuple[Portal, Portal]) -> None:
    original, copy = copied
    refused = copy.run("serve", "--port", str(free_port()))
    assert refused.status == 1
    assert "Run `portal restored` first" in refused.err
    assert home(original)[0]
    assert not home(copy)[0]
    assert "portal restored" in home(copy)[1]
    assert copy.run("restored", "--json").json["ended"]["sessions"] == 0
    assert home(copy)[0]
    assert home(original)[0]


def test_a_move_that_lost_nothing_ends_nothing(copied: tuple[Portal, Portal]) -> None:
    _original, copy = copied
    url = copy.environment["PORTAL_DATABASE_URL"]
    execute(url, "select authn.create_session(authn.create_user('alice@example.com'), 'a-digest')")
    assert copy.run("restored", "--moved", "--json").json == {"moved": True, "ended": {}}
    assert home(copy)[0]
    assert copy.run("restored", "--json").json["ended"]["sessions"] == 1
    assert copy.run("restored", "--moved", "--keep-api-keys").status == 2


def test_keys_and_recovery_codes_can_be_kept_where_none_was_revoked(copied: tuple[Portal, Portal]) -> None:
    _original, copy = copied
    execute(
        copy.environment["PORTAL_DATABASE_URL"],
        "select authn.create_user('alice@example.com', null, 'another')",
        "select authn.create_api_key(u.user_id, 'k', 'CI', null, 'another') from authn.list_users('another') u",
        "select authn.add_mfa(u.user_id, 'recovery_codes', 's', null, 'another') from authn.list_users('another') u",
    )
    kept = copy.run("restored", "--keep-api-keys", "--keep-recovery-codes", "--json").json["ended"]
    assert (kept["api_keys"], kept["recovery_code_sets"]) == (0, 0)
    ended = copy.run("restored", "--json").json["ended"]
    assert (ended["api_keys"], ended["recovery_code_sets"]) == (1, 1), "tenants without a row of their own count, too"


def test_backup_and_restore_are_for_the_embedded_database_only(copied: tuple[Portal, Portal], tmp_path: Path) -> None:
    original, _copy = copied
    (tmp_path / "there.dump").touch()
    for command, file in (("backup", "new.dump"), ("restore", "there.dump")):
        refused = original.run(command, str(tmp_path / file))
        assert refused.status == 1
        assert "docs/operating.md" in refused.err

"""`portal doctor`, `portal migrate`, and the command as a process."""

import os
import socket
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from portal.cli.reload import ReloadOnChange
from tests.cli.conftest import Portal, Result
from tests.support.breach_service import breach_service
from tests.support.database import TestDatabase, drop_database, empty_database, execute


def failed(result: Result) -> set[str]:
    return {check["name"] for check in result.json["checks"] if not check["ok"]}


def says(result: Result, name: str) -> str:
    [check] = [check for check in result.json["checks"] if check["name"] == name]
    return f"{check['says']} {check['advice']}"


def test_a_healthy_portal_passes_every_check(portal: Portal) -> None:
    healthy = portal.run("doctor", "--json", PORTAL_DEV="1")
    assert healthy.json["ok"] is True, healthy.out
    assert healthy.status == 0
    names = {check["name"] for check in healthy.json["checks"]}
    assert {"settings", "database", "migrations", "roles", "owner", "clock", "mail", "outbox", "keys"} <= names
    lines = portal.run("doctor", PORTAL_DEV="1").out.splitlines()
    assert len(lines) == len(names)
    assert all(line.startswith("ok ") for line in lines)


def test_mail_without_a_server_is_told_with_what_to_do(portal: Portal) -> None:
    told = portal.run("doctor", "--json")
    assert told.status == 1
    assert failed(told) == {"mail"}
    assert "Set PORTAL_SMTP_URL" in says(told, "mail")


def test_a_breach_service_that_knows_nothing_is_told(portal: Portal) -> None:
    with breach_service() as service:
        lookup = {"PORTAL_DEV": "1", "PORTAL_BREACH_LOOKUP": service.url}
        asked = portal.run("doctor", "--json", **lookup)
        assert failed(asked) == set()
        assert service.url in says(asked, "passwords")
        service.breached.clear()
        told = portal.run("doctor", "--json", **lookup)
    assert failed(told) == {"passwords"}
    assert "PORTAL_OUTGOING_ALLOW" in says(told, "passwords")
    assert "however common" in says(
        portal.run("doctor", "--json", PORTAL_DEV="1", PORTAL_BREACH_LOOKUP="off"), "passwords"
    )


def test_a_file_of_places_that_is_none_is_told_and_not_served(portal: Portal, tmp_path: Path) -> None:
    lookup = {"PORTAL_DEV": "1", "PORTAL_GEO_DATABASE": str(tmp_path / "away.mmdb")}
    told = portal.run("doctor", "--json", **lookup)
    assert failed(told) == {"places"}
    refused = portal.run("serve", **lookup)
    assert refused.status == 1
    assert "away.mmdb is no MaxMind database" in refused.err
    assert "not shown" in says(portal.run("doctor", "--json", PORTAL_DEV="1"), "places")


def test_a_mail_server_that_is_away_is_told_without_its_password(portal: Portal) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"smtp://portal:hunter2@127.0.0.1:{unused.getsockname()[1]}"
        told = portal.run("doctor", "--json", PORTAL_SMTP_URL=url)
    assert failed(told) == {"mail"}
    assert "hunter2" not in told.out + told.err


def test_a_powerful_role_and_a_table_without_forced_security_are_told(portal: Portal, database: TestDatabase) -> None:
    told = portal.run("doctor", "--json", PORTAL_DEV="1", PORTAL_DATABASE_URL=database.superuser_url)
    assert "BYPASSRLS" in says(told, "roles")
    execute(database.superuser_url, "alter table authn.users no force row level security")
    told = portal.run("doctor", "--json", PORTAL_DEV="1")
    assert failed(told) == {"roles"}
    assert "users" in says(told, "roles")


def test_a_proxy_that_is_not_trusted_is_told(portal: Portal) -> None:
    behind = {"PORTAL_URL": "https://login.example.com"}
    told = portal.run("doctor", "--json", **behind)
    assert "proxy" in failed(told)
    assert "PORTAL_TRUSTED_PROXIES" in says(told, "proxy")
    trusted = portal.run("doctor", "--json", **behind, PORTAL_TRUSTED_PROXIES="10.0.0.5")
    assert "proxy" not in failed(trusted)
    assert "10.0.0.5/32 only" in says(trusted, "proxy")


def test_a_database_that_is_away_is_told(portal: Portal) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        away = f"postgresql://portal_app:hunter2@127.0.0.1:{unused.getsockname()[1]}/portal"
        told = portal.run("doctor", "--json", PORTAL_DEV="1", PORTAL_DATABASE_URL=away)
        users = portal.run("users", "create", "bo@example.com", PORTAL_DATABASE_URL=away)
    assert told.status == 1
    assert "database" in failed(told)
    assert users.status == 1
    assert "The database does not answer" in users.err
    assert "hunter2" not in told.out + told.err + users.out + users.err


def test_a_signing_key_sealed_with_a_lost_key_is_told(portal: Portal) -> None:
    assert portal.run("doctor", "--json", PORTAL_DEV="1").status == 0  # made and sealed with the key of today
    told = portal.run("doctor", "--json", PORTAL_DEV="1", PORTAL_SECRET_KEY="another-key-" + "x" * 40)
    assert failed(told) == {"keys", "sealing"}
    assert "PORTAL_SECRET_KEY" in says(told, "keys")


def test_mail_that_keeps_failing_is_told(portal: Portal, database: TestDatabase) -> None:
    execute(
        database.superuser_url,
        "insert into authn.outbox (namespace, kind, payload, attempts, last_error) "
        "values ('default', 'mail', 'x', 3, 'SMTPConnectError')",
    )
    told = portal.run("doctor", "--json", PORTAL_DEV="1")
    assert failed(told) == {"outbox"}
    assert "SMTPConnectError" in says(told, "outbox")


def test_settings_that_do_not_hold_together_are_told_all_at_once(portal: Portal) -> None:
    told = portal.run("doctor", "--json", PORTAL_FOO="1", PORTAL_WORKERS="many")
    assert told.status == 1
    assert {check["name"] for check in told.json["checks"]} == {"settings"}
    assert "PORTAL_FOO" in told.out
    assert "PORTAL_WORKERS" in told.out


def test_migrating_shows_applies_and_then_finds_nothing_left(portal: Portal, postgres_server: TestDatabase) -> None:
    empty = empty_database(postgres_server)
    urls = {"PORTAL_DATABASE_URL": empty.app_url, "PORTAL_DATABASE_OWNER_URL": empty.owner_url}
    try:
        shown = portal.run("migrate", "--dry-run", "--json", **urls)
        assert "schema/0001_schema.sql" in shown.json["changed"]
        assert "portal migrate" in portal.run("users", "create", "bo@example.com", **urls).err
        assert "Applied" in portal.run("migrate", **urls).out
        assert portal.run("migrate", **urls).out == "The database is up to date.\n"
        assert portal.run("users", "create", "bo@example.com", **urls).status == 0
    finally:
        drop_database(postgres_server, empty)


def test_migrating_without_the_owners_login_says_what_is_missing(portal: Portal) -> None:
    refused = portal.run("migrate", "--json", PORTAL_DATABASE_OWNER_URL="")
    assert refused.status == 1
    assert "PORTAL_DATABASE_OWNER_URL" in refused.json["error"]


def test_the_module_is_the_command(portal: Portal) -> None:
    shown = portal.run_process("--version")
    assert shown.status == 0
    assert shown.out.startswith("portal, version ")
    refused = portal.run_process("users", "disable", "nobody@example.com", "--json")
    assert refused.status == 1
    assert set(refused.json) == {"error"}
    assert portal.run_process("no-such-command").status == 2


@pytest.mark.parametrize("name", ["page.html", "module.py", "portal.css", "submit.js"])
def test_a_changed_file_starts_a_development_server_again(name: str, tmp_path: Path) -> None:
    watched = tmp_path / "portal"
    watched.mkdir()
    (watched / name).write_text("before")
    config = uvicorn.Config("portal.app:app_from_environment", reload=True, reload_dirs=[str(watched)], log_config=None)
    reloader: Any = ReloadOnChange(config, target=lambda _sockets: None, sockets=[])
    reloader.pause = lambda: None
    assert reloader.should_restart() is None
    os.utime(watched / name, (2_000_000_000, 2_000_000_000))
    assert reloader.should_restart() == [watched / name]

"""The embedded PostgreSQL, tried with real processes: together, alone, killed, and as who they are."""

import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from portal.db.embedded import EmbeddedPostgres, EmbeddedPostgresError
from portal.db.embedded.probe import ask
from portal.db.engine import OLDEST_POSTGRES
from tests.support.database import fetch, run_now, temporary_data_dir

USER = """
import sys
from pathlib import Path
from portal.db.embedded import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1]), {"fsync": "off"}) as server:
    print(server.app_url, flush=True)
    sys.stdin.read()
"""

SLEEPER = """
import asyncio, asyncpg, sys
async def main():
    connection = await asyncpg.connect(sys.argv[1])
    print("in", flush=True)
    await connection.execute("SELECT pg_sleep(600)")
asyncio.run(main())
"""


class User:
    """Another process that uses the database until it is told to leave."""

    def __init__(self, data_dir: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER, str(data_dir)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def url(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def leave(self) -> None:
        self.process.communicate(timeout=20)


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with temporary_data_dir() as folder:
        yield folder


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedPostgres]:
    """A running server for the tests that only look."""
    with temporary_data_dir() as folder, quick(folder) as running:
        yield running


def quick(data_dir: Path) -> EmbeddedPostgres:
    return EmbeddedPostgres(data_dir, {"fsync": "off"})


def postmaster_of(server: EmbeddedPostgres) -> int:
    return int((server.cluster.data / "postmaster.pid").read_text().split()[0])


def alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2][1] != "Z"


def eventually(condition: object, within: float = 30.0) -> bool:
    assert callable(condition)
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def current_user(url: str) -> str:
    return str(fetch(url, "SELECT current_user::text AS name")[0]["name"])


def answers(url: str) -> bool:
    try:
        return bool(current_user(url))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False


def test_each_role_logs_in_and_only_the_superuser_is_one(server: EmbeddedPostgres) -> None:
    assert current_user(server.app_url) == "portal_app"
    assert current_user(server.owner_url) == "portal_owner"
    assert current_user(server.superuser_url) == "postgres"
    unbound = fetch(
        server.superuser_url,
        "SELECT rolname FROM pg_roles WHERE rolname LIKE 'portal%' AND (rolsuper OR rolbypassrls)",
    )
    assert unbound == []


def test_the_owner_may_hand_functions_over_but_does_not_inherit_what_portal_system_sees(
    server: EmbeddedPostgres,
) -> None:
    row = fetch(
        server.superuser_url,
        "SELECT pg_has_role('portal_owner', 'portal_system', 'MEMBER') AS member, "
        "pg_has_role('portal_owner', 'portal_system', 'USAGE') AS inherits",
    )[0]
    assert (row["member"], row["inherits"]) == (True, False)


def test_a_wrong_password_is_refused_even_to_who_can_reach_the_socket(server: EmbeddedPostgres) -> None:
    url = server.app_url.replace(server.cluster.passwords.app, "0" * 64)
    with pytest.raises(asyncpg.InvalidPasswordError):
        current_user(url)


def test_nothing_listens_on_a_port_and_nobody_else_enters_the_folders(server: EmbeddedPostgres) -> None:
    assert fetch(server.superuser_url, "SHOW listen_addresses")[0]["listen_addresses"] == ""
    for folder in (server.cluster.home, server.cluster.data, server.cluster.socket_folder):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((server.cluster.home / "passwords.json").stat().st_mode) == 0o600


def test_the_portals_own_database_is_durable_and_compares_text_alike_everywhere(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as server:
        row = fetch(
            server.app_url,
            "SELECT current_setting('fsync') AS fsync, current_setting('server_encoding') AS encoding, "
            "lower('ÄÖ') AS folded, 'B' < 'a' AS by_code_point",
        )[0]
        assert dict(row) == {"fsync": "on", "encoding": "UTF8", "folded": "äö", "by_code_point": True}


def test_the_server_never_runs_as_root(server: EmbeddedPostgres) -> None:
    owner = Path(f"/proc/{postmaster_of(server)}").stat().st_uid
    assert owner != 0
    assert owner == (os.geteuid() or server.cluster.data.stat().st_uid)


def test_a_folder_that_the_servers_account_cannot_enter_is_left_as_it_is() -> None:
    with tempfile.TemporaryDirectory() as closed, quick(Path(closed) / "portal") as server:
        assert answers(server.app_url)
        assert stat.S_IMODE(Path(closed).stat().st_mode) == 0o700
        home = server.cluster.home
        if os.geteuid() == 0:
            assert home.parent == Path("/var/lib")
        else:
            assert home == Path(closed) / "portal" / "postgres"
        server.stop()
        subprocess.run(["rm", "-rf", str(home)], check=True)


def test_a_long_path_gets_a_short_private_socket_folder(data_dir: Path) -> None:
    deep = data_dir / ("x" * 60) / ("y" * 60)
    with quick(deep) as server:
        assert answers(server.app_url)
        short = server.cluster.socket_folder
        assert stat.S_IMODE(short.stat().st_mode) == 0o700
    with quick(deep) as again:
        assert again.cluster.socket_folder == short
    short.rmdir()


def test_processes_that_start_at_once_share_one_server(data_dir: Path) -> None:
    users = [User(data_dir) for _ in range(6)]
    urls = {user.url() for user in users}
    assert len(urls) == 1
    with quick(data_dir) as server:
        data = str(server.cluster.data.resolve())
        postmasters = [
            entry
            for entry in Path("/proc").glob("[0-9]*")
            if data in _command_line(entry) and "-D" in _command_line(entry)
        ]
        assert [int(entry.name) for entry in postmasters] == [postmaster_of(server)]
        log = (server.cluster.home / "server.log").read_text()
        assert log.count("starting PostgreSQL") == 1
    for user in users:
        user.leave()


def test_the_last_one_to_leave_stops_the_server_whoever_started_it(data_dir: Path) -> None:
    first, second = User(data_dir), User(data_dir)
    url = first.url()
    second.url()
    with quick(data_dir) as server:
        postmaster = postmaster_of(server)
    first.leave()
    assert answers(url)
    second.leave()
    assert eventually(lambda: not alive(postmaster), within=2)
    assert ask(server.cluster.socket_folder) == "away"


def test_stopping_takes_less_than_ten_seconds_even_with_a_busy_client(data_dir: Path) -> None:
    server = quick(data_dir)
    server.start()
    postmaster = postmaster_of(server)
    busy = subprocess.Popen(
        [sys.executable, "-c", SLEEPER, server.app_url], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert busy.stdout is not None
    busy.stdout.readline()
    began = time.monotonic()
    server.stop()
    assert time.monotonic() - began < 10
    assert not alive(postmaster)
    busy.wait(timeout=5)


def test_a_frozen_server_is_ended_by_force_within_ten_seconds(data_dir: Path) -> None:
    server = quick(data_dir)
    server.start()
    postmaster = postmaster_of(server)
    os.kill(postmaster, signal.SIGSTOP)
    began = time.monotonic()
    server.stop()
    assert time.monotonic() - began < 10
    assert not alive(postmaster)


def test_a_killed_postmaster_comes_back_by_itself_with_what_was_committed(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as server:
        fetch(server.superuser_url, "CREATE TABLE kept AS SELECT 7 AS number")
        killed = postmaster_of(server)
        os.kill(killed, signal.SIGKILL)
        assert eventually(lambda: answers(server.app_url) and postmaster_of(server) != killed)
        assert fetch(server.superuser_url, "SELECT number FROM kept")[0]["number"] == 7


def test_a_busy_backend_that_outlives_its_postmaster_does_not_block_the_restart(data_dir: Path) -> None:
    async def kill_under_a_running_query(url: str, postmaster: int) -> None:
        connection = await asyncpg.connect(url)
        # A loop in PL/pgSQL never waits, so this backend does not notice that the postmaster has died.
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await connection.execute(
                f"DO $$ BEGIN COPY (SELECT 1) TO PROGRAM 'kill -9 {postmaster}'; LOOP END LOOP; END $$"
            )

    with quick(data_dir) as server:
        killed = postmaster_of(server)
        run_now(lambda: kill_under_a_running_query(server.superuser_url, killed))
        assert eventually(lambda: answers(server.app_url) and postmaster_of(server) != killed)


def test_every_user_watches_not_only_the_one_that_started_the_server(data_dir: Path) -> None:
    starter = User(data_dir)
    starter.url()
    with quick(data_dir) as server:
        starter.process.kill()
        starter.process.communicate()
        killed = postmaster_of(server)
        os.kill(killed, signal.SIGKILL)
        assert eventually(lambda: answers(server.app_url) and postmaster_of(server) != killed)


def test_a_server_left_behind_by_killed_processes_is_joined(data_dir: Path) -> None:
    killed = User(data_dir)
    url = killed.url()
    killed.process.kill()
    killed.process.communicate()
    assert answers(url)
    with quick(data_dir) as server:
        assert server.app_url == url
        postmaster = postmaster_of(server)
    assert not alive(postmaster)


def test_a_process_number_that_belongs_to_someone_else_by_now_does_not_block_the_start(data_dir: Path) -> None:
    with quick(data_dir) as server:
        pid_file = server.cluster.data / "postmaster.pid"
        left_behind = pid_file.read_text()
    bystander = subprocess.Popen(
        ["sleep", "60"], **({"user": pid_file.parent.stat().st_uid} if os.geteuid() == 0 else {})
    )
    try:
        pid_file.write_text(left_behind.replace(left_behind.split()[0], str(bystander.pid), 1))
        with quick(data_dir) as server:
            assert answers(server.app_url)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_an_interrupted_first_start_is_made_good_by_the_next(data_dir: Path) -> None:
    with quick(data_dir) as server:
        data = server.cluster.data
        fetch(server.superuser_url.replace("/portal?", "/postgres?"), "SELECT 1")
    data.rename(data.with_name("data.new"))
    with quick(data_dir) as server:
        assert answers(server.app_url)
        assert not data.with_name("data.new").exists()


@pytest.mark.parametrize("moment", [0.3, 0.6, 0.9, 1.2])
def test_an_interrupt_while_starting_leaves_no_server_behind(data_dir: Path, moment: float) -> None:
    user = User(data_dir)
    time.sleep(moment)
    user.process.send_signal(signal.SIGINT)
    user.process.communicate(timeout=10)
    assert eventually(lambda: server_processes_in(data_dir) == [], within=2)
    with quick(data_dir) as server:
        assert answers(server.app_url)


def test_data_of_a_version_that_is_not_here_says_which_one_is_missing(data_dir: Path) -> None:
    with quick(data_dir) as server:
        data = server.cluster.data
    (data / "PG_VERSION").write_text(f"{OLDEST_POSTGRES - 2}\n")
    with pytest.raises(EmbeddedPostgresError, match=f"PostgreSQL {OLDEST_POSTGRES - 2}"):
        quick(data_dir).start()


def test_the_terminals_interrupt_does_not_reach_the_server(server: EmbeddedPostgres) -> None:
    assert os.getsid(postmaster_of(server)) != os.getsid(0)


def test_a_socket_without_a_server_behind_it_is_away(data_dir: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(data_dir / ".s.PGSQL.5432"))
    assert ask(data_dir) == "away"


def server_processes_in(data_dir: Path) -> list[Path]:
    folder = str(data_dir.resolve())
    return [entry for entry in Path("/proc").glob("[0-9]*") if _works_in(entry).startswith(folder)]


def _works_in(entry: Path) -> str:
    try:
        return str((entry / "cwd").readlink())
    except OSError:
        return ""


def _command_line(entry: Path) -> list[str]:
    try:
        return (entry / "cmdline").read_text().split("\0")
    except OSError:
        return []

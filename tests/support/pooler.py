"""PgBouncer in transaction mode between the portal and PostgreSQL, set up as docs/operating.md says."""

import contextlib
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from portal.db.embedded.account import give_to, run_options, server_account
from tests.support.database import fetch, temporary_data_dir
from tests.support.private_cluster import PrivateCluster, documented
from tests.support.server import free_port

READY_WITHIN = 10.0  # seconds
# Fewer than the clients of nearly every test, so that connections really change hands between transactions.
SERVER_CONNECTIONS = 4


@dataclass(frozen=True)
class Pooler:
    """A running PgBouncer."""

    port: int
    folder: Path

    def log(self) -> str:
        return (self.folder / "pgbouncer.log").read_text(errors="replace")


@contextlib.contextmanager
def pgbouncer(cluster: PrivateCluster) -> Iterator[Pooler]:
    """Run PgBouncer with the documented settings, changed only in addresses, folders and the number of connections."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/sbin")
    if program is None:
        raise SystemExit("PgBouncer is needed. Debian: apt-get install pgbouncer")
    with temporary_data_dir() as folder:
        account = server_account(folder / "none")
        pooler = Pooler(free_port(), folder)
        settings = documented("Pooler", "ini")
        for theirs, ours in (
            ("portal = host=db.internal port=5432", f"* = host=127.0.0.1 port={cluster.port}"),
            ("listen_port = 6432", f"listen_port = {pooler.port}"),
            ("/etc/pgbouncer/userlist.txt", str(folder / "userlist.txt")),
            ("default_pool_size = 20", f"default_pool_size = {SERVER_CONNECTIONS}"),
        ):
            assert theirs in settings, theirs
            settings = settings.replace(theirs, ours)
        # The verifier and not the password: what PgBouncer's own documentation recommends to keep in the file.
        [row] = fetch(cluster.superuser_url, "SELECT rolpassword FROM pg_authid WHERE rolname = 'portal_app'")
        (folder / "userlist.txt").write_text(f'"portal_app" "{row["rolpassword"]}"\n')
        (folder / "pgbouncer.ini").write_text(settings + "\nunix_socket_dir =\n")
        for path in folder.iterdir():
            give_to(account, path)
        with (folder / "pgbouncer.log").open("wb") as log:
            process = subprocess.Popen(
                [program, str(folder / "pgbouncer.ini")],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **run_options(account),
            )
        try:
            _wait_until_ready(pooler, process, cluster)
            yield pooler
        finally:
            process.terminate()
            process.wait(10)


def _wait_until_ready(pooler: Pooler, process: "subprocess.Popen[bytes]", cluster: PrivateCluster) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while True:
        ready = subprocess.run(
            [str(cluster.programs / "pg_isready"), "-h", "127.0.0.1", "-p", str(pooler.port), "-q"], check=False
        )
        if ready.returncode == 0:
            return
        assert process.poll() is None, pooler.log()
        assert time.monotonic() < deadline, pooler.log()
        time.sleep(0.05)

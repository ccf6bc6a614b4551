"""The system's PostgreSQL as an operator has it: TCP, scram, and an ordinary login that owns the portal's database.

As a program it runs a command on such a server, `make test-pg15` and `make test-pgbouncer` use it:

    python -m tests.support.private_cluster [--pooled] command …

The roles and the database are made by psql from the very lines that docs/operating.md gives to the operator.
"""

import argparse
import contextlib
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from portal.db.embedded.account import Account, give_to, run_options, server_account
from tests.support.database import NOT_DURABLE, temporary_data_dir
from tests.support.server import free_port

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "operating.md"
VERSION = 15  # the oldest that is promised
READY_WITHIN = 30.0  # seconds
PLACEHOLDERS = {"OWNER-PASSWORD": "an-owner's-password", "APP-PASSWORD": "an-app-password"}


@dataclass(frozen=True)
class PrivateCluster:
    """A running PostgreSQL of a test's own. Programs of its version lie in `programs`."""

    programs: Path
    folder: Path
    port: int
    superuser_password: str

    @property
    def superuser_url(self) -> str:
        return self.url("postgres", self.superuser_password)

    @property
    def owner_url(self) -> str:
        return self.url("portal_owner", "an-owner%27s-password")

    @property
    def app_url(self) -> str:
        return self.url("portal_app", "an-app-password")

    def url(self, role: str, password: str, *, port: int | None = None) -> str:
        """The address for a role, with the password as it stands in a URL."""
        return f"postgresql://{role}:{password}@127.0.0.1:{port or self.port}/portal"

    def psql(self, text: str, database: str = "postgres") -> str:
        """Run SQL as the superuser does it by hand."""
        ran = subprocess.run(
            [str(self.programs / "psql"), "--no-psqlrc", "--tuples-only", "--no-align", "-v", "ON_ERROR_STOP=1"],
            env={"PATH": "/usr/bin:/bin", **self.login("postgres", self.superuser_password, database)},
            input=text,
            text=True,
            capture_output=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def login(self, role: str, password: str, database: str) -> dict[str, str]:
        """What PostgreSQL's own programs read from the environment."""
        return {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": role,
            "PGPASSWORD": password,
            "PGDATABASE": database,
        }


@contextlib.contextmanager
def private_cluster(version: int = VERSION) -> Iterator[PrivateCluster]:
    """Run a PostgreSQL from /usr/lib/postgresql with nothing in it, as an unprivileged account when we are root."""
    programs = Path(f"/usr/lib/postgresql/{version}/bin")
    if not (programs / "postgres").exists():
        raise SystemExit(f"PostgreSQL {version} is needed. Debian: apt-get install postgresql-{version}")
    with temporary_data_dir() as folder:
        account = server_account(folder / "data")
        password = secrets.token_hex(16)
        _initialise(programs, folder, account, password)
        cluster = PrivateCluster(programs, folder, free_port(), password)
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(cluster.port),
            "unix_socket_directories": "",
            "timezone": "UTC",
            **NOT_DURABLE,
        }
        arguments = [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]
        with (folder / "server.log").open("wb") as log:
            server = subprocess.Popen(
                [str(programs / "postgres"), "-D", str(folder / "data"), *arguments],
                cwd="/",
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **run_options(account),
            )
        try:
            _wait_until_ready(cluster, server)
            yield cluster
        finally:
            server.send_signal(signal.SIGINT)  # SIGTERM would wait for every client to leave
            server.wait(30)


def first_start(cluster: PrivateCluster) -> None:
    """Make roles and database as docs/operating.md says."""
    text = documented("Roles and database", "sql")
    for placeholder, password in PLACEHOLDERS.items():
        assert placeholder in text
        text = text.replace(placeholder, password.replace("'", "''"))
    cluster.psql(text)


def documented(heading: str, language: str) -> str:
    """The lines of the only code block of one kind under a heading of docs/operating.md."""
    text = GUIDE.read_text()
    found = re.search(rf"^(#+) {re.escape(heading)}\n", text, re.MULTILINE)
    assert found, heading
    section = re.split(rf"^#{{2,{len(found[1])}}} ", text[found.end() :], maxsplit=1, flags=re.MULTILINE)[0]
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 1, (heading, language, len(blocks))
    return str(blocks[0])


def _initialise(programs: Path, folder: Path, account: Account | None, password: str) -> None:
    data, password_file = folder / "data", folder / "password"
    data.mkdir(mode=0o700)
    password_file.write_text(password)
    for path in (data, password_file):
        give_to(account, path)
    subprocess.run(
        [
            str(programs / "initdb"),
            f"--pgdata={data}",
            "--username=postgres",
            "--auth=scram-sha-256",
            f"--pwfile={password_file}",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ],
        cwd="/",
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        check=True,
        **run_options(account),
    )


def _wait_until_ready(cluster: PrivateCluster, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + READY_WITHIN
    while True:
        ready = subprocess.run(
            [str(cluster.programs / "pg_isready"), "-h", "127.0.0.1", "-p", str(cluster.port), "-q"], check=False
        )
        if ready.returncode == 0:
            return
        said = (cluster.folder / "server.log").read_text(errors="replace")
        assert server.poll() is None, said
        assert time.monotonic() < deadline, said
        time.sleep(0.05)


def main() -> int:
    """Run the command that the arguments give, with the database's addresses in its environment."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--pooled", action="store_true", help="with PgBouncer, in transaction mode, before it")
    arguments.add_argument("command", nargs=argparse.REMAINDER)
    asked = arguments.parse_args()
    with contextlib.ExitStack() as stack:
        cluster = stack.enter_context(private_cluster())
        first_start(cluster)
        environment = os.environ | {
            "PORTAL_DATABASE_URL": cluster.app_url,
            "PORTAL_DATABASE_OWNER_URL": cluster.owner_url,
            "TEST_DATABASE_SUPERUSER_URL": cluster.superuser_url,
        }
        if asked.pooled:
            from tests.support.pooler import pgbouncer

            pooler = stack.enter_context(pgbouncer(cluster))
            environment["PORTAL_DATABASE_URL"] = cluster.url("portal_app", "an-app-password", port=pooler.port)
            environment["PORTAL_DATABASE_STATEMENT_CACHE"] = "0"
        return subprocess.run(asked.command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    if not shutil.which("psql"):
        raise SystemExit("psql is needed. Debian: apt-get install postgresql-client-15")
    sys.exit(main())

"""The embedded database's folders, passwords and server settings."""

import json
import os
import secrets
import shutil
import stat
import subprocess
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

from portal.db.embedded.account import Account, can_enter, give_to, make_private_folder, run_options, server_account
from portal.db.embedded.binaries import Binaries
from portal.db.embedded.errors import EmbeddedPostgresError
from portal.db.embedded.probe import SOCKET_NAME

SOCKET_PATH_LIMIT = 107  # bytes; sun_path of unix(7) has 108 with its closing zero
STATE_FOLDER = Path("/var/lib")
BUILTIN_LOCALE_SINCE = 17
ASYNCHRONOUS_IO_SINCE = 18


@dataclass(frozen=True, slots=True)
class Passwords:
    """The generated passwords, hexadecimal, so that they need no escaping anywhere."""

    superuser: str
    owner: str
    app: str


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where one embedded database lies and how to log in to it."""

    home: Path  # 0700, owned by the account; holds all below but perhaps the socket folder
    data: Path  # PostgreSQL's own data folder
    socket_folder: Path
    account: Account | None
    passwords: Passwords

    def url(self, role: str, password: str) -> str:
        """Return the address of the database `portal` for a role, in libpq's form for a unix socket."""
        return f"postgresql://{role}:{password}@/portal?host={quote(str(self.socket_folder), safe='/')}&port=5432"


def open_cluster(data_dir: Path) -> Cluster:
    """Find or make the folders and passwords. Call it with the start lock held."""
    home = _home(data_dir)
    account = server_account(home / "data")
    make_private_folder(account, home)
    if not can_enter(account, home):
        raise EmbeddedPostgresError(
            f"The database folder {home} belongs to another account. Run the portal as that account or choose another "
            "PORTAL_DATA_DIR."
        )
    return Cluster(home, home / "data", _socket_folder(home, account), account, _passwords(home, account))


def initialise(cluster: Cluster, binaries: Binaries, extra: dict[str, str]) -> None:
    """Make the data folder unless it exists; a half-made one of an interrupted start is made again.

    `extra` are the settings that the server will get; without fsync nothing is synced here, either.
    """
    if cluster.data.exists():
        return
    draft = cluster.home / "data.new"
    shutil.rmtree(draft, ignore_errors=True)
    make_private_folder(cluster.account, draft)
    password_file = cluster.home / "password.new"
    _write_private(password_file, cluster.passwords.superuser, cluster.account)
    # The built-in C.UTF-8 sorts by code point and folds case alike on every machine and after every upgrade of libc.
    builtin = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    made = subprocess.run(
        [
            str(binaries.folder / "initdb"),
            f"--pgdata={draft}",
            "--username=postgres",
            "--auth=scram-sha-256",
            f"--pwfile={password_file}",
            "--encoding=UTF8",
            "--data-checksums",
            *(["--no-sync"] if extra.get("fsync") == "off" else []),
            *(builtin if binaries.major >= BUILTIN_LOCALE_SINCE else ["--locale=C.UTF-8"]),
        ],
        cwd=cluster.home,
        env=server_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        **run_options(cluster.account),
    )
    password_file.unlink()
    if made.returncode != 0:
        shutil.rmtree(draft, ignore_errors=True)
        raise EmbeddedPostgresError(f"PostgreSQL could not make its data folder: {made.stderr.strip()}")
    draft.rename(cluster.data)


def server_arguments(cluster: Cluster, binaries: Binaries, extra: dict[str, str]) -> list[str]:
    """Return the command line of the server; `extra` are settings that win over ours."""
    settings = {
        "listen_addresses": "",  # no TCP: only who gets into the socket folder can even try a password
        "unix_socket_directories": str(cluster.socket_folder),
        "unix_socket_permissions": "0700",
        "port": "5432",
        "password_encryption": "scram-sha-256",
        "fsync": "on",
        "max_connections": "100",
        "shared_buffers": "64MB",
        "maintenance_work_mem": "32MB",
        "max_wal_size": "256MB",
        "max_logical_replication_workers": "0",  # one process less
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        # DETAIL lines quote rows, and rows hold addresses and digests.
        "log_error_verbosity": "terse",
    }
    if binaries.major >= ASYNCHRONOUS_IO_SINCE:
        settings["io_method"] = "sync"  # its worker processes gain nothing on a database that fits into memory
    settings |= extra
    arguments = [str(binaries.folder / "postgres"), "-D", str(cluster.data)]
    for name, value in settings.items():
        arguments += ["-c", f"{name}={value}"]
    return arguments


def server_environment() -> dict[str, str]:
    """Return the environment of the server's programs: no PG* variable of the caller's may change what they do."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": "/nonexistent"}


def _home(data_dir: Path) -> Path:
    """Return the folder of the database: inside `data_dir`, or under /var/lib where the account cannot get there.

    As under /root, which is 0700: opening it up for the database would open it up for everything else, too. The name
    is random and kept in `data_dir`, so that a folder that was deleted and made again, with other keys, gets a new
    database and not the old one.
    """
    inside = data_dir / "postgres"
    remembered = data_dir / "postgres.home"
    if remembered.exists():
        return Path(remembered.read_text())
    if (inside / "data").exists() or can_enter(server_account(inside / "data"), data_dir):
        return inside
    outside = STATE_FOLDER / f"portal-{secrets.token_hex(6)}"
    _write_private(remembered, str(outside), None)
    return outside


def _socket_folder(home: Path, account: Account | None) -> Path:
    inside = home / "socket"
    if len(os.fsencode(inside / SOCKET_NAME)) <= SOCKET_PATH_LIMIT:
        make_private_folder(account, inside)
        return inside
    # Kept in a file: processes that come later must find it, and a guessable name in /tmp is anybody's to take first.
    remembered = home / "socket_folder"
    if remembered.exists() and _is_ours(folder := Path(remembered.read_text()), account):
        return folder
    folder = Path(tempfile.mkdtemp(prefix="portal-", dir="/tmp"))
    give_to(account, folder)
    _write_private(remembered, str(folder), account)
    return folder


def _is_ours(folder: Path, account: Account | None) -> bool:
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return False
    owner = account.uid if account else os.geteuid()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == owner and stat.S_IMODE(found.st_mode) == 0o700


def _passwords(home: Path, account: Account | None) -> Passwords:
    file = home / "passwords.json"
    if not file.exists():
        made = Passwords(*(secrets.token_hex(32) for _ in range(3)))
        _write_private(file, json.dumps(asdict(made)), account)
    return Passwords(**json.loads(file.read_text()))


def _write_private(file: Path, text: str, account: Account | None) -> None:
    draft = file.with_name(f"{file.name}.draft")
    draft.unlink(missing_ok=True)
    # O_EXCL follows no link: the folder is the account's, and what writes here may be root.
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as opened:
        opened.write(text)
        if account is not None:
            os.fchown(descriptor, account.uid, account.gid)
    draft.rename(file)

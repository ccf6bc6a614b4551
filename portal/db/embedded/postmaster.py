"""Starting and ending the embedded PostgreSQL's server process."""

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import BinaryIO

from portal.db.embedded.account import Account, run_options
from portal.db.embedded.binaries import Binaries
from portal.db.embedded.cluster import Cluster, server_arguments, server_environment
from portal.db.embedded.errors import EmbeddedPostgresError
from portal.db.embedded.probe import SOCKET_NAME, ask

READY_WITHIN = 120.0  # seconds; a start after a crash replays up to max_wal_size of log first
FAST_STOP_WITHIN = 4.0  # seconds for SIGINT: sessions are ended, data is written
QUIT_STOP_WITHIN = 1.0  # seconds for SIGQUIT: what is not written is replayed at the next start
POLL_EVERY = 0.02  # seconds
LOG_LIMIT = 10 * 1024 * 1024  # bytes; then the log starts anew and the old one is kept once

logger = logging.getLogger("portal.db.embedded")


def launch(cluster: Cluster, binaries: Binaries, extra: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start the server and wait until it answers. Call it with the start lock held and with no server answering."""
    end_processes(cluster.data)
    if sys.platform == "linux":
        # No process of this folder is left, so these are leftovers. PostgreSQL would trust the process number in them,
        # which after a reboot may be anyone's, and refuse to start.
        (cluster.data / "postmaster.pid").unlink(missing_ok=True)
        (cluster.socket_folder / SOCKET_NAME).unlink(missing_ok=True)
        (cluster.socket_folder / f"{SOCKET_NAME}.lock").unlink(missing_ok=True)
    log_file = cluster.home / "server.log"
    with _open_log(log_file, cluster.account) as log:
        starts_at = log.tell()
        process = subprocess.Popen(
            server_arguments(cluster, binaries, extra),
            cwd=cluster.home,
            env=server_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # the terminal's Ctrl-C is for the portal, which then stops the server in order
            umask=0o077,
            **run_options(cluster.account),
        )
    deadline = time.monotonic() + READY_WITHIN
    while ask(cluster.socket_folder) != "ready":
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            process.wait()
            said = log_file.read_bytes()[starts_at:].decode(errors="replace").strip()
            raise EmbeddedPostgresError(f"PostgreSQL did not start. Its log, {log_file}, says: {said}")
        time.sleep(POLL_EVERY)
    return process


def shut_down(cluster: Cluster, process: subprocess.Popen[bytes] | None) -> None:
    """Stop the server: fast, then at once, then by force. `process` is None where another process started it."""
    for signal_number, patience in ((signal.SIGINT, FAST_STOP_WITHIN), (signal.SIGQUIT, QUIT_STOP_WITHIN)):
        number = process.pid if process and process.poll() is None else _postmaster_of(cluster.data)
        if number is None:
            break
        _signal(number, signal_number)
        if _gone(cluster, process, patience):
            return
        logger.warning("PostgreSQL did not stop within %s s", patience)
    end_processes(cluster.data)


def end_processes(data: Path) -> None:
    """End every server process of the data folder, as after a postmaster's death: its children keep the memory.

    A new postmaster does not start while one of them lives, and a busy one lives until its query is done.
    """
    for signal_number, patience in ((signal.SIGQUIT, 1.0), (signal.SIGKILL, 5.0)):
        deadline = time.monotonic() + patience
        left = _processes_in(data)
        for number in left:
            _signal(number, signal_number)
        while left and time.monotonic() < deadline:
            time.sleep(POLL_EVERY)
            left = _processes_in(data)
        if not left:
            return


def _open_log(file: Path, account: Account | None) -> BinaryIO:
    if file.exists() and file.stat().st_size > LOG_LIMIT:
        file.rename(file.with_name("server.log.1"))
    # The folder is the account's: a link that it put here must not make root write somewhere else.
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    if account is not None:
        os.fchown(descriptor, account.uid, account.gid)
    return os.fdopen(descriptor, "ab")


def _gone(cluster: Cluster, process: subprocess.Popen[bytes] | None, patience: float) -> bool:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        own_has_ended = process is None or process.poll() is not None  # poll also reaps it
        if own_has_ended and ask(cluster.socket_folder) == "away" and not _processes_in(cluster.data):
            return True
        time.sleep(POLL_EVERY)
    return False


def _postmaster_of(data: Path) -> int | None:
    try:
        number = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None
    if sys.platform == "linux" and number not in _processes_in(data):
        return None  # a stale file: the number belongs to someone else by now
    return number


def _processes_in(data: Path) -> set[int]:
    """Return the server processes of a data folder: PostgreSQL's processes all work in it. Linux only, else none."""
    folder = str(data.resolve())
    found: set[int] = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if str((entry / "cwd").readlink()) == folder and (entry / "stat").read_text().rpartition(")")[2][1] != "Z":
                found.add(int(entry.name))
        except OSError:
            continue  # ended meanwhile, or another account's
    return found


def _signal(number: int, signal_number: int) -> None:
    try:
        os.kill(number, signal_number)
    except ProcessLookupError:
        return

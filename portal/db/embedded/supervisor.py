"""The embedded PostgreSQL as the portal's processes see it: start it or join it, watch it, leave it.

Two lock files in the portal's data folder order the processes, on one machine and without any process in charge:
`postgres.start.lock` is held by the one that starts or restarts the server; `postgres.users.lock` is shared by all that
use it, so that the one that gets it exclusively on leaving was the last and stops the server. The kernel lets both go
when a process dies, however it dies.
"""

import atexit
import contextlib
import fcntl
import logging
import os
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from portal.db.embedded.binaries import find_binaries
from portal.db.embedded.bootstrap import make_roles_and_database
from portal.db.embedded.cluster import Cluster, initialise, open_cluster
from portal.db.embedded.errors import EmbeddedPostgresError
from portal.db.embedded.postmaster import READY_WITHIN, launch, shut_down
from portal.db.embedded.probe import ask

WATCH_EVERY = 0.5  # seconds between two looks at the server
WAIT_FOR_WATCHER = 1.0  # seconds; one that is starting the server gives up when that is stopped

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError"]

logger = logging.getLogger("portal.db.embedded")


class EmbeddedPostgres:
    """One process's share in the embedded PostgreSQL of a data folder.

    Use it as a context manager, or call `start` and `stop`. Both block: call them outside the event loop or in a
    thread.

    `data_dir` is PORTAL_DATA_DIR; everything lies in its subfolder `postgres`, or, where root runs the portal and the
    server's account cannot enter `data_dir`, in the folder of /var/lib that `data_dir/postgres.home` names.
    `settings` are server settings that win over ours, for tests.
    """

    def __init__(self, data_dir: Path, settings: Mapping[str, str] | None = None) -> None:
        self._data_dir = data_dir.absolute()
        self._settings = dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._cluster: Cluster | None = None
        self._users_lock: int | None = None
        self._owner_process = 0
        self._leaving = threading.Event()
        self._watcher: threading.Thread | None = None

    def start(self) -> None:
        """Start the server, or join the one that another process started; return when it answers.

        The database `portal` and the roles exist afterwards, the schema does not: that is `migrate`'s work.

        Raises:
            EmbeddedPostgresError: nothing to run, or it does not start; the text says what helps.
        """
        if self._users_lock is not None:
            return
        self._owner_process = os.getpid()
        self._leaving.clear()
        try:
            self._join()
        except PermissionError as error:
            raise EmbeddedPostgresError(
                f"{error.filename or self._data_dir} belongs to another account. Run the portal as that account, or "
                "choose another PORTAL_DATA_DIR."
            ) from error
        atexit.register(self.stop)
        self._watcher = threading.Thread(target=self._watch, name="embedded-postgres", daemon=True)
        self._watcher.start()

    def stop(self) -> None:
        """Leave; the last user stops the server, within 7 seconds at worst. Safe to call twice and after a fork."""
        if self._users_lock is None or os.getpid() != self._owner_process:
            return
        users_lock, self._users_lock = self._users_lock, None
        atexit.unregister(self.stop)
        self._leaving.set()
        if self._watcher is not None:
            self._watcher.join(WAIT_FOR_WATCHER)
        try:
            # Of two that leave at once, the first gives up its share by trying and the second is then the last.
            fcntl.flock(users_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if self._cluster is not None:
                shut_down(self._cluster, self._process)
        except BlockingIOError:
            pass
        finally:
            os.close(users_lock)

    @property
    def app_url(self) -> str:
        """The address for the server: role portal_app."""
        return self.cluster.url("portal_app", self.cluster.passwords.app)

    @property
    def owner_url(self) -> str:
        """The address for migrations: role portal_owner."""
        return self.cluster.url("portal_owner", self.cluster.passwords.owner)

    @property
    def superuser_url(self) -> str:
        """The address for the set-up of roles, for people with psql, and for tests: role postgres."""
        return self.cluster.url("postgres", self.cluster.passwords.superuser)

    @property
    def cluster(self) -> Cluster:
        """Where the database lies; known once `start` was called."""
        if self._cluster is None:
            raise EmbeddedPostgresError("The embedded database was not started yet.")
        return self._cluster

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _join(self) -> None:
        # Root's folder must let the server's account pass (0711: pass, not list); each file inside is closed by itself.
        self._data_dir.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        users_lock = _open_lock(self._data_dir / "postgres.users.lock")
        try:
            fcntl.flock(users_lock, fcntl.LOCK_SH)  # waits while the last user is stopping the server
            with self._start_lock():
                self._cluster = open_cluster(self._data_dir)
                self._launch_unless_ready(self._cluster)
                # Always, since the process that made the data folder may have died before it came to this.
                make_roles_and_database(self._cluster)
        except BaseException:
            self._users_lock = users_lock
            self.stop()  # an interrupt after the launch must not leave a server behind that nobody uses
            raise
        self._users_lock = users_lock

    @contextlib.contextmanager
    def _start_lock(self) -> Iterator[None]:
        start_lock = _open_lock(self._data_dir / "postgres.start.lock")
        try:
            fcntl.flock(start_lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(start_lock)

    def _launch_unless_ready(self, cluster: Cluster) -> None:
        deadline = time.monotonic() + READY_WITHIN
        while (liveness := ask(cluster.socket_folder)) != "ready":
            if liveness == "away":
                binaries = find_binaries(cluster.account, cluster.data)
                initialise(cluster, binaries, self._settings)
                self._process = launch(cluster, binaries, self._settings)
                return
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(f"PostgreSQL in {cluster.data} runs but does not answer.")
            time.sleep(WATCH_EVERY)

    def _watch(self) -> None:
        """Start the server again when it died; every user watches, the start lock lets one act."""
        cluster = self.cluster
        while not self._leaving.wait(WATCH_EVERY):
            if self._process is not None:
                self._process.poll()  # reaps it, so that it does not stay behind as a zombie
            if ask(cluster.socket_folder) != "away":
                continue
            try:
                with self._start_lock():
                    if not self._leaving.is_set() and ask(cluster.socket_folder) == "away":
                        logger.warning("PostgreSQL is away; starting it again")
                        self._launch_unless_ready(cluster)
                        logger.warning("PostgreSQL answers again")
            except (EmbeddedPostgresError, OSError):
                logger.exception("PostgreSQL does not start again; trying once more")


def _open_lock(file: Path) -> int:
    return os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

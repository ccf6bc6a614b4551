"""`make run` without make: portal, database and demo app on free ports, and a look at what is left of them."""

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from tests.support.person import Person
from tests.support.server import ROOT, PortalServer, free_port

READY_WITHIN = 120.0  # seconds; the first start makes a database, on a machine that runs other tests as well
STOPPED_WITHIN = 10.0  # seconds; this is promised
READY_SIGN = "Everything runs."


@dataclass
class DevelopmentRun:
    """One set of data and ports; start it as often as you like."""

    data_dir: Path
    output: Path
    portal_port: int = field(default_factory=free_port)
    demo_port: int = field(default_factory=free_port)
    mark: str = field(default_factory=lambda: f"run-{uuid4()}")
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def portal_url(self) -> str:
        return f"http://localhost:{self.portal_port}"

    @property
    def demo_url(self) -> str:
        return f"http://127.0.0.1:{self.demo_port}"

    @property
    def environment(self) -> dict[str, str]:
        """The surroundings of this test run, without its settings, and a mark by which children are found."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PORTAL_", "DEMO_"))}
        return inherited | {
            "PORTAL_URL": self.portal_url,
            "PORTAL_DATA_DIR": str(self.data_dir),
            "DEMO_URL": self.demo_url,
            "RUN_MARK": self.mark,
        }

    def start(self, **options: object) -> None:
        """Start everything; `options` are those of Popen."""
        with self.output.open("wb") as output:
            given: dict[str, object] = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output}
            given |= {"cwd": ROOT, "env": self.environment, "start_new_session": True}
            self.process = subprocess.Popen([sys.executable, "-m", "portal.devtools.run"], **(given | options))

    def wait_until_ready(self, within: float = READY_WITHIN) -> None:
        """Return when it has said what to open."""
        deadline = time.monotonic() + within
        while READY_SIGN not in self.said():
            assert self.process is not None
            assert self.process.poll() is None, f"it ended:\n{self.said()}"
            assert time.monotonic() < deadline, f"it does not become ready:\n{self.said()}"
            time.sleep(0.1)

    def end(self, signal_number: int = signal.SIGINT) -> int:
        """Send a signal to it alone, as a terminal does to what runs in front, and return the exit status."""
        assert self.process is not None
        self.process.send_signal(signal_number)
        return self.process.wait(STOPPED_WITHIN)

    def said(self) -> str:
        return self.output.read_text(errors="replace") if self.output.exists() else ""

    def left(self) -> list[str]:
        """What there still is of it: processes, the database's too, and listeners."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                marked = f"RUN_MARK={self.mark}".encode() in (entry / "environ").read_bytes()
            except OSError:
                continue
            if marked or (str(self.data_dir) in command and "postgres" in command):
                found.append(f"{entry.name}: {command}")
        for port in (self.portal_port, self.demo_port):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    found.append(f"a listener on port {port}")
        return found

    def nothing_left(self, within: float = STOPPED_WITHIN) -> bool:
        """Whether all of it is gone in time."""
        deadline = time.monotonic() + within
        while self.left() and time.monotonic() < deadline:
            time.sleep(0.1)
        return not self.left()

    def kill_all(self) -> None:
        """Clean up after a test, whatever has become of it."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOPPED_WITHIN)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.nothing_left()
        for line in self.left():
            number = line.partition(":")[0]
            if number.isdigit():
                os.kill(int(number), signal.SIGKILL)

    def person(self) -> Person:
        """Somebody with a browser."""
        return Person(PortalServer(self.portal_url, {"PORT": str(self.portal_port)}, self.output))

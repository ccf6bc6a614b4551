"""What processes used, read from Linux's /proc: CPU time and memory.

https://www.kernel.org/doc/html/latest/filesystems/proc.html
"""

from collections.abc import Iterable
from pathlib import Path

PROC = Path("/proc")
# PostgreSQL's own writers work for whoever writes; the rest of its helpers would be noise.
SHARED_BACKENDS = ("walwriter", "background writer", "checkpointer")


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return the CPU time that processes have used with all their living threads, to the nanosecond.

    schedstat and not stat: its ticks of 10 ms would be a tenth of what one round measures.
    """
    total = 0
    for pid in pids:
        for schedstat in (PROC / str(pid) / "task").glob("*/schedstat"):
            total += int(_read(schedstat).split(" ", 1)[0] or 0)
    return total / 1e9


def with_children(pid: int) -> set[int]:
    """Return a process and everything it started that still lives."""
    parents = {int(entry.name): _parent(entry) for entry in PROC.glob("[0-9]*")}
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def backends(postmaster: int, database: str) -> set[int]:
    """Return the PostgreSQL processes that work for one database, the shared writers included."""
    found = set()
    for pid in with_children(postmaster) - {postmaster}:
        title = _read(PROC / str(pid) / "cmdline").replace("\0", " ").strip()
        if f" {database} " in f"{title} " or title.removeprefix("postgres: ").startswith(SHARED_BACKENDS):
            found.add(pid)
    return found


def proportional_memory(pids: Iterable[int]) -> float:
    """Return the memory of processes in MB (10^6 bytes), shared pages by their share (PSS)."""
    total = 0
    for pid in pids:
        for line in _read(PROC / str(pid) / "smaps_rollup").splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total * 1024 / 1e6


def _parent(entry: Path) -> int:
    fields = _read(entry / "stat").rpartition(")")[2].split()
    return int(fields[1]) if len(fields) > 1 else 0


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""  # it ended meanwhile

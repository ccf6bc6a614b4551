"""Interleaved measurement: every contender has its turn in every round, so that what disturbs one disturbs all.

Compared are medians over the rounds. A ratio of two of them carries over to other machines; a number alone does not.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median

from benchmarks.http_client import Load, Operation, run_load

CONNECTIONS = 8
FEWEST, MOST = 40, 5000  # operations in one turn


@dataclass(frozen=True, slots=True)
class Pace:
    """How long to measure."""

    rounds: int
    turn: float  # seconds of work that one turn aims at


FULL = Pace(rounds=7, turn=0.4)
QUICK = Pace(rounds=3, turn=0.2)


@dataclass(frozen=True, slots=True)
class Work:
    """One operation of one contender. `cpu_seconds` is what its processes have used so far, PostgreSQL's included."""

    contender: str
    port: int
    operation: Operation
    cpu_seconds: Callable[[], float]


@dataclass(slots=True)
class Figure:
    """What one work took, over all rounds."""

    contender: str
    _cpu: list[float] = field(default_factory=list)
    _rates: list[float] = field(default_factory=list)
    _all: Load = field(default_factory=Load)

    def add(self, load: Load, cpu_seconds: float) -> None:
        """Take the figures of one turn."""
        self._cpu.append(cpu_seconds / len(load.latencies))
        self._rates.append(load.rate)
        self._all.latencies += load.latencies

    @property
    def cpu(self) -> float:
        """CPU time of an operation in microseconds."""
        return median(self._cpu) * 1e6

    @property
    def rate(self) -> float:
        """Operations per second that it answered when asked without a pause."""
        return median(self._rates)

    @property
    def p50(self) -> float:
        """Half of the operations took at most this many milliseconds."""
        return self._all.quantile(0.5)

    @property
    def p99(self) -> float:
        """All but one of a hundred operations took at most this many milliseconds."""
        return self._all.quantile(0.99)


async def interleave(works: Sequence[Work], pace: Pace, *, connections: int = CONNECTIONS) -> list[Figure]:
    """Measure works side by side; the figures come in the order of the works."""
    counts = [await _warm_up(work, pace, connections) for work in works]
    figures = [Figure(work.contender) for work in works]
    for round_number in range(pace.rounds):
        turns = list(zip(works, counts, figures, strict=True))
        first = round_number % len(turns)  # nobody always follows the same neighbour
        for work, count, figure in turns[first:] + turns[:first]:
            before = work.cpu_seconds()
            load = await run_load(work.port, work.operation, count=count, connections=connections)
            figure.add(load, work.cpu_seconds() - before)
    return figures


async def _warm_up(work: Work, pace: Pace, connections: int) -> int:
    """Let caches fill, and return how many operations make a turn."""
    await run_load(work.port, work.operation, count=FEWEST, connections=connections)
    load = await run_load(work.port, work.operation, count=2 * FEWEST, connections=connections)
    return min(MOST, max(FEWEST, int(load.rate * pace.turn)))

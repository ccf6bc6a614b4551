"""The two tables of a run, as Markdown that reads well on a terminal."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from benchmarks.measure import Figure

Verdict = Literal["met", "missed", ""]


@dataclass(frozen=True, slots=True)
class GoalRow:
    """One goal: what was measured as a ratio or a figure, and what is aimed at."""

    goal: str
    work: str
    measured: str
    aim: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class FigureRow:
    """What one contender took for one work."""

    work: str
    contender: str
    cpu_us: str
    per_second: str
    p50_ms: str
    p99_ms: str
    statements_and_round_trips: str


@dataclass(slots=True)
class Report:
    """What a run found out."""

    goals: list[GoalRow] = field(default_factory=list)
    figures: list[FigureRow] = field(default_factory=list)

    def at_most(self, goal: str, work: str, value: float, aim: float, unit: str = "") -> None:
        """Note a value that should not be above the aim."""
        self._goal(goal, work, value, f"≤ {_number(aim)}{unit}", unit, met=value <= aim)

    def at_least(self, goal: str, work: str, value: float, aim: float, unit: str = "") -> None:
        """Note a value that should not be below the aim."""
        self._goal(goal, work, value, f"≥ {_number(aim)}{unit}", unit, met=value >= aim)

    def figure(self, work: str, figure: Figure, counts: object = "") -> None:
        """Note what a contender took."""
        self.figures.append(
            FigureRow(
                work,
                figure.contender,
                f"{figure.cpu:,.0f}",
                f"{figure.rate:,.0f}",
                f"{figure.p50:.2f}",
                f"{figure.p99:.2f}",
                str(counts),
            )
        )

    def times(self, work: str, contender: str, p50: float, p99: float, per_second: float | None = None) -> None:
        """Note times in milliseconds of work whose CPU is not compared."""
        rate = "" if per_second is None else f"{per_second:,.1f}"
        self.figures.append(FigureRow(work, contender, "", rate, f"{p50:.2f}", f"{p99:.2f}", ""))

    def markdown(self) -> str:
        """Return both tables."""
        goals = [[row.goal, row.work, row.measured, row.aim, row.verdict] for row in self.goals]
        figures = [list(asdict(row).values()) for row in self.figures]
        return "\n\n".join(
            [
                _table(["goal", "work", "measured", "aim", "result"], goals),
                _table(
                    ["work", "contender", "CPU µs", "per second", "p50 ms", "p99 ms", "statements / round trips"],
                    figures,
                ),
            ]
        )

    def save(self, file: Path) -> None:
        """Write everything as JSON, for programs that compare runs."""
        file.write_text(json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n")

    def _goal(self, goal: str, work: str, value: float, aim: str, unit: str, *, met: bool) -> None:
        self.goals.append(GoalRow(goal, work, f"{_number(value)}{unit}", aim, "met" if met else "missed"))


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads))]
    lines = [heads, ["-" * width for width in widths], *rows]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )

"""`make bench`: measures the portal beside its peers and prints what came out, goal by goal."""

import argparse
import asyncio
import signal
import sys
import time
from pathlib import Path

import uvloop

from benchmarks.goals import GOALS
from benchmarks.measure import FULL, QUICK
from benchmarks.report import Report
from benchmarks.stage import stage


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", default="", help=f"some goals, comma-separated: {', '.join(GOALS)}")
    parser.add_argument("--quick", action="store_true", help="a minute instead of six; the figures are rougher")
    parser.add_argument("--json", type=Path, help="also write everything into this file")
    arguments = parser.parse_args()
    chosen = [name for name in arguments.only.split(",") if name] or list(GOALS)
    if unknown := set(chosen) - set(GOALS):
        parser.error(f"there is no goal {', '.join(sorted(unknown))}; there are {', '.join(GOALS)}")
    report = uvloop.run(run(chosen, quick=arguments.quick))
    print(report.markdown())
    if arguments.json:
        report.save(arguments.json)


async def run(chosen: list[str], *, quick: bool) -> Report:
    """Measure the chosen goals in the order of `GOALS`."""
    report = Report()
    # Ended in order, or servers and a database would stay behind.
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with stage(QUICK if quick else FULL) as on:
        for name, goal in GOALS.items():
            if name in chosen:
                started = time.monotonic()
                await goal(on, report)
                print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return report


if __name__ == "__main__":
    main()

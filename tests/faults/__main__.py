"""`python -m tests.faults --verify` checks the list; `python -m tests.faults [AREA …]` seeds the faults.

Each fault is seeded in a copy of the tree. All of its tests must fail there: one that passes, or that cannot even be
collected, shows nothing.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.faults.fault import ROOT, Fault, problems, read_faults

NOT_COPIED = shutil.ignore_patterns(".git", ".venv", ".cache", ".data", ".*_cache", "__pycache__", ".hypothesis")
TESTS_FAILED = 1  # pytest's exit code; 2 to 5 are interrupted, broken, misused, nothing collected
WITHIN = 300  # seconds for the tests of one fault


def main(arguments: list[str]) -> int:
    """Return the exit code of the command."""
    if arguments == ["--verify"]:
        return _verify()
    return _seed_all(read_faults(arguments))


def _verify() -> int:
    faults = read_faults()
    wrong = [(fault, problem) for fault in faults for problem in problems(fault)]
    for fault, problem in wrong:
        print(f"tests/faults/{fault.area}.toml: {fault.name}: {problem}", file=sys.stderr)
    print(f"{len(faults)} seeded faults, {len(wrong)} problems")
    return 1 if wrong else 0


def _seed_all(faults: list[Fault]) -> int:
    survived = 0
    with tempfile.TemporaryDirectory(prefix="portal-faults-") as folder:
        Path(folder).chmod(0o755)  # the tests' PostgreSQL runs as another account
        tree = Path(folder) / "tree"
        shutil.copytree(ROOT, tree, ignore=NOT_COPIED)
        # Without a fault they must pass: a test that is red anyway would catch everything.
        # Sorted, so that what a file sets up is set up once.
        sound = _run(tree, tuple(sorted({test for fault in faults for test in fault.tests})), None, "-x")
        if sound.returncode != 0:
            print(f"The tests fail without a fault:\n{sound.stdout[-2000:]}", file=sys.stderr)
            return 1
        for fault in faults:
            outcome = "; ".join(problems(fault)) or _seed(fault, tree)
            if outcome.startswith("broken"):
                outcome = _seed(fault, tree)  # once more: on a busy machine a server may not be up in time
            survived += outcome != "caught"
            print(f"{outcome:<12} {fault.area}: {fault.name}", flush=True)
    print(f"{len(faults)} faults, {len(faults) - survived} caught")
    return 1 if survived else 0


def _seed(fault: Fault, tree: Path) -> str:
    path = tree / fault.file
    right = path.read_text(encoding="utf-8")
    path.write_text(right.replace(fault.find, fault.replace), encoding="utf-8")
    try:
        ran = _run(tree, fault.tests, WITHIN)
    except subprocess.TimeoutExpired:
        return "too slow"
    finally:
        path.write_text(right, encoding="utf-8")
    passed = [test for test in fault.tests if not _failed(test, ran.stdout)]
    if ran.returncode == TESTS_FAILED and not passed:
        return "caught"
    if ran.returncode in (0, TESTS_FAILED):
        return f"SURVIVED {', '.join(passed)}:"
    return f"broken ({ran.returncode})"


def _run(tree: Path, tests: tuple[str, ...], within: float | None, *options: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-rf", "-p", "no:cacheprovider", *options, *tests]
    return subprocess.run(
        command, cwd=tree, env=environment, capture_output=True, text=True, timeout=within, check=False
    )


def _failed(test: str, output: str) -> bool:
    # Of pytest's summary: an error there is a fixture that broke, and shows nothing.
    file, _, name = test.partition("::")
    return (
        re.search(rf"^FAILED {re.escape(file)}::(\w+::)*{re.escape(name)}(\[|::| |$)", output, re.MULTILINE) is not None
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The list of faults, tests/faults/<area>.toml, and what must hold of it without running anything."""

import ast
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Fault:
    """One fault: in `file` the text `find`, which stands there once, becomes `replace`; then `tests` must fail."""

    area: str
    name: str
    file: str
    find: str
    replace: str
    tests: tuple[str, ...]


def read_faults(areas: list[str] | None = None) -> list[Fault]:
    """Return the faults of these areas, or of all."""
    faults: list[Fault] = []
    for path in sorted(FOLDER.glob("*.toml")):
        if areas and path.stem not in areas:
            continue
        entries = tomllib.loads(path.read_text(encoding="utf-8"))["fault"]
        faults += [Fault(path.stem, **{**entry, "tests": tuple(entry["tests"])}) for entry in entries]
    return faults


def problems(fault: Fault) -> list[str]:
    """Return what is wrong with an entry: a text that moved, a test that was renamed."""
    found: list[str] = []
    path = ROOT / fault.file
    if not path.is_file():
        return [f"{fault.file} is not there"]
    times = path.read_text(encoding="utf-8").count(fault.find)
    if times != 1:
        found.append(f"its text stands {times} times in {fault.file}")
    if fault.find == fault.replace:
        found.append("it changes nothing")
    if not fault.tests:
        found.append("it names no test")
    found += [f"there is no test {test}" for test in fault.tests if not _exists(test)]
    return found


def _exists(test: str) -> bool:
    file, _, name = test.partition("::")
    path = ROOT / file
    if not path.is_file() or not name:
        return False
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    classes = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    return name.split("::")[-1].split("[")[0] in functions | classes

"""docs/adversarial.md has every attack of the list once, and names tests that exist."""

import ast
import re
from pathlib import Path

import pytest

from tests.faults.fault import read_faults
from tests.support.server import ROOT

PAGE = ROOT / "docs" / "adversarial.md"
# The families of attacks and their numbers; a new one is written here and then has no row until it has a test.
ATTACKS = {
    "A": (1, 2, 3, 5, 6, 8),
    "B": (1, 2, 3, 4, 6, 7, 8, 9, 10),
    "C": (1, 2, 3, 4, 5, 6, 7),
    "D": (1, 2, 5, 7),
    "E": (1, 3, 4, 5, 6),
    "F": (1, 2, 3, 4, 5, 7, 8),
    "G": (1, 3, 4, 5, 6, 7, 8, 9),
    "H": (1, 2, 3),
    "I": (1, 2, 3, 4, 5, 6, 8, 9, 10, 11),
    "J": (1, 2, 3, 5, 6, 7, 8, 9),
    "K": (1, 2, 3, 4, 5),
    "L": (1, 2, 3, 4, 5, 6),
    "M": (1,),
    "N": (1, 2, 3, 4, 5),
    "O": (1, 2, 3, 4),
    "P": (1, 2, 3, 4, 5),
    "Q": (1, 2, 4, 5),
    "R": (1, 2, 4, 5, 6),
    "S": (1,),
    "U": (1, 2, 3, 4, 5),
}
ROW = re.compile(r"^\| (?P<id>[A-Z]\d+) \| (?P<attack>[^|]+) \| (?P<tests>[^|]+) \| (?P<waits>[^|]*) \|$", re.MULTILINE)


def rows() -> list[dict[str, str]]:
    return [found.groupdict() for found in ROW.finditer(PAGE.read_text(encoding="utf-8"))]


def names_in(file: Path) -> set[str]:
    return {
        node.name
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }


def test_every_attack_has_one_row() -> None:
    expected = [f"{family}{number}" for family, numbers in ATTACKS.items() for number in numbers]
    assert [row["id"] for row in rows()] == expected
    assert len(expected) == 108


@pytest.mark.parametrize("row", rows(), ids=[row["id"] for row in rows()])
def test_a_row_names_tests_that_exist_or_what_it_waits_for(row: dict[str, str]) -> None:
    named = re.findall(r"`([^`]+)`", row["tests"])
    assert named or row["waits"].strip(), "neither a test nor a reason"
    for test in named:
        file, _, name = test.partition("::")
        assert (ROOT / "tests" / file).is_file(), test
        assert not name or name in names_in(ROOT / "tests" / file), test


@pytest.mark.parametrize("row", rows(), ids=[row["id"] for row in rows()])
def test_a_test_of_a_row_has_failed_on_a_seeded_fault(row: dict[str, str]) -> None:
    named = [f"tests/{test}" for test in re.findall(r"`([^`]+)`", row["tests"])]
    seeded = {test for fault in read_faults() for test in fault.tests}
    found = any(test == name or test.startswith(f"{name}::") for name in named for test in seeded)
    assert found or not named


def test_no_test_claims_an_attack_that_is_not_in_the_list() -> None:
    known = {f"{family}{number}" for family, numbers in ATTACKS.items() for number in numbers}
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        for claimed in re.findall(r"mark\.adversarial\(([^)]*)\)", file.read_text(encoding="utf-8")):
            assert set(re.findall(r'"([^"]+)"', claimed)) <= known, f"{file.name}: {claimed}"

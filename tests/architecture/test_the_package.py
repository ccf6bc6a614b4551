"""What is installed: locked packages by hash, and a wheel that carries its pages, files and SQL."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def locked(name: str) -> dict[str, str]:
    """Return package -> version with its hashes of one lock."""
    text = (ROOT / "requirements" / name).read_text()
    entries = re.split(r"\n(?=[a-z0-9])", text.split("\n", 2)[2])
    return {entry.split("==")[0]: entry for entry in entries if entry.strip()}


def test_every_locked_package_has_a_hash() -> None:
    for lock in ("run.txt", "test.txt"):
        entries = locked(lock)
        assert len(entries) > 30
        assert [package for package, entry in entries.items() if "--hash=sha256:" not in entry] == []


def test_the_tests_run_on_exactly_what_is_deployed() -> None:
    run, test = locked("run.txt"), locked("test.txt")
    assert {package: test.get(package) for package in run} == run


def test_no_lock_names_a_place_to_download_from() -> None:
    for lock in ("run.txt", "test.txt"):
        assert re.findall(r"https?://|file:|--index-url|--find-links", (ROOT / "requirements" / lock).read_text()) == []


def test_every_package_that_the_project_names_is_locked() -> None:
    declared = re.search(r"\ndependencies = \[\n(.*?)\n\]", (ROOT / "pyproject.toml").read_text(), re.DOTALL)
    assert declared is not None
    names = set(re.findall(r'"([a-z0-9-]+)', declared[1]))
    assert len(names) > 10
    assert names - set(locked("run.txt")) == set()


def test_the_wheel_carries_templates_static_files_and_migrations(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    missing = [
        path.relative_to(ROOT)
        for folder in ("templates", "static", "migrations")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and f"portal/_assets/{path.relative_to(ROOT)}" not in inside
    ]
    assert missing == []
    assert "portal/__main__.py" in inside

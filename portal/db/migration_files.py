"""The numbered SQL files, and which of them a database still needs. Nothing here touches a database.

migrations/README.md says what belongs into which folder.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["schema", "functions", "policies"]
KINDS: tuple[Kind, ...] = ("schema", "functions", "policies")  # in the order in which they are applied

_NUMBERED = re.compile(r"(\d{3,4})_[a-z0-9_]+\.sql")


class MigrationError(Exception):
    """The database cannot be brought up; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class MigrationFile:
    """One file of SQL. `name` is unique in its kind, `checksum` the SHA-256 of the text, hexadecimal."""

    kind: Kind
    name: str
    text: str
    checksum: str

    @property
    def path(self) -> str:
        """The name as people know it, such as `schema/0001_schema.sql`."""
        return f"{self.kind}/{self.name}"


Journal = Mapping[tuple[str, str], str]  # (kind, name) -> checksum of what ran


@dataclass(frozen=True, slots=True)
class Plan:
    """What a database still needs. Functions and policies are applied together, all of their kind, or not at all."""

    schema: tuple[MigrationFile, ...]
    functions: tuple[MigrationFile, ...]
    policies: tuple[MigrationFile, ...]
    changed: tuple[str, ...]  # paths of the new and changed files, what a dry run shows
    newer: tuple[str, ...]  # paths of schema files that a newer release ran here

    @property
    def files(self) -> tuple[MigrationFile, ...]:
        """Every file to run, in order."""
        return (*self.schema, *self.functions, *self.policies)


def read_migrations(folder: Path) -> list[MigrationFile]:
    """Read every SQL file, in the order in which they run.

    Raises:
        MigrationError: for a file without a number, or a number that two files of a kind carry.
    """
    files: list[MigrationFile] = []
    for kind in KINDS:
        numbers: dict[str, str] = {}
        for path in sorted((folder / kind).glob("*.sql")):
            numbered = _NUMBERED.fullmatch(path.name)
            if numbered is None:
                raise MigrationError(f"{kind}/{path.name} must be named like 0001_what_it_does.sql.")
            if other := numbers.get(numbered[1]):
                raise MigrationError(f"{kind}/{path.name} and {kind}/{other} have the same number.")
            numbers[numbered[1]] = path.name
            text = path.read_text(encoding="utf-8")  # universal newlines: a checkout's line ends change no checksum
            files.append(MigrationFile(kind, path.name, text, hashlib.sha256(text.encode()).hexdigest()))
    if not files:
        raise MigrationError(f"There are no SQL files in {folder}.")
    return files


def make_plan(files: list[MigrationFile], journal: Journal) -> Plan:
    """Compare the files with what ran on a database.

    Raises:
        MigrationError: a schema file was edited after it ran.
    """
    known = {(file.kind, file.name) for file in files}
    newer = tuple(f"{kind}/{name}" for kind, name in journal if kind == "schema" and (kind, name) not in known)
    for file in files:
        ran = journal.get((file.kind, file.name))
        if file.kind == "schema" and ran not in (None, file.checksum):
            raise MigrationError(
                f"{file.path} was changed after it ran on this database. Schema files run once: restore its text "
                "and put the change into a new file with the next number."
            )
    if newer:
        # An older release beside or after a newer one: its functions must not replace the newer ones.
        return Plan((), (), (), (), newer)
    changed = [file for file in files if journal.get((file.kind, file.name)) != file.checksum]
    schema = tuple(file for file in changed if file.kind == "schema")

    def all_of(kind: Kind) -> tuple[MigrationFile, ...]:
        needed = bool(schema) or any(file.kind == kind for file in changed)
        return tuple(file for file in files if file.kind == kind) if needed else ()

    return Plan(schema, all_of("functions"), all_of("policies"), tuple(file.path for file in changed), ())

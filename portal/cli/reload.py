"""`portal serve --reload`: start again when a file of the portal changes. For development."""

from collections.abc import Iterator
from pathlib import Path

from uvicorn.supervisors.statreload import StatReload

WATCHED = frozenset({".py", ".html", ".txt", ".css", ".js", ".svg"})  # templates and static files are read at start


class ReloadOnChange(StatReload):
    """uvicorn's polling reloader, which alone looks at Python files only."""

    def iter_py_files(self) -> Iterator[Path]:
        """Return every file that the portal reads at start."""
        for folder in self.config.reload_dirs:
            yield from (path for path in folder.rglob("*") if path.suffix in WATCHED)

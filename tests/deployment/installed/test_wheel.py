"""The wheel, installed outside the checkout by an ordinary user with an empty home: it serves, and curl logs in."""

import subprocess
import sys
from pathlib import Path

from tests.deployment.installed.stranger import a_stranger, an_address, give
from tests.support.server import ROOT


def test_the_installed_wheel_serves_and_curl_logs_in(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)], cwd=ROOT, check=True
    )
    [wheel] = tmp_path.glob("*.whl")
    with a_stranger() as stranger:
        give(stranger, wheel, stranger.folder / wheel.name)
        give(stranger, ROOT / "requirements" / "run.txt", stranger.folder / "run.txt")
        stranger.run("python3", "-m", "venv", "venv")
        pip = [stranger.folder / "venv" / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check"]
        stranger.run(*pip, "--require-hashes", "--only-binary", ":all:", "-r", "run.txt")
        stranger.run(*pip, "--no-deps", wheel.name)
        portal, url = stranger.folder / "venv" / "bin" / "portal", an_address()
        with stranger.serving([str(portal), "serve"], url):
            stranger.make_account(portal, url)
            stranger.logs_in_with_curl(url)

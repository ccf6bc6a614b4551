"""The README is true: its own commands lead to a logged-in demo app, and what it lists is there."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from portal.cli import main as portal_command
from portal.settings import KNOWN_NAMES
from tests.demo.running import STOPPED_WITHIN, DevelopmentRun
from tests.support.server import ROOT, SEEDED_PASSWORD

README = (ROOT / "README.md").read_text()
INSTALLED_WITHIN = 300.0  # seconds; it downloads some sixty packages, into an empty home
NOBODY = 65534  # an ordinary user without a home
# Set by make, pytest and virtual environments; a stranger's terminal has none of them.
OURS = ("PORTAL_", "DEMO_", "MAKE", "MFLAGS", "VIRTUAL_ENV", "PYTEST", "PYTHON", "PIP_CACHE", "XDG_")


@pytest.fixture
def strangers_folder() -> Iterator[Path]:
    """Where a stranger works: a copy of this checkout as git would clone it, and a home with nothing in it."""
    folder = Path(tempfile.mkdtemp(prefix="portal-readme-"))
    folder.chmod(0o755)
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).exists():
            target = folder / "portal" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target)
    (folder / "home").mkdir(mode=0o500)
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
    yield folder
    shutil.rmtree(folder)


def commands_after_the_clone() -> str:
    """The README's first block of commands, without the line that fetches what we are."""
    [block] = re.findall(r"```sh\n(git clone .*?)```", README, re.DOTALL)
    clone, rest = block.split("\n", 1)
    assert clone.endswith(" portal"), "the clone goes into the folder that the next line enters"
    return rest


def commands_for_a_code() -> str:
    """What the README says to type in another terminal."""
    [block] = re.findall(r"```sh\n(export PORTAL_DATA_DIR[^`]*? users totp [^`]*)```", README)
    return block


def code_command_said(run: DevelopmentRun) -> str:
    """What `make run` itself says to type there."""
    [command] = re.findall(r"^ *(PORTAL_DATA_DIR=\S+ \S+ users totp \S+)$", run.said(), re.MULTILINE)
    return command


def test_the_first_commands_lead_a_stranger_to_a_logged_in_demo_app(strangers_folder: Path) -> None:
    """As an ordinary user where we may become one, with nothing but git, make and Python."""
    run = DevelopmentRun(strangers_folder / "portal" / ".data", strangers_folder / "output.txt")
    clean = {name: value for name, value in run.environment.items() if not name.startswith(OURS)}
    environment = clean | {
        "HOME": str(strangers_folder / "home"),
        "PORTAL_URL": run.portal_url,
        "DEMO_URL": run.demo_url,
        "RUN_MARK": run.mark,
    }
    as_stranger = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
    with run.output.open("wb") as output:
        run.process = subprocess.Popen(
            ["/bin/sh", "-ec", commands_after_the_clone()],
            cwd=strangers_folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            **as_stranger,
        )
    try:
        run.wait_until_ready(INSTALLED_WITHIN)
        for address in (run.portal_url, run.demo_url):
            assert address in run.said()
        with run.person() as alice:
            alice.open(run.demo_url).follow("Log in").submit("/login", email="alice@example.com")
            alice.submit("/login/password", password=SEEDED_PASSWORD)
            alice.submit("/oauth2/consent", {"decision": "allow"})
            assert alice.page.heading == "You are logged in"
        for command in (commands_for_a_code(), code_command_said(run)):
            elsewhere = {"cwd": strangers_folder / "portal", "env": environment, **as_stranger}
            code = subprocess.run(["/bin/sh", "-ec", command], capture_output=True, text=True, check=True, **elsewhere)
            assert re.fullmatch(r"[0-9]{6}\n", code.stdout), command
        with run.person() as bo:
            bo.log_in("bo@example.com", SEEDED_PASSWORD).submit("/login/totp", code=code.stdout.strip())
            assert bo.path == "/account"
        os.killpg(run.process.pid, signal.SIGINT)  # Ctrl-C reaches everything that the terminal has in front
        ended_at = time.monotonic()
        run.process.wait(STOPPED_WITHIN)
        assert run.nothing_left(STOPPED_WITHIN - (time.monotonic() - ended_at)), run.left()
        assert list((strangers_folder / "home").iterdir()) == []
    finally:
        run.kill_all()


def test_every_make_target_is_listed_and_every_listed_one_is_there() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z0-9-]+)[ `]", README)) == targets


def test_every_portal_command_is_listed_and_every_listed_one_is_there() -> None:
    context = click.Context(portal_command)
    there = set()
    for name in portal_command.list_commands(context):
        command = portal_command.get_command(context, name)
        assert command is not None
        there |= {f"{name} {inner}" for inner in command.commands} if isinstance(command, click.Group) else {name}
    groups = {name.split()[0] for name in there if " " in name}
    listed = set()
    for first, second in re.findall(r"`portal ([a-z]+)(?: ([a-z-]+))?", README):
        listed.add(f"{first} {second}" if first in groups else first)
    assert listed == there


def test_every_option_of_a_listed_command_is_there() -> None:
    context = click.Context(portal_command)
    for line in re.findall(r"`portal ([a-z][^`]*)`", README):
        words = line.split()
        command = portal_command.get_command(context, words[0])
        if isinstance(command, click.Group):
            command = command.commands[words[1]]
        assert command is not None
        known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
        assert set(re.findall(r"--[a-z-]+", line)) <= known, line


def test_the_settings_listed_are_the_settings_known() -> None:
    section = README.split("\n## Settings\n")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| (.*?) \|", section, re.MULTILINE)) >= {"`PORTAL_URL`"}
    first_cells = " ".join(re.findall(r"^\| (`PORTAL_.*?) \|", section, re.MULTILINE))
    assert set(re.findall(r"`(PORTAL_[A-Z_]+)`", first_cells)) == KNOWN_NAMES


@pytest.mark.parametrize(
    "document", [path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))]
)
def test_every_link_to_a_file_leads_to_one(document: str) -> None:
    text = (ROOT / document).read_text()
    for target in re.findall(r"\]\((?!https?://|#|mailto:)([^)#]+)", text):
        assert (ROOT / document).parent.joinpath(target).exists(), target

"""`make run`: everything comes up, a person gets into the demo app, and nothing stays behind."""

import fcntl
import os
import signal
import socket
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.demo.running import DevelopmentRun
from tests.support.database import temporary_data_dir
from tests.support.person import Person
from tests.support.server import SEEDED_PASSWORD


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    """One database for this file: the first start makes it, the later ones find it."""
    with temporary_data_dir() as folder:
        yield folder


@pytest.fixture
def run(data_dir: Path, tmp_path: Path) -> Iterator[DevelopmentRun]:
    running = DevelopmentRun(data_dir, tmp_path / "output.txt")
    yield running
    running.kill_all()


def log_in_to_the_demo_app(person: Person, demo_url: str) -> None:
    person.open(demo_url).follow("Log in")
    person.submit("/login", email="alice@example.com").submit("/login/password", password=SEEDED_PASSWORD)
    if person.path.startswith("/oauth2/authorize"):
        person.submit("/oauth2/consent", {"decision": "allow"})


def test_a_person_gets_into_the_demo_app_and_a_second_run_still_knows_them(run: DevelopmentRun) -> None:
    run.start()
    run.wait_until_ready()
    for told in (run.portal_url, run.demo_url, "alice@example.com", "dana@example.com", SEEDED_PASSWORD, "/dev/inbox"):
        assert told in run.said()
    with run.person() as alice:
        log_in_to_the_demo_app(alice, run.demo_url)
        assert alice.page.heading == "You are logged in"
        assert 'data-claim="email">alice@example.com<' in alice.response.text
        assert f'data-claim="iss">{run.portal_url}<' in alice.response.text

        ended_at = time.monotonic()
        assert run.end(signal.SIGINT) == 0, run.said()
        assert run.nothing_left(10 - (time.monotonic() - ended_at)), run.left()

        run.start()
        run.wait_until_ready()
        assert alice.is_logged_in()
        # The app has forgotten her, the portal has not: one press on "Log in", no password, no question.
        alice.open(run.demo_url).follow("Log in")
        assert alice.page.heading == "You are logged in"
        assert all("/login?" not in place for place in alice.way)
    assert run.end(signal.SIGTERM) == 0, run.said()
    assert run.nothing_left(), run.left()


def test_a_closed_terminal_ends_everything(run: DevelopmentRun) -> None:
    ours, its = os.openpty()
    # The terminal becomes its controlling one, whose end sends SIGHUP; what it writes afterwards goes nowhere.
    run.start(stdin=its, stdout=its, stderr=its, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
    os.close(its)
    seen = b""
    while b"Ctrl-C stops everything" not in seen:
        seen += os.read(ours, 10_000)
    os.close(ours)
    assert run.process is not None
    run.process.wait(10)
    assert run.nothing_left(), run.left()


@pytest.mark.parametrize(("which", "name"), [("portal serve", "portal"), ("demo_app/main.py", "demo app")])
def test_when_one_program_dies_the_other_ends_too_and_it_says_so(run: DevelopmentRun, which: str, name: str) -> None:
    run.start()
    run.wait_until_ready()
    [victim] = [line for line in run.left() if which in line]
    os.kill(int(victim.partition(":")[0]), signal.SIGKILL)
    assert run.process is not None
    assert run.process.wait(15) == 1
    assert f"The {name} ended by itself" in run.said()
    assert run.nothing_left(), run.left()


def test_killed_outright_it_takes_everything_with_it(run: DevelopmentRun) -> None:
    run.start()
    run.wait_until_ready()
    assert run.end(signal.SIGKILL) == -signal.SIGKILL
    assert run.nothing_left(), run.left()


@pytest.mark.parametrize(("port", "setting"), [("portal_port", "PORTAL_URL"), ("demo_port", "DEMO_URL")])
def test_a_taken_port_is_a_plain_sentence(run: DevelopmentRun, port: str, setting: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        setattr(run, port, number)
        run.start()
        assert run.process is not None
        assert run.process.wait(30) == 1
    assert f"port {number}" in run.said()
    assert f"{setting}=http://" in run.said()
    assert "Traceback" not in run.said()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"DEMO_URL": "http://localhost:8001"}, "DEMO_URL must be http://127.0.0.1 with a port"),
        ({"DEMO_URL": "http://127.0.0.1:x"}, "DEMO_URL must be http://127.0.0.1 with a port"),
        ({"PORTAL_URL": "https://login.example.com"}, "PORTAL_DEV=1 needs PORTAL_URL to be on localhost"),
        ({"PORTAL_DEV": "0"}, "This is for development only"),
        ({"PORTAL_COLOUR": "red"}, "PORTAL_COLOUR is not a setting"),
    ],
)
def test_settings_that_do_not_fit_are_a_plain_sentence(
    run: DevelopmentRun, settings: dict[str, str], sentence: str
) -> None:
    run.start(env=run.environment | settings)
    assert run.process is not None
    assert run.process.wait(30) == 1
    assert sentence in run.said()
    assert "Traceback" not in run.said()

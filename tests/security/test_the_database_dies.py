"""kill -9 of the postmaster during logins: 503 with Retry-After, nobody in meanwhile, and it heals by itself."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.database import temporary_data_dir
from tests.support.server import SEEDED_PASSWORD, PortalServer, an_address, prepare_server

HEALED_WITHIN = 30.0  # seconds; it takes about two, but for a busy machine
LOGIN = {"email": "alice@example.com", "password": SEEDED_PASSWORD}


@pytest.fixture
def mortal_portal() -> Iterator[PortalServer]:
    """A portal that brings its own embedded PostgreSQL, as `make run` does."""
    with temporary_data_dir() as data_dir:
        server = prepare_server(data_dir)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def postmaster(portal: PortalServer) -> int:
    """The process id of the server's own PostgreSQL."""
    [file] = Path(portal.environment["PORTAL_DATA_DIR"]).rglob("postmaster.pid")
    return int(file.read_text().split("\n", 1)[0])


def log_in(portal: PortalServer) -> httpx.Response:
    headers = {"origin": portal.url, "x-forwarded-for": an_address()}
    return httpx.post(f"{portal.url}/login/password", data=LOGIN, headers=headers, timeout=30)


@contextlib.contextmanager
def login_storm(portal: PortalServer) -> Iterator[list[httpx.Response]]:
    """Four people log in again and again; gives the list that their answers go to."""
    over = threading.Event()
    answers: list[httpx.Response] = []

    def keep_logging_in() -> None:
        while not over.is_set():
            answers.append(log_in(portal))

    people = [threading.Thread(target=keep_logging_in) for _ in range(4)]
    for person in people:
        person.start()
    try:
        yield answers
    finally:
        over.set()
        for person in people:
            person.join(60)


def wait_for(answers: list[httpx.Response], status: int) -> None:
    """Return when one of the answers that come from now on has the status."""
    begin, deadline = len(answers), time.monotonic() + HEALED_WITHIN
    while not any(answer.status_code == status for answer in answers[begin:]):
        assert time.monotonic() < deadline, f"no {status} within {HEALED_WITHIN} s"
        time.sleep(0.02)


@pytest.mark.asvs("16.5.2", "16.5.3")
def test_killing_the_database_during_logins_lets_nobody_in_and_heals(mortal_portal: PortalServer) -> None:
    before = log_in(mortal_portal)
    assert before.status_code == 303
    with login_storm(mortal_portal) as answers:
        wait_for(answers, 303)
        os.kill(postmaster(mortal_portal), signal.SIGKILL)
        wait_for(answers, 503)
        wait_for(answers, 303)
    assert {answer.status_code for answer in answers} == {303, 503}, mortal_portal.log()[-6000:]
    for answer in answers:
        if answer.status_code == 503:
            assert 1 <= int(answer.headers["retry-after"]) <= 30
            assert "portal_session" not in answer.headers.get("set-cookie", "")
            assert "We will be right back" in answer.text
    # Every session that was given is in the database, the one from before the crash too.
    for given in [before, *(answer for answer in answers if answer.status_code == 303)]:
        cookies = {"portal_session": given.cookies["portal_session"]}
        assert httpx.get(f"{mortal_portal.url}/account", cookies=cookies, timeout=30).status_code == 200


def test_a_database_that_was_never_there_is_said_plainly() -> None:
    """A wrong address is a failed start, not a portal that answers 503 for ever."""
    with temporary_data_dir() as data_dir:
        server = prepare_server(data_dir, PORTAL_DATABASE_URL="postgresql://portal_app:x@127.0.0.1:1/portal")
        with pytest.raises(AssertionError, match="The database does not answer"):
            server.start()

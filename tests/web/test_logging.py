"""Structured logs: one valid line per event, no secrets, nothing that a stranger sends breaks a line."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from portal.web.logging import ConsoleFormatter, JsonFormatter, bind_request, get_logger

Lines = Callable[[], list[str]]


@pytest.fixture
def json_lines() -> Iterator[Lines]:
    yield from capture(JsonFormatter())


@pytest.fixture
def console_lines() -> Iterator[Lines]:
    yield from capture(ConsoleFormatter())


def capture(formatter: logging.Formatter) -> Iterator[Lines]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logger = logging.getLogger("portal.test")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    yield lambda: stream.getvalue().splitlines()
    logger.removeHandler(handler)


log = get_logger("portal.test")


@pytest.mark.asvs("16.2.1", "16.2.2", "16.2.4")
def test_an_event_is_one_json_object_with_time_level_name_and_fields(json_lines: Lines) -> None:
    with bind_request("r-1", "acme"):
        log.info("login_failed", reason="wrong_password", tries=3)
    log.warning("outside")
    inside, outside = (json.loads(line) for line in json_lines())
    moment = datetime.fromisoformat(inside.pop("time"))
    assert moment.utcoffset() == timedelta(0)
    assert inside == {
        "level": "info",
        "event": "login_failed",
        "logger": "portal.test",
        "request_id": "r-1",
        "namespace": "acme",
        "reason": "wrong_password",
        "tries": 3,
    }
    assert outside["event"] == "outside"
    assert "request_id" not in outside


@pytest.mark.asvs("16.2.5")
@pytest.mark.parametrize(
    "key",
    [
        "password",
        "new_password",
        "client_secret",
        "token",
        "Authorization",
        "cookie",
        "set-cookie",
        "code",
        "auth_code",
    ],
)
def test_a_field_with_the_name_of_a_secret_is_removed(key: str, json_lines: Lines, console_lines: Lines) -> None:
    log.info("event", **{key: "MARKER"}, nested={key: "MARKER"}, listed=[{key: "MARKER"}])
    [line] = json_lines()
    assert "MARKER" not in line + "".join(console_lines())
    assert json.loads(line)[key] == "[removed]"


def test_ordinary_fields_are_kept(json_lines: Lines) -> None:
    log.info("event", status=200, ms=1.5, ok=True, nothing=None, country_codes=["de"], decoded="yes")
    [line] = json_lines()
    event = json.loads(line)
    assert (event["status"], event["ms"], event["ok"]) == (200, 1.5, True)
    assert event["country_codes"] == ["de"]
    assert event["decoded"] == "yes"
    assert "nothing" not in event


@pytest.mark.asvs("16.2.5", "14.2.1")
@pytest.mark.parametrize(
    "text",
    [
        "GET /link/MARKER HTTP/1.1",
        "http://localhost:8000/link/MARKER",
        "/link/MARKER/more",
        "/account/passkeys/undo/MARKER",
        "http://localhost:8000/invite/MARKER",
        "/oauth2/callback?code=MARKER&state=MARKER",
        "https://app.example/cb?state=1&code=MARKER.",
    ],
)
def test_a_link_token_and_a_query_string_are_removed_from_any_text(text: str, json_lines: Lines) -> None:
    log.info("event", path=text)
    logging.getLogger("portal.test").warning("a library says: %s", text)
    lines = json_lines()
    assert len(lines) == 2
    assert "MARKER" not in "".join(lines)


@pytest.mark.asvs("16.4.1")
@pytest.mark.adversarial("U4")
@pytest.mark.parametrize(
    "hostile",
    [
        '\n{"event":"login.success"}',
        "\r\n",
        "\x1b[31mred\x1b[0m",
        "\x9b31m",
        "\u2028next",
        "\u202etxt",
        "\x00",
        "\x7f",
        "\ud800",
        "\x85",
        '","event":"login.success',
    ],
)
def test_no_text_forges_or_breaks_a_line(hostile: str, json_lines: Lines, console_lines: Lines) -> None:
    log.info("honest")
    log.info("event", user_agent=hostile, **{f"key{hostile}": 1})
    logging.getLogger("portal.test").warning("a library says: %s", hostile)
    for lines in (json_lines(), console_lines()):
        assert len(lines) == 3
        assert all(character.isprintable() for line in lines for character in line)
    assert [json.loads(line)["event"] for line in json_lines()][:2] == ["honest", "event"]


@pytest.mark.adversarial("U4")
def test_a_megabyte_is_cut_to_a_kilobyte(json_lines: Lines) -> None:
    log.info("event", user_agent="x" * 1_000_000, other="?" * 1_000_000, many={str(n): "y" * 5000 for n in range(100)})
    [line] = json_lines()
    event = json.loads(line)
    assert len(event["user_agent"]) == 1024
    assert len(event["other"]) == 1024
    assert len(line) < 60_000


def test_a_fault_is_logged_with_its_traceback_on_one_line(json_lines: Lines, console_lines: Lines) -> None:
    try:
        raise ValueError("went wrong at /link/MARKER\nforged line")
    except ValueError as error:
        log.exception("job_failed", error=error, job="outbox")
    [line] = json_lines()
    event = json.loads(line)
    assert event["job"] == "outbox"
    assert event["traceback"][-2] == "ValueError: went wrong at /link/[removed]"
    assert "MARKER" not in line + "".join(console_lines())
    first, *rest = console_lines()
    assert "job_failed" in first
    assert all(line.startswith("    ") for line in rest)


def test_numbers_that_json_lacks_do_not_break_the_line(json_lines: Lines) -> None:
    log.info("event", huge=2**70, not_a_number=float("nan"), infinite=float("inf"))
    [line] = json_lines()
    event = json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert event["huge"] == str(2**70)


def test_what_cannot_be_shown_does_not_break_the_line(json_lines: Lines) -> None:
    class Unshowable:
        def __str__(self) -> str:
            raise RuntimeError

    log.info("event", thing=Unshowable())
    assert "cannot be shown" in json_lines()[0]
    library = logging.LogRecord("library", logging.INFO, "", 0, "%d tries", ("no number",), None)
    assert json.loads(JsonFormatter().format(library))["event"] == "%d tries"


def test_the_console_line_reads_like_a_sentence(console_lines: Lines) -> None:
    log.info("login_failed", reason="wrong password", tries=3)
    [line] = console_lines()
    assert line[13:] == 'info    login_failed logger=portal.test reason="wrong password" tries=3'


def test_every_thread_and_task_has_its_own_request(json_lines: Lines) -> None:
    import asyncio

    async def request(name: str) -> None:
        with bind_request(name, None):
            await asyncio.sleep(0)
            log.info("event", expected=name)

    async def both() -> None:
        await asyncio.gather(*(request(f"r-{n}") for n in range(5)))

    asyncio.run(both())
    events: list[dict[str, Any]] = [json.loads(line) for line in json_lines()]
    assert [event["request_id"] for event in events] == [event["expected"] for event in events]

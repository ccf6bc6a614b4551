"""`make run`: the portal and the demo app together, until Ctrl-C or until one of them ends.

Each is a process of its own, as apart as an app and its provider are anywhere. This one starts, watches and stops them,
and holds a share in the embedded database, so that it is stopped too when the portal can no longer do so.
"""

import argparse
import asyncio
import contextlib
import ctypes
import http.client
import os
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.parse import SplitResult, urlsplit

from portal.db.embedded import EmbeddedPostgres
from portal.devtools.seeds import (
    ACCOUNTS,
    BY_MAIL_ONLY,
    DEMO_CLIENT_ID,
    DEMO_CLIENT_SECRET,
    DEMO_ORIGIN,
    PASSWORD,
    WITH_AN_APP,
)
from portal.settings import Settings, SettingsError, load_settings

ROOT = Path(__file__).resolve().parents[2]
DEMO_APP = ROOT / "examples" / "demo_app" / "main.py"

READY_WITHIN = 180.0  # seconds; the first start makes a database, on a slow disk
STOP_WITHIN = 9.0  # seconds for the orderly stop; with what comes after it, ten
ASK_EVERY = 0.1  # seconds between two questions whether a program answers
ASK_TIMEOUT = 3.0  # seconds
PR_SET_PDEATHSIG = 1  # prctl(2)


@dataclass(frozen=True, slots=True)
class Program:
    """One of the programs: how to start it, and where it answers once it is ready."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    host: str
    port: int
    ready_path: str
    setting: str  # the environment variable that moves it to another port


def main() -> None:
    """Run until told to stop. Exit status 0 then, 1 where something did not start or ended by itself."""
    parser = argparse.ArgumentParser(prog="python -m portal.devtools.run", description=__doc__)
    parser.add_argument("--reload", action="store_true", help="start again when a file changes")
    reload = parser.parse_args().reload
    environment = {"PORTAL_DEV": "1", "PORTAL_DATA_DIR": str(ROOT / ".data"), **os.environ}
    try:
        settings = load_settings(environment)
    except SettingsError as error:
        _give_up(str(error))
    if not settings.dev:
        _give_up("This is for development only: it needs PORTAL_DEV=1. To serve for real, use `portal serve`.")
    demo_url = environment.get("DEMO_URL", DEMO_ORIGIN).rstrip("/")
    demo = _place(demo_url)
    programs = (_portal(settings, environment, reload=reload), _demo_app(settings, environment, demo, reload=reload))
    for program in programs:
        _refuse_taken_port(program)
    database = None if settings.database_url else EmbeddedPostgres(settings.data_dir)
    sys.exit(asyncio.run(_run(programs, database, _what_to_open(settings, demo_url))))


def _place(demo_url: str) -> SplitResult:
    """Read DEMO_URL: on 127.0.0.1, which is another site than localhost, so that cookies are really tried."""
    parts = urlsplit(demo_url)
    try:
        usable = parts.scheme == "http" and parts.hostname == "127.0.0.1" and bool(parts.port) and not parts.path
    except ValueError:  # the port is no number
        usable = False
    if not usable:
        _give_up(f"DEMO_URL must be http://127.0.0.1 with a port, such as {DEMO_ORIGIN}. It is: {demo_url}")
    return parts


def _portal(settings: Settings, environment: Mapping[str, str], *, reload: bool) -> Program:
    command = (sys.executable, "-m", "portal", "serve", *(("--reload",) if reload else ()))
    return Program("portal", command, environment, settings.host, settings.port, "/readyz", "PORTAL_URL")


def _demo_app(settings: Settings, environment: Mapping[str, str], place: SplitResult, *, reload: bool) -> Program:
    if not DEMO_APP.exists():
        _give_up(f"The demo app is not at {DEMO_APP}: run this in a checkout of the repository.")
    # An app has no business with the portal's settings, least of all with its keys.
    own = {name: value for name, value in environment.items() if not name.startswith("PORTAL_")}
    own |= {"DEMO_ISSUER": settings.url, "DEMO_URL": place.geturl()}
    own |= {"DEMO_CLIENT_ID": DEMO_CLIENT_ID, "DEMO_CLIENT_SECRET": DEMO_CLIENT_SECRET}
    # It calls the portal on this machine, which no proxy can reach.
    own |= {"NO_PROXY": "*", "no_proxy": "*"}
    command = (sys.executable, str(DEMO_APP), *(("--reload",) if reload else ()))
    return Program("demo app", command, own, "127.0.0.1", place.port or 0, "/", "DEMO_URL")


def _refuse_taken_port(program: Program) -> None:
    with socket.socket(socket.AF_INET6 if ":" in program.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((program.host, program.port))
        except OSError as error:
            name = "localhost" if program.setting == "PORTAL_URL" else "127.0.0.1"
            another = f"{program.setting}=http://{name}:{program.port + 10}"
            _give_up(
                f"The {program.name} cannot listen on {program.host}, port {program.port}: {error.strerror}. "
                f"Stop what uses the port, or choose another: {another} make run"
            )


def _how_to_log_in(email: str) -> str:
    if email == BY_MAIL_ONLY:
        return "by mail, no password"
    return f"password {PASSWORD}" + (", then a code (below)" if email == WITH_AN_APP else "")


def _command_for_a_code(settings: Settings) -> str:
    """Return it so that any other terminal can run it: there `portal` alone means another data folder."""
    data = "" if settings.database_url else f"PORTAL_DATA_DIR={settings.data_dir} "
    return f"{data}{Path(sys.executable).with_name('portal')} users totp {WITH_AN_APP}"


def _what_to_open(settings: Settings, demo_url: str) -> str:
    accounts = "\n".join(f"    {email:<18}  {_how_to_log_in(email)}" for email, _name in ACCOUNTS)
    return f"""
  Everything runs. Open the demo app and log in:

    Demo app     {demo_url}
    Portal       {settings.url}
    Inbox        {settings.url}/dev/inbox        every mail that the portal writes
    Components   {settings.url}/dev/components   every part that pages are made of

  Accounts
{accounts}

  A code for {WITH_AN_APP}, in another terminal:
    {_command_for_a_code(settings)}

  Ctrl-C stops everything. The data stays in {settings.data_dir}
"""


async def _run(programs: tuple[Program, ...], database: EmbeddedPostgres | None, what_to_open: str) -> int:
    told_to_stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # SIGHUP: the terminal was closed
        asyncio.get_running_loop().add_signal_handler(number, told_to_stop.set)
    running: list[tuple[Program, Process]] = []
    try:
        for program in programs:
            running.append((program, await _start(program)))  # noqa: PERF401 - what has started must be stopped
        return await _watch(running, told_to_stop, database, what_to_open)
    finally:
        _say("\nStopping …")
        await asyncio.gather(*(_stop(process) for _program, process in running))
        if database is not None:
            await asyncio.to_thread(database.stop)
        _say("Everything has stopped.")


async def _start(program: Program) -> Process:
    # A session of its own: Ctrl-C in the terminal comes here alone, and here the order of stopping is known.
    return await asyncio.create_subprocess_exec(
        *program.command,
        env=program.environment,
        stdin=asyncio.subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=_end_with_parent(),
    )


def _end_with_parent() -> Callable[[], None] | None:
    """Return what makes the kernel tell a child when we are killed outright, with nobody left to stop it."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl  # found before the fork: afterwards as little as possible may happen

    def ask_kernel() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    return ask_kernel


async def _watch(
    running: list[tuple[Program, Process]],
    told_to_stop: asyncio.Event,
    database: EmbeddedPostgres | None,
    what_to_open: str,
) -> int:
    """Wait until all are ready, then until the end. Return the exit status."""
    ends = {asyncio.create_task(process.wait()): program for program, process in running}
    stop = asyncio.create_task(told_to_stop.wait())
    ready = asyncio.create_task(_all_ready(tuple(ends.values())))
    tasks = {*ends, stop, ready}
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if ready.done() and not ready.result():
            _say(f"Not everything answered within {READY_WITHIN:.0f} seconds. What it said stands above.")
            return 1
        if ready.done():
            if database is not None:
                await asyncio.to_thread(database.start)  # the portal has started it; this joins
            _say(what_to_open)
            await asyncio.wait(tasks - {ready}, return_when=asyncio.FIRST_COMPLETED)
        if stop.done():
            return 0
        ended, program = next((task, program) for task, program in ends.items() if task.done())
        _say(f"The {program.name} ended by itself (exit status {ended.result()}). What it said stands above.")
        return 1
    finally:
        for task in tasks:
            task.cancel()


async def _all_ready(programs: tuple[Program, ...]) -> bool:
    try:
        async with asyncio.timeout(READY_WITHIN):
            for program in programs:
                while True:
                    if await asyncio.to_thread(_answers, program):
                        break
                    await asyncio.sleep(ASK_EVERY)
    except TimeoutError:
        return False
    return True


def _answers(program: Program) -> bool:
    connection = http.client.HTTPConnection(program.host, program.port, timeout=ASK_TIMEOUT)
    try:
        connection.request("GET", program.ready_path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


async def _stop(process: Process) -> None:
    """Stop a program and whatever it started; the portal stops its database by itself."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), STOP_WITHIN)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # the session that it began: nothing in it may stay behind
    await process.wait()


def _say(text: str) -> None:
    with contextlib.suppress(OSError):  # the terminal is gone, and stopping matters more
        print(text, flush=True)


def _give_up(sentence: str) -> NoReturn:
    print(sentence, file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    main()

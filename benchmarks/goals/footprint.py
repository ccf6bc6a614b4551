"""Goals 8 and 9: memory of a worker, and the time from the start to the first answer."""

import asyncio
import time
from statistics import median

from benchmarks.contenders.contender import Contender
from benchmarks.contenders.portal import PortalUnderTest, make_portal
from benchmarks.http_client import Connection, Operation, expecting, run_load
from benchmarks.measure import QUICK
from benchmarks.processes import proportional_memory
from benchmarks.report import Report
from benchmarks.stage import Stage

ANSWERS_WITHIN = 30.0  # seconds
ASK_EVERY = 0.005  # seconds
SETTLES_WITHIN = 2.0  # seconds until its jobs have run once
LOAD_CONNECTIONS = 32


async def start(stage: Stage, report: Report) -> None:
    """Goal 9: from the command to the first login page, on a database that is migrated."""
    portals, bare = [], []
    for _ in range(2 if stage.pace is QUICK else 5):
        portal = make_portal(stage.server)
        portals.append(await _until_answer(stage, portal.contender, portal.get("/login")))
        litestar = stage.make_bare_litestar()
        bare.append(await _until_answer(stage, litestar, b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"))
    report.times("start to first answer", "portal", median(portals) * 1000, max(portals) * 1000)
    report.times("start to first answer", "bare Litestar", median(bare) * 1000, max(bare) * 1000)
    report.at_most("9", "start to first answer", median(portals), 0.9, " s")


async def memory(stage: Stage, report: Report) -> None:
    """Goal 8: a worker that has just started, and after it has done some of everything."""
    portal = make_portal(stage.server)
    await stage.start(portal.contender)
    await portal.ask(portal.get("/login"), expect=200)
    await asyncio.sleep(SETTLES_WITHIN)
    idle = proportional_memory(portal.contender.pids)
    for operation, count in await _some_of_everything(stage, portal):
        connections = LOAD_CONNECTIONS if count > LOAD_CONNECTIONS else 1
        await run_load(portal.contender.port, operation, count=count, connections=connections)
    loaded = proportional_memory(portal.contender.pids)
    stage.stop(portal.contender)
    report.at_most("8", "memory of a worker, idle", idle, 75, " MB")
    report.at_most("8", "memory of a worker, after load", loaded, 95, " MB")


async def _some_of_everything(stage: Stage, portal: PortalUnderTest) -> list[tuple[Operation, int]]:
    scale = 1 if stage.pace is QUICK else 4
    cookie = await portal.log_in(3)
    return [
        (expecting(200, portal.get("/login")), 500 * scale),
        (expecting(200, portal.get("/account", cookie=cookie)), 500 * scale),
        (expecting(200, portal.get("/account/devices", cookie=cookie)), 250 * scale),
        (expecting(200, portal.get("/signup")), 250 * scale),
        (expecting(404, portal.get("/nothing-here")), 100 * scale),
        (portal.logins(), 64),
        ((await stage.new_code_flow(portal, cookie)).run, 100 * scale),
    ]


async def _until_answer(stage: Stage, contender: Contender, raw: bytes) -> float:
    """Return the seconds from the launch to the first 200."""
    stage.started.append(contender)
    started = time.perf_counter()
    contender.launch(stage.log_folder)
    async with asyncio.timeout(ANSWERS_WITHIN):
        while True:
            connection = Connection(contender.port)
            try:
                answer = await connection.send(raw)
            except OSError:
                await asyncio.sleep(ASK_EVERY)
                continue
            finally:
                connection.close()
            if answer.status == 200:
                taken = time.perf_counter() - started
                stage.stop(contender)
                return taken

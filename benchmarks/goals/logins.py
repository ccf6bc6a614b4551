"""Goals 4, 5 and 6: logins beside the hash that they cannot do without."""

import asyncio
import os
import time
from statistics import median

from benchmarks.contenders.bare import Loops
from benchmarks.contenders.portal import PortalUnderTest, make_portal
from benchmarks.counts import counts_of_portal
from benchmarks.http_client import Connection, Load, Operation, expecting, run_load
from benchmarks.measure import Figure
from benchmarks.report import Report
from benchmarks.stage import Stage

ALONE = 8  # logins one after the other, then as many bare hashes, and so on
ALONE_TURNS = 3  # of each in one round
STORM_CONNECTIONS = 16
STORM_TURN = 0.8  # seconds


async def login(stage: Stage, report: Report) -> None:
    """Goal 4: what a login takes beside its hash, one at a time."""
    portal, loops, counts = await stage.portal(), await stage.loops(), await counts_of_portal(stage)
    logins, hashes, operation = Figure("portal"), Figure("bare argon2id"), portal.logins()
    beside = []
    for _ in range(stage.pace.rounds * ALONE_TURNS):
        load = await _logins(portal, operation, logins, count=ALONE, connections=1)
        hashed = await _hashes(loops, hashes, count=ALONE, threads=1)
        beside.append(median(load.latencies) - median(hashed.latencies))
    report.figure("login, one at a time", logins, counts.login)
    report.figure("argon2id, one at a time", hashes)
    report.at_most("4", "login: p50 beside the hash", median(beside) * 1000, 2, " ms")
    report.at_most("4", "login: round trips and commits", counts.login.round_trips, 2)
    report.at_most("4", "login from a page with a flow: round trips", counts.login_with_flow.round_trips, 2)
    report.at_most("4", "login: transactions open while it hashes", counts.login.open_transactions, 0)


async def login_rate(stage: Stage, report: Report) -> None:
    """Goal 5: logins a second, beside what argon2id alone allows on as many cores."""
    await _login_rate(stage, report, await stage.portal(), 1)
    cores = os.cpu_count() or 1
    if cores > 1:
        portal = make_portal(stage.server, workers=cores)
        await stage.start(portal.contender)
        await _login_rate(stage, report, portal, cores)
        stage.stop(portal.contender)


async def login_storm(stage: Stage, report: Report) -> None:
    """Goal 6: how a signed-in page feels while sixteen others log in without a pause."""
    portal = await stage.portal()
    page = expecting(200, portal.get("/account", cookie=await stage.portal_cookie()))
    operation, port = portal.logins(), portal.contender.port
    pages, quiet = Load(), Load()
    for _ in range(min(stage.pace.rounds, 4)):
        quiet.latencies += (await run_load(port, page, count=300, connections=1)).latencies
        storm = asyncio.create_task(run_load(port, operation, count=100, connections=STORM_CONNECTIONS))
        connection = Connection(port)
        while not storm.done():
            started = time.perf_counter()
            await page(connection)
            pages.latencies.append(time.perf_counter() - started)
        connection.close()
        await storm
    report.times("signed-in page, nobody else", "portal", *_quantiles(quiet))
    report.times("signed-in page in a login storm", "portal", *_quantiles(pages))
    report.at_most("6", "signed-in page in a login storm: p50", pages.quantile(0.5), 8, " ms")
    report.at_most("6", "signed-in page in a login storm: p99", pages.quantile(0.99), 40, " ms")


async def _login_rate(stage: Stage, report: Report, portal: PortalUnderTest, workers: int) -> None:
    loops, operation = await stage.loops(), portal.logins()
    name = f"{workers} worker{'s' if workers > 1 else ''}"
    logins, hashes = Figure(f"portal, {name}"), Figure(f"bare argon2id, {workers} at a time")
    warm_up = Figure("")
    for _ in range(2):
        await _logins(portal, operation, warm_up, count=STORM_CONNECTIONS, connections=STORM_CONNECTIONS)
    count = max(STORM_CONNECTIONS, int(warm_up.rate * STORM_TURN))
    for _ in range(stage.pace.rounds):
        await _logins(portal, operation, logins, count=count, connections=STORM_CONNECTIONS)
        await _hashes(loops, hashes, count=count, threads=workers)
    report.figure(f"logins, {STORM_CONNECTIONS} at a time", logins)
    report.figure("argon2id", hashes)
    report.at_least("5", f"logins per second, {name}: share of bare argon2id", logins.rate / hashes.rate, 0.8)
    report.at_least("5", f"CPU of a login, {name}: share of the hash", hashes.cpu / logins.cpu, 0.8)


async def _logins(
    portal: PortalUnderTest, operation: Operation, figure: Figure, *, count: int, connections: int
) -> Load:
    before = portal.contender.cpu_seconds()
    load = await run_load(portal.contender.port, operation, count=count, connections=connections)
    figure.add(load, portal.contender.cpu_seconds() - before)
    return load


async def _hashes(loops: Loops, figure: Figure, *, count: int, threads: int) -> Load:
    before, started = loops.cpu_seconds(), time.perf_counter()
    latencies = await loops.run("argon2", count, threads)
    load = Load(latencies, time.perf_counter() - started)
    figure.add(load, loops.cpu_seconds() - before)
    return load


def _quantiles(load: Load) -> tuple[float, float]:
    return load.quantile(0.5), load.quantile(0.99)

"""Goals 4, 5 and 6: logins beside the hash that they cannot do without."""

import asyncio
import os
import time
from statistics import median

from benchmarks.contenders.bare import Loops
from benchmarks.contenders.portal import PortalUnderTest, make_portal
from benchmarks.counts import counts_of_portal
from benchmarks.http_client import Connection, Load, expecting, run_load
from benchmarks.measure import QUICK
from benchmarks.report import Report
from benchmarks.stage import Stage

ALONE = 25  # logins, and bare hashes, in one turn of one after the other
STORM_CONNECTIONS = 16
STORM_SECONDS = 2.5  # of one turn


async def login(stage: Stage, report: Report) -> None:
    """Goal 4: what a login takes beside its hash, one at a time."""
    portal, loops, counts = await stage.portal(), await stage.loops(), await counts_of_portal(stage)
    logins, hashes, operation = Load(), Load(), portal.logins()
    for _ in range(stage.pace.rounds):
        load = await run_load(portal.contender.port, operation, count=ALONE, connections=1)
        logins.latencies += load.latencies
        hashes.latencies += await loops.run("argon2", ALONE)
    report.times("login, one at a time", portal.contender.name, logins.quantile(0.5), logins.quantile(0.99))
    report.times("argon2id, one at a time", "bare argon2id", hashes.quantile(0.5), hashes.quantile(0.99))
    beside = (median(logins.latencies) - median(hashes.latencies)) * 1000
    report.at_most("4", "login: p50 beside the hash", beside, 2, " ms")
    report.at_most("4", "login: round trips and commits", counts.login.round_trips, 2)
    report.at_most("4", "login from a page with a flow: round trips", counts.login_with_flow.round_trips, 2)
    report.at_most("4", "login: transactions open while it hashes", counts.login.open_transactions, 0)


async def login_rate(stage: Stage, report: Report) -> None:
    """Goal 5: logins a second, beside what argon2id alone allows on as many cores."""
    loops, cores = await stage.loops(), os.cpu_count() or 1
    await _login_rate(stage, report, await stage.portal(), loops, 1)
    if cores > 1:
        portal = make_portal(stage.server, workers=cores)
        await stage.start(portal.contender)
        await _login_rate(stage, report, portal, loops, cores)
        stage.stop(portal.contender)


async def _login_rate(stage: Stage, report: Report, portal: PortalUnderTest, loops: Loops, workers: int) -> None:
    operation, port = portal.logins(), portal.contender.port
    logins, hashes, latencies = [], [], Load()
    await run_load(port, operation, count=STORM_CONNECTIONS, connections=STORM_CONNECTIONS)
    warm_up = await run_load(port, operation, count=2 * STORM_CONNECTIONS, connections=STORM_CONNECTIONS)
    count = max(2 * STORM_CONNECTIONS, int(warm_up.rate * STORM_SECONDS / (2 if stage.pace is QUICK else 1)))
    for _ in range(min(stage.pace.rounds, 4)):
        load = await run_load(port, operation, count=count, connections=STORM_CONNECTIONS)
        latencies.latencies += load.latencies
        logins.append(load.rate)
        started = time.perf_counter()
        await loops.run("argon2", count, workers)
        hashes.append(count / (time.perf_counter() - started))
    name = f"{workers} worker{'s' if workers > 1 else ''}"
    rate, limit = median(logins), median(hashes)
    report.times(f"logins, {STORM_CONNECTIONS} at a time", f"portal, {name}", *_quantiles(latencies), rate)
    report.times("argon2id", f"bare, {workers} thread{'s' if workers > 1 else ''}", *[1000 * workers / limit] * 2, limit)
    report.at_least("5", f"logins per second, {name}: share of bare argon2id", rate / limit, 0.8)


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


def _quantiles(load: Load) -> tuple[float, float]:
    return load.quantile(0.5), load.quantile(0.99)

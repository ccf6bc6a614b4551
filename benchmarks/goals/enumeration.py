"""Known and unknown addresses must take the same time, or a stopwatch tells who has an account (CWE-204, CWE-208).

500 pairs of each form, the known and the unknown address of a pair right after each other and in random order.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from urllib.parse import parse_qs, urlsplit

from benchmarks.contenders.portal import PASSWORD, PortalUnderTest, email
from benchmarks.http_client import Connection
from benchmarks.measure import QUICK
from benchmarks.rank_test import p_value
from benchmarks.report import Report
from benchmarks.stage import Stage

PAIRS = 500
PAIRS_QUICK = 60
FIRST_ACCOUNT = 400  # accounts before it are used by other measurements
SIGNIFICANT = 0.01  # below: the two differ by more than chance would have them


@dataclass
class Times:
    """Seconds of one form for addresses with and without an account."""

    known: list[float] = field(default_factory=list)
    unknown: list[float] = field(default_factory=list)

    def add(self, seconds: float, *, known: bool) -> None:
        (self.known if known else self.unknown).append(seconds)


async def enumeration(stage: Stage, report: Report) -> None:
    """Security target 4: login, sign-up and code form with known and unknown addresses."""
    portal = await stage.portal()
    pairs = PAIRS_QUICK if stage.pace is QUICK else PAIRS
    connection = Connection(portal.contender.port)
    login, signup, code = Times(), Times(), Times()
    for number in range(pairs):
        for known, address in _pair(number):
            login.add(await _log_in(portal, connection, address), known=known)
    for number in range(pairs):
        for known, address in _pair(number):
            seconds, flow, cookie = await _sign_up(portal, connection, address)
            signup.add(seconds, known=known)
            code.add(await _send_code(portal, connection, flow, cookie), known=known)
    connection.close()
    for name, times in (("login", login), ("sign-up", signup), ("code", code)):
        for contender, values in (("known address", times.known), ("unknown address", times.unknown)):
            ordered = sorted(values)
            report.times(f"{name} form", contender, median(ordered) * 1000, ordered[int(0.99 * len(ordered))] * 1000)
        report.at_least(
            "security 4", f"{name} form, known and unknown alike: p", p_value(times.known, times.unknown), SIGNIFICANT
        )


def _pair(number: int) -> list[tuple[bool, str]]:
    known = email(FIRST_ACCOUNT + number)
    # The same length: even a byte more is more to send.
    pair = [(True, known), (False, known.replace("person", "nobody"))]
    random.shuffle(pair)
    return pair


async def _log_in(portal: PortalUnderTest, connection: Connection, address: str) -> float:
    form = {"email": address, "password": "not-the-password"}
    return (await _timed(connection, lambda: portal.post("/login/password", form), 422))[0]


async def _sign_up(portal: PortalUnderTest, connection: Connection, address: str) -> tuple[float, str, str]:
    form = {"email": address, "new_password": PASSWORD}
    seconds, location, cookie = await _timed(connection, lambda: portal.post("/signup", form), 303)
    return seconds, parse_qs(urlsplit(location).query)["flow"][0], cookie


async def _send_code(portal: PortalUnderTest, connection: Connection, flow: str, cookie: str) -> float:
    form = {"flow": flow, "code": "000000"}
    return (await _timed(connection, lambda: portal.post("/signup/verify", form, cookie=cookie), 422))[0]


async def _timed(connection: Connection, make: Callable[[], bytes], expect: int) -> tuple[float, str, str]:
    raw = make()
    started = time.perf_counter()
    answer = await connection.send(raw)
    seconds = time.perf_counter() - started
    if answer.status != expect:
        raise RuntimeError(f"expected {expect}, got {answer.status} to {raw!r}: {answer.body[:300]!r}")
    cookie = "; ".join(f"{name}={value}" for name, value in answer.cookies().items())
    return seconds, answer.header("location") or "", cookie

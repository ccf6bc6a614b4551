"""Addresses with and without an account must take the same time, or a stopwatch tells who has one (CWE-204, CWE-208).

500 times each form: an address with an account, one without, a disabled one, and one without a password, right after
each other and in random order.
"""

import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from statistics import median
from urllib.parse import parse_qs, urlsplit

from benchmarks.contenders.portal import KINDS, PASSWORD, PortalUnderTest, email
from benchmarks.http_client import Connection
from benchmarks.measure import QUICK
from benchmarks.rank_test import p_value
from benchmarks.report import Report
from benchmarks.stage import Stage

TIMES = 500
TIMES_QUICK = 60
FIRST_ACCOUNT = 400  # accounts before it are used by other measurements
SIGNIFICANT = 0.01  # below: two of them differ by more than chance would have them
USUAL = KINDS[0]


@dataclass
class Times:
    """Seconds of one form for each kind of address."""

    of: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})

    def p(self) -> float:
        """The least chance that a kind differs by accident from the usual one; times their number (Bonferroni)."""
        others = [kind for kind in KINDS if kind != USUAL]
        return min(1.0, len(others) * min(p_value(self.of[USUAL], self.of[kind]) for kind in others))


@dataclass
class Visit:
    """A browser that has not been here, and one address that it types."""

    portal: PortalUnderTest
    connection: Connection
    address: str
    flow: str = ""
    cookie: str = ""

    async def post(self, path: str, expect: int, **fields: str) -> float:
        """Send a form and return the seconds that its answer took."""
        form = {**fields, **({"flow": self.flow} if self.flow else {})}
        headers = {"cookie": self.cookie} if self.cookie else {}
        raw = self.portal.post(path, form, **headers)
        started = time.perf_counter()
        answer = await self.connection.send(raw)
        seconds = time.perf_counter() - started
        if answer.status != expect:
            raise RuntimeError(f"expected {expect}, got {answer.status} to {raw!r}: {answer.body[:300]!r}")
        flow = parse_qs(urlsplit(answer.header("location") or "").query).get("flow")
        if flow:
            self.flow = flow[0]
        cookies = "; ".join(f"{name}={value}" for name, value in answer.cookies().items())
        self.cookie = cookies or self.cookie
        return seconds


async def log_in(visit: Visit) -> dict[str, float]:
    """The password's form, with a wrong one."""
    return {"login": await visit.post("/login/password", 422, email=visit.address, password="not-the-password")}


async def sign_up(visit: Visit) -> dict[str, float]:
    """Sign-up, and a wrong code."""
    return {
        "sign-up": await visit.post("/signup", 303, email=visit.address, new_password=PASSWORD),
        "sign-up code": await visit.post("/signup/verify", 422, code="000000"),
    }


async def mailed_code(visit: Visit) -> dict[str, float]:
    """The address alone, the mailed code, and a wrong one."""
    return {
        "address": await visit.post("/login", 303, email=visit.address),
        "mailed code": await visit.post("/login/code", 303),
        "login code": await visit.post("/login/code/verify", 422, code="000000"),
    }


async def recover(visit: Visit) -> dict[str, float]:
    """A forgotten password, and a wrong code."""
    return {
        "recovery": await visit.post("/recover", 303, email=visit.address),
        "recovery code": await visit.post("/recover/verify", 422, code="000000"),
    }


async def touch(visit: Visit) -> dict[str, float]:
    """What a passkey is asked, once the address is known."""
    await visit.post("/login", 303, email=visit.address)
    return {"passkey options": await visit.post("/login/passkey/options", 200)}


FORMS: tuple[Callable[[Visit], Awaitable[dict[str, float]]], ...] = (log_in, sign_up, mailed_code, recover, touch)


async def enumeration(stage: Stage, report: Report) -> None:
    """Security target 4: every form that takes an address."""
    portal = await stage.portal()
    rounds = TIMES_QUICK if stage.pace is QUICK else TIMES
    connection = Connection(portal.contender.port)
    measured: dict[str, Times] = {}
    for form in FORMS:
        for number in range(FIRST_ACCOUNT, FIRST_ACCOUNT + rounds):
            for kind in random.sample(KINDS, len(KINDS)):
                taken = await form(Visit(portal, connection, email(number, kind)))
                for name, seconds in taken.items():
                    measured.setdefault(name, Times()).of[kind].append(seconds)
    connection.close()
    for name, times in measured.items():
        for kind, values in times.of.items():
            ordered = sorted(values)
            report.times(f"{name} form", kind, median(ordered) * 1000, ordered[int(0.99 * len(ordered))] * 1000)
        report.at_least("security 4", f"{name} form, all addresses alike: p", times.p(), SIGNIFICANT)

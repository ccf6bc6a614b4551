"""The goals, each in the order of docs/performance.md: `GOALS` names what `make bench ONLY=…` may ask for."""

from collections.abc import Awaitable, Callable

from benchmarks.goals.enumeration import enumeration
from benchmarks.goals.footprint import memory, start
from benchmarks.goals.logins import login, login_rate, login_storm
from benchmarks.goals.pages import login_page, session_check, signed_in_page, tails
from benchmarks.goals.passkeys import passkey
from benchmarks.goals.provider import code_flow
from benchmarks.report import Report
from benchmarks.stage import Stage

Goal = Callable[[Stage, Report], Awaitable[None]]

# Start and memory first: they are about a process that has done nothing yet.
GOALS: dict[str, Goal] = {
    "start": start,
    "memory": memory,
    "login_page": login_page,
    "session_check": session_check,
    "signed_in_page": signed_in_page,
    "login": login,
    "login_rate": login_rate,
    "login_storm": login_storm,
    "passkey": passkey,
    "code_flow": code_flow,
    "tails": tails,
    "enumeration": enumeration,
}

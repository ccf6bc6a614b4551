"""Many passwords at once, and huge ones: what is refused is refused quickly, and the rest goes on (adversarial U1)."""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from tests.support.person import Person, an_email
from tests.support.server import SEEDED_PASSWORD, PortalServer, an_address

LOGINS, AT_ONCE = 200, 100
GROWTH = 150  # MiB; a hash takes 19, one at a time, and the queue holds no more than their texts
ANSWERED_WITHIN = 10.0  # seconds, on two cores that do other things too


def memory(portal: PortalServer) -> int:
    """MiB that the portal and its workers hold now."""
    assert portal._process is not None
    total, waiting = 0, [portal._process.pid]
    while waiting:
        process = Path(f"/proc/{waiting.pop()}")
        lines = (process / "status").read_text().splitlines()
        total += next((int(line.split()[1]) // 1024 for line in lines if line.startswith("VmRSS")), 0)
        for task in (process / "task").iterdir():
            waiting += [int(child) for child in (task / "children").read_text().split()]
    return total


def log_in(portal: PortalServer, email: str, password: str) -> httpx.Response:
    headers = {"origin": portal.url, "x-forwarded-for": an_address()}
    return httpx.post(
        f"{portal.url}/login/password", data={"email": email, "password": password}, headers=headers, timeout=60
    )


def test_u1_a_hundred_logins_at_once_cost_patience_and_nothing_else(own_portal_server: PortalServer) -> None:
    portal = own_portal_server
    assert log_in(portal, "alice@example.com", SEEDED_PASSWORD).status_code == 303
    before, peak, slowest = memory(portal), 0, 0.0
    over = threading.Event()

    def watch() -> None:
        nonlocal peak, slowest
        while not over.wait(0.1):
            began = time.monotonic()
            assert httpx.get(f"{portal.address}/livez", timeout=30).status_code == 200
            slowest = max(slowest, time.monotonic() - began)
            peak = max(peak, memory(portal))

    with ThreadPoolExecutor(AT_ONCE + 1) as pool:
        watching = pool.submit(watch)
        flood = pool.map(lambda _n: log_in(portal, an_email("flood"), "a wrong guess"), range(LOGINS))
        answers = list(flood)
        over.set()
        watching.result()
    outcomes = Counter(answer.status_code for answer in answers)
    assert set(outcomes) == {422, 503}, "looked at, or told to come back"
    assert outcomes[422] >= 64, "the queue was used"
    assert all("retry-after" in answer.headers for answer in answers if answer.status_code == 503)
    assert slowest < ANSWERED_WITHIN
    assert peak - before < GROWTH
    # The positive control: a moment later everybody gets in again.
    assert log_in(portal, "alice@example.com", SEEDED_PASSWORD).status_code == 303


def test_u1_a_password_of_a_megabyte_is_refused_unread(portal_server: PortalServer, zoe: Person) -> None:
    began = time.monotonic()
    answer = log_in(portal_server, "alice@example.com", "x" * 2**20)
    assert answer.status_code == 413
    assert time.monotonic() - began < ANSWERED_WITHIN
    refused = portal_server.rows("select 1 as n from authn.refusals where kind = 'too_large'")
    assert refused
    assert zoe.log_in("alice@example.com", SEEDED_PASSWORD).path == "/account"

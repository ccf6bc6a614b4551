"""What an operation costs on the wire to PostgreSQL: docs/performance.md, goals 1 to 4. Times are `make bench`'s."""

import asyncio
from urllib.parse import parse_qs, urlsplit

import pytest

from benchmarks.counting_proxy import Counts
from tests.performance.conftest import CountedWire, log_in
from tests.support.server import SEEDED_PASSWORD

NOTHING = Counts(statements=0, round_trips=0, open_transactions=0)
ONE_CALL = Counts(statements=1, round_trips=1, open_transactions=0)
TWO_CALLS = Counts(statements=2, round_trips=2, open_transactions=0)

LOGINS_AT_ONCE = 30  # more than there are connections


@pytest.mark.parametrize("path", ["/login", "/signup", "/livez"])
async def test_a_page_without_a_person_asks_nothing(wire: CountedWire, path: str) -> None:
    async with wire.stranger() as browser:

        async def work() -> None:
            assert (await browser.get(path)).status_code == 200

        assert await wire.proxy.count(work) == NOTHING


async def test_the_login_page_with_a_flow_is_one_call(wire: CountedWire) -> None:
    async with wire.stranger() as browser:
        response = await browser.get("/login", params={"return_to": "/account/devices"})
        flow = parse_qs(urlsplit(response.headers["location"]).query)["flow"][0]

        async def work() -> None:
            assert (await browser.get("/login", params={"flow": flow})).status_code == 200

        assert await wire.proxy.count(work) == ONE_CALL


@pytest.mark.parametrize("path", ["/signup/status", "/account"])
async def test_a_page_of_somebody_who_is_logged_in_is_one_call(wire: CountedWire, path: str) -> None:
    assert await wire.get(path) == ONE_CALL


async def test_a_login_is_two_calls_and_no_transaction_stays_open(wire: CountedWire) -> None:
    async def work() -> None:
        async with wire.stranger() as browser:
            assert await log_in(browser) == 303

    assert await wire.proxy.count(work) == TWO_CALLS


async def test_a_login_from_a_page_with_a_flow_is_two_calls_too(wire: CountedWire) -> None:
    form = {"email": "alice@example.com", "password": SEEDED_PASSWORD}
    async with wire.stranger() as browser:

        async def open_the_page() -> None:
            browser.cookies.clear()
            response = await browser.get("/login", params={"return_to": "/account/devices"})
            form["flow"] = parse_qs(urlsplit(response.headers["location"]).query)["flow"][0]

        async def work() -> None:
            response = await browser.post("/login/password", data=form)
            assert response.headers["location"] == "/account/devices"

        assert await wire.proxy.count(work, before=open_the_page) == TWO_CALLS


@pytest.mark.parametrize("email", ["alice@example.com", "nobody@example.com"])
async def test_a_wrong_password_is_two_calls_whether_or_not_the_account_exists(wire: CountedWire, email: str) -> None:
    async def work() -> None:
        async with wire.stranger() as browser:
            assert await log_in(browser, email, "not-the-password") == 422

    assert await wire.proxy.count(work) == TWO_CALLS


async def test_no_connection_is_held_while_a_password_is_hashed(wire: CountedWire) -> None:
    async def log_in_from_elsewhere() -> None:
        async with wire.stranger() as browser:
            assert await log_in(browser) == 303

    statements = wire.proxy.counts.statements
    logins = [asyncio.create_task(log_in_from_elsewhere()) for _ in range(LOGINS_AT_ONCE)]
    while wire.proxy.counts.statements < statements + LOGINS_AT_ONCE:  # noqa: ASYNC110 - the proxy only counts
        await asyncio.sleep(0.005)
    assert (await wire.http.get("/account")).status_code == 200
    # Had each kept its connection, the page would have come after most of them.
    assert sum(login.done() for login in logins) < LOGINS_AT_ONCE / 2
    await asyncio.gather(*logins)

"""PORTAL_BREACH_LOOKUP: what new passwords are compared with, and what the service that is asked learns."""

import json
import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest

from portal.methods.password import breaches
from portal.methods.password.breaches import is_breached
from portal.methods.password.new_password import check_new_password
from portal.methods.password.policy import PasswordProblem
from portal.settings import LOOPBACK_NETWORKS, PWNED_PASSWORDS, BreachLookup, SettingsError, load_settings
from tests.support.breach_service import BreachService, breach_service, sha1
from tests.support.database import TestDatabase
from tests.support.person import PASSWORD, Person, an_email, newest_mail
from tests.support.server import PortalServer, serving

BREACHED = "nine patient otters"
SAYS = "stolen from another service"
SETTINGS = load_settings({"PORTAL_DEV": "1"})


@pytest.fixture(scope="module")
def service() -> Iterator[BreachService]:
    with breach_service() as running:
        yield running


@pytest.fixture
def known(service: BreachService) -> Iterator[BreachService]:
    """The service, of whose answers this test decides."""
    service.breached.add(BREACHED)
    yield service
    service.status, service.answer = 200, None
    service.padding.clear()
    service.asked.clear()


@pytest.fixture(scope="module")
def portal(
    postgres_server: TestDatabase, template_database: TestDatabase, service: BreachService
) -> Iterator[PortalServer]:
    with serving(postgres_server, template_database, PORTAL_BREACH_LOOKUP=service.url) as server:
        yield server


@pytest.fixture
def zoe(portal: PortalServer) -> Iterator[Person]:
    with Person(portal) as person:
        yield person


def failures(portal: PortalServer) -> list[str]:
    lines = [json.loads(line) for line in portal.log().splitlines()]
    return [line["reason"] for line in lines if line["event"] == "breach_lookup_failed"]


def test_a_breached_password_is_refused_at_its_field_wherever_one_is_set(known: BreachService, zoe: Person) -> None:
    email = an_email()
    zoe.open("/signup").submit("/signup", email=email, new_password=BREACHED)
    assert zoe.response.status_code == 422
    assert SAYS in zoe.page.text
    assert zoe.page.form("/signup").fields["email"] == email, "what was typed is kept"
    assert BREACHED not in zoe.response.text
    # The positive control, and the other two places.
    zoe.sign_up(email)
    zoe.open("/account/password").submit("/account/password", password=PASSWORD, new_password=BREACHED)
    assert (zoe.response.status_code, SAYS in zoe.page.text) == (422, True)
    with Person(zoe.portal) as elsewhere:
        elsewhere.open("/recover").submit("/recover", email=email)
        elsewhere.submit("/recover/verify", code=newest_mail(zoe.portal, email).code or "")
        elsewhere.submit("/recover/password", new_password=BREACHED)
        assert (elsewhere.response.status_code, SAYS in elsewhere.page.text) == (422, True)
        elsewhere.submit("/recover/password", new_password="eleven patient otters")
        assert elsewhere.is_logged_in()


def test_the_service_learns_five_digits_and_nothing_of_the_person(known: BreachService, zoe: Person) -> None:
    email = an_email()
    zoe.open("/signup").submit("/signup", email=email, new_password=BREACHED)
    [asked] = known.asked
    line, _, head = asked.partition("\n")
    assert line == f"GET /range/{sha1(BREACHED)[:5]} HTTP/1.1"
    assert "add-padding: true" in head.lower()
    named = {header.partition(":")[0].lower() for header in head.splitlines() if header}
    assert named == {"host", "user-agent", "connection", "accept-encoding", "accept", "add-padding"}
    log = zoe.portal.log()
    assert BREACHED not in log
    assert sha1(BREACHED)[5:] not in log.upper()


def test_what_pads_an_answer_is_no_breach(known: BreachService, zoe: Person) -> None:
    known.padding.add(PASSWORD)
    zoe.sign_up(an_email())
    assert len(known.asked) == 1
    assert zoe.is_logged_in()


@pytest.mark.parametrize(
    ("status", "answer"),
    [(503, b""), (429, b"slow down"), (200, b"\xff" * 50_000), (200, b"x" * 2_000_000), (200, b"")],
)
def test_a_service_that_answers_nonsense_keeps_nobody_out(
    known: BreachService, zoe: Person, status: int, answer: bytes
) -> None:
    known.status, known.answer = status, answer
    before = len(failures(zoe.portal))
    zoe.sign_up(an_email())
    assert zoe.is_logged_in()
    readable = status == 200 and len(answer) < 1_000_000
    assert len(failures(zoe.portal)) == before + (not readable)


async def test_a_service_that_is_away_has_not_said_anything(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/range/"
        assert not await is_breached(BREACHED, url, allowed=LOOPBACK_NETWORKS)
    assert "breach_lookup_failed" in caplog.messages


async def test_a_mirror_inside_the_network_is_asked_where_the_operator_allows_it(known: BreachService) -> None:
    assert await is_breached(BREACHED, known.url, allowed=LOOPBACK_NETWORKS)
    assert not await is_breached(BREACHED, known.url, allowed=())
    assert len(known.asked) == 1


async def test_those_that_ask_at_once_do_not_flood_the_service(
    known: BreachService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaches, "_under_way", breaches.asyncio.Semaphore(1))
    asked = [is_breached(BREACHED, known.url, allowed=LOOPBACK_NETWORKS) for _ in range(20)]
    assert sum(await breaches.asyncio.gather(*asked)) == 1
    assert len(known.asked) == 1


async def test_only_what_length_and_list_let_through_is_asked_for(known: BreachService) -> None:
    settings = replace(SETTINGS, breach_lookup=BreachLookup(True, known.url))
    for refused in ("short", "password1234", "zoe@example.org"):
        assert await check_new_password(settings, refused, ["zoe@example.org"], min_length=8) is not None
    assert known.asked == []
    assert await check_new_password(settings, BREACHED, [], min_length=8) is PasswordProblem.BREACHED


async def test_the_setting_chooses_the_list_the_service_or_none(known: BreachService) -> None:
    async def problem(setting: str, password: str) -> PasswordProblem | None:
        settings = load_settings({"PORTAL_DEV": "1", "PORTAL_BREACH_LOOKUP": setting})
        return await check_new_password(settings, password, [], min_length=8)

    assert load_settings({}).breach_lookup == BreachLookup(True, None)
    assert load_settings({"PORTAL_BREACH_LOOKUP": "online"}).breach_lookup == BreachLookup(True, PWNED_PASSWORDS)
    assert await problem("offline", "password1234") is PasswordProblem.COMMON
    assert await problem("off", "password1234") is None
    assert await problem("off", "short") is PasswordProblem.TOO_SHORT
    assert await problem("offline", BREACHED) is None
    assert known.asked == []
    with pytest.raises(SettingsError, match="PORTAL_BREACH_LOOKUP is offline, online, off, or"):
        load_settings({"PORTAL_BREACH_LOOKUP": "sometimes"})

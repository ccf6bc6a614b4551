"""How often one may guess: passwords and codes (security.md, policies; adversarial G6, D2)."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.support.person import PASSWORD, Person, an_email, newest_mail
from tests.support.server import SEEDED_PASSWORD, PortalServer, an_address

FAILURES_PER_ADDRESS = 5
FAILURES_PER_KNOWN_BROWSER = 10
FAILURES_PER_PREFIX = 50
CODE_TRIES = 5

pytestmark = [pytest.mark.asvs("6.3.1"), pytest.mark.adversarial("G6")]


@pytest.fixture
def owner(portal_server: PortalServer) -> Iterator[tuple[str, Person]]:
    """Somebody with an account, logged out, at a browser that the account knows."""
    email = an_email()
    with Person(portal_server) as person:
        person.sign_up(email).log_out()
        yield email, person


def guess(
    portal: PortalServer, email: str, address: str, password: str = "a wrong guess", **headers: str
) -> httpx.Response:
    """One guess of a browser without cookies."""
    sent = {"origin": portal.url, "x-forwarded-for": address, **headers}
    return httpx.post(
        f"{portal.url}/login/password", data={"email": email, "password": password}, headers=sent, timeout=30
    )


def test_after_five_wrong_passwords_even_the_right_one_has_to_wait(
    portal_server: PortalServer, owner: tuple[str, Person]
) -> None:
    email, _person = owner
    address = an_address()
    for _ in range(FAILURES_PER_ADDRESS):
        assert guess(portal_server, email, address).status_code == 422
    for password in ("another wrong guess", PASSWORD):
        answer = guess(portal_server, email, address, password)
        assert answer.status_code == 429
        assert 1 <= int(answer.headers["retry-after"]) <= 15 * 60
        assert "Too many tries" in answer.text
        assert "portal_session" not in answer.headers.get("set-cookie", "")
    portal_server.sql(
        f"update authn.login_attempts set attempted_at = attempted_at - interval '16 minutes' where email = '{email}'"
    )
    assert guess(portal_server, email, address, PASSWORD).status_code == 303


def test_strangers_cannot_lock_the_owner_out_of_a_known_browser(
    portal_server: PortalServer, owner: tuple[str, Person]
) -> None:
    email, person = owner
    address = an_address()
    for _ in range(FAILURES_PER_ADDRESS + 1):
        guess(portal_server, email, address)
    assert guess(portal_server, email, address, PASSWORD).status_code == 429
    # The owner in the same network, in the browser that the account knows.
    person.http.headers["x-forwarded-for"] = address
    assert person.log_in(email).path == "/account"


def test_a_known_browser_has_ten_tries_of_its_own(portal_server: PortalServer, owner: tuple[str, Person]) -> None:
    email, person = owner
    for _ in range(FAILURES_PER_KNOWN_BROWSER):
        person.post("/login/password", {"email": email, "password": "a wrong guess"})
        assert person.response.status_code == 422
    person.post("/login/password", {"email": email, "password": PASSWORD})
    assert person.response.status_code == 429
    # It has used up its own budget, not that of others.
    assert guess(portal_server, email, an_address(), PASSWORD).status_code == 303


def test_one_network_has_fifty_failures_whatever_the_addresses(portal_server: PortalServer) -> None:
    address = an_address()
    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(
                lambda number: guess(portal_server, f"spray-{number}-{an_email()}", address).status_code,
                range(FAILURES_PER_PREFIX),
            )
        )
    assert answers == [422] * FAILURES_PER_PREFIX
    assert guess(portal_server, "alice@example.com", address, SEEDED_PASSWORD).status_code == 429
    assert guess(portal_server, "alice@example.com", an_address(), SEEDED_PASSWORD).status_code == 303


def test_logins_that_succeed_use_up_nothing(portal_server: PortalServer, owner: tuple[str, Person]) -> None:
    email, _person = owner
    address = an_address()
    for _ in range(FAILURES_PER_ADDRESS + 3):
        assert guess(portal_server, email, address, PASSWORD).status_code == 303


@pytest.mark.adversarial("D2")
def test_one_network_cannot_pass_for_many(portal_server: PortalServer, owner: tuple[str, Person]) -> None:
    """Inside one IPv6 /64, in another spelling, or behind addresses that the client made up itself."""
    email, _person = owner
    network = "2001:db8:" + ":".join(f"{int(part):x}" for part in an_address().split(".")[2:])
    spellings = [
        f"{network}::1",
        f"{network}:0:0:0:2",
        f"{network}::3".upper(),
        f"{network}:ffff::4",
        f"[{network}::5]",
    ]
    assert [guess(portal_server, email, address).status_code for address in spellings] == [422] * FAILURES_PER_ADDRESS
    assert guess(portal_server, email, f"{network}:1:2:3:4").status_code == 429

    own = an_address()
    forged = [
        f"{an_address()}, {own}",
        f"203.0.113.7,{own}",
        f"::ffff:{own}",
        f"nonsense, {own}",
        f"127.0.0.1,{own}",
        own,
    ]
    answers = [guess(portal_server, email, line).status_code for line in forged]
    assert answers == [422] * FAILURES_PER_ADDRESS + [429]
    more = {"x-real-ip": an_address(), "x_forwarded_for": an_address(), "forwarded": f"for={an_address()}"}
    assert guess(portal_server, email, own, **more).status_code == 429


def test_five_wrong_codes_end_the_code_even_for_the_right_one(portal_server: PortalServer) -> None:
    with Person(portal_server) as zoe:
        email = an_email()
        zoe.ask_to_sign_up(email)
        right = newest_mail(portal_server, email).code or ""
        wrong = "000000" if right != "000000" else "111111"
        for tries in range(CODE_TRIES):
            zoe.submit("/signup/verify", code=wrong)
            assert zoe.response.status_code == 422
            assert ("no longer works" in zoe.page.text) is (tries == CODE_TRIES - 1)
        zoe.submit("/signup/verify", code=right)
        assert zoe.response.status_code == 422
        assert not zoe.is_logged_in()
        # The link of the same mail is 256 bits; nobody guessed at it.
        link = newest_mail(portal_server, email).link
        assert zoe.open(link).submit(link).path == "/account"

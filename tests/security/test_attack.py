"""An attack on one account, from hundreds of addresses behind a trusted proxy, while its owner goes on (G1, G6, G7).

2,000 failures here; `make attack` makes it 10,000. What is counted are the hashes that were really computed.
"""

import itertools
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.cookiejar import DefaultCookiePolicy

import httpx
import pytest

from portal.crypto.hashing import PASSWORDS
from tests.support.database import TestDatabase, drop_database, empty_database
from tests.support.person import PASSWORD, Person, an_email, mails_to
from tests.support.statements import CountedPortal, counted_portal

FAILURES = int(os.environ.get("ATTACK_FAILURES", "2000"))
ADDRESSES = 500
AT_ONCE = 8
ROUNDS = 10  # the owner logs in between them
GUESSES_A_DAY = 100  # security.md: from browsers that the account does not know
UNLOCK_MAILS_AN_HOUR = 3

pytestmark = [pytest.mark.asvs("6.3.1"), pytest.mark.adversarial("G1", "G6", "G7")]


@pytest.fixture(scope="module")
def attacked(
    postgres_server: TestDatabase, template_database: TestDatabase, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[CountedPortal]:
    """A portal whose hashes are counted, with an inbox to read."""
    database = empty_database(postgres_server, template=template_database.name)
    with counted_portal(database, tmp_path_factory.mktemp("attacked"), PORTAL_DEV="1") as portal:
        yield portal
    drop_database(postgres_server, database)


class Attacker:
    """Guesses at one account from many addresses, without keeping a cookie, and counts what came back."""

    def __init__(self, portal: CountedPortal, email: str) -> None:
        self.portal, self.email = portal, email
        self.answers: Counter[int] = Counter()
        self._addresses = itertools.cycle(f"198.18.{n // 250}.{n % 250 + 1}" for n in range(ADDRESSES))
        self._browsers = ThreadPoolExecutor(AT_ONCE)
        self._http = httpx.Client(base_url=portal.url, headers={"origin": portal.url}, timeout=60)
        # Each guess is a browser that nobody has seen.
        self._http.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def fail(self, times: int) -> None:
        self.answers.update(self._browsers.map(self.guess, itertools.islice(self._addresses, times)))

    def guess(self, address: str, password: str = "a wrong guess") -> int:
        fields = {"email": self.email, "password": password}
        answer = self._http.post("/login/password", data=fields, headers={"x-forwarded-for": address})
        assert "portal_session" not in answer.headers.get("set-cookie", ""), "the attacker is in"
        return answer.status_code


def test_g1_g6_the_owner_gets_in_throughout_and_the_attacker_gets_no_more_guesses_than_the_budget(
    attacked: CountedPortal,
) -> None:
    email = an_email("victim")
    attacker = Attacker(attacked, email)
    guessed = 0
    with Person(attacked) as owner:  # type: ignore[arg-type]
        owner.sign_up(email).log_out()
        for _ in range(ROUNDS):
            before = PASSWORDS.work_done
            attacker.fail(FAILURES // ROUNDS)
            guessed += PASSWORDS.work_done - before
            owner.log_in(email)
            assert owner.path == "/account", "the owner, at the first try, in a browser that the account knows"
            owner.log_out()
    assert sum(attacker.answers.values()) == FAILURES
    assert guessed == GUESSES_A_DAY, "hashes that were computed for the attacker"
    assert attacker.answers == {422: GUESSES_A_DAY, 429: FAILURES - GUESSES_A_DAY}

    # Even the right password is worth nothing to a stranger now; the owner is one mail away, from anywhere.
    assert attacker.guess("203.0.113.50", PASSWORD) == 429
    notices = [mail for mail in mails_to(attacked, email) if mail.subject.startswith("Unlock your login")]  # type: ignore[arg-type]
    assert len(notices) == UNLOCK_MAILS_AN_HOUR
    with Person(attacked) as new:  # type: ignore[arg-type]
        assert new.log_in(email).response.status_code == 429
        assert "We have mailed you a link" in new.page.text
        link = notices[0].link
        assert new.open(link).submit(link).submit("/login/password", password=PASSWORD).path == "/account"

    # Nobody else has noticed, and the log tells of it in few words.
    with Person(attacked) as somebody_else:  # type: ignore[arg-type]
        other = an_email("bystander")
        assert somebody_else.sign_up(other).log_out().log_in(other).path == "/account"
    failures = attacked.rows(
        "select count(*) as n from authn.audit_events where resource_id = $1 "
        "and event_type in ('login_attempt_failed', 'lockout_triggered')",
        email,
    )
    assert failures[0]["n"] == GUESSES_A_DAY
    kinds = attacked.rows(
        "select event_type, count(*) as n from authn.audit_events "
        "where event_type in ('request_refused', 'mail_suppressed') group by 1"
    )
    minutes = 10 * (1 + FAILURES // 2000)
    assert all(0 < row["n"] <= ADDRESSES * minutes for row in kinds)
    assert {row["event_type"] for row in kinds} == {"request_refused", "mail_suppressed"}

"""Nobody learns from an answer, or from what it costs, whether an address has an account (adversarial H1, H2, U5).

Known and unknown addresses of one length: the same status, bytes, headers and cookies, hashes, statements and rows.
"""

from typing import Any

import httpx
import pytest
from argon2 import extract_parameters

from portal.accounts.provisioning import Provisioned, provision_user
from portal.crypto.hashing import PASSWORDS
from portal.db.engine import Database
from tests.support.database import run_now
from tests.support.person import PASSWORD
from tests.support.server import an_address
from tests.support.statements import CountedPortal, Work, shape_of

KNOWN, UNKNOWN = "alice@example.com", "adele@example.com"
DISABLED, WITHOUT_PASSWORD, UNPROVEN = "agnes@example.com", "april@example.com", "aiden@example.com"
ELSEWHERE, TWO_STEPS = "amber@example.com", "alwin@example.com"
OTHER_TENANT = "another-tenant"
OTHERS = [
    pytest.param(UNKNOWN, id="unknown"),
    pytest.param(DISABLED, id="disabled"),
    pytest.param(WITHOUT_PASSWORD, id="without_password"),
    pytest.param(UNPROVEN, id="unproven"),
    pytest.param(ELSEWHERE, id="another_tenants"),
    pytest.param(TWO_STEPS, id="with_a_second_step"),
]

pytestmark = [pytest.mark.asvs("6.3.8"), pytest.mark.adversarial("H1", "H2")]


@pytest.fixture(scope="module", autouse=True)
def accounts(counted: CountedPortal) -> None:
    """One account of each kind; what no account has is the unknown address."""

    async def work() -> None:
        database = Database(counted.database.app_url, pool_size=1)
        password_hash = await PASSWORDS.hash(PASSWORD)
        for email in (KNOWN, DISABLED, UNPROVEN, TWO_STEPS):
            made = await provision_user(
                database, "default", email, password_hash=password_hash, verified=email != UNPROVEN
            )
            assert isinstance(made, Provisioned)
        await provision_user(database, "default", WITHOUT_PASSWORD, verified=True)
        await database.fetchval("select authn.create_namespace($1, 'Another', null)", OTHER_TENANT)
        await provision_user(database, OTHER_TENANT, ELSEWHERE, password_hash=password_hash, verified=True)
        await database.close()

    run_now(work)
    counted.sql(
        f"update authn.users set disabled_at = now() where email = '{DISABLED}'",
        "insert into authn.mfa_secrets (namespace, user_id, mfa_type, secret, second_step) "
        f"select namespace, id, 'totp', 'sealed', true from authn.users where email = '{TWO_STEPS}'",
    )


@pytest.fixture(autouse=True)
def fresh_budgets(counted: CountedPortal) -> None:
    """Each test begins as if nobody had tried anything today."""
    counted.sql("delete from authn.login_attempts", "delete from authn.verifications")


class Stranger:
    """A browser that has never been here, and writes down what every step looked like and cost."""

    def __init__(self, portal: CountedPortal, email: str) -> None:
        self.portal, self.email = portal, email
        self.flow = ""
        self.seen: list[dict[str, Any]] = []
        self.cost: list[Work] = []
        self.http = httpx.Client(
            base_url=portal.url,
            headers={"origin": portal.url, "accept-encoding": "identity", "x-forwarded-for": an_address()},
            timeout=30,
        )

    def get(self, path: str, **query: str) -> httpx.Response:
        return self._send("GET", path, params={**query, **self._flow_field})

    def post(self, path: str, **fields: str) -> httpx.Response:
        return self._send("POST", path, data={**fields, **self._flow_field})

    @property
    def _flow_field(self) -> dict[str, str]:
        return {"flow": self.flow} if self.flow else {}

    def _send(self, method: str, path: str, **content: Any) -> httpx.Response:
        response, work = self.portal.work_of(lambda: self.http.request(method, path, **content))
        self.seen.append({"step": f"{method} {path}", **shape_of(response, self.email, self.email.replace("@", "%40"))})
        self.cost.append(work)
        if response.has_redirect_location:
            self.flow = response.url.join(response.headers["location"]).params.get("flow", self.flow)
        return response


def identify(stranger: Stranger) -> None:
    stranger.get("/login")
    assert stranger.post("/login", email=stranger.email).status_code == 303
    stranger.get("/login")


def fail_to_log_in(stranger: Stranger) -> None:
    identify(stranger)
    for tries in range(7):
        answer = stranger.post("/login/password", email=stranger.email, password="a wrong guess")
        assert answer.status_code == (422 if tries < 5 else 429)
    stranger.get("/login")


def fail_after_strangers_used_up_the_day(stranger: Stranger) -> None:
    """The lock of a day, and the mail that lifts it: addresses without an account are locked as well."""
    stranger.portal.sql(
        "insert into authn.login_attempts (namespace, email, success, ip_address) "
        f"select 'default', '{stranger.email}', false, '198.51.100.1'::inet + n from generate_series(1, 100) n"
    )
    identify(stranger)
    for _ in range(4):  # three of them are mailed
        assert stranger.post("/login/password", email=stranger.email, password="a wrong guess").status_code == 429
    stranger.get("/login")


def fail_to_log_in_at_once(stranger: Stranger) -> None:
    assert stranger.post("/login/password", email=stranger.email, password="a wrong guess").status_code == 422


def fail_to_sign_up(stranger: Stranger) -> None:
    stranger.get("/signup")
    assert stranger.post("/signup", email=stranger.email, new_password="a password of mine").status_code == 303
    stranger.get("/signup/verify")
    stranger.get("/signup/status")
    assert stranger.post("/signup/resend").status_code == 429
    for _ in range(6):
        assert stranger.post("/signup/verify", code="000000").status_code == 422
    stranger.get("/signup/verify")
    stranger.portal.sql("update authn.verifications set created_at = created_at - interval '1 minute'")
    assert stranger.post("/signup/resend").status_code == 303
    stranger.get("/signup/verify")
    stranger.post("/signup/verify", code="000000")


def correct_the_address(stranger: Stranger) -> None:
    own = stranger.email
    stranger.email = "typed-by-mistake@example.com"
    stranger.post("/signup", email=stranger.email, new_password="a password of mine")
    stranger.email = own
    stranger.get("/signup/verify", change="1")
    assert stranger.post("/signup/resend", email=own).status_code == 303
    stranger.get("/signup/verify")
    stranger.post("/signup/verify", code="000000")


def fail_to_log_in_by_mail(stranger: Stranger) -> None:
    stranger.get("/login")
    assert stranger.post("/login/code", email=stranger.email).status_code == 303
    fail_with_codes(stranger, "/login/code", "/login/code/verify", "/login/code/resend", "/login/code/status")
    stranger.post("/login/code/continue")
    stranger.get("/login")


def fail_to_recover(stranger: Stranger) -> None:
    stranger.get("/recover")
    assert stranger.post("/recover", email=stranger.email).status_code == 303
    fail_with_codes(stranger, "/recover/verify", "/recover/verify", "/recover/resend", "/recover/status")
    stranger.get("/recover/password")
    stranger.post("/recover/password", new_password="a password of mine")


def fail_with_codes(stranger: Stranger, page: str, verify: str, resend: str, status: str) -> None:
    stranger.get(page)
    stranger.get(status)
    assert stranger.post(resend).status_code == 429
    for _ in range(6):
        assert stranger.post(verify, code="000000").status_code == 422
    stranger.get(page)
    stranger.portal.sql("update authn.verifications set created_at = created_at - interval '1 minute'")
    assert stranger.post(resend).status_code == 303
    stranger.get(page)
    stranger.post(verify, code="000000")


def ask_for_too_many_mails(stranger: Stranger) -> None:
    for _ in range(22):
        stranger.flow = ""
        assert stranger.post("/login/code", email=stranger.email).status_code == 303
        stranger.get("/login/code")


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize(
    "journey",
    [
        identify,
        fail_to_log_in,
        fail_after_strangers_used_up_the_day,
        fail_to_log_in_at_once,
        fail_to_sign_up,
        correct_the_address,
        fail_to_log_in_by_mail,
        fail_to_recover,
        ask_for_too_many_mails,
    ],
)
def test_h1_h2_no_answer_and_no_work_tells_whether_an_address_has_an_account(
    counted: CountedPortal, journey: Any, other: str
) -> None:
    known, stranger = Stranger(counted, KNOWN), Stranger(counted, other)
    before = newest_event(counted)
    journey(known)
    journey(stranger)
    assert known.seen == stranger.seen
    assert known.cost == stranger.cost
    assert any(work.statements for work in known.cost), "nothing was counted"
    # What was refused is written down of both alike, each under the address that was typed.
    assert events_about(counted, KNOWN, before) == events_about(counted, other, before)
    assert journey is identify or events_about(counted, KNOWN, before)
    # The positive control: whoever knows the password is let in, and that can be told.
    counted.sql("delete from authn.login_attempts")
    honest = Stranger(counted, KNOWN)
    assert honest.post("/login/password", email=KNOWN, password=PASSWORD).status_code == 303
    assert "portal_session" in honest.http.cookies


def newest_event(portal: CountedPortal) -> int:
    return int(portal.rows("select max(id) as id from authn.audit_events")[0]["id"])


def events_about(portal: CountedPortal, email: str, after: int) -> list[str]:
    rows = portal.rows(
        "select event_type from authn.audit_events where resource_id = $1 and id > $2 order by id", email, after
    )
    return [row["event_type"] for row in rows]


def test_the_comparison_sees_a_difference_where_there_is_one(counted: CountedPortal) -> None:
    right, wrong = Stranger(counted, KNOWN), Stranger(counted, KNOWN)
    assert right.post("/login/password", email=KNOWN, password=PASSWORD).status_code == 303
    wrong.post("/login/password", email=KNOWN, password="a wrong guess")
    assert right.seen != wrong.seen
    assert right.cost != wrong.cost


@pytest.mark.adversarial("U5")
def test_u5_every_password_that_is_checked_costs_exactly_one_hash(counted: CountedPortal) -> None:
    for email in (KNOWN, UNKNOWN, DISABLED, WITHOUT_PASSWORD, UNPROVEN, ELSEWHERE, TWO_STEPS):
        before = newest_event(counted)
        stranger = Stranger(counted, email)
        stranger.post("/login/password", email=email, password="a wrong guess")
        stranger.post("/signup", email=email, new_password="a password of mine")
        assert [work.hashes for work in stranger.cost] == [1, 1], email
        assert events_about(counted, email, before) == ["login_attempt_failed", "signup_started"], email
    # The same parameters for everybody: a decoy that is cheaper would tell.
    [stored] = counted.rows("select password_hash from authn.users where email = $1", KNOWN)
    assert extract_parameters(stored["password_hash"]) == extract_parameters(PASSWORDS._decoy)
    # The positive control: the right password costs one as well, and lets in.
    honest = Stranger(counted, KNOWN)
    assert honest.post("/login/password", email=KNOWN, password=PASSWORD).status_code == 303
    assert honest.cost[0].hashes == 1


def test_a_sign_up_sends_one_mail_whoever_it_is_and_only_the_mail_tells(counted: CountedPortal) -> None:
    for email in (KNOWN, UNKNOWN, DISABLED, WITHOUT_PASSWORD):
        stranger = Stranger(counted, email)
        stranger.post("/signup", email=email, new_password="a password of mine")
        assert stranger.cost[0].rows["outbox"] == 1, email
        assert stranger.cost[0].rows["users"] == 0, email

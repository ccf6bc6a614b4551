"""No two calls wait for each other for ever: every function takes its locks in one order; `_lock_login` says which."""

import asyncio
import json
import random
import secrets
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest

from tests.sql.conftest import Sql
from tests.support.database import STATEMENT_CACHE, TestDatabase, execute

AT_ONCE = 40
ROUNDS = 40  # of 40 calls
BROWSERS = ("browser-1", "browser-2")
PEOPLE = ("alice@example.com", "bo@example.com")
NEWCOMERS = ("chen@example.com", "dana@example.com")
PASSWORD = [{"method": "password", "amr": ["pwd"]}]
SECOND_STEP = [*PASSWORD, {"method": "totp", "amr": ["otp"], "second": True}]
NEW_PASSWORD = {"old_hash": "a-hash", "new_hash": "a-hash"}
REFUSED = (None, False, "gone", "dead", "wrong", "used", "stale", "throttled", "too_soon", "taken", "refused")


@pytest.fixture(scope="module")
async def pool(module_database: TestDatabase) -> AsyncIterator[asyncpg.Pool]:
    # PostgreSQL looks for a circle after a second of waiting; sooner, many more circles have the time to close.
    execute(module_database.superuser_url, f"ALTER DATABASE {module_database.name} SET deadlock_timeout = '100ms'")
    async with asyncpg.create_pool(
        module_database.app_url, min_size=AT_ONCE, max_size=AT_ONCE, statement_cache_size=STATEMENT_CACHE
    ) as pool:
        yield pool


def a_login(user_id: Any, flow_id: Any = None, **more: Any) -> dict[str, Any]:
    """What complete_login is given when a password was right."""
    session = {"token_hash": secrets.token_hex(16), "amr": ["pwd"]}
    given = {"user_id": user_id, "flow_id": flow_id, "browser_digest": BROWSERS[0], "factors": PASSWORD}
    return {**given, "session": session, "expires_in": 600, **more}


def as_json(value: dict[str, Any]) -> str:
    return json.dumps(value, default=str)


@pytest.mark.parametrize("rehashed", [False, True], ids=["the hash stays", "the password is hashed anew"])
async def test_forty_logins_of_one_person_at_once_all_get_their_session(
    sql: Sql, pool: asyncpg.Pool, namespace: str, rehashed: bool
) -> None:
    user_id = await sql.user(namespace)
    more = {"old_password_hash": "a-hash", "new_password_hash": "a-stronger-hash"} if rehashed else {}

    async def log_in() -> Any:
        login = as_json(a_login(user_id, **more))
        return await pool.fetchrow("SELECT * FROM authn.complete_login($1, '{}', $2)", login, namespace)

    answers = await asyncio.gather(*(log_in() for _ in range(AT_ONCE)))
    assert {answer["outcome"] for answer in answers} == {"session"}
    assert len(await sql.rows("list_sessions", user_id, namespace)) == AT_ONCE
    [credentials] = await sql.rows("get_credentials", "alice@example.com", namespace)
    assert credentials["password_hash"] == ("a-stronger-hash" if rehashed else "a-hash")


@dataclass
class Proof:
    """A code and a link that were mailed: for a login, a recovery or a sign-up."""

    kind: str
    email: str
    flow_id: Any = None
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    link: str = field(default_factory=lambda: secrets.token_hex(16))


@dataclass
class Scene:
    """Two people with a second step, two who are signing up, their mails, and all that can happen at one moment."""

    pool: asyncpg.Pool
    namespace: str
    draw: random.Random
    went_through: set[str]
    users: list[Any] = field(default_factory=list)
    second_steps: list[Any] = field(default_factory=list)
    proofs: list[Proof] = field(default_factory=list)

    async def call(self, function: str, *arguments: Any) -> Any:
        """One call as the portal makes it. What is refused is no matter here, but for a circle of waiting."""
        given = [as_json(value) if isinstance(value, dict) else value for value in arguments]
        places = ", ".join(f"${number}" for number in range(1, len(given) + 2))
        try:
            answer = await self.pool.fetchrow(f"SELECT * FROM authn.{function}({places})", *given, self.namespace)
        except asyncpg.DeadlockDetectedError:
            raise
        except asyncpg.PostgresError:
            return None
        if answer and answer[0] not in REFUSED:
            self.went_through.add(function)
        return answer

    async def set_up(self) -> None:
        for email in PEOPLE:
            self.users.append((await self.call("create_user", email, "a-hash"))[0])
            self.second_steps.append((await self.call("add_mfa", self.users[-1], "totp", "sealed", "phone"))[0])
            for kind in ("mail_login", "recovery"):
                await self.ask_for_a_mail(Proof(kind, email))
        for email in NEWCOMERS:
            await self.ask_for_a_mail(Proof("signup", email))

    async def ask_for_a_mail(self, proof: Proof) -> None:
        wish = {
            "flow_id": proof.flow_id, "browser_digest": BROWSERS[0], "email": proof.email, "verification_id": proof.id,
            "code_digest": "code", "impossible_digest": "none", "link_digest": proof.link, "code_expires_in": 600,
            "link_expires_in": 600, "expires_in": 600, "mail_code": "m", "mail_link": "m", "mail_other": "m",
            "mail_refused": "m", "password_hash": "a-hash",
        }  # fmt: skip
        answer = await self.call(f"begin_{proof.kind}", wish, {"ip_address": "100.64.1.1"})
        if answer and answer["outcome"] == "sent":
            proof.flow_id = answer["flow_id"]
            self.proofs.append(proof)

    async def ask_again(self) -> None:
        before = self.draw.choice(self.proofs)
        await self.ask_for_a_mail(Proof(before.kind, before.email, before.flow_id))

    async def use_the_code(self) -> None:
        proof = self.draw.choice(self.proofs)
        code = (proof.flow_id, BROWSERS[0], proof.id, "code")
        if proof.kind == "recovery":
            await self.call("use_recovery_mail_code", *code, {})
        elif proof.kind == "signup":
            await self.call("use_signup_code", *code, a_login(None)["session"], {})
        elif self.draw.random() < 0.3:
            await self.call("try_login_code", *code, {})
        else:
            login = a_login(self.users[PEOPLE.index(proof.email)], proof.flow_id)
            await self.call(
                "complete_mail_login", login,
                {"verification_id": proof.id, "kind": "code", "code_digest": "code"}, {},
            )  # fmt: skip

    async def use_the_link(self) -> None:
        proof, browser, elsewhere = self.draw.choice(self.proofs), self.draw.choice(BROWSERS), {"expires_in": 600}
        if proof.kind == "recovery":
            answer = await self.call("use_recovery_link", proof.link, browser, elsewhere, {})
            login = a_login(self.users[PEOPLE.index(proof.email)], answer and answer[0], browser_digest=browser)
            await self.call("finish_recovery", login, "a-hash", "m", {})
        elif proof.kind == "signup":
            answer = await self.call("use_signup_link", proof.link, browser, a_login(None)["session"], elsewhere, {})
            flow_id = answer and answer["flow_id"]
            await self.call("finish_signup", flow_id, browser, "a-hash", a_login(None)["session"], {})
        else:
            await self.call("answer_login_link", proof.link, self.draw.choice(["approve", "deny"]), "m", {})

    async def log_in(self) -> None:
        number = self.draw.randrange(len(PEOPLE))
        flow_id = self.draw.choice([proof.flow_id for proof in self.proofs if proof.email == PEOPLE[number]])
        more = {"old_password_hash": "a-hash", "new_password_hash": "a-hash"} if self.draw.random() < 0.3 else {}
        await self.call("complete_login", a_login(self.users[number], flow_id, **more), {})
        login = a_login(self.users[number], flow_id, factors=SECOND_STEP)
        proof = {"mfa_id": self.second_steps[number], "step": self.draw.randrange(10**6)}
        await self.call("complete_totp_login", login, proof, {})

    async def change_the_password(self) -> None:
        await self.call("change_password", self.draw.choice(self.users), None, NEW_PASSWORD, {})
        await self.call("update_password", self.draw.choice(self.users), "a-hash")

    async def change_the_address(self) -> None:
        email = self.draw.choice([*PEOPLE, *NEWCOMERS])
        await self.call("set_flow_identifier", self.draw.choice(self.proofs).flow_id, BROWSERS[0], email)
        await self.call("find_or_create_email_identity", email)

    async def lose_the_second_step(self) -> None:
        await self.call("reset_mfa", self.draw.choice(self.users), None, {})

    async def be_disabled(self) -> None:
        user_id = self.draw.choice(self.users)
        await self.call("disable_user", user_id)
        await self.call("enable_user", user_id)

    async def be_deleted(self) -> None:
        await self.call("delete_user", self.draw.choice(self.users))


async def test_forty_calls_at_once_on_two_people_never_wait_in_a_circle(pool: asyncpg.Pool, namespace: str) -> None:
    draw, went_through = random.Random(20260111), set[str]()
    for number in range(ROUNDS):
        scene = Scene(pool, f"{namespace}-{number}", draw, went_through)
        await scene.set_up()
        acts: dict[Callable[[], Coroutine[Any, Any, None]], int] = {
            scene.ask_again: 8, scene.use_the_code: 10, scene.use_the_link: 10, scene.log_in: 8,
            scene.change_the_password: 2, scene.change_the_address: 2, scene.lose_the_second_step: 1,
            scene.be_disabled: 1, scene.be_deleted: 1,
        }  # fmt: skip
        await asyncio.gather(*(act() for act in draw.choices(list(acts), list(acts.values()), k=AT_ONCE)))
    # Calls that all end at their first check would prove nothing.
    assert went_through >= {
        "complete_login", "complete_mail_login", "complete_totp_login", "try_login_code", "use_recovery_mail_code",
        "use_signup_code", "use_signup_link", "use_recovery_link", "answer_login_link", "begin_mail_login",
        "begin_recovery", "begin_signup", "finish_recovery", "change_password", "delete_user", "reset_mfa",
    }, sorted(went_through)  # fmt: skip

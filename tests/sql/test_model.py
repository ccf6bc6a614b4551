"""Random operations on users, sessions, tokens and the lockout, beside a model of them in plain Python."""

import asyncio
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.support.database import TestDatabase, connect

EMAILS = [f"{name}@example.com" for name in ("alice", "bo", "chen")]
TOKEN_TYPES = ["password_reset", "email_verify", "magic_link"]
LOCKED_AFTER = 5  # failures
NOBODY = "00000000-0000-4000-8000-000000000001"

emails = st.sampled_from(EMAILS)
# Few names, so that operations meet: a hash is taken, a token used before, a session not theirs.
hashes = st.sampled_from([f"hash-{number}" for number in range(6)])
lifetimes = st.sampled_from([None, timedelta(hours=1), timedelta(0), timedelta(days=-1)])


@dataclass
class Session:
    id: Any
    user: "User"
    live: bool


@dataclass
class Token:
    user: "User"
    kind: str
    open: bool
    expired: bool


@dataclass(eq=False)
class User:
    id: Any
    email: str
    password: str | None
    verified: bool = False
    disabled: bool = False


@dataclass
class Model:
    """What the database should hold, without any of its means."""

    users: dict[str, User] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    attempts: list[tuple[str, bool]] = field(default_factory=list)

    def live_sessions(self, user: User) -> list[Session]:
        return [session for session in self.sessions.values() if session.user is user and session.live]

    def use_up_tokens(self, user: User, kind: str | None = None) -> int:
        unused = [t for t in self.tokens.values() if t.user is user and t.open and kind in (None, t.kind)]
        for token in unused:
            token.open = False
        return len(unused)


class Database:
    """One connection of the application, called synchronously in a namespace of its own."""

    def __init__(self, loop: asyncio.AbstractEventLoop, connection: asyncpg.Connection) -> None:
        self._loop, self._connection = loop, connection
        self.namespace = f"model-{secrets.token_hex(6)}"

    def rows(self, function: str, *arguments: Any) -> list[asyncpg.Record]:
        given = [*arguments, self.namespace]
        places = ", ".join(f"${number}" for number in range(1, len(given) + 1))
        query = self._connection.fetch(f"SELECT * FROM authn.{function}({places})", *given)
        return self._loop.run_until_complete(query)

    def value(self, function: str, *arguments: Any) -> Any:
        return self.rows(function, *arguments)[0][0]

    def refusal(self, function: str, *arguments: Any) -> str:
        with pytest.raises(asyncpg.PostgresError) as caught:
            self.rows(function, *arguments)
        return caught.value.sqlstate


class Accounts(RuleBasedStateMachine):
    """The operations that anyone may call in any order."""

    def __init__(self, loop: asyncio.AbstractEventLoop, connection: asyncpg.Connection) -> None:
        super().__init__()
        self.db, self.model = Database(loop, connection), Model()

    def _id(self, email: str) -> Any:
        user = self.model.users.get(email)
        return user.id if user else NOBODY

    def _refused_for(self, user: User | None) -> str | None:
        return "23503" if user is None else "55000" if user.disabled else None

    @rule(email=emails, password=st.sampled_from([None, "password-hash"]))
    def create_user(self, email: str, password: str | None) -> None:
        if email in self.model.users:
            assert self.db.refusal("create_user", email, password) == "23505"
        else:
            user_id = self.db.value("create_user", email.upper(), password)
            self.model.users[email] = User(user_id, email, password)

    @rule(email=emails)
    def delete_user(self, email: str) -> None:
        user = self.model.users.pop(email, None)
        assert self.db.value("delete_user", user.id if user else NOBODY) is (user is not None)
        if user:
            self.model.sessions = {k: s for k, s in self.model.sessions.items() if s.user is not user}
            self.model.tokens = {k: t for k, t in self.model.tokens.items() if t.user is not user}
            self.model.attempts = [attempt for attempt in self.model.attempts if attempt[0] != email]

    @rule(email=emails)
    def disable_user(self, email: str) -> None:
        user = self.model.users.get(email)
        assert self.db.value("disable_user", self._id(email)) is (user is not None and not user.disabled)
        if user and not user.disabled:
            user.disabled = True
            self.model.use_up_tokens(user)
            for session in self.model.live_sessions(user):
                session.live = False

    @rule(email=emails)
    def enable_user(self, email: str) -> None:
        user = self.model.users.get(email)
        assert self.db.value("enable_user", self._id(email)) is (user is not None and user.disabled)
        if user:
            user.disabled = False

    @rule(email=emails, password=st.sampled_from(["first-hash", "second-hash"]))
    def update_password(self, email: str, password: str) -> None:
        user = self.model.users.get(email)
        assert self.db.value("update_password", self._id(email), password) is (user is not None)
        if user:
            user.password = password

    @rule(email=emails, token=hashes, lifetime=lifetimes)
    def create_session(self, email: str, token: str, lifetime: timedelta | None) -> None:
        user = self.model.users.get(email)
        arguments = ("create_session", self._id(email), token, lifetime, None, None)
        if refusal := self._refused_for(user):
            assert self.db.refusal(*arguments) == refusal
        elif token in self.model.sessions:
            assert self.db.refusal(*arguments) == "23505"
        elif user:
            live = lifetime is None or lifetime > timedelta(0)
            self.model.sessions[token] = Session(self.db.value(*arguments), user, live)

    @rule(token=hashes, lifetime=lifetimes)
    def extend_session(self, token: str, lifetime: timedelta | None) -> None:
        session = self.model.sessions.get(token)
        assert (self.db.value("extend_session", token, lifetime) is not None) is bool(session and session.live)
        if session and lifetime is not None and lifetime <= timedelta(0):
            session.live = False

    @rule(token=hashes)
    def revoke_session(self, token: str) -> None:
        # Revoking one that has merely expired still says True once; it is gone either way.
        answer = self.db.value("revoke_session", token)
        session = self.model.sessions.get(token)
        assert answer in ((True,) if session and session.live else (True, False) if session else (False,))
        if session:
            session.live = False

    @rule(token=hashes, email=emails)
    def revoke_session_by_id(self, token: str, email: str) -> None:
        session, user = self.model.sessions.get(token), self.model.users.get(email)
        theirs = session is not None and session.user is user
        answer = self.db.value("revoke_session_by_id", session.id if session else NOBODY, self._id(email))
        assert answer is True if theirs and session and session.live else answer in (theirs, False)
        if theirs and session:
            session.live = False

    @rule(email=emails, kept=hashes)
    def revoke_other_sessions(self, email: str, kept: str) -> None:
        user, keep = self.model.users.get(email), self.model.sessions.get(kept)
        ended = [s for s in self.model.live_sessions(user) if s is not keep] if user else []
        answer = self.db.value("revoke_other_sessions", self._id(email), keep.id if keep else NOBODY)
        assert answer == len(ended)
        for session in ended:
            session.live = False

    @rule(email=emails)
    def revoke_all_sessions(self, email: str) -> None:
        user = self.model.users.get(email)
        ended = self.model.live_sessions(user) if user else []
        assert self.db.value("revoke_all_sessions", self._id(email)) == len(ended)
        for session in ended:
            session.live = False

    @rule(email=emails, token=hashes, kind=st.sampled_from(TOKEN_TYPES), lifetime=lifetimes)
    def create_token(self, email: str, token: str, kind: str, lifetime: timedelta | None) -> None:
        user = self.model.users.get(email)
        arguments = ("create_token", self._id(email), token, kind, lifetime)
        if refusal := self._refused_for(user):
            assert self.db.refusal(*arguments) == refusal
        elif token in self.model.tokens:
            assert self.db.refusal(*arguments) == "23505"
        elif user:
            self.db.value(*arguments)
            expired = lifetime is not None and lifetime <= timedelta(0)
            self.model.tokens[token] = Token(user, kind, open=True, expired=expired)

    def _consume(self, token: str, kind: str) -> User | None:
        found = self.model.tokens.get(token)
        if found is None or found.kind != kind or not found.open or found.expired or found.user.disabled:
            return None
        found.open = False
        return found.user

    @rule(token=hashes, kind=st.sampled_from(TOKEN_TYPES))
    def consume_token(self, token: str, kind: str) -> None:
        user = self._consume(token, kind)
        rows = self.db.rows("consume_token", token, kind)
        assert [(row["user_id"], row["email"]) for row in rows] == ([(user.id, user.email)] if user else [])

    @rule(token=hashes)
    def verify_email(self, token: str) -> None:
        user = self._consume(token, "email_verify")
        rows = self.db.rows("verify_email", token)
        assert [row["user_id"] for row in rows] == ([user.id] if user else [])
        if user:
            user.verified = True

    @rule(email=emails, kind=st.sampled_from(TOKEN_TYPES))
    def invalidate_tokens(self, email: str, kind: str) -> None:
        user = self.model.users.get(email)
        expected = self.model.use_up_tokens(user, kind) if user else 0
        assert self.db.value("invalidate_tokens", self._id(email), kind) == expected

    @rule(old=emails, new=emails)
    def update_email(self, old: str, new: str) -> None:
        user = self.model.users.get(old)
        if user and new != old and new in self.model.users:
            assert self.db.refusal("update_email", user.id, new) == "23505"
            return
        assert self.db.value("update_email", self._id(old), new) is (user is not None)
        if user:
            del self.model.users[old]
            self.model.users[new] = user
            user.email, user.verified = new, False
            self.model.use_up_tokens(user)

    @rule(email=emails, success=st.booleans(), times=st.integers(1, 3))
    def record_login_attempts(self, email: str, success: bool, times: int) -> None:
        for _ in range(times):
            self.db.value("record_login_attempt", email, success, None)
            self.model.attempts.append((email, success))

    @rule(email=emails)
    def clear_attempts(self, email: str) -> None:
        kept = [attempt for attempt in self.model.attempts if attempt[0] != email]
        assert self.db.value("clear_attempts", email) == len(self.model.attempts) - len(kept)
        self.model.attempts = kept

    @rule()
    def clean_up(self) -> None:
        # Past cleanup_expired's own parameter order: the namespace comes first there.
        self.db.rows("cleanup_expired")
        self.model.sessions = {token: session for token, session in self.model.sessions.items() if session.live}
        self.model.tokens = {
            name: token for name, token in self.model.tokens.items() if token.open and not token.expired
        }

    @invariant()
    def users_are_those_of_the_model(self) -> None:
        rows = self.db.rows("list_users")
        found = {
            (r["user_id"], r["email"], r["email_verified_at"] is not None, r["disabled_at"] is not None) for r in rows
        }
        assert found == {(u.id, u.email, u.verified, u.disabled) for u in self.model.users.values()}

    @invariant()
    def passwords_are_those_of_the_model(self) -> None:
        for email, user in self.model.users.items():
            assert self.db.rows("get_credentials", email)[0]["password_hash"] == user.password

    @invariant()
    def sessions_are_those_of_the_model(self) -> None:
        for user in self.model.users.values():
            listed = {row["id"] for row in self.db.rows("list_sessions", user.id)}
            assert listed == {session.id for session in self.model.live_sessions(user)}
        for token, session in self.model.sessions.items():
            holder = [row["user_id"] for row in self.db.rows("validate_session", token)]
            assert holder == ([session.user.id] if session.live else [])

    @invariant()
    def lockouts_are_those_of_the_model(self) -> None:
        for email in EMAILS:
            failures = sum(1 for attempt in self.model.attempts if attempt == (email, False))
            assert self.db.rows("is_locked_out", email)[0][0] is (failures >= LOCKED_AFTER)

    @invariant()
    def counts_are_those_of_the_model(self) -> None:
        users = self.model.users.values()
        stats = self.db.rows("get_stats")[0]
        assert (stats["user_count"], stats["verified_user_count"], stats["disabled_user_count"]) == (
            len(users),
            sum(user.verified for user in users),
            sum(user.disabled for user in users),
        )
        assert stats["active_session_count"] == sum(session.live for session in self.model.sessions.values())


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def test_the_database_does_what_the_model_does(module_database: TestDatabase, loop: asyncio.AbstractEventLoop) -> None:
    connection = loop.run_until_complete(connect(module_database.app_url))
    try:
        run_state_machine_as_test(
            lambda: Accounts(loop, connection),
            settings=settings(
                max_examples=25, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
            ),
        )
    finally:
        loop.run_until_complete(connection.close())

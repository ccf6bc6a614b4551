"""A user with a session, as the SQL functions see one, and what tests of authenticators do with them."""

import json
import secrets
from collections import Counter
from typing import Any

import asyncpg

from tests.sql.conftest import Sql

BROWSER = "browser-1"


class Person:
    """A user with a session and, where a test says so, authenticators."""

    def __init__(self, sql: Sql, namespace: str, superuser: asyncpg.Connection) -> None:
        self.sql, self.namespace, self.superuser = sql, namespace, superuser
        self.user_id: Any
        self.session_id: Any

    async def arrive(self) -> "Person":
        self.user_id = await self.sql.user(self.namespace)
        self.session_id = await self.log_in()
        return self

    async def log_in(self) -> Any:
        start = ("start_session", self.user_id, secrets.token_hex(16), "{}", "{}", self.namespace)
        return await self.sql.value(*start)

    async def enrol(self, mfa_type: str = "totp", session_id: Any = None, **more: Any) -> dict[str, Any]:
        authenticator = json.dumps(
            {"mfa_type": mfa_type, "secret": "sealed", "second_step": mfa_type == "totp", **more}
        )
        session_id = session_id or self.session_id
        row = await self.sql.row(
            "enrol_authenticator", self.user_id, session_id, authenticator, "{}", self.namespace
        )  # fmt: skip
        assert row
        return row

    async def add_passkey(self) -> Any:
        mfa_id = await self.sql.value("add_mfa", self.user_id, "webauthn", "a-key", None, self.namespace)
        await self.superuser.execute(
            "UPDATE authn.mfa_secrets SET credential_id = $2 WHERE id = $1", mfa_id, secrets.token_bytes(16)
        )
        return mfa_id

    async def remove(self, mfa_id: Any, **removal: Any) -> Any:
        arguments = (self.user_id, mfa_id, self.session_id, json.dumps(removal), "{}", self.namespace)
        return await self.sql.value("remove_authenticator", *arguments)

    async def log_in_long_ago(self) -> None:
        await self.superuser.execute(
            "UPDATE authn.sessions SET auth_time = now() - interval '11 minutes' WHERE id = $1", self.session_id
        )

    async def flow(self, *factors: dict[str, Any]) -> Any:
        """A flow of this person with these factors proven."""
        flow = json.dumps({"browser_digest": BROWSER, "expires_in": 600})
        flow_id = await self.sql.value("start_login_flow", flow, self.namespace)
        for factor in factors:
            assert (await self.complete(flow_id, [factor]))["outcome"] == "pending"
        return flow_id

    def login(self, flow_id: Any, factors: list[dict[str, Any]], *, session: bool = False) -> str:
        login = {"flow_id": str(flow_id) if flow_id else None, "browser_digest": BROWSER, "user_id": str(self.user_id),
                 "factors": factors, "expires_in": 600}  # fmt: skip
        if session:
            login["session"] = {"token_hash": secrets.token_hex(16), "amr": ["pwd"]}
        return json.dumps(login)

    async def complete(self, flow_id: Any, factors: list[dict[str, Any]], *, session: bool = False) -> dict[str, Any]:
        row = await self.sql.row("complete_login", self.login(flow_id, factors, session=session), "{}", self.namespace)
        assert row
        return row

    async def events(self) -> Counter[str]:
        return Counter(event["event_type"] for event in await self.sql.events(self.namespace))

    async def prove_address(self) -> None:
        await self.superuser.execute("UPDATE authn.identities SET verified_at = now() WHERE user_id = $1", self.user_id)

"""The SQL functions of password login."""

from typing import Any, NamedTuple
from uuid import UUID

from portal.db.engine import Querier
from portal.login.flow import LoginFlow
from portal.login.queries import login_flow


class PasswordAttempt(NamedTuple):
    """An attempt that was counted before the password is looked at.

    `user_id` and `password_hash` are None for an unknown address. With `retry_after` > 0 (seconds) the budget is used
    up and nothing was counted; `locked` says that it is the budget of a day, which the owner opens from the mailbox.
    """

    attempt_id: int | None
    user_id: str | None
    password_hash: str | None
    disabled: bool
    has_second_factor: bool
    retry_after: int
    locked: bool
    known_browser: bool


class PasswordState(NamedTuple):
    """What a person has to log in with, as far as a change of the password needs to know."""

    has_password: bool
    has_second_factor: bool


async def begin_password_login(
    database: Querier, email: str, browser_digest: str | None, actor: dict[str, Any], namespace: str
) -> PasswordAttempt:
    """Take one attempt from the budget of this address and prefix."""
    row = await database.fetchrow(
        "select * from authn.begin_password_login($1, $2, $3, $4)", email, browser_digest, actor, namespace
    )
    return _attempt(row)


async def begin_password_login_of_flow(
    database: Querier, flow_id: str, email: str, browser_digest: str | None, actor: dict[str, Any], namespace: str
) -> tuple[LoginFlow | None, PasswordAttempt | None]:
    """Return a flow and, where it can go on in this browser, take an attempt from the budget: one round trip."""
    try:
        key = UUID(flow_id)
    except ValueError:
        return None, None
    row = await database.fetchrow(
        "select * from authn.begin_password_login_of_flow($1, $2, $3, $4, $5)",
        key,
        email,
        browser_digest,
        actor,
        namespace,
    )
    return login_flow(row["flow"]) if row["flow"] else None, _attempt(row["attempt"]) if row["attempt"] else None


def _attempt(row: Any) -> PasswordAttempt:
    return PasswordAttempt(
        row["attempt_id"],
        str(row["user_id"]) if row["user_id"] else None,
        row["password_hash"],
        bool(row["disabled"]),
        row["has_second_factor"],
        row["retry_after"],
        row["locked"],
        row["known_browser"],
    )


async def fail_password_login(
    database: Querier, attempt_id: int | None, email: str, actor: dict[str, Any], namespace: str
) -> None:
    """Write the audit event of a wrong password."""
    await database.fetchval("select authn.fail_password_login($1, $2, $3, $4)", attempt_id, email, actor, namespace)


async def get_password_state(database: Querier, user_id: str, namespace: str) -> PasswordState:
    """Return whether a user has a password and a second factor."""
    row = await database.fetchrow("select * from authn.get_password_state($1, $2)", UUID(user_id), namespace)
    return PasswordState(row["has_password"], row["has_second_factor"]) if row else PasswordState(False, False)


async def change_password(
    database: Querier, user_id: str, session_id: str, change: dict[str, Any], actor: dict[str, Any], namespace: str
) -> str:
    """Change or set a password; returns `changed`, `stale` or `login_not_recent` (see the SQL function)."""
    return str(
        await database.fetchval(
            "select authn.change_password($1, $2, $3, $4, $5)",
            UUID(user_id),
            UUID(session_id),
            change,
            actor,
            namespace,
        )
    )

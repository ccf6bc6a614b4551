"""The SQL functions of sign-up, one call each."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from portal.db.engine import Querier


class Begun(NamedTuple):
    """What `begin_signup` did: `sent`, `too_soon`, `throttled` (both with `retry_after` seconds) or `gone`."""

    outcome: str
    flow_id: str | None
    retry_after: int


class Proven(NamedTuple):
    """What using a code or link did; the outcomes are listed at the SQL functions."""

    outcome: str
    flow_id: str | None
    tries_left: int
    user_id: str | None
    return_to: str | None


class Link(NamedTuple):
    """What a mailed link is for. `email` and the rest of the first browser's state are not for another browser."""

    outcome: str
    own_browser: bool
    usable: bool
    email: str
    app_name: str | None
    client_id: str | None
    flow_id: str
    requested_at: datetime
    user_agent: str | None


async def begin_signup(database: Querier, signup: dict[str, Any], actor: dict[str, Any], namespace: str) -> Begun:
    """Note a sign-up and put its mail into the outbox."""
    row = await database.fetchrow("select * from authn.begin_signup($1, $2, $3)", signup, actor, namespace)
    return Begun(row["outcome"], str(row["flow_id"]) if row["flow_id"] else None, row["retry_after"])


async def use_signup_code(
    database: Querier,
    flow_id: str,
    browser_digest: str,
    verification_id: str,
    code_digest: str,
    session: dict[str, Any],
    actor: dict[str, Any],
    namespace: str,
) -> Proven:
    """Check a code; the right one makes the account and starts the session."""
    row = await database.fetchrow(
        "select * from authn.use_signup_code($1, $2, $3, $4, $5, $6, $7)",
        UUID(flow_id),
        browser_digest,
        UUID(verification_id),
        code_digest,
        session,
        actor,
        namespace,
    )
    return Proven(row["outcome"], flow_id, row["tries_left"], _text(row["user_id"]), row["return_to"])


async def find_link(database: Querier, link_digest: str, browser_digest: str | None, namespace: str) -> Link | None:
    """Return what a link is for, changing nothing."""
    row = await database.fetchrow("select * from authn.find_link($1, $2, $3)", link_digest, browser_digest, namespace)
    if row is None:
        return None
    return Link(
        row["outcome"],
        row["own_browser"],
        row["usable"],
        row["email"],
        row["app_name"],
        row["client_id"],
        str(row["flow_id"]),
        row["requested_at"],
        row["user_agent"],
    )


async def use_signup_link(
    database: Querier,
    link_digest: str,
    browser_digest: str,
    session: dict[str, Any],
    elsewhere: dict[str, Any],
    actor: dict[str, Any],
    namespace: str,
) -> Proven:
    """Act on a link, once."""
    row = await database.fetchrow(
        "select * from authn.use_signup_link($1, $2, $3, $4, $5, $6)",
        link_digest,
        browser_digest,
        session,
        elsewhere,
        actor,
        namespace,
    )
    return Proven(row["outcome"], _text(row["flow_id"]), 0, _text(row["user_id"]), row["return_to"])


async def finish_signup(
    database: Querier,
    flow_id: str,
    browser_digest: str,
    password_hash: str,
    session: dict[str, Any],
    actor: dict[str, Any],
    namespace: str,
) -> Proven:
    """Set the password of an account that was proven by a link opened elsewhere, and log its browser in."""
    row = await database.fetchrow(
        "select * from authn.finish_signup($1, $2, $3, $4, $5, $6)",
        UUID(flow_id),
        browser_digest,
        password_hash,
        session,
        actor,
        namespace,
    )
    return Proven(row["outcome"], flow_id, 0, _text(row["user_id"]), row["return_to"])


def _text(value: object) -> str | None:
    return str(value) if value else None

"""The SQL functions of sign-up, one call each."""

from typing import Any, NamedTuple
from uuid import UUID

from portal.db.engine import Querier
from portal.login.mailed_proof import Begun, begun


class Proven(NamedTuple):
    """What using a code or link did; the outcomes are listed at the SQL functions."""

    outcome: str
    flow_id: str | None
    tries_left: int
    user_id: str | None
    return_to: str | None


async def begin_signup(database: Querier, signup: dict[str, Any], actor: dict[str, Any], namespace: str) -> Begun:
    """Note a sign-up and put its mail into the outbox."""
    return begun(await database.fetchrow("select * from authn.begin_signup($1, $2, $3)", signup, actor, namespace))


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

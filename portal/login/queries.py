"""The SQL functions of login flows, one call each."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from portal.db.engine import Querier
from portal.login.flow import Factor, LoginFlow
from portal.login.links import Link
from portal.login.mailed_proof import Begun


class Completed(NamedTuple):
    """What `complete_login` did: `session`, `pending` (another factor is due) or `gone` (the flow cannot go on).

    `enrolled` are the types of the account's authenticators, `declined` the offers that its owner does not want.
    """

    outcome: str
    flow_id: str | None
    session_id: str | None
    return_to: str | None
    enrolled: tuple[str, ...] = ()
    declined: tuple[str, ...] = ()


async def start_login_flow(database: Querier, flow: dict[str, Any], namespace: str) -> str | None:
    """Start a flow and return its id; None where its network has begun too many."""
    begun = await database.fetchval("select authn.start_login_flow($1, $2)", flow, namespace)
    return str(begun) if begun else None


async def get_login_flow(
    database: Querier, flow_id: str, browser_digest: str | None, namespace: str
) -> LoginFlow | None:
    """Return a flow, or None for an id that is none."""
    try:
        key = UUID(flow_id)
    except ValueError:
        return None
    row = await database.fetchrow("select * from authn.get_login_flow($1, $2, $3)", key, browser_digest, namespace)
    return login_flow(row) if row else None


def login_flow(row: Any) -> LoginFlow:
    """Read what `get_login_flow` returned, as a row or as the jsonb of one."""
    return LoginFlow(
        id=str(row["id"]),
        own=row["own"],
        expired=row["expired"],
        finished=row["finished"],
        purpose=row["purpose"],
        reauthenticate=row["reauthenticate"],
        return_to=row["return_to"],
        client_id=row["client_id"],
        app_name=row["app_name"],
        email=row["email"],
        user_id=str(row["user_id"]) if row["user_id"] else None,
        factors=tuple(
            Factor(item["method"], tuple(item["amr"]), item.get("multi", False), item.get("second", False))
            for item in row["factors"]
        ),
        remembered=row["remembered"],
        proven_elsewhere=row["proven_elsewhere"],
        has_password=row["has_password"],
        created_at=_time(row["created_at"]),
        verification_id=str(row["verification_id"]) if row["verification_id"] else None,
        code_sent_at=_time(row["code_sent_at"]),
        code_expired=row["code_expired"],
        code_used=row["code_used"],
        proof_purpose=row["proof_purpose"],
        approved=row["approved"],
        recovered=row["recovered"],
    )


async def set_flow_identifier(
    database: Querier, flow_id: str, browser_digest: str, email: str | None, namespace: str
) -> bool:
    """Note the typed address, or forget it; False when the flow cannot go on in this browser."""
    return bool(
        await database.fetchval(
            "select authn.set_flow_identifier($1, $2, $3, $4)", UUID(flow_id), browser_digest, email, namespace
        )
    )


async def complete_login(database: Querier, login: dict[str, Any], actor: dict[str, Any], namespace: str) -> Completed:
    """Record a factor and, with a session in `login`, end the flow with it."""
    return completed(await database.fetchrow("select * from authn.complete_login($1, $2, $3)", login, actor, namespace))


async def list_authenticator_types(database: Querier, user_id: str, namespace: str) -> frozenset[str]:
    """Return of which types a user has authenticators."""
    rows = await database.fetch("select distinct mfa_type from authn.list_mfa($1, $2)", UUID(user_id), namespace)
    return frozenset(row["mfa_type"] for row in rows)


async def can_step_up(database: Querier, user_id: str, namespace: str) -> bool:
    """Return whether a user has an authenticator that can stand second to another factor."""
    return bool(await database.fetchval("select authn.can_step_up($1, $2)", UUID(user_id), namespace))


async def list_ways_in(database: Querier, user_id: str, namespace: str) -> frozenset[str]:
    """Return what a user has to log in with: password, kinds of proven identities, types of authenticators."""
    return frozenset(await database.fetchval("select authn.list_ways_in($1, $2)", UUID(user_id), namespace))


def completed(row: Any) -> Completed:
    """Read what `complete_login`, or a function that ends in it, returned."""
    return Completed(
        row["outcome"],
        str(row["flow_id"]) if row["flow_id"] else None,
        str(row["session_id"]) if row["session_id"] else None,
        row["return_to"],
        tuple(row["enrolled"]),
        tuple(row["declined"]),
    )


async def begin_unlock(database: Querier, wish: dict[str, Any], actor: dict[str, Any], namespace: str) -> Begun:
    """Mail the link that unlocks a browser, unless enough went before; the answer is the same."""
    row = await database.fetchrow("select * from authn.begin_unlock($1, $2, $3)", wish, actor, namespace)
    return Begun(row["outcome"], str(row["flow_id"]) if row["flow_id"] else None, 0)


async def use_unlock_link(
    database: Querier,
    link_digest: str,
    browser_digest: str,
    elsewhere: dict[str, Any],
    actor: dict[str, Any],
    namespace: str,
) -> str | None:
    """Use an unlock link for this browser and return the flow that goes on; None when it no longer works."""
    flow_id = await database.fetchval(
        "select authn.use_unlock_link($1, $2, $3, $4, $5)", link_digest, browser_digest, elsewhere, actor, namespace
    )
    return str(flow_id) if flow_id else None


async def login_needs_work(
    database: Querier, email: str, browser_digest: str | None, actor: dict[str, Any], namespace: str
) -> bool:
    """Return whether a password for this address is looked at only after some work."""
    return bool(
        await database.fetchval(
            "select authn.login_needs_work($1, $2, $3, $4)", email, browser_digest, actor, namespace
        )
    )


async def spend_challenge(
    database: Querier, digest: str, valid_for: timedelta, actor: dict[str, Any], namespace: str, *, waited: bool
) -> str:
    """Use up a challenge of the bot check: `spent`, `again` (used before) or `wait` (others came first)."""
    return str(
        await database.fetchval(
            "select authn.spend_challenge($1, $2, $3, $4, $5)", digest, waited, valid_for, actor, namespace
        )
    )


async def find_link(database: Querier, link_digest: str, browser_digest: str | None, namespace: str) -> Link | None:
    """Return what a mailed link is for, changing nothing."""
    row = await database.fetchrow("select * from authn.find_link($1, $2, $3)", link_digest, browser_digest, namespace)
    if row is None:
        return None
    return Link(
        verification_id=str(row["verification_id"]),
        outcome=row["outcome"],
        own_browser=row["own_browser"],
        usable=row["usable"],
        email=row["email"],
        app_name=row["app_name"],
        client_id=row["client_id"],
        flow_id=str(row["flow_id"]),
        requested_at=row["requested_at"],
        ip_address=str(row["ip_address"]) if row["ip_address"] else None,
        user_agent=row["user_agent"],
    )


def _time(value: Any) -> Any:
    # jsonb knows no times: they are texts in it.
    return datetime.fromisoformat(value) if isinstance(value, str) else value

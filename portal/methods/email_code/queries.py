"""The SQL functions of login by mail, one call each."""

from typing import Any, NamedTuple
from uuid import UUID

from portal.db.engine import Querier
from portal.login.mailed_proof import Begun, begun
from portal.login.queries import Completed, completed


class Account(NamedTuple):
    """The account that a login mail is for."""

    user_id: str
    email: str
    has_second_factor: bool


class Tried(NamedTuple):
    """What a typed code did: `right` (with the account, None when it was disabled meanwhile), `wrong` or `dead`."""

    outcome: str
    tries_left: int
    account: Account | None


async def begin_mail_login(database: Querier, wish: dict[str, Any], actor: dict[str, Any], namespace: str) -> Begun:
    """Put a login mail into the outbox, or the one that says that there is no account."""
    return begun(await database.fetchrow("select * from authn.begin_mail_login($1, $2, $3)", wish, actor, namespace))


async def try_login_code(
    database: Querier,
    flow_id: str,
    browser_digest: str,
    verification_id: str,
    code_digest: str,
    actor: dict[str, Any],
    namespace: str,
) -> Tried:
    """Count one try at a code."""
    row = await database.fetchrow(
        "select * from authn.try_login_code($1, $2, $3, $4, $5, $6)",
        UUID(flow_id),
        browser_digest,
        UUID(verification_id),
        code_digest,
        actor,
        namespace,
    )
    return Tried(row["outcome"], row["tries_left"], _account(row))


async def get_mail_login_account(database: Querier, verification_id: str, namespace: str) -> Account | None:
    """Return whose login a mail is for, changing nothing."""
    row = await database.fetchrow(
        "select * from authn.get_mail_login_account($1, $2)", UUID(verification_id), namespace
    )
    return _account(row)


async def complete_mail_login(
    database: Querier, login: dict[str, Any], proof: dict[str, str], actor: dict[str, Any], namespace: str
) -> Completed:
    """Use the proof up and complete the login, in one commit."""
    return completed(
        await database.fetchrow(
            "select * from authn.complete_mail_login($1, $2, $3, $4)", login, proof, actor, namespace
        )
    )


async def answer_login_link(
    database: Querier, link_digest: str, answer: str, mail_denied: str, actor: dict[str, Any], namespace: str
) -> bool:
    """Note what was decided where the link was opened elsewhere; False when it no longer works."""
    outcome = await database.fetchval(
        "select authn.answer_login_link($1, $2, $3, $4, $5)", link_digest, answer, mail_denied, actor, namespace
    )
    return bool(outcome == answer)


async def leave_login_link(
    database: Querier, link_digest: str, browser_digest: str, elsewhere: dict[str, Any], namespace: str
) -> str | None:
    """Return the flow in which the person signs up instead, or None when the link was used before."""
    flow_id = await database.fetchval(
        "select authn.leave_login_link($1, $2, $3, $4)", link_digest, browser_digest, elsewhere, namespace
    )
    return str(flow_id) if flow_id else None


def _account(row: Any) -> Account | None:
    if row is None or row["user_id"] is None:
        return None
    return Account(str(row["user_id"]), row["email"], row["has_second_factor"])

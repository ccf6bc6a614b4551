"""The SQL functions of login by text message, one call each."""

from typing import Any, NamedTuple
from uuid import UUID

from portal.db.engine import Querier
from portal.login.mailed_proof import Begun, begun
from portal.login.queries import Completed, completed


class Tried(NamedTuple):
    """What a typed code did: `right` (`user_id` None when nobody may log in with the number), `wrong` or `dead`."""

    outcome: str
    tries_left: int
    user_id: str | None
    has_second_factor: bool


async def begin_sms_login(database: Querier, wish: dict[str, Any], actor: dict[str, Any], namespace: str) -> Begun:
    """Put a message with a code into the outbox, unless a cap is reached; the answer is the same."""
    return begun(await database.fetchrow("select * from authn.begin_sms_login($1, $2, $3)", wish, actor, namespace))


async def try_sms_code(
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
        "select * from authn.try_sms_code($1, $2, $3, $4, $5, $6)",
        UUID(flow_id),
        browser_digest,
        UUID(verification_id),
        code_digest,
        actor,
        namespace,
    )
    user_id = str(row["user_id"]) if row["user_id"] else None
    return Tried(row["outcome"], row["tries_left"], user_id, row["has_second_factor"])


async def complete_sms_login(
    database: Querier, login: dict[str, Any], proof: dict[str, str], actor: dict[str, Any], namespace: str
) -> Completed:
    """Use the code up and complete the login, in one commit."""
    return completed(
        await database.fetchrow(
            "select * from authn.complete_sms_login($1, $2, $3, $4)", login, proof, actor, namespace
        )
    )


async def list_proven_phones(database: Querier, user_id: str, namespace: str) -> list[str]:
    """Return the numbers that a person has proven."""
    rows = await database.fetch("select * from authn.list_identities($1, $2)", UUID(user_id), namespace)
    return [row["value"] for row in rows if row["kind"] == "phone" and row["verified_at"]]

"""The SQL functions of the text message as second step, one call each."""

from typing import Any, NamedTuple
from uuid import UUID

from portal.db.engine import Querier
from portal.login.queries import Completed, completed


class Phones(NamedTuple):
    """The number that a flow's second step goes to, and the one that its newest message went to; in E.164."""

    enrolled: str | None
    sent_to: str | None


class Asked(NamedTuple):
    """What asking for a message did: `sent`, `too_soon` or `throttled` (`retry_after` seconds), `capped`, `gone`."""

    outcome: str
    flow_id: str
    retry_after: int


async def get_phones(database: Querier, flow_id: str, browser_digest: str | None, namespace: str) -> Phones:
    """Return the numbers of this browser's flow; none where it cannot go on."""
    query = "select * from authn.get_second_step_phones($1, $2, $3)"
    row = await database.fetchrow(query, UUID(flow_id), browser_digest, namespace)
    return Phones(row["enrolled"], row["sent_to"]) if row else Phones(None, None)


async def send_text(database: Querier, wish: dict[str, Any], actor: dict[str, Any], namespace: str) -> Asked:
    """Put a message with a code into the outbox."""
    row = await database.fetchrow("select * from authn.send_second_step_text($1, $2, $3)", wish, actor, namespace)
    return Asked(row["outcome"], str(row["flow_id"]), row["retry_after"])


async def complete_second_step(
    database: Querier, login: dict[str, Any], proof: dict[str, Any], actor: dict[str, Any], namespace: str
) -> Completed:
    """Use a code up and complete the login, in one commit; outcome `used` for a wrong or old one."""
    query = "select * from authn.complete_sms_second_step($1, $2, $3, $4)"
    return completed(await database.fetchrow(query, login, proof, actor, namespace))


async def try_set_up_code(
    database: Querier,
    flow_id: str,
    browser_digest: str,
    proof: dict[str, str],
    actor: dict[str, Any],
    namespace: str,
) -> tuple[str, int]:
    """Count one try at the code that proves a new number: `right`, `wrong` or `dead`, and how many tries are left."""
    query = "select * from authn.try_set_up_code($1, $2, $3, $4, $5)"
    row = await database.fetchrow(query, UUID(flow_id), browser_digest, proof, actor, namespace)
    return row["outcome"], row["tries_left"]


async def enrol_phone(
    database: Querier,
    login: dict[str, Any],
    proof: dict[str, str],
    session_id: str,
    mail: str | None,
    actor: dict[str, Any],
    namespace: str,
) -> str:
    """Make a proven number the second step: `enrolled`, `login_not_recent`, `only_phone` or `gone`."""
    query = "select authn.enrol_phone($1, $2, $3, $4, $5, $6)"
    return str(await database.fetchval(query, login, proof, UUID(session_id), mail, actor, namespace))


async def complete_set_up(
    database: Querier,
    login: dict[str, Any],
    proof: dict[str, str],
    mail: str | None,
    actor: dict[str, Any],
    namespace: str,
) -> Completed:
    """Make a proven number the second step and complete the login with it, in one commit."""
    query = "select * from authn.complete_phone_set_up($1, $2, $3, $4, $5)"
    return completed(await database.fetchrow(query, login, proof, mail, actor, namespace))

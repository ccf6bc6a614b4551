"""The SQL functions of recovery, one call each."""

from typing import Any
from uuid import UUID

from portal.db.engine import Querier
from portal.login.mailed_proof import Begun, begun
from portal.login.queries import Completed, completed


async def begin_recovery(database: Querier, wish: dict[str, Any], actor: dict[str, Any], namespace: str) -> Begun:
    """Put a recovery mail into the outbox, or the one that says that there is no account."""
    return begun(await database.fetchrow("select * from authn.begin_recovery($1, $2, $3)", wish, actor, namespace))


async def use_recovery_mail_code(
    database: Querier,
    flow_id: str,
    browser_digest: str,
    verification_id: str,
    code_digest: str,
    actor: dict[str, Any],
    namespace: str,
) -> tuple[str, int]:
    """Check a code; returns `right` (the flow may set a password), `wrong` or `dead`, and the tries left."""
    row = await database.fetchrow(
        "select * from authn.use_recovery_mail_code($1, $2, $3, $4, $5, $6)",
        UUID(flow_id),
        browser_digest,
        UUID(verification_id),
        code_digest,
        actor,
        namespace,
    )
    return row["outcome"], row["tries_left"]


async def use_recovery_link(
    database: Querier,
    link_digest: str,
    browser_digest: str,
    elsewhere: dict[str, Any],
    actor: dict[str, Any],
    namespace: str,
) -> str | None:
    """Use a link once; returns the flow that may set a password."""
    flow_id = await database.fetchval(
        "select authn.use_recovery_link($1, $2, $3, $4, $5)", link_digest, browser_digest, elsewhere, actor, namespace
    )
    return str(flow_id) if flow_id else None


async def finish_recovery(
    database: Querier,
    login: dict[str, Any],
    password_hash: str,
    mail_changed: str,
    actor: dict[str, Any],
    namespace: str,
) -> Completed:
    """Set the new password, end what was open, and complete the login, in one commit."""
    return completed(
        await database.fetchrow(
            "select * from authn.finish_recovery($1, $2, $3, $4, $5)",
            login,
            password_hash,
            mail_changed,
            actor,
            namespace,
        )
    )

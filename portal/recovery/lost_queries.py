"""The SQL functions behind a lost second step, one call each, and the job that reminds."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from portal.db.engine import Querier
from portal.jobs.job import Job
from portal.web.request import PortalRequest

REMIND_EVERY = timedelta(minutes=10)  # a day before it matters


class Lost(NamedTuple):
    """Whose second step a flow waits for: proven addresses, the account's own first, and when a running wish opens."""

    user_id: str
    email: str | None
    addresses: tuple[str, ...]
    opens_at: datetime | None


class Wish(NamedTuple):
    """What a mailed link is for. `kind`: finish or stop; `state`: waiting, open, stopped or over."""

    kind: str
    state: str
    user_id: str
    email: str | None
    addresses: tuple[str, ...]
    requested_at: datetime
    opens_at: datetime
    ip_address: str | None
    user_agent: str | None


async def find_lost_second_step(request: PortalRequest, flow_id: str) -> Lost | None:
    """Return whose second step this browser's flow waits for."""
    row = await request.portal.database.fetchrow(
        "select * from authn.find_lost_second_step($1, $2, $3)",
        UUID(flow_id),
        request.browser_digest,
        request.namespace.name,
    )
    return Lost(str(row["user_id"]), row["email"], tuple(row["addresses"]), row["opens_at"]) if row else None


async def begin_second_step_recovery(request: PortalRequest, flow_id: str, user_id: str, wish: dict[str, Any]) -> str:
    """Begin the wait; returns begun, waiting, stopped, no_mailbox or gone."""
    return str(
        await request.portal.database.fetchval(
            "select authn.begin_second_step_recovery($1, $2, $3, $4, $5)",
            UUID(flow_id),
            request.browser_digest,
            wish,
            request.context.as_actor(user_id),
            request.namespace.name,
        )
    )


async def find_second_step_recovery(request: PortalRequest, digest: str) -> Wish | None:
    """Return what a link is for, changing nothing."""
    row = await request.portal.database.fetchrow(
        "select * from authn.find_second_step_recovery($1, $2)", digest, request.namespace.name
    )
    if row is None:
        return None
    return Wish(
        row["kind"],
        row["state"],
        str(row["user_id"]),
        row["email"],
        tuple(row["addresses"]),
        row["requested_at"],
        row["opens_at"],
        str(row["ip_address"]) if row["ip_address"] else None,
        row["user_agent"],
    )


async def stop_second_step_recovery(request: PortalRequest, digest: str) -> bool:
    """End the wish; False when it was over."""
    return bool(
        await request.portal.database.fetchval(
            "select authn.stop_second_step_recovery($1, $2, $3)",
            digest,
            request.context.as_actor(),
            request.namespace.name,
        )
    )


async def finish_second_step_recovery(
    request: PortalRequest, digest: str, user_id: str, mails: list[str | None]
) -> bool:
    """Take the second step off; False when it is too early or over."""
    return bool(
        await request.portal.database.fetchval(
            "select authn.finish_second_step_recovery($1, $2, $3, $4)",
            digest,
            mails,
            request.context.as_actor(user_id),
            request.namespace.name,
        )
    )


def reminder_job(database: Querier) -> Job:
    """Return the job that mails people a day before their second step can be taken off."""

    async def remind() -> bool:
        return bool(await database.fetchval("select authn.remind_of_second_step_recoveries()"))

    return Job("lost second steps", REMIND_EVERY, remind)

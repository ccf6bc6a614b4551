"""Delivery of what waits in the outbox: taken with a lease, sent, reported. Run by the worker, never by a request."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from portal.crypto.sealing import CannotOpen, Sealer
from portal.db.engine import DatabaseUnavailable, Querier
from portal.mail.message import open_mail
from portal.mail.senders import DELIVERY_TIMEOUT, Delivery, Refused, Sender, Sent, TryAgain
from portal.web.logging import get_logger

CHANNEL = "portal_outbox"  # what `authn._enqueue` notifies
BATCH_SIZE = 8  # mails at a time, side by side: a mail server seldom allows more connections from one place
# Longer than the slowest mail and its report: a mail that is still under way must not be handed to another worker.
LEASE = timedelta(seconds=DELIVERY_TIMEOUT * 4)
REPORT_AGAIN_AFTER = (0.2, 1.0, 3.0, 5.0)  # seconds; an embedded database restarts in less, a fail-over in about that

log = get_logger("portal.mail")


@dataclass(frozen=True, slots=True)
class OutboxState:
    """How the outbox stands over all namespaces, for `portal doctor` and /readyz."""

    waiting: int
    failing: int  # of the waiting ones, tried in vain at least once
    failed: int  # given up
    oldest_waiting_seconds: int
    last_error: str | None


async def deliver_due_mail(
    database: Querier, sealer: Sealer, sender: Sender, *, text_messages: Sender | None = None
) -> int:
    """Send one batch of due mails, and of text messages where there is a sender for them.

    A mail is sent at least once: a process that dies between the server's answer and the report sends it again, with
    the same Message-ID.

    Returns:
        How many mails were taken; 0 when nothing is due.

    Raises:
        portal.db.engine.DatabaseUnavailable: what was taken comes back when its lease ends.
    """
    senders = {kind: each for kind, each in (("mail", sender), ("sms", text_messages)) if each and each.ready}
    if not senders:
        return 0
    taken = await database.fetch("select * from authn.take_outbox($1, $2, $3)", BATCH_SIZE, LEASE, list(senders))
    # One that fails must not end the others: cut off between the server's answer and the report, they would go twice.
    outcomes = await asyncio.gather(
        *(_deliver(database, sealer, senders[row["kind"]], row) for row in taken), return_exceptions=True
    )
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return len(taken)


async def read_outbox_state(database: Querier) -> OutboxState:
    """Return how the outbox stands."""
    row = await database.fetchrow(
        "select waiting, failing, failed, last_error, "
        "coalesce(extract(epoch from now() - oldest_waiting_at), 0)::bigint as seconds from authn.get_outbox_state()"
    )
    return OutboxState(row["waiting"], row["failing"], row["failed"], row["seconds"], row["last_error"])


async def _deliver(database: Querier, sealer: Sealer, sender: Sender, row: Any) -> None:
    delivery = await _send(sealer, sender, row["payload"])
    if isinstance(delivery, Sent):
        log.info("mail_sent", outbox_id=row["id"], attempt=row["attempts"], namespace=row["namespace"])
    else:
        log.warning(
            "mail_not_sent",
            outbox_id=row["id"],
            attempt=row["attempts"],
            namespace=row["namespace"],
            reason=delivery.reason,
            final=isinstance(delivery, Refused),
        )
    await _report(
        database,
        row["id"],
        row["attempts"],
        None if isinstance(delivery, Sent) else delivery.reason,
        isinstance(delivery, Refused),
        sender.keeps_payload,
    )


async def _report(database: Querier, *facts: Any) -> None:
    """Report on a mail, through a short outage of the database too: a sent one that nobody notes is sent again."""
    for pause in REPORT_AGAIN_AFTER:
        try:
            await database.fetchval("select authn.finish_outbox($1, $2, $3, $4, $5)", *facts)
        except DatabaseUnavailable:
            await asyncio.sleep(pause)
        else:
            return
    await database.fetchval("select authn.finish_outbox($1, $2, $3, $4, $5)", *facts)


async def _send(sealer: Sealer, sender: Sender, payload: str) -> Delivery:
    try:
        mail = open_mail(sealer, payload)
    except (CannotOpen, TypeError, ValueError):
        # Sealed by a key that is not in PORTAL_SECRET_KEY. Not final at once: the key may be put back within the day.
        return TryAgain("the mail was sealed with a key that is not in PORTAL_SECRET_KEY")
    return await sender.send(mail)

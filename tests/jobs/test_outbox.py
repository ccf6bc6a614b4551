"""The outbox in the database: written with a fact, taken once, tried again, given up."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from tests.support.database import TestDatabase

LEASE = timedelta(minutes=2)


@pytest.fixture
async def owner(database: TestDatabase) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(database.owner_url)
    yield connection
    await connection.close()


@pytest.fixture
async def worker(database: TestDatabase) -> AsyncIterator[Any]:
    """The application role, as the worker uses it."""
    connection = await asyncpg.connect(database.app_url)
    yield connection
    await connection.close()


async def enqueue(owner: Any, payload: str = "sealed", namespace: str = "default") -> None:
    """What a function like begin_signup does beside its own work."""
    async with owner.transaction():
        await owner.execute("select authn.set_tenant($1)", namespace)
        await owner.execute("select authn._enqueue('mail', $1, $2)", payload, namespace)


async def row(database: TestDatabase) -> Any:
    connection = await asyncpg.connect(database.superuser_url)
    try:
        return await connection.fetchrow("select * from authn.outbox")
    finally:
        await connection.close()


async def as_superuser(database: TestDatabase, statement: str) -> None:
    connection = await asyncpg.connect(database.superuser_url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def take(worker: Any, limit: int = 10, lease: timedelta = LEASE) -> list[Any]:
    return list(await worker.fetch("select * from authn.take_outbox($1, $2)", limit, lease))


async def test_a_message_is_taken_with_what_it_needs(owner: Any, worker: Any) -> None:
    await enqueue(owner, "sealed text", "acme")
    [taken] = await take(worker)
    assert (taken["namespace"], taken["kind"], taken["payload"], taken["attempts"]) == (
        "acme",
        "mail",
        "sealed text",
        1,
    )


async def test_a_message_of_a_transaction_that_rolls_back_does_not_exist(owner: Any, worker: Any) -> None:
    transaction = owner.transaction()
    await transaction.start()
    await owner.execute("select authn.set_tenant('default')")
    await owner.execute("select authn._enqueue('mail', 'sealed', 'default')")
    await transaction.rollback()
    assert await take(worker) == []


async def test_a_taken_message_is_not_given_to_a_second_worker(owner: Any, worker: Any) -> None:
    await enqueue(owner)
    assert len(await take(worker)) == 1
    assert await take(worker) == []


async def test_forty_workers_at_once_share_the_messages_without_overlap(owner: Any, database: TestDatabase) -> None:
    for number in range(30):
        await enqueue(owner, f"sealed {number}")
    pool = await asyncpg.create_pool(database.app_url, min_size=10, max_size=10)
    try:
        batches = await asyncio.gather(
            *(pool.fetch("select payload from authn.take_outbox(2, interval '1 minute')") for _ in range(40))
        )
    finally:
        await pool.close()
    payloads = [taken["payload"] for batch in batches for taken in batch]
    assert len(payloads) == len(set(payloads)) == 30
    assert max(len(batch) for batch in batches) == 2


async def test_a_worker_that_died_gives_its_messages_back_when_the_lease_ends(owner: Any, worker: Any) -> None:
    await enqueue(owner)
    assert len(await take(worker, lease=timedelta(seconds=-1))) == 1
    [again] = await take(worker)
    assert again["attempts"] == 2


async def test_a_sent_message_is_blanked_and_never_taken_again(owner: Any, worker: Any, database: TestDatabase) -> None:
    await enqueue(owner)
    [taken] = await take(worker)
    assert await worker.fetchval("select authn.finish_outbox($1, $2)", taken["id"], taken["attempts"]) is True
    kept = await row(database)
    assert kept["payload"] == ""
    assert kept["sent_at"] is not None
    assert await take(worker, lease=timedelta(seconds=-1)) == []


async def test_a_sent_message_stays_readable_for_the_development_inbox(
    owner: Any, worker: Any, database: TestDatabase
) -> None:
    await enqueue(owner)
    [taken] = await take(worker)
    await worker.fetchval("select authn.finish_outbox($1, $2, null, false, true)", taken["id"], taken["attempts"])
    assert (await row(database))["payload"] == "sealed"


async def test_failures_are_tried_again_after_ever_longer_pauses(
    owner: Any, worker: Any, database: TestDatabase
) -> None:
    await enqueue(owner)
    pauses = []
    for _ in range(12):
        [taken] = await take(worker)
        await worker.fetchval("select authn.finish_outbox($1, $2, 'away')", taken["id"], taken["attempts"])
        kept = await row(database)
        assert kept["failed_at"] is None
        assert kept["last_error"] == "away"
        assert await take(worker) == []
        pauses.append((kept["available_at"] - kept["created_at"]).total_seconds())
        await as_superuser(database, "update authn.outbox set available_at = now(), created_at = now()")
    expected = [5 * 2**number for number in range(10)] + [3600, 3600]
    assert pauses == pytest.approx(expected, abs=4)  # and what passed between the two statements


async def test_a_message_is_given_up_after_a_day_of_tries_and_not_before(
    owner: Any, worker: Any, database: TestDatabase
) -> None:
    async def fail_once() -> Any:
        [taken] = await take(worker)
        await worker.fetchval("select authn.finish_outbox($1, $2, 'away')", taken["id"], taken["attempts"])
        kept = await row(database)
        await as_superuser(database, "update authn.outbox set available_at = now()")
        return kept

    await enqueue(owner)
    await as_superuser(database, "update authn.outbox set created_at = now() - interval '23 hours', attempts = 40")
    assert (await fail_once())["failed_at"] is None
    # A portal that was off for two days tries properly before it gives up.
    await as_superuser(database, "update authn.outbox set created_at = now() - interval '2 days', attempts = 0")
    assert (await fail_once())["failed_at"] is None
    await as_superuser(database, "update authn.outbox set attempts = 9")
    given_up = await fail_once()
    assert given_up["failed_at"] is not None
    assert given_up["payload"] == ""
    assert await take(worker) == []


async def test_a_final_failure_is_not_tried_again(owner: Any, worker: Any, database: TestDatabase) -> None:
    await enqueue(owner)
    [taken] = await take(worker)
    await worker.fetchval("select authn.finish_outbox($1, $2, 'no such mailbox', true)", taken["id"], taken["attempts"])
    kept = await row(database)
    assert kept["failed_at"] is not None
    assert kept["payload"] == ""


async def test_a_worker_slower_than_its_lease_cannot_spoil_the_next_try(
    owner: Any, worker: Any, database: TestDatabase
) -> None:
    await enqueue(owner)
    [first] = await take(worker, lease=timedelta(seconds=-1))
    [second] = await take(worker)
    late = await worker.fetchval("select authn.finish_outbox($1, $2, 'away')", first["id"], first["attempts"])
    assert late is False
    assert (await row(database))["locked_until"] is not None
    assert await worker.fetchval("select authn.finish_outbox($1, $2)", second["id"], second["attempts"]) is True


@pytest.mark.adversarial("R1")
async def test_a_tenant_sees_its_own_messages_only(owner: Any, worker: Any) -> None:
    await enqueue(owner, "of acme", "acme")
    await enqueue(owner, "of globex", "globex")
    assert await worker.fetch("select * from authn.outbox") == []
    listed = "select payload from authn.list_outbox('mail', '{}', 10, $1)"
    assert [found["payload"] for found in await worker.fetch(listed, "acme")] == ["of acme"]
    async with worker.transaction():
        await worker.execute("select authn.set_tenant('globex')")
        assert [found["payload"] for found in await worker.fetch("select * from authn.outbox")] == ["of globex"]
        assert await worker.fetch(listed, "acme") == []


@pytest.mark.adversarial("R4")
async def test_the_application_role_writes_no_message_itself(worker: Any) -> None:
    for statement in (
        "select authn._enqueue('mail', 'sealed', 'default')",
        "insert into authn.outbox (namespace, kind, payload) values ('default', 'mail', 'sealed')",
        "update authn.outbox set payload = ''",
        "delete from authn.outbox",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await worker.execute(statement)


async def test_a_message_without_kind_or_payload_is_refused(owner: Any) -> None:
    for kind, payload in ((None, "x"), ("mail", None), ("mail", ""), ("Mail!", "x")):
        with pytest.raises((asyncpg.NullValueNotAllowedError, asyncpg.InvalidParameterValueError)):
            await owner.execute("select authn._enqueue($1, $2, 'default')", kind, payload)


async def test_cleanup_removes_old_messages_and_gives_up_those_nobody_could_send(
    owner: Any, worker: Any, database: TestDatabase
) -> None:
    for payload in ("sent long ago", "sent today", "waits since last week", "waits since today"):
        await enqueue(owner, payload)
    await as_superuser(
        database,
        """
        update authn.outbox set sent_at = now() - interval '8 days' where payload = 'sent long ago';
        update authn.outbox set sent_at = now() where payload = 'sent today';
        update authn.outbox set created_at = now() - interval '7 days' where payload = 'waits since last week';
        """,
    )
    counts = await worker.fetchrow("select * from authn.cleanup_outbox()")
    assert (counts["messages_deleted"], counts["messages_expired"]) == (1, 1)
    assert [taken["payload"] for taken in await take(worker)] == ["waits since today"]


async def test_the_state_counts_every_tenant(owner: Any, worker: Any) -> None:
    await enqueue(owner, namespace="acme")
    await enqueue(owner, namespace="globex")
    [taken] = await take(worker, limit=1)
    await worker.fetchval("select authn.finish_outbox($1, $2, 'away')", taken["id"], taken["attempts"])
    state = await worker.fetchrow("select * from authn.get_outbox_state()")
    assert (state["waiting"], state["failing"], state["failed"], state["last_error"]) == (2, 1, 0, "away")

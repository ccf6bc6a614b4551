"""From the outbox to a mail server: portal/mail/outbox.py, with a real database and a real server."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from portal.crypto.sealing import Sealer
from portal.db.engine import Database
from portal.jobs.job import Job
from portal.jobs.worker import Listener, start_worker
from portal.mail.message import Mail, seal_mail
from portal.mail.outbox import CHANNEL, deliver_due_mail, read_outbox_state
from portal.mail.senders import DevelopmentInbox, SmtpSender, SmtpServer, WaitingSender
from tests.support.database import TestDatabase, execute

SEALER = Sealer((b"k" * 40,))
MAIL = Mail("alice@example.com", "Subject", "Code 482913\n", "<p>482913</p>\n", "Portal", "en", "reference")


@dataclass
class MailServer:
    """A server on this machine and what it took."""

    port: int = 0
    arrived: list[tuple[float, str]] = field(default_factory=list)
    answer: str = "250 OK"
    delay: float = 0.0
    at_once: int = 0  # mails that it has in hand
    most_at_once: int = 0
    before_answer: Callable[[], None] = lambda: None

    @property
    def sender(self) -> SmtpSender:
        return SmtpSender(SmtpServer("127.0.0.1", self.port, "none"), "no-reply@portal.example")

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(self.delay)
        await asyncio.to_thread(self.before_answer)
        self.at_once -= 1
        if self.answer.startswith("250"):
            self.arrived += [(time.monotonic(), address) for address in envelope.rcpt_tos]
        return self.answer


@pytest.fixture
async def mail_server() -> AsyncIterator[MailServer]:
    mailbox = MailServer()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(mailbox, hostname="mail.test", loop=loop), "127.0.0.1", 0)
    mailbox.port = server.sockets[0].getsockname()[1]
    yield mailbox
    server.close()


@pytest.fixture
async def pool(database: TestDatabase) -> AsyncIterator[Database]:
    opened = Database(database.app_url, pool_size=4)
    yield opened
    await opened.close()


@pytest.fixture
async def owner(database: TestDatabase) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(database.owner_url)
    yield connection
    await connection.close()


async def enqueue(owner: Any, mail: Mail = MAIL, sealer: Sealer = SEALER) -> None:
    async with owner.transaction():
        await owner.execute("select authn.set_tenant('default')")
        await owner.execute("select authn._enqueue('mail', $1, 'default')", seal_mail(sealer, mail))


async def test_due_mail_is_sent_once(owner: Any, pool: Database, mail_server: MailServer) -> None:
    for number in range(3):
        await enqueue(owner, replace(MAIL, to=f"user{number}@example.com"))
    assert await deliver_due_mail(pool, SEALER, mail_server.sender) == 3
    assert await deliver_due_mail(pool, SEALER, mail_server.sender) == 0
    assert sorted(address for _, address in mail_server.arrived) == [f"user{n}@example.com" for n in range(3)]
    assert (await read_outbox_state(pool)).waiting == 0


async def test_two_processes_send_each_mail_once(owner: Any, pool: Database, mail_server: MailServer) -> None:
    for number in range(20):
        await enqueue(owner, replace(MAIL, to=f"user{number}@example.com"))

    async def drain() -> None:
        while await deliver_due_mail(pool, SEALER, mail_server.sender):
            pass

    await asyncio.gather(drain(), drain())
    assert len(mail_server.arrived) == len(set(mail_server.arrived)) == 20


async def test_mail_that_the_server_did_not_take_waits_for_the_next_try(
    owner: Any, pool: Database, mail_server: MailServer, database: TestDatabase
) -> None:
    mail_server.answer = "451 try later"
    await enqueue(owner)
    assert await deliver_due_mail(pool, SEALER, mail_server.sender) == 1
    state = await read_outbox_state(pool)
    assert (state.waiting, state.failing, state.last_error) == (1, 1, "SMTPDataError (451)")
    mail_server.answer = "250 OK"
    await asyncio.to_thread(execute, database.superuser_url, "update authn.outbox set available_at = now()")
    await deliver_due_mail(pool, SEALER, mail_server.sender)
    assert len(mail_server.arrived) == 1


async def test_without_a_server_mail_waits_untouched(owner: Any, pool: Database) -> None:
    await enqueue(owner)
    assert await deliver_due_mail(pool, SEALER, WaitingSender()) == 0
    state = await read_outbox_state(pool)
    assert (state.waiting, state.failing) == (1, 0)
    # Later, with a server, it goes out.
    assert await deliver_due_mail(pool, SEALER, DevelopmentInbox()) == 1


async def test_mail_sealed_with_a_lost_key_is_kept_and_does_not_hold_up_the_rest(
    owner: Any, pool: Database, mail_server: MailServer
) -> None:
    await enqueue(owner, sealer=Sealer((b"lost" * 10,)))
    await enqueue(owner)
    assert await deliver_due_mail(pool, SEALER, mail_server.sender) == 2
    assert len(mail_server.arrived) == 1
    state = await read_outbox_state(pool)
    assert state.waiting == 1
    assert "PORTAL_SECRET_KEY" in str(state.last_error)


@pytest.mark.asvs("16.2.5")
async def test_the_log_tells_of_a_mail_without_address_or_code(
    owner: Any, pool: Database, mail_server: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    await enqueue(owner)
    await deliver_due_mail(pool, SEALER, mail_server.sender)
    mail_server.answer = "554 refused: alice@example.com 482913"
    await enqueue(owner)
    await deliver_due_mail(pool, SEALER, mail_server.sender)
    logged = str([vars(record) for record in caplog.records if record.name == "portal.mail"])
    assert "mail_sent" in logged
    assert "mail_not_sent" in logged
    assert "alice" not in logged
    assert "482913" not in logged


async def test_a_mail_leaves_as_soon_as_its_transaction_commits(
    owner: Any, pool: Database, mail_server: MailServer, database: TestDatabase
) -> None:
    async def send() -> bool:
        return await deliver_due_mail(pool, SEALER, mail_server.sender) > 0

    async def connect() -> Listener:
        connection: Listener = await asyncpg.connect(database.app_url)
        return connection

    worker = await start_worker([Job("mail", timedelta(hours=1), send, wakes_on=CHANNEL)], connect)
    try:
        await asyncio.sleep(0.5)  # it listens by now
        await enqueue(owner)
        for _ in range(500):
            if mail_server.arrived:
                break
            await asyncio.sleep(0.01)
        assert len(mail_server.arrived) == 1  # an hour later without the notification
    finally:
        await worker.stop()


async def test_slow_mail_servers_are_used_side_by_side(owner: Any, pool: Database, mail_server: MailServer) -> None:
    mail_server.delay = 0.5
    for _ in range(8):
        await enqueue(owner)
    assert await deliver_due_mail(pool, SEALER, mail_server.sender) == 8
    assert mail_server.most_at_once > 1


async def test_a_mail_is_not_sent_twice_because_the_database_went_away_meanwhile(
    owner: Any, pool: Database, mail_server: MailServer, database: TestDatabase
) -> None:
    def lose_every_connection() -> None:
        execute(
            database.superuser_url,
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()",
        )

    await enqueue(owner)
    mail_server.before_answer = lose_every_connection
    assert await deliver_due_mail(pool, SEALER, mail_server.sender) == 1
    assert len(mail_server.arrived) == 1
    assert (await read_outbox_state(pool)).waiting == 0

"""`portal doctor`: checks what the portal stands on, one line each, with what to do where something is wrong."""

import asyncio
import json
import os
import ssl
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from urllib.parse import urlsplit

import aiosmtplib
import asyncpg
import click
from rich.console import Console
from rich.markup import escape

from portal import clock
from portal.cli.answers import json_option
from portal.cli.environment import Environment, open_environment
from portal.crypto.hashing import PASSWORDS
from portal.crypto.sealing import CannotOpen, Sealer
from portal.db.embedded import EmbeddedPostgresError
from portal.db.engine import CONNECT_TIMEOUT, OLDEST_POSTGRES, Database, DatabaseUnavailable, tls_of
from portal.db.migrate import MigrationError, pending_migrations
from portal.mail.outbox import read_outbox_state
from portal.mail.senders import SmtpServer, SmtpServerError, parse_smtp_url
from portal.methods.password.breaches import is_breached
from portal.oidc.signing_keys import SigningKeys
from portal.outgoing.addresses import allowed_networks
from portal.settings import Settings, SettingsError
from portal.sms.senders import SmsGatewayError, sms_is_possible, sms_sender_for
from portal.web.places import Places

CLOCK_MAX_DIFFERENCE = 5.0  # seconds; signed tokens carry our clock, limits and expiry go by the database's
SMTP_WITHIN = 10.0  # seconds
TLS_WITHIN = 5.0  # seconds
CERTIFICATE_LEFT = 7  # days; what renews by itself does so weeks before
SLOW_HASH = 0.25  # seconds; beyond it a login feels slow and few logins fit into a second
WELL_KNOWN = "password"  # in every breach; the service that does not know it is none
SEALED_LOOKED_AT = 1000  # values of older keys; whether there are more changes nothing


@dataclass(frozen=True, slots=True)
class Check:
    """One line: what was looked at, whether it holds, what was found, and what to do where it does not hold."""

    name: str
    ok: bool
    says: str
    advice: str = ""


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Check settings, database, roles, clock, mail and keys; exit status 1 when any fails."""
    checks = _all_checks()
    if as_json:
        click.echo(json.dumps({"ok": all(check.ok for check in checks), "checks": [asdict(c) for c in checks]}))
    else:
        _show(checks)
    if not all(check.ok for check in checks):
        sys.exit(1)


def _all_checks() -> list[Check]:
    try:
        with open_environment() as environment:
            return asyncio.run(_checks(environment))
    except SettingsError as error:
        return [Check("settings", False, problem, "Correct it and run this again.") for problem in error.problems]
    except EmbeddedPostgresError as error:
        return [Check("database", False, str(error), "See the text, or set PORTAL_DATABASE_URL.")]


def _show(checks: list[Check]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for check in checks:
        word = "[green]ok[/green]    " if check.ok else "[red]failed[/red]"
        advice = f" {check.advice}" if check.advice else ""
        console.print(f"{word}  {check.name:<11} {escape(check.says + advice)}")


async def _checks(environment: Environment) -> list[Check]:
    settings = environment.settings
    where = "embedded" if environment.embedded else "configured"
    checks = [Check("settings", True, f"{settings.url}, {where} database"), _check_proxy(settings)]
    checks.append(await _check_tls(settings))
    database = Database(environment.database_url, statement_cache=settings.database_statement_cache, pool_size=1)
    try:
        reachable = await _check_database(database)
        checks.append(reachable)
        if reachable.ok:
            migrated = await _check_migrations(database, environment)
            checks += [migrated, await _check_roles(database), await _check_owner(environment)]
            checks += [await _check_pooler(environment), await _check_clock(database)]
        else:
            migrated = reachable
        checks += [await _check_mail(environment), _check_sms(environment)]
        if migrated.ok:
            checks += [await _check_home(database), await _check_outbox(database)]
            checks += [await _check_keys(database, environment), await _check_sealing(database, environment)]
        checks += [await _check_hashing(), await _check_passwords(settings), _check_places(settings)]
    finally:
        await database.close()
    return checks


def _check_proxy(settings: Settings) -> Check:
    if not settings.secure:
        return Check("proxy", True, "none: people reach the portal directly, without TLS")
    if not settings.trusted_proxies:
        return Check(
            "proxy",
            False,
            "PORTAL_URL is https, but no proxy is trusted: every visitor has the proxy's address, and one who guesses "
            "passwords uses up the attempts of all.",
            "Set PORTAL_TRUSTED_PROXIES to the proxy's address.",
        )
    return Check("proxy", True, f"forwarding is believed from {', '.join(map(str, settings.trusted_proxies))} only")


async def _check_tls(settings: Settings) -> Check:
    """Look at the certificate that browsers are shown, where this machine can reach its own public address."""
    if not settings.secure:
        return Check("tls", True, "none: PORTAL_URL is http")
    address = urlsplit(settings.url)
    host, port = address.hostname or "", address.port or 443
    try:
        async with asyncio.timeout(TLS_WITHIN):
            _reader, writer = await asyncio.open_connection(host, port, ssl=ssl.create_default_context())
    except ssl.SSLCertVerificationError as error:
        return Check("tls", False, f"browsers refuse the certificate of {host}: {error.verify_message}.", "Renew it.")
    except (OSError, TimeoutError):
        return Check("tls", True, f"{settings.url} cannot be reached from here, so its certificate was not looked at")
    certificate = writer.get_extra_info("peercert")
    writer.close()
    days = int((ssl.cert_time_to_seconds(certificate["notAfter"]) - time.time()) // 86400)
    if days < CERTIFICATE_LEFT:
        return Check("tls", False, f"the certificate of {host} ends in {days} days.", "Renew it.")
    return Check("tls", True, f"the certificate of {host} is good for {days} days")


async def _check_database(database: Database) -> Check:
    started = time.perf_counter()
    try:
        version = await database.fetchval("show server_version_num")
    except DatabaseUnavailable as error:
        return Check("database", False, f"does not answer ({error}).", "Look at PORTAL_DATABASE_URL and the server.")
    took = (time.perf_counter() - started) * 1000
    major = int(version) // 10000
    if major < OLDEST_POSTGRES:
        return Check("database", False, f"is PostgreSQL {major}.", f"Use PostgreSQL {OLDEST_POSTGRES} or newer.")
    return Check("database", True, f"PostgreSQL {major} answers, connected in {took:.0f} ms")


async def _check_migrations(database: Database, environment: Environment) -> Check:
    try:
        pending = await pending_migrations(database)
    except MigrationError as error:
        return Check("migrations", False, str(error))
    except asyncpg.InsufficientPrivilegeError:
        return Check("migrations", False, "the role may not use schema authn.", "Run `portal migrate`.")
    if pending:
        how = "`portal serve` applies them." if environment.embedded else "Run `portal migrate`."
        return Check("migrations", False, f"{len(pending)} files are to be applied, first {pending[0]}.", how)
    return Check("migrations", True, "up to date")


async def _check_roles(database: Database) -> Check:
    role = await database.fetchrow(
        "select rolname, rolsuper or rolbypassrls as powerful from pg_catalog.pg_roles where rolname = current_user"
    )
    if role["powerful"]:
        return Check(
            "roles",
            False,
            f"{role['rolname']} is a superuser or has BYPASSRLS: tenants are not kept apart.",
            "Use the role portal_app in PORTAL_DATABASE_URL.",
        )
    open_tables = await database.fetch(
        "select c.relname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace "
        "where n.nspname = 'authn' and c.relkind in ('r', 'p') "
        "and not (c.relrowsecurity and c.relforcerowsecurity) order by 1"
    )
    if open_tables:
        names = ", ".join(row["relname"] for row in open_tables)
        return Check("roles", False, f"row-level security is not forced on {names}.", "Run `portal migrate`.")
    return Check("roles", True, f"{role['rolname']} is bound by row-level security")


async def _check_owner(environment: Environment) -> Check:
    if environment.owner_url is None:
        return Check("owner", True, "PORTAL_DATABASE_OWNER_URL is not set here; `portal migrate` needs it")
    owner = Database(environment.owner_url, statement_cache=0, pool_size=1)
    try:
        name = await owner.fetchval("select current_user")
    except DatabaseUnavailable as error:
        return Check("owner", False, f"cannot log in ({error}).", "Look at PORTAL_DATABASE_OWNER_URL.")
    finally:
        await owner.close()
    return Check("owner", True, f"{name} can log in")


async def _check_pooler(environment: Environment) -> Check:
    if not await _is_pooled(environment.database_url):
        return Check("pooler", True, "none: connections go straight to PostgreSQL")
    if environment.settings.database_statement_cache:
        return Check(
            "pooler",
            False,
            "PORTAL_DATABASE_URL leads through one, where prepared statements may get lost.",
            "Set PORTAL_DATABASE_STATEMENT_CACHE=0.",
        )
    if environment.owner_url is None or await _is_pooled(environment.owner_url):
        return Check(
            "pooler",
            False,
            "migrations and LISTEN need a way around it.",
            "Set PORTAL_DATABASE_OWNER_URL, straight to PostgreSQL.",
        )
    return Check("pooler", True, "one is in front of PostgreSQL, prepared statements are off, the owner goes around it")


async def _is_pooled(url: str) -> bool:
    """Compare the process that the login was answered by with the one that runs the query."""
    connection = await asyncpg.connect(url, statement_cache_size=0, timeout=CONNECT_TIMEOUT, ssl=tls_of(url))
    try:
        return bool(connection.get_server_pid() != await connection.fetchval("select pg_backend_pid()"))
    finally:
        await connection.close()


async def _check_home(database: Database) -> Check:
    if await database.fetchval("select authn.recognise_home()"):
        return Check("home", True, "the data is where it was served before")
    return Check(
        "home",
        False,
        "the data was restored from a backup or moved here: what was ended since may be alive.",
        "Run `portal restored`.",
    )


async def _check_clock(database: Database) -> Check:
    before = clock.now()
    theirs: datetime = await database.fetchval("select now()")
    middle = before + (clock.now() - before) / 2
    difference = abs((theirs - middle).total_seconds())
    if difference > CLOCK_MAX_DIFFERENCE:
        return Check(
            "clock", False, f"{difference:.0f} s apart from the database's.", "Let both machines follow a time server."
        )
    return Check("clock", True, f"{difference * 1000:.0f} ms apart from the database's")


def _check_sms(environment: Environment) -> Check:
    # Nothing is posted: the gateway would send it to somebody.
    if not sms_is_possible(environment.settings):
        return Check("sms", True, "is off: PORTAL_SMS_URL is not set")
    try:
        sms_sender_for(environment.settings)
    except SmsGatewayError as error:
        return Check("sms", False, str(error))
    where = "the gateway" if environment.settings.sms_url else "the development inbox"
    return Check("sms", True, f"goes to {where}")


async def _check_mail(environment: Environment) -> Check:
    settings = environment.settings
    if not settings.smtp_url:
        if settings.dev:
            return Check("mail", True, f"goes to the development inbox, {settings.url}/dev/inbox")
        return Check("mail", False, "has no server, so it waits.", "Set PORTAL_SMTP_URL.")
    try:
        server = parse_smtp_url(settings.smtp_url)
    except SmtpServerError as error:
        return Check("mail", False, str(error))
    try:
        await _greet(server)
    except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as error:
        return Check(
            "mail", False, f"{server.host} does not take us: {type(error).__name__}.", "Look at PORTAL_SMTP_URL."
        )
    return Check("mail", True, f"{server.host}, port {server.port}, takes our login ({server.tls})")


async def _greet(server: SmtpServer) -> None:
    """Connect, start TLS and log in as the worker does, and send nothing."""
    async with (
        asyncio.timeout(SMTP_WITHIN),
        aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.username,
            password=server.password,
            use_tls=server.tls == "implicit",
            start_tls=server.tls == "starttls",
            timeout=SMTP_WITHIN,
        ) as connection,
    ):
        await connection.noop()


async def _check_outbox(database: Database) -> Check:
    state = await read_outbox_state(database)
    if state.failing or state.failed:
        return Check(
            "outbox",
            False,
            f"{state.failing} mails are tried again, {state.failed} were given up; last reason: {state.last_error}.",
            "Look at the mail server.",
        )
    minutes = state.oldest_waiting_seconds // 60
    waiting = f"{state.waiting} mails wait, the oldest for {minutes} minutes" if state.waiting else "nothing waits"
    return Check("outbox", True, waiting)


async def _check_keys(database: Database, environment: Environment) -> Check:
    try:
        key = await SigningKeys(database, Sealer(environment.settings.secret_keys)).current("default")
    except CannotOpen:
        return Check(
            "keys",
            False,
            "the signing key was sealed with a key that is not in PORTAL_SECRET_KEY.",
            "Put the old key back, behind the new one, separated by a comma.",
        )
    return Check("keys", True, f"the signing key opens ({key.thumbprint()[:8]}…)")


async def _check_sealing(database: Database, environment: Environment) -> Check:
    keys = environment.settings.secret_keys
    known = {Sealer((key,)).newest for key in keys}
    older = await database.fetch("select sealed from authn.find_sealed($1, $2)", Sealer(keys).newest, SEALED_LOOKED_AT)
    lost = sum(row["sealed"].split(".")[1] not in known for row in older)
    if lost:
        return Check(
            "sealing",
            False,
            f"{lost} values were sealed with a key that is not in PORTAL_SECRET_KEY.",
            "Put the old key back, behind the new one, separated by a comma.",
        )
    if older:
        many = f"at least {len(older)}" if len(older) == SEALED_LOOKED_AT else str(len(older))
        return Check(
            "sealing", True, f"{many} values are sealed with an older key; `portal keys rotate-sealing` seals them anew"
        )
    if len(keys) > 1:
        return Check("sealing", True, "nothing needs the older keys in PORTAL_SECRET_KEY any more")
    return Check("sealing", True, "everything stored opens with PORTAL_SECRET_KEY")


def _check_places(settings: Settings) -> Check:
    try:
        kind = Places(settings.geo_database).kind
    except SettingsError as error:
        return Check("places", False, error.problems[0], "See docs/operating.md for where to get one.")
    return Check(
        "places", True, f"come from a {kind} database" if kind else "are not shown: PORTAL_GEO_DATABASE is not set"
    )


async def _check_hashing() -> Check:
    await PASSWORDS.hash("warm up the thread and its memory")
    took = await _seconds(lambda: PASSWORDS.hash("a password to be measured"))
    per_second = (os.cpu_count() or 1) / took
    if took > SLOW_HASH:
        return Check(
            "hashing", False, f"a password hash takes {took * 1000:.0f} ms.", "This machine is too slow or too busy."
        )
    return Check("hashing", True, f"a password hash takes {took * 1000:.0f} ms, about {per_second:.0f} logins a second")


async def _check_passwords(settings: Settings) -> Check:
    lookup = settings.breach_lookup
    if not lookup.refuses_common:
        return Check("passwords", True, "are taken however common: PORTAL_BREACH_LOOKUP is off")
    if lookup.range_url is None:
        return Check("passwords", True, "are compared with the list that is shipped")
    if await is_breached(WELL_KNOWN, lookup.range_url, allowed=allowed_networks(settings)):
        return Check("passwords", True, f"are compared with what {lookup.range_url} knows, too")
    return Check(
        "passwords",
        False,
        f"{lookup.range_url} gives no answer that can be used.",
        "Look at PORTAL_BREACH_LOOKUP and, for a mirror of your own, PORTAL_OUTGOING_ALLOW.",
    )


async def _seconds(work: Callable[[], Awaitable[object]]) -> float:
    started = time.perf_counter()
    await work()
    return time.perf_counter() - started

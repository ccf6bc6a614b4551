"""`portal serve`: the server processes, and the embedded database where none is configured.

The parent holds the embedded database and the listening socket; workers come and go. https://www.uvicorn.org/settings/
"""

import asyncio
import os
import resource
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType

import click
import uvicorn

from portal.cli.answers import Failure, failing_plainly
from portal.cli.draining import SingleServer, Workers
from portal.cli.environment import Environment, hand_to_workers, open_database, open_environment
from portal.cli.http_limits import BoundedHttpProtocol
from portal.cli.reload import ReloadOnChange
from portal.crypto.sealing import Sealer
from portal.db.engine import Database
from portal.mail.senders import SmtpServerError, sender_for
from portal.resources import STATIC, TEMPLATES
from portal.settings import LOOPBACK_NAMES, Settings
from portal.sms.senders import SmsGatewayError, sms_sender_for
from portal.web.logging import configure_logging, get_logger, logging_config
from portal.web.metrics import served_metrics
from portal.web.places import Places
from portal.web.tracing import TracingNotInstalled, tracing_wanted

APPLICATION = "portal.cli.draining:application"
BEHIND_PROXY_PORT = 8000  # where PORTAL_URL is https, a proxy has 443 and passes on to here
DRAIN_WITHIN = 6  # seconds for requests under way; with the rest of the stop it stays below ten
# Seconds an idle connection is kept. Longer than proxies keep theirs (nginx 60 s): were we the first to close, the
# request that is on its way just then would be lost.
KEEP_ALIVE = 75
CONNECTIONS_PER_WORKER = 2000  # beyond it the answer is 503: better than running out of memory or files
WORKER_ANSWERS_WITHIN = 30  # seconds to start, and to answer its parent: a busy machine is no reason to kill a worker
BACKLOG = 1024  # connections that wait to be accepted
OPEN_FILES = 8192  # asked of the system, which gives 1024 by default on many
WATCHED = [str(folder) for folder in (Path(__file__).parent.parent, TEMPLATES, STATIC)]  # by --reload

log = get_logger("portal.serve")


@click.command()
@click.option("--host", help="Address to listen on. Default: loopback where PORTAL_URL is, else all addresses.")
@click.option(
    "--port", type=click.IntRange(1, 65535), help="Port to listen on. Default: PORTAL_URL's, behind TLS 8000."
)
@click.option("--workers", type=click.IntRange(1, 64), help="Server processes. Default: PORTAL_WORKERS.")
@click.option("--reload", is_flag=True, help="Start again when a file changes. For development.")
@failing_plainly
def serve(host: str | None, port: int | None, workers: int | None, reload: bool) -> None:
    """Serve the portal until SIGTERM or Ctrl-C, then finish what is under way; SIGHUP replaces the workers."""
    # uvicorn repeats the signal once it has stopped, and its default action would skip everything after it: the
    # embedded database would stay behind.
    signal.signal(signal.SIGTERM, _leave)
    with open_environment() as environment:
        settings = _listening(environment.settings, host, port, workers)
        configure_logging(settings.log_format)
        _refuse_tracing_without_its_packages()
        listener = _bind(settings.host, settings.port)
        asyncio.run(_check(replace(environment, settings=settings)))
        hand_to_workers(environment)
        _raise_file_limit()
        log.info("serving", url=settings.url, host=settings.host, port=settings.port, workers=settings.workers)
        with _metrics(settings):
            stopped_well = _run(settings, listener, reload=reload)
        log.info("stopped")
    if not stopped_well:
        sys.exit(1)


@contextmanager
def _metrics(settings: Settings) -> Iterator[None]:
    with ExitStack() as stack:
        try:
            stack.enter_context(served_metrics(settings.metrics_address))
        except OSError as error:
            raise Failure(
                f"Cannot serve metrics on {settings.metrics_address}: {error.strerror}. Change PORTAL_METRICS_ADDRESS."
            ) from error
        yield


def _leave(_signal: int, _frame: FrameType | None) -> None:
    """End the process the orderly way, through every `finally`."""
    raise SystemExit(0)


def _listening(settings: Settings, host: str | None, port: int | None, workers: int | None) -> Settings:
    host = host or settings.host
    if settings.dev and host not in LOOPBACK_NAMES:
        raise Failure(
            f"PORTAL_DEV=1 shows every mail to whoever asks, so it listens on loopback addresses only, not on {host}."
        )
    own_port = settings.port if settings.url.startswith("http://") else BEHIND_PROXY_PORT
    return replace(settings, host=host, port=port or own_port, workers=workers or settings.workers)


async def _check(environment: Environment) -> None:
    try:
        sender_for(environment.settings)
        sms_sender_for(environment.settings)
    except (SmtpServerError, SmsGatewayError) as error:
        raise Failure(str(error)) from error
    Places(environment.settings.geo_database)
    async with open_database(environment) as database:
        await _refuse_powerful_role(database)
        await _refuse_unsettled_copy(database)
        if environment.settings.dev:
            from portal.devtools.seeds import seed

            await seed(environment.settings, database, Sealer(environment.settings.secret_keys))


def _refuse_tracing_without_its_packages() -> None:
    try:
        tracing_wanted(os.environ)
    except TracingNotInstalled as error:
        raise Failure(str(error)) from error


async def _refuse_powerful_role(database: Database) -> None:
    """Row-level security does not bind a superuser: one forgotten condition would then show another tenant's rows."""
    row = await database.fetchrow(
        "select rolname, rolsuper or rolbypassrls as powerful from pg_catalog.pg_roles where rolname = current_user"
    )
    if row["powerful"]:
        raise Failure(
            f"The role {row['rolname']} in PORTAL_DATABASE_URL is a superuser or has BYPASSRLS, so tenants would not "
            "be kept apart. Use portal_app, which `portal migrate` makes."
        )


async def _refuse_unsettled_copy(database: Database) -> None:
    """In a restored backup ended sessions are alive and used codes are unused, until `portal restored` has run."""
    if not await database.fetchval("select authn.recognise_home()"):
        raise Failure(
            "This database is a copy: it was restored from a backup, or moved here. Run `portal restored` first. It "
            "ends the sessions, codes and keys that may have been ended or used after the backup was taken."
        )


def _raise_file_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _bind(host: str, port: int) -> socket.socket:
    """Take the address before anything is started, so that a taken one is a plain sentence."""
    try:
        family, kind, protocol, _name, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, protocol)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        raise Failure(f"Cannot listen on {host}, port {port}: {error.strerror}. Choose another --port.") from error
    bound.set_inheritable(True)
    return bound


def _run(settings: Settings, listener: socket.socket, *, reload: bool) -> bool:
    """Run until told to stop; return whether the server ever served."""
    config = uvicorn.Config(
        APPLICATION,
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        loop="portal.cli.accepting:event_loop" if settings.workers > 1 else "uvloop",
        http=BoundedHttpProtocol,
        ws="none",
        lifespan="on",
        log_config=logging_config(settings.log_format),
        access_log=False,  # its lines have the raw query, and with it codes and links
        # Forwarding headers count only from PORTAL_TRUSTED_PROXIES, which `portal.web.client_address` decides.
        proxy_headers=False,
        server_header=False,
        limit_concurrency=CONNECTIONS_PER_WORKER,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=DRAIN_WITHIN,
        timeout_worker_healthcheck=WORKER_ANSWERS_WITHIN,
        reload=reload,
        reload_dirs=WATCHED if reload else None,
    )
    # Only where PORTAL_URL is https there is a proxy to tell.
    server = SingleServer(config, announces=settings.secure)
    try:
        if reload:
            ReloadOnChange(config, target=server.run, sockets=[listener]).run()
        elif settings.workers > 1:
            Workers(config, [listener], announces=settings.secure).run()
        else:
            server.run(sockets=[listener])
            return server.started
    except KeyboardInterrupt:  # uvicorn repeats Ctrl-C after it has stopped
        pass
    return True

"""The only wiring place: settings in, ASGI application out."""

import gc
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

import asyncpg
from litestar import Litestar, Response, Router
from litestar.exceptions import HTTPException
from litestar.response import Redirect

from portal.crypto.sealing import Sealer
from portal.db.engine import CONNECT_TIMEOUT, Database, DatabaseUnavailable
from portal.errors import Problem
from portal.installed import LINK_KINDS, METHODS, ROUTERS, jobs
from portal.jobs.worker import Connect, Listener, start_worker
from portal.login.method import refuse_methods_that_are_off
from portal.sessions.guards import LoginRequired, load_session
from portal.settings import Settings, load_settings, read_or_make_secret_key
from portal.tenancy.hosts import Hosts
from portal.tenancy.theme import theme
from portal.tenancy.well_known import security_txt
from portal.web import health, static
from portal.web.error_pages import answer_fault, answer_http_exception, answer_outage, answer_problem
from portal.web.forms import MAX_BODY_BYTES
from portal.web.gate import Gate, refuse_during_outage
from portal.web.metrics import start_counting
from portal.web.places import Places
from portal.web.refusals import Refusals
from portal.web.request import Portal, PortalRequest
from portal.web.same_origin import require_same_origin
from portal.web.templates import Templates
from portal.web.tracing import TracedDatabase, start_tracing, traced_gate, tracing_wanted

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer


def create_app(settings: Settings, database: Database | None = None, make_gate: Callable[..., Gate] = Gate) -> Gate:
    """Build the application.

    `database` is for callers that bring their own pool; otherwise one is made from PORTAL_DATABASE_URL. `make_gate`
    makes the outermost layer.
    """
    database = database or _database(settings)
    portal = Portal(
        settings=settings,
        database=database,
        sealer=Sealer(settings.secret_keys or read_or_make_secret_key(settings.data_dir)),
        templates=Templates(Places(settings.geo_database)),
    )
    hosts = Hosts(database, settings)
    methods = tuple(method for method in METHODS if method.available is None or method.available(settings))
    development = _development_pages() if settings.dev else ()

    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncIterator[None]:
        start_counting()
        worker = await start_worker(jobs(portal), _listening(settings))
        gc.collect()
        gc.freeze()  # what was made at start stays; walking it again and again would only lengthen the pauses
        try:
            yield
        finally:
            await worker.stop()
            await database.close()

    app = Litestar(
        route_handlers=[
            *health.HANDLERS,
            *static.HANDLERS,
            theme,
            security_txt,
            *ROUTERS,
            *(Router(path="/", route_handlers=[method.router], opt={"method": method.id}) for method in methods),
            *development,
        ],
        request_class=PortalRequest,
        before_request=cast(Any, _admit),  # typed for any Request; ours is the one that request_class makes
        exception_handlers=EXCEPTION_HANDLERS,
        request_max_body_size=MAX_BODY_BYTES,
        openapi_config=None,
        lifespan=[lifespan],
        logging_config=None,
    )
    app.state.portal = portal
    app.state.methods = methods
    app.state.link_kinds = {kind.outcome: kind for kind in LINK_KINDS}
    return make_gate(
        app,
        find_namespace=hosts.find,
        fallback=hosts.default(),
        trusted=settings.trusted_proxies,
        refusals=Refusals(database),
    )


def app_from_environment() -> Gate:
    """Build the application from environment variables (for worker processes)."""
    settings = load_settings(os.environ)
    if not tracing_wanted(os.environ):
        return create_app(settings)
    tracer = start_tracing(os.environ)
    return create_app(settings, _database(settings, tracer), traced_gate(tracer))


def _development_pages() -> tuple[Router, ...]:
    from portal.devtools.gallery import ROUTER as GALLERY  # here: a deployment never loads them
    from portal.devtools.inbox import ROUTER as INBOX

    return (INBOX, GALLERY)


def _database(settings: Settings, tracer: "Tracer | None" = None) -> Database:
    if settings.database_url is None:
        raise RuntimeError("create_app needs a database: serve starts the embedded one and passes its address")
    if tracer is not None:
        return TracedDatabase(settings.database_url, tracer, statement_cache=settings.database_statement_cache)
    return Database(settings.database_url, statement_cache=settings.database_statement_cache)


async def _admit(request: PortalRequest) -> None:
    # Not as guards: Litestar copies the whole handler for each of those, which costs more than the checks. No handler
    # or router may set a before_request of its own; tests/architecture looks.
    handler = request.scope["route_handler"]
    refuse_during_outage(request, handler)
    require_same_origin(request, handler)
    refuse_methods_that_are_off(request, handler)
    await load_session(request, handler)


def _listening(settings: Settings) -> Connect | None:
    """Return how to hear NOTIFY: straight to the server, as a pooler delivers none."""
    url = settings.database_url if settings.database_statement_cache else settings.database_owner_url
    if url is None:
        return None

    async def connect() -> Listener:
        return cast(Listener, await asyncpg.connect(url, timeout=CONNECT_TIMEOUT, statement_cache_size=0))

    return connect


def _answer_login_required(request: PortalRequest, _error: LoginRequired) -> Response[Any]:
    path = request.scope["path"] if request.method == "GET" else "/account"
    location = f"/login?return_to={quote(path)}"
    if request.from_htmx:
        # A redirect would be followed inside the swap and put the login page into a corner of this one.
        return Response("", headers={"hx-redirect": location}, media_type="text/html")
    if request.wants_json:
        return Response({"code": "login_required", "detail": "Log in first."}, status_code=401)
    return Redirect(location, status_code=303)


# Typed loosely: Litestar's signature wants handlers of any Request, ours take the one that `request_class` makes.
EXCEPTION_HANDLERS: dict[int | type[Exception], Any] = {
    Problem: answer_problem,
    LoginRequired: _answer_login_required,
    DatabaseUnavailable: answer_outage,
    HTTPException: answer_http_exception,
    Exception: answer_fault,
}

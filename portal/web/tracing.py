"""Traces for OpenTelemetry, where OTEL_* asks for them: a span for each request and for each call of an SQL function.

Spans carry names, never values: the route's pattern and not the path, the function's name and not its arguments, the
kind of an error and not its words. Nothing of OpenTelemetry is imported, and nothing of this is in the way of a
request, unless it is asked for. https://opentelemetry.io/docs/specs/semconv/http/http-spans/
"""

import importlib.util
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from litestar.types import HTTPScope, Receive, Scope, Send

from portal import __version__
from portal.db.engine import Database, Querier
from portal.web.gate import Gate

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

ASKED_FOR_BY = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
STATEMENTS_REMEMBERED = 512  # as many as a connection keeps prepared; ours are constants of the code


class TracingNotInstalled(Exception):
    """OTEL_* asks for traces, and the packages that make them are missing."""


def tracing_wanted(environ: Mapping[str, str]) -> bool:
    """Whether the environment asks for traces.

    Raises:
        TracingNotInstalled: when it does and `pip install 'portal[otel]'` was not done.
    """
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or environ.get("OTEL_TRACES_EXPORTER") == "none":
        return False
    if environ.get("OTEL_TRACES_EXPORTER") != "otlp" and not any(environ.get(name) for name in ASKED_FOR_BY):
        return False
    if importlib.util.find_spec("opentelemetry") is None or importlib.util.find_spec("opentelemetry.sdk") is None:
        raise TracingNotInstalled("OTEL_* asks for traces: pip install 'portal[otel]', or set OTEL_SDK_DISABLED=true.")
    return True


def start_tracing(environ: Mapping[str, str]) -> "Tracer":
    """Export spans as OTEL_* says, from a thread of this process; what waits is sent when the process ends."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    named = "OTEL_SERVICE_NAME" in environ or "service.name=" in environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    provider = TracerProvider(resource=Resource.create({} if named else {SERVICE_NAME: "portal"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider.get_tracer("portal", __version__)


def traced_gate(tracer: "Tracer") -> Callable[..., Gate]:
    """Return what makes a gate whose requests are spans."""

    def make(*args: Any, **options: Any) -> Gate:
        gate = TracedGate(*args, **options)
        gate.tracer = tracer
        return gate

    return make


class TracedGate(Gate):
    """The gate, with a span for each request. A `traceparent` that a visitor sends is not believed."""

    tracer: "Tracer"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection inside a span."""
        from opentelemetry.trace import SpanKind

        with self.tracer.start_as_current_span(
            "request", kind=SpanKind.SERVER, record_exception=False, set_status_on_exception=False
        ):
            await super().__call__(scope, receive, send)

    def _finish(self, scope: HTTPScope, facts: dict[str, Any], method: str, status: int, seconds: float) -> None:
        from opentelemetry.trace import StatusCode, get_current_span

        super()._finish(scope, facts, method, status, seconds)
        span, route = get_current_span(), str(scope.get("path_template") or "-")
        span.update_name(f"{method} {route}")
        span.set_attributes(
            {
                "http.request.method": method,
                "http.route": route,
                "http.response.status_code": status,
                "portal.namespace": facts["namespace"].name,
                "portal.request_id": facts["context"].request_id,
            }
        )
        if status >= 500:
            span.set_status(StatusCode.ERROR)


class TracedDatabase(Database):
    """The pool, with a span for each call; the time that a call waits for a connection is part of it."""

    def __init__(self, url: str, tracer: "Tracer", *, statement_cache: int = 512) -> None:
        super().__init__(url, statement_cache=statement_cache)
        self._tracer = tracer

    @asynccontextmanager
    async def transaction(self, namespace: str) -> AsyncIterator[Querier]:
        """Open a transaction; each call in it is a span."""
        async with super().transaction(namespace) as querier:
            yield _TracedQuerier(querier, self._tracer)

    async def _run(self, method: str, query: str, args: tuple[Any, ...]) -> Any:
        return await _in_a_span(self._tracer, query, lambda: super(TracedDatabase, self)._run(method, query, args))


class _TracedQuerier:
    """One transaction's connection."""

    def __init__(self, querier: Querier, tracer: "Tracer") -> None:
        self._querier = querier
        self._tracer = tracer

    async def fetch(self, query: str, *args: Any) -> list[Any]:
        return cast(list[Any], await _in_a_span(self._tracer, query, lambda: self._querier.fetch(query, *args)))

    async def fetchrow(self, query: str, *args: Any) -> Any:
        return await _in_a_span(self._tracer, query, lambda: self._querier.fetchrow(query, *args))

    async def fetchval(self, query: str, *args: Any) -> Any:
        return await _in_a_span(self._tracer, query, lambda: self._querier.fetchval(query, *args))


async def _in_a_span(tracer: "Tracer", query: str, call: Callable[[], Awaitable[Any]]) -> Any:
    from opentelemetry.trace import SpanKind, StatusCode

    name = _name_of(query)
    attributes = {"db.system.name": "postgresql", "db.operation.name": name}
    with tracer.start_as_current_span(
        name, kind=SpanKind.CLIENT, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            return await call()
        except Exception as error:
            # Its kind and not its text, which may name a person.
            span.set_attribute("error.type", type(error).__name__)
            span.set_status(StatusCode.ERROR)
            raise


@lru_cache(STATEMENTS_REMEMBERED)
def _name_of(query: str) -> str:
    called = re.search(r"\bauthn\.([a-z_]+)\s*\(", query)
    return f"authn.{called[1]}" if called else query.split(maxsplit=1)[0].lower()

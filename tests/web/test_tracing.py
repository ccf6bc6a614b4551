"""Traces: what a span tells, what it never tells, and that without OTEL_* there are none."""

import subprocess
import sys
from collections.abc import AsyncIterator

import httpx
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from portal.app import create_app
from portal.settings import load_settings
from portal.web.tracing import TracedDatabase, TracingNotInstalled, traced_gate, tracing_wanted
from tests.support.database import STATEMENT_CACHE, TestDatabase

EMAIL = "somebody.in.particular@example.org"
PASSWORD = "a password that is nobody's business"
SECRETS = ("somebody", "example.org", "nobody's business", "203.0.113", "Of Hers", "THE-SECRET", "code=123", "a-cookie")
ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
async def client(spans: InMemorySpanExporter, database: TestDatabase) -> AsyncIterator[httpx.AsyncClient]:
    """A browser at an application whose spans are kept."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    tracer = provider.get_tracer("portal")
    own = {"PORTAL_DEV": "1", "PORTAL_DATABASE_URL": database.app_url, "PORTAL_SECRET_KEY": "k" * 40}
    settings = load_settings(own)
    traced = TracedDatabase(database.app_url, tracer, statement_cache=STATEMENT_CACHE)
    app = create_app(settings, traced, traced_gate(tracer))
    origin = {"origin": settings.url, "user-agent": "A Browser Of Hers/1.0", "cookie": "portal_session=a-cookie"}
    transport = httpx.ASGITransport(app, client=("203.0.113.77", 1))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url=settings.url, headers=origin) as browser:
        yield browser
    await traced.close()


async def test_a_request_is_a_span_and_so_is_each_call_in_it(
    client: httpx.AsyncClient, spans: InMemorySpanExporter
) -> None:
    answer = await client.post("/login/password", data={"email": EMAIL, "password": PASSWORD})
    assert answer.status_code == 422
    finished = spans.get_finished_spans()
    [request] = [span for span in finished if span.kind is SpanKind.SERVER]
    assert request.name == "POST /login/password"
    assert request.attributes is not None
    assert request.attributes["http.response.status_code"] == 422
    assert request.attributes["http.route"] == "/login/password"
    assert request.attributes["portal.request_id"] == answer.headers["x-request-id"]
    calls = [span for span in finished if span.kind is SpanKind.CLIENT]
    assert "authn.begin_password_login" in {call.name for call in calls}
    assert {call.parent.span_id for call in calls if call.parent} == {request.get_span_context().span_id}


@pytest.mark.asvs("16.2.5")
async def test_no_span_tells_anything_about_a_person(client: httpx.AsyncClient, spans: InMemorySpanExporter) -> None:
    await client.post("/login/password", data={"email": EMAIL, "password": PASSWORD})
    await client.get("/link/THE-SECRET-OF-A-LINK?code=123456", headers={"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"})
    told = " ".join(span.to_json() for span in spans.get_finished_spans())
    assert "/link/{" in told
    for secret in SECRETS:
        assert secret not in told, secret
    assert "a" * 32 not in told, "a visitor chose the id of the trace"


async def test_calls_in_a_transaction_are_spans_and_a_fault_tells_its_kind_only(
    client: httpx.AsyncClient, spans: InMemorySpanExporter, database: TestDatabase
) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    traced = TracedDatabase(database.app_url, provider.get_tracer("portal"), statement_cache=STATEMENT_CACHE)
    async with traced.transaction("default") as querier:
        await querier.fetchval("select authn.create_user($1)", EMAIL)
        await querier.fetch("select * from authn.list_users()")
        await querier.fetchrow("select 1")
    with pytest.raises(Exception, match="email"):
        await traced.fetchval("select authn.create_user($1)", EMAIL)
    await traced.close()
    seen = spans.get_finished_spans()
    assert [span.name for span in seen] == ["authn.create_user", "authn.list_users", "select", "authn.create_user"]
    assert seen[-1].status.status_code is StatusCode.ERROR
    assert seen[-1].attributes is not None
    assert seen[-1].attributes["error.type"] == "UniqueViolationError"
    assert not seen[-1].events
    assert EMAIL not in "".join(span.to_json() for span in seen)


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, False),
        (ENDPOINT, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_SERVICE_NAME": "login"}, False),
        ({**ENDPOINT, "OTEL_SDK_DISABLED": "true"}, False),
        ({**ENDPOINT, "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_the_environment_decides_whether_there_are_traces(environment: dict[str, str], wanted: bool) -> None:
    assert tracing_wanted(environment) is wanted


def test_traces_without_their_packages_are_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(TracingNotInstalled, match="pip install"):
        tracing_wanted(ENDPOINT)
    assert not tracing_wanted({})


def test_nothing_of_it_is_loaded_when_it_is_off() -> None:
    look = "import sys, portal.app, portal.cli.serve; print([name for name in sys.modules if 'opentelemetry' in name])"
    ran = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"

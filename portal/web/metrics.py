"""Prometheus metrics, on an address of their own (PORTAL_METRICS_ADDRESS) so that no visitor reaches them.

Each worker writes its counts into files that the parent process adds up and serves; a worker that was replaced keeps
its counts. Events of the log are counted by name, so that logins, failures, lockouts and mails need no second call.
https://prometheus.github.io/client_python/multiprocess/
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"  # the name that the client library reads
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)  # seconds


class Metrics(Protocol):
    """What is counted."""

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count an answer under its route's template, never its path: paths have ids and links in them."""
        ...

    def event(self, name: str) -> None:
        """Count an event of the log."""
        ...


class NoMetrics:
    """Counts nothing: the default."""

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Do nothing."""

    def event(self, name: str) -> None:
        """Do nothing."""


class PrometheusMetrics:
    """Counts into the files of this process."""

    def __init__(self) -> None:
        from prometheus_client import Counter, Histogram  # here: only who asks for metrics pays its memory

        self._seconds = Histogram(
            "portal_request_seconds", "Time to answer.", ["route", "method", "status"], buckets=BUCKETS
        )
        self._events = Counter("portal_events", "Events of the log by name.", ["event"])

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count an answer."""
        self._seconds.labels(route, method, f"{status // 100}xx").observe(seconds)

    def event(self, name: str) -> None:
        """Count an event."""
        self._events.labels(name).inc()


_current: Metrics = NoMetrics()


def metrics() -> Metrics:
    """Return what this process counts with."""
    return _current


def start_counting() -> None:
    """Count from now on, where the parent process serves metrics (called in each worker)."""
    global _current  # noqa: PLW0603 - one a process, as the client library's registry is
    if DIRECTORY in os.environ and isinstance(_current, NoMetrics):
        _current = PrometheusMetrics()


@contextmanager
def served_metrics(address: str | None) -> Iterator[None]:
    """Serve the sums of all workers on `host:port` while the block runs (called in the parent); None serves nothing.

    Raises:
        OSError: when the address cannot be listened on.
    """
    if address is None:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="portal-metrics-") as folder:
        os.environ[DIRECTORY] = folder
        from prometheus_client import CollectorRegistry, start_http_server
        from prometheus_client.multiprocess import MultiProcessCollector

        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        host, _, port = address.rpartition(":")
        server, thread = start_http_server(int(port), host.strip("[]") or "127.0.0.1", registry)
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

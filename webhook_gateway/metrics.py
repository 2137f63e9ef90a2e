"""What a monitor sees: requests counted here, and the backlog read from the database when it looks."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import Engine

from db.transaction import reading
from domain.backlog import backlog
from webhook_gateway.fault import DATABASE_AWAY
from worker import clock

# A label takes only values known beforehand, or a stranger could fill the memory with new ones.
METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})


class Metrics:
    """The counters of one process."""

    def __init__(self, engine: Engine) -> None:
        self._registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self._requests = Counter("punchcard_http_requests", "Requests answered", labels, registry=self._registry)
        self._durations = Histogram(
            "punchcard_http_request_duration_seconds", "Time to answer", labels[:2], registry=self._registry
        )
        self._registry.register(BacklogCollector(engine))

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request under the template of its route."""
        known = method if method in METHODS else "OTHER"
        self._requests.labels(known, route, status).inc()
        self._durations.labels(known, route).observe(seconds)

    def render(self) -> bytes:
        """Return everything in Prometheus's text format."""
        return generate_latest(self._registry)


class BacklogCollector(Collector):
    """What waits in the database; while that is away, the rest is shown and `punchcard_database_up` is 0."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def describe(self) -> list[GaugeMetricFamily]:
        """Name nothing beforehand: registering must not need the database."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Read the backlog."""
        rows = GaugeMetricFamily("punchcard_backlog_rows", "Rows not finished", labels=("table", "status"))
        age = GaugeMetricFamily("punchcard_backlog_oldest_due_seconds", "Age of the longest due", labels=("table",))
        try:
            with reading(self._engine) as session:
                found = backlog(session, at=clock.now())
        except DATABASE_AWAY:
            yield GaugeMetricFamily("punchcard_database_up", "Whether the database answers", value=0)
            return
        for each in found:
            rows.add_metric((each.name, each.status), each.rows)
            if each.oldest_due_age is not None:
                age.add_metric((each.name,), each.oldest_due_age)
        yield from (rows, age, GaugeMetricFamily("punchcard_database_up", "Whether the database answers", value=1))

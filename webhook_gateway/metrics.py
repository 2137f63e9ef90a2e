"""What a monitor sees: requests counted here, and the backlog and the drains read from the database when it looks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Engine

from db.transaction import reading
from domain.inbox.backlog import Backlog, DrainTotals, backlog, drain_totals
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
        self._woken = Counter(
            "punchcard_job_wakeups", "Looks at a job that is waited for", ("by",), registry=self._registry
        )
        self._registry.register(BacklogCollector(engine))

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request under the template of its route."""
        known = method if method in METHODS else "OTHER"
        self._requests.labels(known, route, status).inc()
        self._durations.labels(known, route).observe(seconds)

    def woken(self, by: str) -> None:
        """Count one look at a job: by a notification of its end, or because time went by without one."""
        self._woken.labels(by).inc()

    def render(self) -> bytes:
        """Return everything in Prometheus's text format."""
        return generate_latest(self._registry)


class BacklogCollector(Collector):
    """What waits in the database and what was drained; while that is away, `punchcard_database_up` is 0.

    Every gateway tells the same of the same database: a monitor takes one of them, not their sum.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def describe(self) -> list[Metric]:
        """Name nothing beforehand: registering must not need the database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Read the backlog and the sums of the drains."""
        at = clock.now()
        try:
            with reading(self._engine) as session:
                waiting, drained = backlog(session, at=at), drain_totals(session, at=at)
        except DATABASE_AWAY:
            yield _up(0)
            return
        yield from _backlog(waiting)
        yield from _drains(drained)
        yield _up(1)


def _up(value: int) -> Metric:
    return GaugeMetricFamily("punchcard_database_up", "Whether the database answers", value=value)


def _backlog(waiting: Sequence[Backlog]) -> Iterator[Metric]:
    rows = GaugeMetricFamily("punchcard_backlog_rows", "Rows not finished", labels=("table", "status"))
    age = GaugeMetricFamily("punchcard_backlog_oldest_due_seconds", "Age of the longest due", labels=("table",))
    for each in waiting:
        rows.add_metric((each.name, each.status), each.rows)
        if each.oldest_due_age is not None:
            age.add_metric((each.name,), each.oldest_due_age)
    yield from (rows, age)


def _drains(drained: Sequence[DrainTotals]) -> Iterator[Metric]:
    batches = CounterMetricFamily("punchcard_drain_batches", "Batches handled by drains that ended", labels=("table",))
    rows = CounterMetricFamily("punchcard_drain_rows", "Rows in those batches", labels=("table",))
    seconds = CounterMetricFamily("punchcard_drain_seconds", "Time that those drains took", labels=("table",))
    age = GaugeMetricFamily("punchcard_drain_age_seconds", "Time since the last drain began", labels=("table",))
    for each in drained:
        batches.add_metric((each.name,), each.batches)
        rows.add_metric((each.name,), each.rows)
        seconds.add_metric((each.name,), each.seconds)
        age.add_metric((each.name,), each.age)
    yield from (batches, rows, seconds, age)

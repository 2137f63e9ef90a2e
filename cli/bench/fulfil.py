"""How fast stored purchases become packages: ours, what PostgreSQL alone could store, and the plain way, in turn."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack, closing
from pathlib import Path

from cli.bench.clients import Clients
from cli.bench.intake import CLIENTS
from cli.bench.limit import limit
from cli.bench.machine import Spent, between, snapshot
from cli.bench.measure import Report, Say, Target
from cli.bench.purchases import purchases
from cli.bench.rig import Rig, Watch, connect, store, until
from cli.bench.whole import Loaded, load, whole
from worker.hints import Hints

# As `punchcard up` starts it: one for each core of a small machine.
CHILDREN = 2
# Packages that stand already, so that no plan is made for empty tables.
BASE = 10_000
# Of the plain way enough to be measured, and not so many that one waits for minutes.
PLAIN = 600
# Until the plain workers are warm, and without those of its twins that failed each other.
WARM, LAST = 0.2, 0.02
WARM_UP = 2.0
TARGETS = (
    Target("purchases/s ÷ limit", 0.40, 1.0),
    Target("events/s ÷ plain way", 6, 15),
    Target("events/s under load ÷ limit", 0.18, 0.33),
    Target("memory of the stack, MiB", 600, 350),
)


def fulfil(here: Rig, *, number: int, seconds: float, rounds: int, say: Say) -> Report:
    """Measure rounds of all three, one after the other in each, and a whole stack that does all at once.

    Args:
        here: Where to measure.
        number: Purchases of two events each that are stored and then fulfilled.
        seconds: How long the whole stack is loaded, and the limit is measured.
        rounds: How often.
        say: Told of each round.

    """
    report = Report(TARGETS)
    with ExitStack() as stack:
        worker = stack.enter_context(here.worker(CHILDREN))
        hints = Hints(here.broker.url)
        ours = (worker.pid, here.postgres.process.pid, here.broker.process.pid)
        _drained(here, hints, BASE, ours)
        stack_up = stack.enter_context(whole())
        clients = stack.enter_context(closing(Clients()))
        load(stack_up, clients, WARM_UP)
        with connect(here.database_url()) as connection:
            connection.execute("VACUUM ANALYZE")
        for place in range(rounds):
            bound = limit(here, connections=CHILDREN, seconds=seconds)
            rate, spent = _drained(here, hints, number, ours)
            plain, others = _plain(here)
            most = limit(here, connections=CLIENTS, seconds=seconds)
            loaded = load(stack_up, clients, seconds)
            figures = _figures(bound, rate, spent, plain, number) | _loaded(most, loaded)
            kept = report.add(figures, [spent.others, others, loaded.spent.others])
            say(
                f"round {place + 1}: limit {bound:.0f}/s, ours {rate:.0f} purchases/s, plain way {plain:.0f} events/s;"
                f" under load {loaded.fulfilled:.0f} events/s of {loaded.accepted:.0f}/s accepted, limit {most:.0f}/s"
                + ("" if kept else "; disturbed by others: not counted")
            )
    return report


def _figures(bound: float, rate: float, spent: Spent, plain: float, number: int) -> dict[str, float]:
    return {
        "purchases/s ÷ limit": rate / bound,
        "events/s ÷ plain way": 2 * rate / plain,
        f"limit of {CHILDREN} connections, events/s": bound,
        "purchases/s": rate,
        "plain way, events/s": plain,
        "CPU ms per event, all processes": spent.parts / number / 2 * 1_000,
    }


def _loaded(most: float, loaded: Loaded) -> dict[str, float]:
    return {
        "events/s under load ÷ limit": loaded.fulfilled / most,
        "memory of the stack, MiB": loaded.memory,
        "events/s under load": loaded.fulfilled,
        "accepted/s meanwhile": loaded.accepted,
        f"limit of {CLIENTS} connections, events/s": most,
    }


def _drained(here: Rig, hints: Hints, number: int, parts: tuple[int, ...]) -> tuple[float, Spent]:
    """Store purchases, say so once, and return how many became packages per second."""
    store(here.database_url(), purchases(number))
    with closing(Watch(here.database_url())) as watch:
        before = snapshot(*parts)
        hints.send("stripe")
        until(watch.is_over, "the purchases are fulfilled", pause=0.01)
        spent = between(before, snapshot(*parts))
    return number / spent.seconds, spent


def _plain(here: Rig) -> tuple[float, float]:
    """Return how many events per second the plain way handles, and the cores that others used meanwhile."""
    url = here.database_url("plain")
    store(url, purchases(PLAIN))
    _send_each(here)
    argv = [
        *(str(Path(sys.executable).with_name("celery")), "--app", "cli.bench.plain:celery", "worker"),
        *("--queues", "plain", "--concurrency", str(CHILDREN), "--loglevel", "ERROR"),
    ]
    with closing(Watch(url)) as watch, here.running(argv, here.environment("plain")):
        until(lambda: watch.left() <= 2 * PLAIN * (1 - WARM), "the plain worker works")
        first, before, began = watch.left(), snapshot(), time.monotonic()
        until(lambda: watch.left() <= 2 * PLAIN * LAST, "the plain worker is done")
        rate = (first - watch.left()) / (time.monotonic() - began)
        others = between(before, snapshot()).others
    with connect(url) as connection:
        connection.execute("TRUNCATE stripe_events")
    return rate, others


def _send_each(here: Rig) -> None:
    """Send a message for every stored event."""
    from cli.bench.plain import QUEUE, celery, handle_stored

    celery.conf.update(broker_url=here.broker.url)
    with connect(here.database_url("plain")) as connection:
        for (event_id,) in connection.execute("SELECT id FROM stripe_events WHERE status = 'RECEIVED' ORDER BY id"):
            handle_stored.apply_async((event_id,), queue=QUEUE)

"""How fast webhooks are taken in: ours, what PostgreSQL alone could store, and the plain way, in turn."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from subprocess import Popen

from cli.bench.clients import Clients, Heard
from cli.bench.limit import limit
from cli.bench.machine import Spent, between, snapshot
from cli.bench.measure import Report, Say, Target
from cli.bench.rig import Rig, free_port, until
from cli.embedded.broker import LOOPBACK
from cli.ready import is_ready

CLIENTS = 16
# More than any machine answers; what is left over is thrown away.
MOST_PER_SECOND = 12_000
WARM_UP = 1.0
TARGETS = (
    Target("accepted/s ÷ limit", 0.30, 0.45),
    Target("accepted/s ÷ plain way", 2.5, 4),
    Target("p99 ÷ p50", 6, 3),
)


def intake(here: Rig, *, seconds: float, rounds: int, say: Say) -> Report:
    """Measure rounds of all three, one after the other in each."""
    report = Report(TARGETS)
    with ExitStack() as stack:
        clients = stack.enter_context(closing(Clients()))
        gateway, port = stack.enter_context(here.gateway())
        plain, plain_port = stack.enter_context(_plain_gateway(here))
        ours, theirs = (gateway.pid, here.postgres.process.pid, here.broker.process.pid), (plain.pid,)
        for each in (port, plain_port):
            _measured(clients, each, (), WARM_UP)
        for number in range(rounds):
            bound = limit(here, connections=CLIENTS, seconds=seconds)
            heard, spent = _measured(clients, port, ours, seconds)
            other, others_spent = _measured(clients, plain_port, theirs, seconds)
            kept = report.add(_figures(bound, heard, spent, other), [spent.others, others_spent.others])
            say(
                f"round {number + 1}: limit {bound:.0f}/s, ours {heard.rate:.0f}/s, plain way {other.rate:.0f}/s"
                + ("" if kept else ", disturbed by others: not counted")
            )
    return report


def _figures(bound: float, heard: Heard, spent: Spent, plain: Heard) -> dict[str, float]:
    p50, p99 = heard.quantile(0.5), heard.quantile(0.99)
    return {
        "accepted/s ÷ limit": heard.rate / bound,
        "accepted/s ÷ plain way": heard.rate / plain.rate,
        "p99 ÷ p50": p99 / p50,
        "limit, events/s": bound,
        "accepted/s": heard.rate,
        "plain way, accepted/s": plain.rate,
        "p50 ms": p50 * 1_000,
        "p99 ms": p99 * 1_000,
        "refused": heard.refused,
        "CPU ms per event, all processes": spent.parts / len(heard.latencies) * 1_000,
    }


def _measured(clients: Clients, port: int, parts: tuple[int, ...], seconds: float) -> tuple[Heard, Spent]:
    clients.prepare(int(seconds * MOST_PER_SECOND))
    before = snapshot(*parts)
    heard = clients.load([port], clients=CLIENTS, seconds=seconds)
    return heard, between(before, snapshot(*parts))


@contextmanager
def _plain_gateway(here: Rig) -> Iterator[tuple[Popen[bytes], int]]:
    """Serve the plain way on the same server as ours, with as many threads as there are clients."""
    port = free_port()
    argv = [
        *(str(Path(sys.executable).with_name("granian")), "--interface", "wsgi", "--port", str(port)),
        *("--blocking-threads", str(CLIENTS), "--log-level", "error", "--factory", "cli.bench.plain:create_app"),
    ]
    with here.running(argv, here.environment("plain")) as process:
        until(lambda: is_ready(LOOPBACK, port), "the plain gateway serves")
        yield process, port

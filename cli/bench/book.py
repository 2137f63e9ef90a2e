"""How fast stored commands become bookings, beside the same statements sent one booking at a time."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing

from cli.bench.bare import Bare
from cli.bench.clients import Clients
from cli.bench.machine import Snapshot, Spent, between, snapshot
from cli.bench.measure import Report, Say, Target
from cli.bench.riders import Ride, Riders, store
from cli.bench.rig import JWT_SECRET, Rig, Watch, until
from webhook_gateway.gateway import MAX_WAITING
from worker.hints import Hints

# As `punchcard up` starts it: one for each core of a small machine.
CHILDREN = 2
TARGETS = (
    Target("spread over many sessions ÷ bare driver", 1.0, 4),
    Target("all on one hot session ÷ bare driver", 1.5, 5),
    Target("over HTTP, 64 clients ÷ bare driver", 0.30, 0.60),
    Target("over HTTP, 16 clients, p99 ÷ p50", 6, 3),
)
FEW, MANY = 16, 64
# As many may wait at one gateway at a time as its contract says; all of the many wait at two.
GATEWAYS = -(-MANY // MAX_WAITING)
WARM_UP = 1.0
# More than any machine answers; what is left over is thrown away.
MOST_PER_SECOND = 2_000


def book(here: Rig, *, number: int, seconds: float, rounds: int, say: Say) -> Report:
    """Measure rounds of stored commands, each beside the bare driver on sessions of the same kind, and over HTTP.

    Args:
        here: Where to measure.
        number: Commands that are stored and then done, in each part of a round.
        seconds: How long clients book over HTTP.
        rounds: How often.
        say: Told of each round.

    """
    report = Report(TARGETS)
    with ExitStack() as stack:
        yard = _Yard(here, stack, max(2 * number, int(seconds * MOST_PER_SECOND)))
        for place in range(rounds):
            began = snapshot()
            spread, hot = (
                yard.stored("spread over many sessions", number),
                yard.stored("all on one hot session", number, hot=True),
            )
            plain = spread["spread over many sessions, bare driver"]
            figures = spread | hot | yard.over_http(FEW, seconds, plain) | yard.over_http(MANY, seconds, plain)
            kept = report.add(figures, [yard.others(began)])
            say(f"round {place + 1}: {figures}" + ("" if kept else "; disturbed by others: not counted"))
    return report


class _Yard:
    """Everything that is measured, running: riders, a worker, a gateway, the bare driver's clients."""

    def __init__(self, here: Rig, stack: ExitStack, riders: int) -> None:
        self._here = here
        self._url = here.database_url()
        self._riders = Riders(self._url, riders)
        worker = stack.enter_context(here.worker(CHILDREN, queues="bookings"))
        gateways = [stack.enter_context(here.gateway()) for _ in range(GATEWAYS)]
        self._ports = [port for _, port in gateways]
        self._bare = stack.enter_context(closing(Bare(self._url)))
        self._clients = stack.enter_context(closing(Clients()))
        self._hints = Hints(here.broker.url)
        self._parts = (
            worker.pid,
            *(gateway.pid for gateway, _ in gateways),
            here.postgres.process.pid,
            here.broker.process.pid,
        )
        self._drained(self._riders.rides(riders // 4, hot=False))
        self.over_http(FEW, WARM_UP, 1)

    def stored(self, name: str, number: int, *, hot: bool = False) -> dict[str, float]:
        """Return how fast stored commands become bookings, beside the bare driver."""
        rides = self._riders.rides(number, hot=hot)
        plain = self._bare.rate(rides, store(self._url, rides))
        rate, spent = self._drained(self._riders.rides(number, hot=hot))
        return {
            f"{name} ÷ bare driver": rate / plain,
            f"{name}, bookings/s": rate,
            f"{name}, bare driver": plain,
            f"{name}, CPU ms each": spent.parts / number * 1_000,
        }

    def _drained(self, rides: Sequence[Ride]) -> tuple[float, Spent]:
        """Store commands, say so once, and return how many became bookings per second."""
        store(self._url, rides)
        with closing(Watch(self._url, "jobs", "QUEUED")) as watch:
            before = snapshot(*self._parts)
            self._hints.send("bookings")
            until(watch.is_over, "the bookings are made", pause=0.01)
            spent = between(before, snapshot(*self._parts))
            if refused := watch.count("FAILED"):
                raise RuntimeError(f"{refused} bookings were refused")
        return len(rides) / spent.seconds, spent

    def over_http(self, clients: int, seconds: float, plain: float) -> dict[str, float]:
        """Return how fast clients book who each wait for the answer, beside the bare driver's rate."""
        rides = self._riders.rides(int(seconds * MOST_PER_SECOND), hot=False)
        self._clients.prepare_rides([(ride.name, ride.session_id) for ride in rides], JWT_SECRET)
        before = snapshot(*self._parts)
        heard = self._clients.load(self._ports[: -(-clients // MAX_WAITING)], clients=clients, seconds=seconds)
        spent = between(before, snapshot(*self._parts))
        name = f"over HTTP, {clients} clients"
        return {
            f"{name} ÷ bare driver": heard.rate / plain,
            f"{name}, p99 ÷ p50": heard.quantile(0.99) / heard.quantile(0.5),
            f"{name}, bookings/s": heard.rate,
            f"{name}, p50 ms": heard.quantile(0.5) * 1_000,
            f"{name}, p99 ms": heard.quantile(0.99) * 1_000,
            f"{name}, refused": heard.refused,
            f"{name}, CPU ms each": spent.parts / len(heard.latencies) * 1_000,
        }

    @staticmethod
    def others(began: Snapshot) -> float:
        """Return the cores that others used since a moment."""
        return between(began, snapshot()).others

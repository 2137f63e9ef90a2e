"""Ask Stripe what was wanted: lease due calls, make them outside of any transaction, then mark and act in one.

One process at a time asks, for what was wanted and for what Checkouts sold, up to eight at once: however long Stripe
takes, the others drain. A call whose process died, or whose answer was not heard, is made again under the same key, so
that Stripe does it once. A Stripe that is away is left alone for growing times, and who waits for it is told so in the
end.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from uuid import uuid4

import structlog
from sqlalchemy import Engine

from worker import line_items
from worker.breaker import Breaker, Turn
from worker.call_rows import CALL_SECONDS, TOO_LONG, give_up, lease, lost, settle
from worker.call_turn import come_again, is_due, note_begin, note_end
from worker.runtime import settings
from worker.stripe_ask import Answer, Unanswered, ask

log = structlog.get_logger(__name__)

# Calls at once, of everybody together.
MOST = 8
# No call begins after that: a turn ends within half a minute, whatever Stripe does.
TURN_SECONDS = 10
# A call that is wanted while others are under way begins so soon.
POLL_SECONDS = 0.05
# Somebody waits: a Stripe that is back is found within half a minute.
BREAKER = Breaker(longest=30.0)
STRIPE = "https://api.stripe.com"

Settle = Callable[[Answer], None]


def make_calls(engine: Engine) -> float | None:
    """Make the calls that are due, and give up those that nobody waits for any more; return when to come again.

    In seconds: at once where time was too short, later where somebody waits for what is due soon; None where the
    sweep is soon enough. Without a key nothing is called: commands are refused, and what nobody waits for stays due.
    """
    has_key = settings().stripe_api_key is not None
    give_up(engine, has_key=has_key)
    if not has_key:
        return None
    if is_due(engine):
        start = time.monotonic()
        note_begin(engine)
        made = _make(engine, until=start + TURN_SECONDS)
        note_end(engine, made, time.monotonic() - start)
        give_up(engine, has_key=has_key)
        if time.monotonic() >= start + TURN_SECONDS:
            return 0.0
    return come_again(engine, BREAKER.left_alone(_server()))


def _server() -> str:
    return settings().stripe_api_base or STRIPE


def _make(engine: Engine, *, until: float) -> int:
    """Make calls until none is left, or the turn is over; return how many were settled."""
    server = _server()
    way, pool = Turn(BREAKER, server), ThreadPoolExecutor(MOST, thread_name_prefix="stripe")
    calls = _Calls(engine, server, way, pool)
    try:
        while True:
            if time.monotonic() < until:
                calls.start()
            if not calls.under_way:
                return calls.settled
            calls.end_some()
    finally:
        way.end()
        # Who hangs beyond its time is left behind; what it hears by then is nobody's any more.
        pool.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, slots=True)
class _Begun:
    """A call under way: what its answer is for, since when, on the machine's clock, and how often Stripe had failed."""

    settle: Settle
    since: float
    failures: int
    is_asking: bool


@dataclass(slots=True)
class _Calls:
    """The calls of one turn."""

    engine: Engine
    server: str
    way: Turn
    pool: ThreadPoolExecutor
    token: str = field(default_factory=lambda: str(uuid4()))
    under_way: dict[Future[Answer], _Begun] = field(default_factory=dict)
    settled: int = 0

    def start(self) -> None:
        """Begin as many calls as there is room for."""
        is_asking = any(begun.is_asking for begun in self.under_way.values())
        room = self._room()
        for row in lease(self.engine, self.token, room, is_asking=is_asking) if room > 0 else ():
            if not lost(self.engine, row, self.token):
                self._begin(partial(ask, row), partial(settle, self.engine, row, self.token))
        if not is_asking and self._room() > 0 and (sold := line_items.take_one(self.engine, self.token)):
            self._begin(partial(line_items.ask, sold), partial(line_items.settle, self.engine, sold), is_asking=True)

    def _room(self) -> int:
        return self.way.room(MOST) - len(self.under_way)

    def _begin(self, asked: Callable[[], Answer], settled: Settle, *, is_asking: bool = False) -> None:
        begun = _Begun(settled, time.monotonic(), BREAKER.failures(self.server), is_asking)
        self.under_way[self.pool.submit(asked)] = begun

    def end_some(self) -> None:
        """Settle the calls that were answered; wait a moment where none was."""
        wait(self.under_way, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
        for future, begun in list(self.under_way.items()):
            late = time.monotonic() > begun.since + CALL_SECONDS
            if future.done() or late:
                del self.under_way[future]
                answer = future.result() if future.done() else Unanswered(TOO_LONG, is_down=True)
                _note(self.server, begun, answer)
                begun.settle(answer)
                self.settled += 1


def _note(server: str, begun: _Begun, answer: Answer) -> None:
    """Keep whether Stripe serves; calls that fail together are one failure."""
    if not isinstance(answer, Unanswered):
        BREAKER.served(server)
    elif not answer.is_down:
        BREAKER.refused(server)
    elif BREAKER.failures(server) == begun.failures:
        log.warning("stripe.left_alone", seconds=BREAKER.failed(server), reason=answer.reason)

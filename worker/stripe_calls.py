"""Ask Stripe what was wanted: lease due calls, make them outside of any transaction, then mark and act in one.

One process at a time makes calls, up to eight at once: however long Stripe takes, the others drain. A call whose
process died, or whose answer was not heard, is made again under the same key, so that Stripe does it once. A Stripe
that is away is left alone for growing times, and who waits for it is told so in the end.
"""

from __future__ import annotations

import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from uuid import uuid4

import structlog
from sqlalchemy import Engine

from worker.breaker import Breaker, Turn
from worker.call_rows import CALL_SECONDS, TOO_LONG, Row, give_up, is_due, lease, lost, note_begin, note_end, settle
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


def make_calls(engine: Engine) -> bool:
    """Make the calls that are due, and give up those that nobody waits for any more; return whether time was too short.

    Without a key nothing is called: commands are refused, and what nobody waits for stays due.
    """
    has_key = settings().stripe_api_key is not None
    give_up(engine, has_key=has_key)
    if not has_key or not is_due(engine):
        return False
    start = time.monotonic()
    note_begin(engine)
    made = _make(engine, until=start + TURN_SECONDS)
    note_end(engine, made, time.monotonic() - start)
    give_up(engine, has_key=has_key)
    return time.monotonic() >= start + TURN_SECONDS


def _make(engine: Engine, *, until: float) -> int:
    """Make calls until none is left, or the turn is over; return how many were settled."""
    server = settings().stripe_api_base or STRIPE
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
    """A call under way: since when, on the machine's clock, and how often Stripe had failed by then."""

    row: Row
    since: float
    failures: int


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
        room = self.way.room(MOST) - len(self.under_way)
        for row in lease(self.engine, self.token, room) if room > 0 else ():
            if not lost(self.engine, row, self.token):
                begun = _Begun(row, time.monotonic(), BREAKER.failures(self.server))
                self.under_way[self.pool.submit(ask, row)] = begun

    def end_some(self) -> None:
        """Settle the calls that were answered; wait a moment where none was."""
        wait(self.under_way, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
        for future, begun in list(self.under_way.items()):
            late = time.monotonic() > begun.since + CALL_SECONDS
            if future.done() or late:
                del self.under_way[future]
                answer = future.result() if future.done() else Unanswered(TOO_LONG, is_down=True)
                _note(self.server, begun, answer)
                settle(self.engine, begun.row, self.token, answer)
                self.settled += 1


def _note(server: str, begun: _Begun, answer: Answer) -> None:
    """Keep whether Stripe serves; calls that fail together are one failure."""
    if not isinstance(answer, Unanswered):
        BREAKER.served(server)
    elif not answer.is_down:
        BREAKER.refused(server)
    elif BREAKER.failures(server) == begun.failures:
        log.warning("stripe.left_alone", seconds=BREAKER.failed(server), reason=answer.reason)

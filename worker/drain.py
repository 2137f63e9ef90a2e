"""Go on until nothing is due, but not for ever."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from worker.runtime import hints

# A drain under load makes way before its time limit would kill it; the next one goes on.
SLICE_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Drained:
    """What a drain did: batches that found something, their rows, and how long it took in seconds."""

    batches: int
    rows: int
    seconds: float


def until_empty(queue: str, step: Callable[[], int], *, full: int | None = None, then: str | None = None) -> Drained:
    """Repeat a step until it finds nothing; after each commit say that another queue has work now.

    Args:
        queue: Hinted at again if the time slice ends before the work does.
        step: Does and commits a batch; returns how much there was.
        full: How much a step does at the most; if the first one does as much, who is idle is called to help.
        then: The queue that a batch leaves work for.

    """
    start = time.monotonic()
    batches = rows = 0
    while found := step():
        batches, rows = batches + 1, rows + found
        if batches == 1 and full and found >= full:
            hints().send(queue)
        if then:
            hints().send(then)
        if time.monotonic() > start + SLICE_SECONDS:
            hints().send(queue)
            break
    return Drained(batches, rows, time.monotonic() - start)

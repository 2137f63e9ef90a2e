"""Go on until nothing is due, but not for ever."""

from __future__ import annotations

import time
from collections.abc import Callable

from worker.runtime import hints

# A drain under load makes way before its time limit would kill it; the next one goes on.
SLICE_SECONDS = 20


def until_empty(queue: str, step: Callable[[], int], *, then: str | None = None) -> None:
    """Repeat a step until it finds nothing; after each commit say that another queue has work now.

    Args:
        queue: Hinted at again if the time slice ends before the work does.
        step: Does and commits a batch; returns how much there was.
        then: The queue that a batch leaves work for.

    """
    end = time.monotonic() + SLICE_SECONDS
    while step():
        if then:
            hints().send(then)
        if time.monotonic() > end:
            hints().send(queue)
            return

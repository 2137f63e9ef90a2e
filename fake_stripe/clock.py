"""What time it is at this Stripe: the machine's, or one that a test has set."""

from __future__ import annotations

import time


class Clock:
    """The machine's clock until it is set; asked of the kernel, so that no library's frozen time gets in between."""

    def __init__(self) -> None:
        self.fixed: int | None = None

    def now(self) -> int:
        """Return the seconds since 1970."""
        return int(time.clock_gettime(time.CLOCK_REALTIME)) if self.fixed is None else self.fixed


def elapsed() -> float:
    """Return seconds that only ever go forward, for what is due."""
    return time.clock_gettime(time.CLOCK_MONOTONIC)

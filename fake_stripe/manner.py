"""How webhooks are sent: as Stripe does on a good day, or lost, doubled, late, out of order, in an old shape."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass
from typing import Any

SPREAD_SECONDS = 0.5
KEPT = 1_000
SHAPES = ("new", "old")


@dataclass
class Manner:
    """Ratios from 0 to 1, seconds, and the shape of the payload."""

    drop: float = 0.0
    duplicate: float = 0.0
    shuffle: bool = False
    delay: float = 0.0
    shape: str = "new"
    seed: int = 0

    def __post_init__(self) -> None:
        """Begin the row of random numbers that the seed stands for."""
        self._random = random.Random(self.seed)  # noqa: S311 - to be repeatable, not secret
        self.dropped: deque[str] = deque(maxlen=KEPT)

    def waits(self, event: str) -> list[float]:
        """Return after how many seconds an event is sent: no number if it is lost, two if it is doubled."""
        if self._random.random() < self.drop:
            self.dropped.append(event)
            return []
        times = 2 if self._random.random() < self.duplicate else 1
        return [self.delay + (self._random.random() * SPREAD_SECONDS if self.shuffle else 0.0) for _ in range(times)]

    def told(self) -> dict[str, Any]:
        """Return the settings and the ids of the events that were lost."""
        names = ("drop", "duplicate", "shuffle", "delay", "shape", "seed")
        return {name: getattr(self, name) for name in names} | {"dropped": list(self.dropped)}

"""What a part of an order is worth, in plain Python: parts always add up to the whole."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """Credits of one line of an order; `weight` is what each counts, null as 1."""

    credits: int
    weight: int | None

    @property
    def units(self) -> int:
        """What they count together."""
        return self.credits * (self.weight or 1)


def units(parts: Iterable[Part]) -> int:
    """Return what credits of several lines count together."""
    return sum(part.units for part in parts)


def share(paid: int, total: int, taken: int, more: int) -> int:
    """Return what `more` units of `total` are worth where `taken` were given back before, in minor units like `paid`.

    Rounded half up, cumulatively: in whatever parts and order the units go back, all of them together are `paid`.
    Beyond the total there are no units.
    """
    return _upto(paid, total, taken + more) - _upto(paid, total, taken)


def _upto(paid: int, total: int, count: int) -> int:
    """Return what the first so many units are worth."""
    return (2 * paid * min(count, total) + total) // (2 * total) if total else 0

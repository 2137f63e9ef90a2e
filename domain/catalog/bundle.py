"""What a bundle holds: its lines in words, and whether they make sense together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from db.models import ServiceType
from domain.errors import InvalidCatalog


class Line(Protocol):
    """Credits of one kind, on sale or sold."""

    @property
    def service_type(self) -> ServiceType:
        """What a credit pays for."""

    @property
    def teacher_tier(self) -> int:
        """The highest tier it pays for; 0 is any teacher."""

    @property
    def credits(self) -> int:
        """How many."""

    @property
    def credit_unit_minutes(self) -> int:
        """The minutes that one credit pays for."""


def describe(lines: Iterable[Line], *, all_access_days: int | None = None) -> str:
    """Return a bundle in words: `4 course steps + 2 Private (30 min)`."""
    parts = [_describe(line) for line in lines]
    if all_access_days:
        parts.insert(0, f"All-Access ({all_access_days} days)")
    return " + ".join(parts)


def _describe(line: Line) -> str:
    if line.service_type is ServiceType.COURSE:
        return f"{line.credits} course step{'' if line.credits == 1 else 's'}"
    return f"{line.credits} {line.service_type.title()} ({line.credit_unit_minutes} min)"


def check_lines(lines: Sequence[Line]) -> None:
    """Refuse lines that are alike.

    Raises:
        InvalidCatalog: it names the first line that is like one before it.

    """
    kinds = [(line.service_type, line.teacher_tier, line.credit_unit_minutes) for line in lines]
    for place, kind in enumerate(kinds):
        if kind in kinds[:place]:
            raise InvalidCatalog(f"Line {place + 1} is like one before: make them one, with the sum of their credits")

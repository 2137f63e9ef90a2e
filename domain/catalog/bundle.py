"""What a bundle holds: its lines in words, and whether they make sense together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from db.models import CREDIT_UNITS, ServiceType
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
    """Return a bundle in words: `5 Private (30 min) + 3 Group (60 min)`."""
    parts = [f"{line.credits} {line.service_type.title()} ({line.credit_unit_minutes} min)" for line in lines]
    if all_access_days:
        parts.insert(0, f"All-Access ({all_access_days} days)")
    return " + ".join(parts)


def check_lines(lines: Sequence[Line]) -> None:
    """Refuse lines that could not be sold.

    Raises:
        InvalidCatalog: it names the first line at fault.

    """
    seen: set[tuple[ServiceType, int, int]] = set()
    for place, line in enumerate(lines):
        kind = (line.service_type, line.teacher_tier, line.credit_unit_minutes)
        if fault := _fault(line, is_repeated=kind in seen):
            message = f"allowances[{place}]{fault}"
            raise InvalidCatalog(message)
        seen.add(kind)


def _fault(line: Line, *, is_repeated: bool) -> str | None:
    if line.credits <= 0:
        return ".credits must be above 0"
    if line.teacher_tier < 0:
        return ".teacher_tier must be 0 (any teacher) or above"
    if line.credit_unit_minutes not in CREDIT_UNITS:
        return f".credit_unit_minutes must be one of {', '.join(map(str, CREDIT_UNITS))}"
    return " is like a line before it: make them one, with the sum of their credits" if is_repeated else None

"""Which line of a package may pay for a session, and how many credits it costs."""

from __future__ import annotations

from enum import StrEnum

from db.models import ServiceType


class Fit(StrEnum):
    """How a line of a package fits a session."""

    EXACT = "EXACT"
    # It may pay, but is worth more than the session asks for: only when the student confirms.
    HIGHER = "HIGHER_TIER"
    NO = "NO"


def cost(minutes: int, unit_minutes: int, seat_cost: int | None) -> int:
    """Return the credits of `unit_minutes` each that a session of `minutes` costs, or that its seat does."""
    return seat_cost if seat_cost is not None else -(-minutes // unit_minutes)


def fits(line_service: ServiceType, line_tier: int, service: ServiceType, tier: int) -> Fit:
    """Return how a line fits a session of a service whose teacher has a tier.

    A line of tier 0 is for any teacher, any other for teachers up to its tier. Private credits may pay for
    a group session; a session of a course takes enrollments only.
    """
    if service is ServiceType.COURSE or not _serves(line_service, service) or 0 < line_tier < tier:
        return Fit.NO
    return Fit.EXACT if line_service is service and line_tier in {0, tier} else Fit.HIGHER


def _serves(line_service: ServiceType, service: ServiceType) -> bool:
    return line_service is service or (line_service is ServiceType.PRIVATE and service is ServiceType.GROUP)

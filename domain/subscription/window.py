"""How long what a period of a subscription granted lasts: plain Python, no database, no clock (docs/adr/0019)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from domain.validity import end_of_days

# PRODUCT.md §2: who is behind with a payment keeps what they had for so long.
GRACE_DAYS = 3
# The next period begins where the last one ended; where Stripe moved it, by less than this.
FOLLOWS_WITHIN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """A period that was paid: [start, end), in UTC."""

    start: datetime
    end: datetime

    @classmethod
    def of(cls, seconds: tuple[int, int]) -> Period:
        """Return the period that Stripe names in seconds of Unix time."""
        return cls(*(datetime.fromtimestamp(each, UTC) for each in seconds))


@dataclass(frozen=True, slots=True)
class Course:
    """How a subscription went on: when it ended, if it did, and for which periods it was behind with a payment."""

    ended_at: datetime | None = None
    behind: Collection[datetime] = ()


def end_of(period: Period, course: Course, timezone: str) -> datetime:
    """Return the exclusive end of a period's pass.

    Through the local day on which it ends, so that a renewal that takes an hour costs nobody a class; three days more
    for who is behind with the next payment; when it was cancelled at once, then and there.
    """
    last = period.end - timedelta(microseconds=1)
    end = end_of_days(last, 0, timezone)
    if course.ended_at is not None and course.ended_at < period.end:
        return max(course.ended_at, period.start + timedelta(seconds=1))
    if not any(period.end - FOLLOWS_WITHIN < start < period.end + FOLLOWS_WITHIN for start in course.behind):
        return end
    grace = end_of_days(last, GRACE_DAYS, timezone)
    return grace if course.ended_at is None else max(end, min(grace, course.ended_at))


def end_of_credits(period: Period, course: Course, timezone: str, days: int) -> datetime:
    """Return the exclusive end of a period's credits: that of its pass, or after the days that the product gives.

    A cancellation at once ends those of the period that it falls into, and none that were paid for before.
    """
    end = end_of(period, course, timezone)
    if course.ended_at is not None and period.start <= course.ended_at < period.end:
        return end
    return max(end, end_of_days(period.start, days, timezone))

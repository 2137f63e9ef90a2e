"""What the studio gives more of, where it took a session away or moved it: days of packages and of passes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from domain.booking.outgoing import Outgoing
from domain.booking.state import Package, Student
from domain.holding.package import PackageStatus
from domain.validity import end_of_days

# PRODUCT.md §4.10: from the day on which a session is called off.
TO_SPEND_DAYS = 14


def to_spend(outgoing: Outgoing, student: Student, package: Package, *, at: datetime) -> datetime | None:
    """Extend a package that credits came back to after its end; return its new end, None where it had not ended."""
    if package.expires_at is None or package.expires_at > at:
        return None
    return _extend(outgoing, package, end_of_days(at, TO_SPEND_DAYS, student.zone.key))


def to_cover(outgoing: Outgoing, student: Student, package: Package, start_at: datetime) -> datetime | None:
    """Extend a package that would end before a session it pays for; return its new end, None where it lasts anyway."""
    if package.expires_at is None or package.expires_at > start_at:
        return None
    return _extend(outgoing, package, end_of_days(start_at, 0, student.zone.key))


def _extend(outgoing: Outgoing, package: Package, until: datetime) -> datetime:
    package.expires_at = package.extended_until = until
    outgoing.keep(package)
    return until


def gain_a_day(outgoing: Outgoing, student: Student, package: Package, *, at: datetime) -> datetime:
    """Give a pass back a day, at the end of all that follow it; return the end of the one that got it."""
    last = last_of(package, student, at=at)
    window = last.all_access
    assert window is not None  # noqa: S101 - only passes follow a pass
    end = _day_more(window.ends_at, student.zone, at)
    last.all_access = replace(window, ends_at=end)
    if last.expires_at is not None:
        last.expires_at = last.extended_until = _day_more(last.expires_at, student.zone, at)
    outgoing.keep(last)
    return end


def last_of(package: Package, student: Student, *, at: datetime) -> Package:
    """Return the pass whose next day no other pays for: a day that two passes pay for is none gained."""
    passes = [each for each in student.packages.values() if each.status is not PackageStatus.REVOKED]
    last = package
    while following := [each for each in passes if _takes_over(last, each, student.zone, at)]:
        last = following[0]
    return last


def _takes_over(earlier: Package, later: Package, zone: ZoneInfo, at: datetime) -> bool:
    """Say whether a pass runs on behind the end of another one, and begins no later than on its day gained."""
    one, other = earlier.all_access, later.all_access
    if one is None or other is None:
        return False
    return one.ends_at < other.ends_at and other.starts_at < _day_more(one.ends_at, zone, at)


def _day_more(end: datetime, zone: ZoneInfo, at: datetime) -> datetime:
    """Return the local midnight one day after an end; of what has ended already, the one at the end of tomorrow."""
    return end_of_days(end, 0, zone.key) if end > at else end_of_days(at, 1, zone.key)

"""The local days of a pass that were used, and for what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from db.models import AllAccessDailyUsage, Booking, BookingStatus, ClassSession, GroupClass
from domain.listing import Part, newest_first

Used = tuple[AllAccessDailyUsage, BookingStatus, int | None, datetime, str]


@dataclass(frozen=True, slots=True)
class DaySession:
    """The session that a day was used for."""

    session_id: int
    group_class_name: str
    start_at: datetime


@dataclass(frozen=True, slots=True)
class DayUse:
    """A local day of a pass: the session that it paid for, whether that was missed, and whether the day came back."""

    id: int
    usage_date: date
    booking_id: int
    session: DaySession | None
    was_no_show: bool
    freed: bool


def day_uses(session: Session, organization_id: int, redemption_id: int, part: Part) -> list[DayUse]:
    """Return the days of a package's pass that were used, the last noted first."""
    noted = (
        select(AllAccessDailyUsage, Booking.status, Booking.session_id, ClassSession.start_at, GroupClass.name)
        .join(Booking, Booking.id == AllAccessDailyUsage.booking_id)
        .outerjoin(ClassSession, ClassSession.id == Booking.session_id)
        .outerjoin(GroupClass, GroupClass.id == ClassSession.group_class_id)
        .where(
            AllAccessDailyUsage.organization_id == organization_id,
            AllAccessDailyUsage.student_package_id == redemption_id,
        )
    )
    return [_view(row) for row in session.execute(newest_first(noted, AllAccessDailyUsage.id, part))]


def _view(row: Row[Used]) -> DayUse:
    usage, status, session_id, start_at, name = row
    return DayUse(
        id=usage.id,
        usage_date=usage.usage_date,
        booking_id=usage.booking_id,
        session=DaySession(session_id, name, start_at) if session_id else None,
        was_no_show=status is BookingStatus.NO_SHOW,
        freed=usage.freed_at is not None,
    )

"""Write what was decided, a statement per table."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from db.bulk import insert, update
from db.models import (
    AllAccessDailyUsage,
    Booking,
    DomainEvent,
    Notification,
    PackageUse,
    Student,
    StudentCourseEnrollment,
    StudentCourseStepProgress,
    StudentPackage,
    WaitlistEntry,
)
from db.transaction import fetch
from domain.booking.arranged import end_sessions, insert_arranged
from domain.booking.outgoing import Outgoing
from domain.waitlist.calling import call_for

FREE_DAYS = """
UPDATE all_access_daily_usages SET freed_at = %(at)s WHERE booking_id = ANY(%(bookings)s) AND freed_at IS NULL
"""

UNDO = """
UPDATE waitlist_entries SET status = 'LEFT', ended_at = %(at)s
 WHERE (booking_id, session_id) IN (SELECT * FROM unnest(%(bookings)s::bigint[], %(sessions)s::bigint[]))
   AND status = 'PROMOTED'
"""
# Another seat in the same session is another booking, of the same promotion.
RESEAT = """
UPDATE waitlist_entries SET booking_id = new.id
  FROM unnest(%(old)s::bigint[], %(new)s::bigint[]) AS new (old_id, id)
 WHERE booking_id = new.old_id AND status = 'PROMOTED'
"""


def write(session: Session, outgoing: Outgoing, *, at: datetime) -> None:
    """Write it all; tables in one order, what gives back before what takes."""
    insert(session, Booking, outgoing.drafts)
    update(session, Booking, list(outgoing.released.values()))
    if outgoing.freed_days:
        fetch(session, FREE_DAYS, bookings=outgoing.freed_days, at=at)
    end_sessions(session, outgoing.ended)
    insert_arranged(session, outgoing.arranged, outgoing.ended)
    update(session, Booking, list(outgoing.taken.values()))
    insert(session, Booking, outgoing.booked)
    update(session, Booking, list(outgoing.noted.values()))
    insert(session, PackageUse, outgoing.uses)
    insert(session, AllAccessDailyUsage, outgoing.days)
    insert(session, Notification, outgoing.notifications)
    insert(session, DomainEvent, outgoing.events)
    sequences = sorted(outgoing.sequences.items())
    update(session, Student, [{"id": student, "event_sequence": number} for student, number in sequences])
    update(session, StudentPackage, list(outgoing.validities.values()))
    update(session, StudentCourseStepProgress, list(outgoing.steps.values()))
    for each in outgoing.enrollments.values():
        # One by one, in the order of what was decided: whoever leaves a place goes before who gets it.
        update(session, StudentCourseEnrollment, [each])
    write_line(session, outgoing, at=at)
    call_for(session, outgoing.freed, at=at)


def write_line(session: Session, outgoing: Outgoing, *, at: datetime) -> None:
    """Write who joined a line, and what became of those in one; who left a line may join it anew."""
    update(session, WaitlistEntry, [outgoing.entries[number] for number in sorted(outgoing.entries)])
    insert(session, WaitlistEntry, list(outgoing.joined.values()))
    if outgoing.undone:
        bookings, sessions = (list(column) for column in zip(*outgoing.undone, strict=True))
        fetch(session, UNDO, bookings=bookings, sessions=sessions, at=at)
    if outgoing.reseated:
        fetch(session, RESEAT, old=list(outgoing.reseated), new=list(outgoing.reseated.values()))

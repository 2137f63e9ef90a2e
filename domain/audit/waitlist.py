"""What must hold of waitlists, and of sessions made for one student."""

from __future__ import annotations

from domain.audit.invariant import Invariant
from domain.waitlist.calling import QUEUED, UNCALLED

WAITLISTS = (
    Invariant(
        "waitlist.called",
        "no place is free while somebody waits whom nobody is about to call",
        f"SELECT 'session ' || id AS what FROM ({UNCALLED.format(called=QUEUED)}) uncalled",  # noqa: S608 - our own text
    ),
    Invariant(
        "waitlist.not_inside",
        "nobody waits for a session in which they have a place, or that was called off",
        """SELECT 'waitlist entry ' || w.id AS what FROM waitlist_entries w JOIN class_sessions c ON c.id = w.session_id
            WHERE w.status IN ('WAITING', 'SKIPPED')
              AND (c.status = 'CANCELLED'
                   OR EXISTS (SELECT FROM bookings b WHERE b.session_id = w.session_id
                                 AND b.student_id = w.student_id AND b.place IS NOT NULL AND b.guest_of IS NULL))""",
    ),
    Invariant(
        "waitlist.promoted",
        "a promotion is a booking of the student who waited, in the session for which they did",
        """SELECT 'waitlist entry ' || w.id AS what FROM waitlist_entries w JOIN bookings b ON b.id = w.booking_id
            WHERE b.student_id <> w.student_id
               OR b.booking_type <> 'PACKAGE_SESSION'
                  AND (b.session_id IS DISTINCT FROM w.session_id OR w.status = 'LEFT' AND b.place IS NOT NULL)""",
    ),
    Invariant(
        "session.arranged",
        "a session made for one student takes place while they come, and has a teacher",
        """SELECT 'session ' || c.id AS what FROM class_sessions c
             LEFT JOIN bookings b ON b.session_id = c.id AND b.place IS NOT NULL
            WHERE c.arranged GROUP BY c.id
           HAVING count(b.id) <> (c.status = 'SCHEDULED')::int OR c.capacity <> 1 OR c.teacher_id IS NULL""",
    ),
)

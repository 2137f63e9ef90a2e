"""How each invariant of bookings is broken by hand, and which constraints must be away for that."""

from __future__ import annotations

from collections.abc import Sequence

PLACES = (
    "DROP INDEX uq_bookings_place",
    "DROP INDEX uq_bookings_seat",
    "DROP INDEX uq_bookings_session_student",
    "ALTER TABLE bookings DROP CONSTRAINT ex_bookings_student",
    "DROP INDEX uq_bookings_friend_pass",
    "DROP INDEX uq_bookings_guest",
    "ALTER TABLE class_sessions DROP CONSTRAINT ex_class_sessions_teacher",
)
COLUMNS = (
    "organization_id, student_id, session_id, session_capacity, place, seat_id, status, booking_type, payment_type,"
    " service_type, minutes, start_at, end_at, created_at"
)
# Ada's first booking once more, with some columns of its own.
TWICE = f"""
INSERT INTO bookings ({COLUMNS})
SELECT organization_id, student_id, {{session}}, session_capacity, {{place}}, seat_id, status, booking_type, 'FREE',
       service_type, minutes, start_at, end_at, created_at FROM bookings WHERE id = 1
"""
FIRST_USE = "UPDATE student_packages SET validity_starts = 'FIRST_USE'"

BREAKS_OF_BOOKINGS: dict[str, Sequence[str]] = {
    "session.never_oversold": [TWICE.format(session="session_id", place=1)],
    "session.seat_once": [TWICE.format(session="session_id", place=3)],
    "session.teacher_once": [
        (
            "INSERT INTO class_sessions (organization_id, group_class_id, teacher_id, service_type, start_at, end_at,"
            " capacity, created_at) SELECT organization_id, group_class_id, teacher_id, service_type,"
            " start_at + interval '1 minute', end_at, capacity, created_at FROM class_sessions WHERE id = 1"
        )
    ],
    "booking.as_its_session": ["UPDATE bookings SET end_at = end_at + interval '1 minute' WHERE id = 1"],
    "session.completed": ["UPDATE class_sessions SET completed_at = end_at WHERE id = 1"],
    "student.one_place": [TWICE.format(session="(SELECT max(id) FROM class_sessions)", place=1)],
    "guest.with_host": ["UPDATE bookings SET status = 'CANCELLED', place = NULL, session_capacity = NULL WHERE id = 1"],
    "friend_pass.once": ["UPDATE student_packages SET friend_pass_expires_at = purchased_at"],
    "ledger.pays_bookings": ["UPDATE package_uses SET booking_id = NULL WHERE booking_id = 1"],
    "booking.own_package": ["UPDATE bookings SET order_id = NULL WHERE id = 1"],
    "booking.within_validity": ["UPDATE student_packages SET expires_at = purchased_at + interval '1 hour'"],
    "package.begins_with_use": [FIRST_USE],
    "all_access.day": ["UPDATE all_access_daily_usages SET usage_date = usage_date + 1"],
    "outbox.booking": ["DELETE FROM notifications WHERE booking_id = 1"],
    "waitlist.called": [
        """INSERT INTO waitlist_entries (organization_id, session_id, student_id, joined_at)
           SELECT organization_id, (SELECT max(id) FROM class_sessions), id, now() FROM students WHERE id = 1"""
    ],
    "waitlist.not_inside": [
        """INSERT INTO waitlist_entries (organization_id, session_id, student_id, joined_at)
           SELECT organization_id, session_id, student_id, now() FROM bookings WHERE id = 1"""
    ],
    "waitlist.promoted": [
        """INSERT INTO waitlist_entries (organization_id, session_id, student_id, status, booking_id, joined_at,
                                         ended_at)
           SELECT organization_id, (SELECT max(id) FROM class_sessions), student_id, 'PROMOTED', id, now(), now()
             FROM bookings WHERE id = 1"""
    ],
    "session.arranged": ["UPDATE class_sessions SET arranged = true WHERE id = 1"],
}

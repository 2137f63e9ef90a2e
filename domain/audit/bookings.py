"""What must hold of sessions, seats and bookings, and of what paid for them."""

from __future__ import annotations

from domain.audit.invariant import Invariant

# Whoever has a place, and whoever gave one up and lost what paid for it.
CONSUMES = "b.status IN ('CONFIRMED', 'COMPLETED', 'NO_SHOW', 'FORFEITED')"
BY_CREDITS = "b.payment_type IN ('CREDIT', 'COURSE')"
# A purchase that is given to another student leaves what is over with who was there, if the other one was elsewhere.
IS_OVER = "(b.place IS NOT NULL AND b.start_at <= %(at)s OR b.status = 'FORFEITED')"

BOOKINGS = (
    Invariant(
        "session.never_oversold",
        "no session has more active bookings than places, nor two on one place",
        """SELECT 'session ' || c.id AS what FROM class_sessions c JOIN bookings b ON b.session_id = c.id
            WHERE b.status IN ('CONFIRMED', 'COMPLETED', 'NO_SHOW')
            GROUP BY c.id, c.capacity HAVING count(*) > c.capacity OR count(*) <> count(DISTINCT b.place)""",
    ),
    Invariant(
        "session.seat_once",
        "nobody shares a seat, and a seat is one of the session's class; a seated session seats everybody",
        """SELECT 'session ' || b.session_id AS what FROM bookings b WHERE b.place IS NOT NULL AND b.seat_id IS NOT NULL
            GROUP BY b.session_id, b.seat_id HAVING count(*) > 1
           UNION ALL
           SELECT 'booking ' || b.id FROM bookings b JOIN seats e ON e.id = b.seat_id
             JOIN class_sessions c ON c.id = b.session_id WHERE c.group_class_id <> e.group_class_id""",
    ),
    Invariant(
        "session.teacher_once",
        "no teacher is in two places at once",
        """SELECT 'session ' || one.id AS what FROM class_sessions one JOIN class_sessions other
               ON int8range(other.teacher_id, other.teacher_id, '[]') && int8range(one.teacher_id, one.teacher_id, '[]')
              AND tstzrange(other.start_at, other.end_at) && tstzrange(one.start_at, one.end_at)
            WHERE one.status = 'SCHEDULED' AND other.status = 'SCHEDULED' AND one.id < other.id
              AND one.teacher_id IS NOT NULL AND other.teacher_id IS NOT NULL""",
    ),
    Invariant(
        "booking.as_its_session",
        "an active booking has its session's times, service and organization, and the session takes place",
        """SELECT 'booking ' || b.id AS what FROM bookings b JOIN class_sessions c ON c.id = b.session_id
            WHERE b.place IS NOT NULL
              AND ((b.start_at, b.end_at) <> (c.start_at, c.end_at) OR c.status <> 'SCHEDULED'
                   OR b.organization_id <> c.organization_id OR b.session_capacity <> c.capacity)""",
    ),
    Invariant(
        "session.completed",
        "in a session that the clock completed nobody is left unmarked, and it was over by then",
        """SELECT 'session ' || c.id AS what FROM class_sessions c
            WHERE c.completed_at IS NOT NULL
              AND (c.completed_at < c.end_at
                   OR EXISTS (SELECT FROM bookings b WHERE b.session_id = c.id AND b.status = 'CONFIRMED'))""",
    ),
    Invariant(
        "student.one_place",
        "no student is in two sessions at once, guests aside",
        """SELECT 'student ' || one.student_id AS what FROM bookings one JOIN bookings other
               ON int8range(other.student_id, other.student_id, '[]') && int8range(one.student_id, one.student_id, '[]')
              AND tstzrange(other.start_at, other.end_at) && tstzrange(one.start_at, one.end_at)
            WHERE one.place IS NOT NULL AND one.guest_of IS NULL AND one.id < other.id
              AND other.place IS NOT NULL AND other.guest_of IS NULL""",
    ),
    Invariant(
        "guest.with_host",
        "a guest is where their host is, for as long as the host is",
        """SELECT 'booking ' || g.id AS what FROM bookings g JOIN bookings h ON h.id = g.guest_of
            WHERE g.place IS NOT NULL AND (h.place IS NULL OR h.session_id <> g.session_id)
               OR h.student_id <> g.student_id OR h.guest_of IS NOT NULL OR g.payment_type <> 'FRIEND_PASS'""",
    ),
    Invariant(
        "friend_pass.once",
        "a package brings one friend, to a session before its friend pass ends",
        """SELECT 'package ' || k.id AS what FROM student_packages k
             JOIN bookings b ON b.student_package_id = k.id
            WHERE b.payment_type = 'FRIEND_PASS' AND b.status <> 'CANCELLED'
            GROUP BY k.id HAVING count(*) > 1 OR k.friend_pass_expires_at IS NULL
                              OR bool_or(b.start_at >= k.friend_pass_expires_at AND NOT b.metadata ? 'movedFrom')""",
    ),
    Invariant(
        "ledger.pays_bookings",
        "the ledger spends on a booking what the booking says, on its own allowance; nothing once it was given"
        " back, nor once its missed step was opened again",
        f"""SELECT 'booking ' || b.id AS what FROM bookings b
              LEFT JOIN (SELECT booking_id, allowance_id, sum(credits) AS spent FROM package_uses
                          WHERE booking_id IS NOT NULL AND kind IN ('SPEND', 'RETURN')
                          GROUP BY booking_id, allowance_id) u ON u.booking_id = b.id
             WHERE coalesce(u.spent, 0) <>
                   CASE WHEN {CONSUMES} AND {BY_CREDITS} AND NOT b.metadata ? 'reopenedAt' THEN b.credits_used
                        ELSE 0 END
                OR (u.spent <> 0 AND u.allowance_id IS DISTINCT FROM b.allowance_id)
                OR ({CONSUMES} AND {BY_CREDITS} AND b.credits_used = 0)""",  # noqa: S608 - our own text
    ),
    Invariant(
        "booking.own_package",
        "what pays for a booking is its student's; of what is over, and of a guest who has no place, it may have been",
        f"""SELECT 'booking ' || b.id AS what FROM bookings b JOIN student_packages k ON k.id = b.student_package_id
            WHERE k.student_id <> b.student_id AND NOT {IS_OVER} AND (b.guest_of IS NULL OR b.place IS NOT NULL)
               OR k.order_id IS DISTINCT FROM b.order_id
           UNION ALL
           SELECT 'booking ' || b.id FROM bookings b JOIN student_package_allowances a ON a.id = b.allowance_id
            WHERE a.student_package_id IS DISTINCT FROM b.student_package_id""",  # noqa: S608 - our own text
    ),
    Invariant(
        "booking.within_validity",
        "a package pays for sessions that start while it is valid; a pass also for one that the studio moved out of it",
        """SELECT 'booking ' || b.id AS what FROM bookings b JOIN student_packages k ON k.id = b.student_package_id
            WHERE b.place IS NOT NULL AND b.payment_type IN ('CREDIT', 'COURSE', 'ALL_ACCESS')
              AND CASE b.payment_type
                    WHEN 'ALL_ACCESS' THEN NOT b.metadata ? 'movedFrom'
                     AND (b.start_at < k.all_access_starts_at OR b.start_at >= k.all_access_expires_at)
                    ELSE b.start_at < k.starts_at OR b.start_at >= k.expires_at END""",
    ),
    Invariant(
        "package.begins_with_use",
        "a package whose days begin with its first session begins with the earliest active one, or not yet",
        """SELECT 'package ' || k.id AS what FROM student_packages k
             LEFT JOIN bookings b ON b.student_package_id = k.id AND b.place IS NOT NULL AND b.guest_of IS NULL
            WHERE k.validity_starts = 'FIRST_USE' AND k.all_access_starts_at IS NULL
            GROUP BY k.id HAVING k.starts_at IS DISTINCT FROM min(b.start_at)
                              OR (k.starts_at IS NULL) <> (k.expires_at IS NULL)""",
    ),
    Invariant(
        "all_access.day",
        "a booking that a pass pays uses the local day of its session, once, within the pass's daily limit; where the"
        " studio moved it, it may use another one",
        f"""SELECT 'booking ' || b.id AS what FROM bookings b JOIN organizations o ON o.id = b.organization_id
              LEFT JOIN all_access_daily_usages u ON u.booking_id = b.id AND u.freed_at IS NULL
              LEFT JOIN student_packages k ON k.id = b.student_package_id
             WHERE (b.payment_type = 'ALL_ACCESS' AND {CONSUMES}) <> (u.id IS NOT NULL)
                OR (u.usage_date <> (b.start_at AT TIME ZONE o.timezone)::date AND NOT b.metadata ? 'movedFrom')
                OR u.slot > k.all_access_daily_limit
                OR u.student_id <> b.student_id OR u.student_package_id <> b.student_package_id""",  # noqa: S608 - our own text
    ),
    Invariant(
        "outbox.booking",
        "a booking that was made was told of, and so was its end",
        # A draft that a booking was changed into says so until it is booked anew, the event of the change for good.
        """SELECT 'booking ' || b.id AS what FROM bookings b
            WHERE b.session_id IS NOT NULL AND b.status <> 'DRAFT'
              AND (NOT EXISTS (SELECT FROM notifications n WHERE n.booking_id = b.id
                                  AND n.kind IN ('booking.confirmed', 'booking.changed', 'waitlist.promoted'))
                   OR NOT EXISTS (SELECT FROM domain_events e WHERE e.subject = 'booking/' || b.id))
           UNION ALL
           SELECT 'booking ' || b.id FROM bookings b
            WHERE b.session_id IS NOT NULL AND b.status IN ('CANCELLED', 'FORFEITED')
              AND NOT EXISTS (SELECT FROM notifications n WHERE n.booking_id = b.id
                                 AND n.kind IN ('booking.cancelled', 'booking.forfeited', 'session.cancelled'))
              AND NOT EXISTS (SELECT FROM bookings later WHERE later.student_id = b.student_id
                                 AND later.metadata -> 'changedFrom' IN (to_jsonb(b.id), to_jsonb(b.guest_of)))
              AND NOT EXISTS (SELECT FROM domain_events e
                               WHERE e.student_id = b.student_id AND e.type = 'booking.changed'
                                 AND e.data -> 'changedFrom' IN (to_jsonb(b.id), to_jsonb(b.guest_of)))""",
    ),
)

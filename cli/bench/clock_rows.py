"""What the clock finds in the benchmark: passes that have just ended, and bookings all over a year."""

from __future__ import annotations

from datetime import datetime, timedelta

import psycopg
from psycopg.rows import TupleRow
from psycopg.sql import SQL

Connection = psycopg.Connection[TupleRow]

# Rows of one statement that fills in.
CHUNK = 100_000
PLACES = 20
# Reminders that are due, of two sessions a day from now: as many among few bookings as among many.
DUE = 2 * PLACES
OFFSET = timedelta(days=1)
YEAR = timedelta(days=365)

PASSES = SQL("""
WITH holders AS (
  INSERT INTO students (organization_id, external_id, email, has_all_access, all_access_expires_at, created_at)
  SELECT o.id, 'holder-' || n, 'holder-' || n || '@example.com', TRUE, %(ended)s, %(bought)s
    FROM organizations o, generate_series(%(first)s::int, %(last)s::int) n WHERE o.slug = 'lumen'
  RETURNING id, organization_id, external_id),
paid AS (
  INSERT INTO payments (organization_id, stripe_key, status, facts, amount_received, currency, received_at)
  SELECT organization_id, 'pi_' || external_id, 'SUCCEEDED', '{}', 2100000, 'TRY', %(bought)s FROM holders
  RETURNING id, stripe_key),
bought AS (
  INSERT INTO orders (organization_id, student_id, payment_id, product_id, order_type, status, list_price, paid,
                      currency, package_metadata, created_at)
  SELECT h.organization_id, h.id, p.id, d.id, 'PACKAGE', 'PAID', d.price, d.price, d.currency,
         '{"total_sessions": 0}', %(bought)s
    FROM holders h JOIN paid p ON p.stripe_key = 'pi_' || h.external_id
    JOIN products d ON d.organization_id = h.organization_id AND d.code = 'ALL-ACCESS-30'
  RETURNING id, organization_id, student_id, product_id)
INSERT INTO student_packages (organization_id, student_id, order_id, product_id, line, unit, product_code, name,
                              bundle_description, validity_days, validity_starts, purchased_at, starts_at, expires_at,
                              all_access_starts_at, all_access_expires_at)
SELECT organization_id, student_id, id, product_id, 0, 0, 'ALL-ACCESS-30', 'All-Access', 'Rides', 30, 'PURCHASE',
       %(bought)s, %(bought)s, %(ended)s, %(bought)s, %(ended)s FROM bought
""")

# The same rows in the same tables, all at once, by somebody who knows that each pass is its student's only one.
BARE = SQL("""
WITH noted AS (
  UPDATE student_packages SET pass_expiry_noted = all_access_expires_at
   WHERE all_access_expires_at <= %(at)s
     AND (pass_expiry_noted IS NULL OR pass_expiry_noted < all_access_expires_at)
  RETURNING id, organization_id, student_id, order_id, product_code, expires_at
), changed AS (
  UPDATE students s SET event_sequence = s.event_sequence + 1, is_elite_member = FALSE, has_all_access = FALSE,
         all_access_expires_at = NULL
    FROM noted WHERE s.id = noted.student_id
  RETURNING noted.*, s.external_id, s.event_sequence
), mails AS (
  INSERT INTO notifications
         (organization_id, student_id, kind, dedupe_key, student_package_id, message_id, due_at, created_at)
  SELECT organization_id, student_id, 'pass.expired',
         'package:' || id || ':' || extract(epoch FROM expires_at)::bigint, id, gen_random_uuid(), %(at)s, %(at)s
    FROM changed
)
INSERT INTO domain_events (organization_id, student_id, type, subject, sequence, data, message_id, due_at, created_at)
SELECT organization_id, student_id, 'pass.expired', 'package/' || id, event_sequence,
       jsonb_build_object('packageId', id, 'orderId', order_id, 'productCode', product_code, 'studentId', external_id,
                          'expiredAt', to_char(expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')),
       gen_random_uuid(), %(at)s, %(at)s FROM changed
""")

RIDERS = SQL("""
INSERT INTO students (organization_id, external_id, email, created_at)
SELECT o.id, 'rider-' || n, 'rider-' || n || '@example.com', %(made)s
  FROM organizations o, generate_series(0, %(riders)s::int - 1) n WHERE o.slug = 'lumen'
""")
CLASS = SQL("""
INSERT INTO group_classes (organization_id, code, name, service_type, capacity, minutes, created_at)
SELECT id, 'BENCH', 'Bench', 'GROUP', %(places)s, 45, %(made)s FROM organizations WHERE slug = 'lumen'
""")
# From half a year ago to half a year from now, none of them about to be reminded of; and those that are.
SESSIONS = SQL("""
INSERT INTO class_sessions (organization_id, group_class_id, service_type, start_at, end_at, capacity, created_at)
SELECT c.organization_id, c.id, 'GROUP', s.start_at, s.start_at + interval '45 minutes', %(places)s, %(made)s
  FROM group_classes c, generate_series(0, %(sessions)s::int - 1) n,
       LATERAL (SELECT CASE WHEN n < %(due)s THEN %(at)s::timestamptz + %(offset)s - n * interval '1 second'
                            ELSE %(at)s::timestamptz + %(step)s * (n - %(sessions)s / 2.0) END AS start_at) s
 WHERE c.code = 'BENCH'
   AND (n < %(due)s OR abs(extract(epoch FROM s.start_at - %(at)s::timestamptz - %(offset)s)) > 3600)
 ORDER BY n
""")
BOOKINGS = SQL("""
WITH numbered AS (
  SELECT c.*, row_number() OVER (ORDER BY c.id) - 1 AS n
    FROM class_sessions c JOIN group_classes g ON g.id = c.group_class_id AND g.code = 'BENCH'),
riders AS (
  SELECT id, row_number() OVER (ORDER BY id) - 1 AS n FROM students WHERE external_id LIKE 'rider-%%')
INSERT INTO bookings (organization_id, student_id, session_id, session_capacity, place, status, booking_type,
                      payment_type, service_type, minutes, start_at, end_at, created_at)
SELECT c.organization_id, r.id, c.id, c.capacity, p.place,
       CASE WHEN c.end_at < %(at)s THEN 'COMPLETED' ELSE 'CONFIRMED' END, 'DROP_IN', 'FREE', 'GROUP', 45,
       c.start_at, c.end_at, %(made)s
  FROM numbered c CROSS JOIN generate_series(1, %(places)s::int) AS p (place)
  JOIN riders r ON r.n = (c.n * %(places)s + p.place - 1) %% %(riders)s
 WHERE c.n BETWEEN %(first)s AND %(last)s
""")
FORGET = SQL("DELETE FROM notifications WHERE kind = 'booking.reminder'")
LOOKED = SQL("""
INSERT INTO clock_marks (task, done_through) VALUES ('bookings.remind', %(looked)s)
ON CONFLICT (task) DO UPDATE SET done_through = excluded.done_through
""")
WRITTEN = SQL("SELECT count(*) FROM domain_events WHERE type = %(type)s")


def fill_passes(connection: Connection, count: int, *, at: datetime) -> None:
    """Add students of lumen with a pass each, which ended a minute ago."""
    ended = at.replace(microsecond=0) - timedelta(minutes=1)
    values = {"ended": ended, "bought": ended - timedelta(days=30)}
    _without_checks(connection)
    for first in range(0, count, CHUNK):
        connection.execute(PASSES, values | {"first": first, "last": min(first + CHUNK, count) - 1})


def fill_bookings(connection: Connection, count: int, *, at: datetime) -> None:
    """Add bookings of lumen all over a year, of which some are due to be reminded of."""
    sessions = count // PLACES
    # Each has so many that theirs are far apart.
    riders = max(sessions, 10 * PLACES)
    values = {"at": at, "made": at - YEAR, "places": PLACES, "sessions": sessions, "riders": riders}
    values |= {"due": DUE // PLACES, "offset": OFFSET, "step": YEAR / sessions}
    _without_checks(connection)
    for statement in (RIDERS, CLASS, SESSIONS):
        connection.execute(statement, values)
    connection.execute("ANALYZE students, class_sessions")
    for first in range(0, sessions, CHUNK // PLACES):
        connection.execute(BOOKINGS, values | {"first": first, "last": first + CHUNK // PLACES - 1})


def forget_reminders(connection: Connection, *, at: datetime) -> None:
    """Let nobody have been reminded, and the clock have looked a minute ago."""
    connection.execute(FORGET)
    connection.execute(LOOKED, {"looked": at - timedelta(minutes=1)})


def written(connection: Connection, kind: str) -> int:
    """Return how many events of a kind were written."""
    row = connection.execute(WRITTEN, {"type": kind}).fetchone()
    return int(row[0]) if row else 0


def _without_checks(connection: Connection) -> None:
    """Let references be taken on trust while rows are filled in, which is most of the work."""
    connection.execute("SET session_replication_role = 'replica'")

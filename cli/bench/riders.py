"""Students who can pay, sessions that they want, and commands that wait: what bookings are measured with."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from psycopg.types.json import Jsonb

from cli.bench.rig import connect
from worker import clock

# More than any number of rounds spends.
CREDITS = 10_000
PLACES = 20
# A session that starts sooner could not be given back, and nobody books years ahead.
AHEAD = timedelta(days=10)

STOCK = """
WITH riders AS (
  INSERT INTO students (organization_id, external_id, email, created_at)
  SELECT g.id, 'rider_' || n, 'rider_' || n || '@example.com', %(at)s
    FROM organizations g, generate_series(1, %(count)s) n WHERE g.slug = 'lumen' RETURNING id, organization_id),
orders AS (
  INSERT INTO orders (organization_id, student_id, product_id, order_type, status, list_price, paid, currency,
                      package_metadata, created_at)
  SELECT r.organization_id, r.id, p.id, 'PACKAGE', 'PAID', 0, 0, 'TRY',
         jsonb_build_object('total_sessions', %(credits)s::int), %(at)s
    FROM riders r JOIN products p ON p.organization_id = r.organization_id AND p.code = 'ELITE-30'
  RETURNING id, organization_id, student_id, product_id),
packages AS (
  INSERT INTO student_packages (organization_id, student_id, order_id, product_id, line, unit, product_code, name,
                                bundle_description, validity_days, validity_starts, purchased_at, starts_at, expires_at)
  SELECT organization_id, student_id, id, product_id, 0, 0, 'ELITE-30', 'Elite', 'Rides', 365, 'PURCHASE', %(at)s,
         %(at)s, %(at)s::timestamptz + interval '365 days' FROM orders RETURNING id, organization_id)
INSERT INTO student_package_allowances (organization_id, student_package_id, position, service_type, teacher_tier,
                                        credits, credit_unit_minutes)
SELECT organization_id, id, 0, 'GROUP', 0, %(credits)s, 60 FROM packages
"""
CLASS = """
INSERT INTO group_classes (organization_id, code, name, service_type, capacity, minutes, created_at)
SELECT id, 'BENCH', 'Bench', 'GROUP', 1, 45, %(at)s FROM organizations WHERE slug = 'lumen'
ON CONFLICT (code, organization_id) DO NOTHING
"""
SESSIONS = """
INSERT INTO class_sessions (organization_id, group_class_id, service_type, start_at, end_at, capacity, created_at)
SELECT c.organization_id, c.id, 'GROUP', s.start_at, s.start_at + interval '45 minutes', %(capacity)s, %(at)s
  FROM group_classes c, unnest(%(starts)s::timestamptz[]) AS s (start_at) WHERE c.code = 'BENCH' RETURNING id
"""
JOBS = """
COPY jobs (organization_id, student_id, caller, kind, request, due_at, received_at) FROM STDIN (FORMAT BINARY)
"""
TYPES = ("int8", "int8", "text", "text", "jsonb", "timestamptz", "timestamptz")


@dataclass(frozen=True, slots=True)
class Ride:
    """One booking that somebody wants."""

    organization_id: int
    student_id: int
    name: str
    session_id: int


class Riders:
    """Students of one database; each call gives them sessions that nobody has a place in yet."""

    def __init__(self, url: str, count: int) -> None:
        self._url = url
        self._moment = clock.now().replace(microsecond=0) + AHEAD
        with connect(url) as connection:
            connection.execute(STOCK, {"count": count, "credits": CREDITS, "at": clock.now()})
            connection.execute(CLASS, {"at": clock.now()})
            riders = connection.execute(
                "SELECT organization_id, id, external_id FROM students WHERE external_id LIKE 'rider%' ORDER BY id"
            )
            self._riders = riders.fetchall()
            connection.execute("VACUUM ANALYZE")

    def rides(self, count: int, *, hot: bool) -> list[Ride]:
        """Return as many rides, each of another student: over many sessions, or all in one."""
        sessions = self._sessions(1 if hot else -(-2 * count // PLACES), count if hot else PLACES)
        chosen = random.Random(count).sample(self._riders, count)  # noqa: S311 - the same in every run
        return [
            Ride(organization, student, name, sessions[place % len(sessions)])
            for place, (organization, student, name) in enumerate(chosen)
        ]

    def _sessions(self, count: int, capacity: int) -> list[int]:
        """Add sessions of a minute of their own each, which begin when those before are over."""
        self._moment += timedelta(hours=1)
        starts = [self._moment + timedelta(microseconds=number) for number in range(count)]
        values = {"starts": starts, "capacity": capacity, "at": clock.now()}
        with connect(self._url) as connection:
            return [row[0] for row in connection.execute(SESSIONS, values)]


def store(url: str, rides: Sequence[Ride]) -> list[int]:
    """Store the commands as the gateway would have; return their jobs."""
    at = clock.now()
    with connect(url) as connection:
        with connection.cursor().copy(JOBS) as rows:
            rows.set_types(TYPES)
            for ride in rides:
                request = Jsonb({"sessionId": ride.session_id})
                caller = f"STUDENT {ride.name}"
                rows.write_row((ride.organization_id, ride.student_id, caller, "booking.book", request, at, at))
        connection.execute("ANALYZE jobs, bookings, class_sessions, package_uses")
        jobs = connection.execute(
            "SELECT id FROM jobs WHERE status = 'QUEUED' ORDER BY id DESC LIMIT %s", (len(rides),)
        )
        return [row[0] for row in jobs][::-1]

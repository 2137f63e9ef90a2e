"""The plain limit of bookings: the statements that one needs, sent by the bare driver, a transaction for each."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime
from multiprocessing import get_context
from uuid import uuid4

import psycopg
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import Jsonb

from cli.bench.riders import Ride
from db.connection import BY_INDEX, connect_arguments
from domain.booking.sessions import SESSIONS, TAKEN
from domain.booking.students import PACKAGES, SPANS, STUDENTS
from worker import clock

CLIENTS = 8
Connection = psycopg.Connection[DictRow]

CLAIM = "SELECT id, student_id, request FROM jobs WHERE id = %(job)s AND status = 'QUEUED' FOR UPDATE SKIP LOCKED"
BOOKING = """
INSERT INTO bookings (organization_id, student_id, session_id, session_capacity, place, order_id, student_package_id,
                      allowance_id, status, booking_type, payment_type, credits_used, service_type, minutes, start_at,
                      end_at, created_at)
VALUES (%(organization)s, %(student)s, %(session)s, %(capacity)s, %(place)s, %(order)s, %(package)s, %(allowance)s,
        'CONFIRMED', 'DROP_IN', 'CREDIT', 1, 'GROUP', 45, %(start)s, %(end)s, %(at)s) RETURNING id
"""
USE = """
INSERT INTO package_uses (organization_id, allowance_id, kind, credits, booking_id, created_at)
VALUES (%(organization)s, %(allowance)s, 'SPEND', 1, %(booking)s, %(at)s)
"""
NOTIFICATION = """
INSERT INTO notifications (organization_id, student_id, kind, dedupe_key, booking_id, message_id, due_at, created_at)
VALUES (%(organization)s, %(student)s, 'booking.confirmed', %(key)s, %(booking)s, %(message)s, %(at)s, %(at)s)
"""
EVENT = """
INSERT INTO domain_events (organization_id, student_id, type, subject, sequence, data, message_id, due_at, created_at)
VALUES (%(organization)s, %(student)s, 'booking.confirmed', %(key)s, %(sequence)s, %(data)s, %(message)s, %(at)s,
        %(at)s)
"""
NUMBER = "UPDATE students SET event_sequence = %(sequence)s WHERE id = %(student)s"
DONE = "UPDATE jobs SET status = 'SUCCEEDED', result = %(data)s, finished_at = %(at)s WHERE id = %(job)s"
NOTIFY = "SELECT pg_notify('jobs', %(job)s::text)"


class Bare:
    """As many clients as a driver has connections, each a process of its own so that none waits for another's turn."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool = ProcessPoolExecutor(CLIENTS, mp_context=get_context("spawn"))
        list(self._pool.map(_warm, [url] * CLIENTS * 4))

    def rate(self, rides: Sequence[Ride], jobs: Sequence[int]) -> float:
        """Book all of it; return how many were booked per second."""
        wanted = list(zip(jobs, rides, strict=True))
        shares = [wanted[client::CLIENTS] for client in range(CLIENTS)]
        began = time.perf_counter()
        booked = sum(self._pool.map(_book_all, [self._url] * len(shares), shares))
        rate = booked / (time.perf_counter() - began)
        if booked != len(rides):
            raise RuntimeError(f"{len(rides) - booked} of {len(rides)} were not booked")
        return rate

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown()


_connections: dict[str, Connection] = {}


def _connected(url: str) -> Connection:
    if url not in _connections:
        _connections[url] = psycopg.connect(url, **connect_arguments("bare", BY_INDEX), row_factory=dict_row)  # type: ignore[arg-type]
    return _connections[url]


def _warm(url: str) -> None:
    _connected(url)
    time.sleep(0.02)


def _book_all(url: str, share: Sequence[tuple[int, Ride]]) -> int:
    connection = _connected(url)
    return sum(_book(connection, job, ride, clock.now()) for job, ride in share)


def _book(connection: Connection, job: int, ride: Ride, at: datetime) -> bool:
    with connection.transaction(), connection.cursor() as cursor:
        if not cursor.execute(CLAIM, {"job": job}).fetchone():
            return False
        student = cursor.execute(STUDENTS.format(lock="FOR NO KEY UPDATE OF s"), {"ids": [ride.student_id]}).fetchone()
        session = cursor.execute(SESSIONS.format(lock="FOR NO KEY UPDATE OF c"), {"ids": [ride.session_id]}).fetchone()
        taken = cursor.execute(TAKEN, {"ids": [ride.session_id]}).fetchone()
        package = cursor.execute(PACKAGES, {"students": [ride.student_id], "named": [], "since": at}).fetchone()
        assert student and session and package  # noqa: S101, PT018 - the rides were made so
        values: dict[str, object] = {
            "organization": ride.organization_id,
            "student": ride.student_id,
            "session": ride.session_id,
            "start": session["start_at"],
            "end": session["end_at"],
            "capacity": session["capacity"],
            "order": package["order_id"],
            "package": package["id"],
            "allowance": package["lines"][0][0],
            "sequence": student["event_sequence"] + 1,
            "place": len(taken["places"]) + 1 if taken else 1,
            "at": at,
            "job": job,
        }
        spans = {"students": [ride.student_id], "first": session["start_at"], "last": session["end_at"]}
        if cursor.execute(SPANS, spans).fetchone():
            return False
        booking = cursor.execute(BOOKING, values).fetchone()
        assert booking  # noqa: S101 - RETURNING returns
        key = f"booking/{booking['id']}"
        data = Jsonb({"booking": {"id": booking["id"], "sessionId": ride.session_id, "status": "CONFIRMED"}})
        values |= {"booking": booking["id"], "key": key, "data": data, "message": uuid4()}
        for statement in (USE, NOTIFICATION, EVENT, NUMBER, DONE, NOTIFY):
            cursor.execute(statement, values)
    return True

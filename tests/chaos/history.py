"""What became of commands, by the rows that they left, held against what their students were told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import psycopg
from psycopg.rows import dict_row

from tests.chaos.bookers import Booker, Sent

JOBS = """
SELECT j.id, j.idempotency_key AS key, j.kind, j.request, j.status, j.result, j.error_code,
       j.problem ->> 'code' AS code, s.external_id AS student
  FROM jobs j JOIN students s ON s.id = j.student_id WHERE s.external_id = ANY(%s) ORDER BY j.id
"""
BOOKINGS = """
SELECT b.id, b.session_id, b.status, s.external_id AS student
  FROM bookings b JOIN students s ON s.id = b.student_id WHERE s.external_id = ANY(%s) ORDER BY b.id
"""
EVENTS = """
SELECT split_part(e.subject, '/', 2)::bigint AS booking, e.type, s.external_id AS student
  FROM domain_events e JOIN students s ON s.id = e.student_id
 WHERE s.external_id = ANY(%s) AND e.subject LIKE 'booking/%%' ORDER BY e.student_id, e.sequence
"""
OVERSOLD = """
SELECT c.id FROM class_sessions c JOIN bookings b ON b.session_id = c.id AND b.place IS NOT NULL
 GROUP BY c.id HAVING count(*) > c.capacity
"""
# 0 is no answer.
EXPECTED = {0, 200, 201, 202, 409, 503}
ENDED = {"SUCCEEDED", "FAILED"}
OUR_FAULTS = {"failed", "worker_lost"}
# Which command an event tells of.
TELLS = {
    "booking.confirmed": "booking.book",
    "booking.changed": "booking.change",
    "booking.cancelled": "booking.cancel",
    "booking.forfeited": "booking.cancel",
}

Row = dict[str, Any]


@dataclass(frozen=True)
class History:
    """The jobs, bookings and events of some students, each in their order."""

    bookers: Sequence[Booker]
    jobs: Sequence[Row]
    bookings: Sequence[Row]
    events: Sequence[Row]
    oversold: Sequence[Row]

    @classmethod
    def read(cls, database_url: str, bookers: Sequence[Booker]) -> Self:
        names = [each.name for each in bookers]
        with psycopg.connect(database_url, row_factory=dict_row) as connection:
            jobs, bookings, events = (connection.execute(each, [names]).fetchall() for each in (JOBS, BOOKINGS, EVENTS))
            return cls(bookers, jobs, bookings, events, connection.execute(OVERSOLD).fetchall())

    def judge(self) -> Judgement:
        return Judgement(
            accepted=sum(bool(each.jobs) for each in self._sent()),
            lost=sorted({*self._lost()}),
            doubled=sorted({*self._doubled()}),
            confused=[fault for each in self.bookers for fault in self._confused(each)],
            oversold=[row["id"] for row in self.oversold],
        )

    def _sent(self) -> list[Sent]:
        return [command for booker in self.bookers for command in booker.sent]

    def _made(self) -> Counter[int]:
        """Count the bookings that jobs say they made."""
        makers = (job for job in self.jobs if job["kind"] != "booking.cancel" and job["result"])
        return Counter(int(job["result"]["booking"]["id"]) for job in makers)

    def _lost(self) -> Iterator[str]:
        """Yield what was accepted and has no outcome, or another one than its student was told."""
        found = {job["key"]: job for job in self.jobs}
        for command in self._sent():
            job = found.get(command.key)
            if command.jobs and (job is None or job["id"] not in command.jobs or not _is_outcome(job, command)):
                yield f"{command.key}: {job and (job['id'], job['status'], job['error_code'])}"
        yield from (f"booking {each}" for each in self._made().keys() - {row["id"] for row in self.bookings})

    def _doubled(self) -> Iterator[str]:
        """Yield what took effect more than once: a key, a booking, the telling of either."""
        keys = Counter(job["key"] for job in self.jobs)
        events = Counter((row["booking"], row["type"]) for row in self.events)
        yield from (f"key {key}" for key, number in keys.items() if number > 1)
        yield from (f"jobs {command.jobs} of {command.key}" for command in self._sent() if len(command.jobs) > 1)
        yield from (f"event {event}" for event, number in events.items() if number > 1)
        made = self._made()
        yield from (f"booking {row['id']}" for row in self.bookings if made[row["id"]] != 1)

    def _confused(self, booker: Booker) -> Iterator[str]:
        """Yield what a student was told amiss, and where commands did not take effect in the order of their sending."""
        if strange := booker.answers.keys() - EXPECTED:
            yield f"{booker.name}: answered {strange}"
        jobs = [job for job in self.jobs if job["student"] == booker.name]
        sent = [command.key for command in booker.sent if command.jobs]
        if [job["key"] for job in jobs if job["key"] in set(sent)] != sent:
            yield f"{booker.name}: accepted in another order than sent"
        told = [(row["booking"], row["type"]) for row in self.events if row["student"] == booker.name]
        done = [(int(job["result"]["booking"]["id"]), job["kind"]) for job in jobs if job["result"]]
        if [(each, TELLS[what]) for each, what in told] != done:
            yield f"{booker.name}: told {told}, done {done}"
        yield from self._impossible(booker.name, jobs)

    def _impossible(self, name: str, jobs: Sequence[Row]) -> Iterator[str]:
        """Yield outcomes that cannot follow those before them."""
        held: dict[int, int] = {}
        for job in jobs:
            old = job["request"].get("bookingId")
            elsewhere = {session for booking, session in held.items() if booking != old}
            expected = {
                "already_booked": job["request"].get("sessionId") in elsewhere,
                "booking_closed": old not in held,
                None: (old is None or old in held) and job["request"].get("sessionId") not in elsewhere,
            }
            if not expected.get(job["code"], True):
                yield f"{name}: {job['kind']} {job['id']} ended in {job['code'] or 'success'}"
            if job["result"]:
                held.pop(old, None)
                booking = job["result"]["booking"]
                held |= {booking["id"]: booking["sessionId"]} if job["kind"] != "booking.cancel" else {}
        mine = (row for row in self.bookings if row["student"] == name and row["status"] == "CONFIRMED")
        if held != {row["id"]: row["session_id"] for row in mine}:
            yield f"{name}: holds something else than {held}"


@dataclass(frozen=True)
class Judgement:
    """What is wrong with a history; `accepted` is how many commands it has."""

    accepted: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    confused: list[str] = field(default_factory=list)
    oversold: list[int] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"commands accepted {self.accepted}, lost {len(self.lost)}, doubled {len(self.doubled)},"
            f" confused {len(self.confused)}, sessions oversold {len(self.oversold)}"
        )

    @property
    def faults(self) -> list[object]:
        return [*self.lost, *self.doubled, *self.confused, *self.oversold]


def _is_outcome(job: Row, command: Sent) -> bool:
    """Say whether a job ended, by no fault of ours, as its student was told if they were told."""
    if job["status"] not in ENDED or job["error_code"] in OUR_FAULTS:
        return False
    if command.reply is None or not command.is_over:
        return True
    if job["result"] is not None:
        return bool(command.reply.said == job["result"])
    return bool(command.reply.code == job["code"])

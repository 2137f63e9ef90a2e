"""Commands decided in one batch end as they would have one by one, whatever they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory

from tests.domain.booking.world import GRACE, line, sell, soon, told
from tests.timetable import Timetable

SEEDS = range(12)
COMMANDS = 24
LATER: dict[str, Any] = {
    "schedule_later": {"service_type": "PRIVATE", "minutes": 60, "teacher_tier": 0},
    "friend_pass_days": 30,
}
BOOKINGS = """
SELECT b.id, b.student_id, b.session_id, b.seat_id, b.status, b.booking_type, b.payment_type, b.credits_used,
       b.student_package_id, b.guest_of IS NOT NULL AS is_guest, b.created_at
  FROM bookings b JOIN students s ON s.id = b.student_id WHERE s.external_id = ANY(%(names)s) ORDER BY b.id
"""
HELD = """
SELECT k.id, k.starts_at, k.expires_at FROM student_packages k JOIN students s ON s.id = k.student_id
 WHERE s.external_id = ANY(%(names)s) ORDER BY k.id
"""
DAYS = """
SELECT u.usage_date, u.slot, u.freed_at IS NULL AS used FROM all_access_daily_usages u
  JOIN students s ON s.id = u.student_id WHERE s.external_id = ANY(%(names)s) ORDER BY 1, 2, 3
"""


@dataclass(frozen=True)
class Town:
    """Students with what they hold, and the sessions that only they know of; every town is alike."""

    timetable: Timetable
    names: list[str]
    sessions: list[int]
    seats: list[int]

    def known(self, student: str) -> list[int]:
        return [row["id"] for row in self.timetable.studio.rows(BOOKINGS, names=[student])]

    def packages(self) -> list[int]:
        return [row["id"] for row in self.timetable.studio.rows(HELD, names=self.names)]

    def ask(self, dice: Random, known: dict[str, list[int]]) -> int:
        """Ask for something, of which the dice know nothing but the place in a list."""
        student = dice.choice(self.names)
        kind = dice.choice(("book", "book", "change", "cancel")) if known[student] else "book"
        said: dict[str, Any] = {"acceptForfeit": dice.random() < 0.4, "confirmHigherTier": dice.random() < 0.7}
        if kind != "book":
            said["bookingId"] = known[student][dice.randrange(len(known[student]))]
        if kind != "cancel":
            said["sessionId"] = self.sessions[dice.randrange(len(self.sessions))]
        if kind != "cancel" and dice.random() < 0.2:
            said["seatId"] = self.seats[dice.randrange(len(self.seats))]
        if kind != "cancel" and dice.random() < 0.2:
            packages = self.packages()
            said["packageId"] = packages[dice.randrange(len(packages))]
        if kind == "book" and dice.random() < 0.4:
            said["friend"] = GRACE
        return self.timetable.ask(f"booking.{kind}", student, **said)

    def state(self) -> dict[str, Any]:
        """Return all that stands, with places in lists instead of ids."""
        studio, names = self.timetable.studio, self.names
        packages = self.packages()
        students = [self.timetable.student(name) for name in names]
        order = {"student_id": students, "session_id": self.sessions, "seat_id": self.seats}
        numbered = order | {"student_package_id": packages}
        rows = [
            [numbered[key].index(row[key]) if key in numbered and row[key] else row[key] for key in row if key != "id"]
            for row in studio.rows(BOOKINGS, names=names)
        ]
        return {
            "bookings": sorted(rows, key=str),
            "left": [self.timetable.left(each) for each in packages],
            "dates": [(row["starts_at"], row["expires_at"]) for row in studio.rows(HELD, names=names)],
            "days": studio.rows(DAYS, names=names),
            "told": [told(self.timetable, name) for name in names],
        }


def found(timetable: Timetable, name: str, now: FrozenDateTimeFactory) -> Town:
    """Make a town whose students have booked a little, some of it for this very day."""
    names = [f"{name}-{number}" for number in range(3)]
    sell(timetable, names[0], line(4), validity_starts="FIRST_USE", validity_days=4, friend_pass_days=30)
    sell(timetable, names[0], line(3, "PRIVATE"), validity_days=20)
    sell(timetable, names[1], all_access_days=30)
    sell(timetable, names[1], line(2), friend_pass_days=10)
    sell(timetable, names[2], line(8, "PRIVATE"), line(2), **LATER)
    seated = timetable.session(soon(2), capacity=4, seats=[1, 2, 1, 2])
    group = [timetable.session(soon(days, hour), capacity=3) for days in (1, 2, 7) for hour in (9, 12)]
    private = [timetable.session(soon(days), service="PRIVATE", minutes=150, capacity=2) for days in (1, 3, 4)]
    town = Town(timetable, names, [seated, *group, *private], timetable.seats(seated))
    for number, student in enumerate(names):
        timetable.book(student, seated, confirmHigherTier=True)
        timetable.book(student, group[0], confirmHigherTier=True)
        timetable.book(student, private[number], confirmHigherTier=True)
    return town


@pytest.mark.parametrize("seed", SEEDS)
def test_a_batch_ends_as_its_commands_would_one_by_one(
    timetable: Timetable, now: FrozenDateTimeFactory, seed: int
) -> None:
    together, alone = found(timetable, "together", now), found(timetable, "alone", now)
    known = [{name: town.known(name) for name in town.names} for town in (together, alone)]
    now.tick(timedelta(hours=20))

    dice = Random(seed)
    batch = [together.ask(dice, known[0]) for _ in range(COMMANDS)]
    faults = timetable.crowd(workers=1)
    dice, each = Random(seed), []
    for _ in range(COMMANDS):
        each.append(alone.ask(dice, known[1]))
        timetable.work()

    assert faults == []
    assert timetable.codes(batch) == timetable.codes(each)
    assert together.state() == alone.state()

"""The database alone, as the last guard of bookings: plain SQL that breaks a rule is refused, by the rule's name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.timetable import Timetable
from worker import clock

FRIEND = {"name": "Grace", "email": "grace@example.com"}


class Hall:
    """Ada with a friend in a seated session of three, Eve by a pass in another; and what they could be copied to."""

    def __init__(self, timetable: Timetable) -> None:
        self.timetable, self.studio = timetable, timetable.studio
        start = (clock.now() + timedelta(days=3)).replace(hour=6, minute=0, second=0, microsecond=0, tzinfo=UTC)
        self.start = start
        self.package, _ = timetable.buy("ada", "ELITE-30"), timetable.buy("eve", "ALL-ACCESS-30")
        self.full = timetable.session(start, capacity=3, seats=[1] * 4, tier=0)
        self.other = timetable.session(start + timedelta(hours=3), capacity=3, tier=0)
        self.beside = timetable.session(start + timedelta(minutes=30), capacity=3)
        both = timetable.book("ada", self.full, friend=FRIEND).result
        assert both
        self.host, self.guest = int(both["booking"]["id"]), int(both["guestBooking"]["id"])
        self.eve = timetable.book("eve", self.full).id

    def copy(self, table: str, row: int, **changes: Any) -> None:
        """Insert a row again under an id of its own, but for what is said."""
        self.studio.rows(
            f"INSERT INTO {table} SELECT (jsonb_populate_record(t, %(changes)s)).* FROM {table} t WHERE id = %(id)s",
            id=row,
            changes=Jsonb({"id": 1_000_000} | changes, dumps=_dumps),
        )

    def row(self, table: str, row: int, **changes: Any) -> None:
        """Change a row."""
        said = ", ".join(f"{name} = %({name})s" for name in changes)
        self.studio.rows(f"UPDATE {table} SET {said} WHERE id = %(id)s", id=row, **changes)

    def at(self, session: int) -> dict[str, Any]:
        """Return what a booking says of the session that it is for."""
        row = self.studio.one("SELECT start_at, end_at FROM class_sessions WHERE id = %(id)s", id=session)
        return {"session_id": session, "place": 1, "seat_id": None} | row


def _dumps(value: Any) -> bytes:
    """Write JSON that knows times."""
    return orjson.dumps(value)


def place_beyond_capacity(hall: Hall) -> None:
    hall.copy("bookings", hall.eve, student_id=hall.timetable.student("stranger"), place=4, seat_id=None)


def place_of_a_capacity_that_the_session_has_not(hall: Hall) -> None:
    stranger = hall.timetable.student("stranger")
    hall.copy("bookings", hall.eve, student_id=stranger, place=4, session_capacity=4, seat_id=None)


def place_twice(hall: Hall) -> None:
    stranger = hall.timetable.student("stranger")
    hall.copy("bookings", hall.eve, student_id=stranger, seat_id=None)


def seat_twice(hall: Hall) -> None:
    hall.row("class_sessions", hall.full, capacity=4)
    hall.copy("bookings", hall.eve, student_id=hall.timetable.student("stranger"), place=4)


def student_twice(hall: Hall) -> None:
    hall.row("class_sessions", hall.full, capacity=4)
    later = {"start_at": hall.start + timedelta(days=1), "end_at": hall.start + timedelta(days=2)}
    hall.copy("bookings", hall.eve, place=4, seat_id=None, **later)


def sessions_that_overlap(hall: Hall) -> None:
    hall.copy("bookings", hall.eve, **hall.at(hall.beside))


def guest_twice(hall: Hall) -> None:
    hall.row("bookings", hall.guest, payment_type="FREE")
    hall.copy("bookings", hall.guest, **hall.at(hall.other))


def friend_pass_twice(hall: Hall) -> None:
    again = {"guest_of": hall.eve, "place": 1}
    hall.copy("bookings", hall.guest, **hall.at(hall.other) | again)


def friend_pass_that_was_forfeited(hall: Hall) -> None:
    hall.row("bookings", hall.guest, status="FORFEITED", place=None, session_capacity=None)
    hall.copy("bookings", hall.guest, status="CONFIRMED", session_capacity=3, **hall.at(hall.other))


def guest_of_nobody(hall: Hall) -> None:
    hall.copy("bookings", hall.guest, guest_of=999_999, payment_type="FREE", **hall.at(hall.other))


def guest_without_host(hall: Hall) -> None:
    hall.copy("bookings", hall.guest, guest_of=None, payment_type="FREE", **hall.at(hall.other))


def active_without_place(hall: Hall) -> None:
    hall.copy("bookings", hall.eve, **hall.at(hall.other) | {"place": None, "session_capacity": None})


def place_of_what_was_cancelled(hall: Hall) -> None:
    hall.copy("bookings", hall.eve, status="CANCELLED", **hall.at(hall.other))


def place_without_capacity(hall: Hall) -> None:
    hall.copy("bookings", hall.eve, **hall.at(hall.other) | {"session_capacity": None})


def place_without_session(hall: Hall) -> None:
    hall.copy("bookings", hall.eve, **hall.at(hall.other) | {"session_id": None})


def draft_with_a_time(hall: Hall) -> None:
    gone = {"place": None, "session_capacity": None}
    hall.copy("bookings", hall.eve, status="DRAFT", **hall.at(hall.other) | gone)


def booking_without_a_time(hall: Hall) -> None:
    hall.copy("bookings", hall.eve, **hall.at(hall.other) | {"start_at": None, "end_at": None})


def pass_twice_a_day(hall: Hall) -> None:
    usage = hall.studio.one("SELECT id FROM all_access_daily_usages")["id"]
    hall.copy("all_access_daily_usages", usage, booking_id=hall.host)


def day_twice_for_a_booking(hall: Hall) -> None:
    usage = hall.studio.one("SELECT id FROM all_access_daily_usages")["id"]
    hall.copy("all_access_daily_usages", usage, slot=2)


def teacher_twice_at_once(hall: Hall) -> None:
    teacher = hall.studio.one("SELECT teacher_id FROM class_sessions WHERE id = %(id)s", id=hall.full)["teacher_id"]
    hall.row("class_sessions", hall.beside, teacher_id=teacher)


def capacity_below_the_places_taken(hall: Hall) -> None:
    hall.row("class_sessions", hall.full, capacity=2)


def another_studios_student(hall: Hall) -> None:
    hall.copy("bookings", hall.eve, student_id=hall.timetable.student("hal", "thrive"), **hall.at(hall.other))


REFUSED = {
    place_beyond_capacity: "ck_bookings_place_within_capacity",
    place_of_a_capacity_that_the_session_has_not: "fk_bookings_session_capacity",
    place_twice: "uq_bookings_place",
    seat_twice: "uq_bookings_seat",
    student_twice: "uq_bookings_session_student",
    sessions_that_overlap: "ex_bookings_student",
    guest_twice: "uq_bookings_guest",
    friend_pass_twice: "uq_bookings_friend_pass",
    friend_pass_that_was_forfeited: "uq_bookings_friend_pass",
    guest_of_nobody: "fk_bookings_guest_of",
    guest_without_host: "ck_bookings_guest_has_name",
    active_without_place: "ck_bookings_active_has_place",
    place_of_what_was_cancelled: "ck_bookings_active_has_place",
    place_without_capacity: "ck_bookings_place_has_capacity",
    place_without_session: "ck_bookings_place_has_session",
    draft_with_a_time: "ck_bookings_start_follows_status",
    booking_without_a_time: "ck_bookings_start_follows_status",
    pass_twice_a_day: "uq_all_access_daily_usages_day",
    day_twice_for_a_booking: "uq_all_access_daily_usages_booking",
    teacher_twice_at_once: "ex_class_sessions_teacher",
    capacity_below_the_places_taken: "ck_bookings_place_within_capacity",
    another_studios_student: "fk_bookings_student_id",
}


@pytest.fixture
def hall(timetable: Timetable) -> Hall:
    return Hall(timetable)


@pytest.mark.parametrize(("wrong", "constraint"), REFUSED.items(), ids=[each.__name__ for each in REFUSED])
def test_the_database_refuses(hall: Hall, wrong: Any, constraint: str) -> None:
    with pytest.raises(psycopg.errors.IntegrityError) as refused:
        wrong(hall)

    assert refused.value.diag.constraint_name == constraint
    assert hall.studio.count("bookings") == 3


def test_the_database_takes_what_breaks_no_rule(hall: Hall) -> None:
    """The copies above are refused for what they say, not for how they are made."""
    hall.copy("bookings", hall.eve, **hall.at(hall.other))
    hall.copy("bookings", hall.guest, id=1_000_001, guest_of=hall.eve, payment_type="FREE", **hall.at(hall.beside))
    hall.copy("all_access_daily_usages", 1, booking_id=1_000_000, usage_date=datetime.now(UTC).date())
    hall.row("class_sessions", hall.other, capacity=1)
    assert hall.timetable.booking(1_000_000)["session_capacity"] == 1

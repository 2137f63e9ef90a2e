"""What a command leaves: a result on its job, the booking, and a mail and an event for each change."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory

from tests.domain.booking.world import GRACE, refuse, soon, told
from tests.timetable import Timetable
from worker.job_inbox import FAULT

pytestmark = pytest.mark.usefixtures("now")


def test_a_result_has_the_shape_of_the_contract(timetable: Timetable) -> None:
    package = timetable.buy("ada", "ELITE-30")
    session = timetable.session(soon(), seats=[1, 1, 2])
    first, second, _ = timetable.seats(session)
    order = timetable.studio.one("SELECT id FROM orders")["id"]

    done = timetable.book("ada", session, friend=GRACE)

    shared = {
        "sessionId": session,
        "status": "CONFIRMED",
        "bookingType": "DROP_IN",
        "startAt": "2026-10-08T09:00:00Z",
        "endAt": "2026-10-08T09:45:00Z",
        "studentPackageId": package,
        "orderId": order,
        "metadata": {},
        "createdAt": "2026-10-05T08:00:00Z",
    }
    host = shared | {"id": done.id, "paymentType": "CREDIT", "creditsUsed": 1, "seatId": first}
    guest = shared | {"id": done.id + 1, "paymentType": "FRIEND_PASS", "creditsUsed": 0, "seatId": second}
    assert done.result == {
        "booking": host,
        "guestBooking": guest | {"guestOf": done.id, "guestName": "Grace"},
    }


def test_a_result_names_no_seat_package_or_order_where_there_is_none(timetable: Timetable) -> None:
    done = timetable.book("ada", timetable.session(soon()), paymentType="FREE", reason="she won it")

    assert not {"seatId", "studentPackageId", "orderId", "guestOf", "guestName"} & set(done.booking)
    assert done.result
    assert set(done.result) == {"booking"}


def test_a_job_says_when_it_was_done_and_no_more_than_that(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    timetable.buy("ada")
    job = timetable.ask("booking.book", "ada", sessionId=timetable.session(soon()))
    now.tick(timedelta(seconds=30))

    timetable.work()

    row = timetable.studio.one("SELECT * FROM jobs WHERE id = %(id)s", id=job)
    assert (row["status"], row["problem"], row["error_code"], row["attempts"]) == ("SUCCEEDED", None, None, 0)
    assert row["finished_at"] - row["received_at"] == timedelta(seconds=30)


@pytest.mark.parametrize(
    ("kind", "terms", "what"),
    [
        ("cancel", {}, "booking.cancelled"),
        ("cancel", {"acceptForfeit": True}, "booking.forfeited"),
        ("change", {}, "booking.changed"),
        ("change", {"acceptForfeit": True}, "booking.changed"),
    ],
)
def test_each_change_is_told_by_mail_and_event_in_the_order_of_the_students_events(
    timetable: Timetable, now: FrozenDateTimeFactory, kind: str, terms: dict[str, Any], what: str
) -> None:
    timetable.buy("ada")
    booked = timetable.book("ada", timetable.session(soon()))
    named = {"sessionId": timetable.session(soon(9))} if kind == "change" else {}
    now.tick(timedelta(days=3 if terms else 1))

    done = timetable.do(f"booking.{kind}", "ada", bookingId=booked.id, **named, **terms)

    assert told(timetable, "ada") == ["booking.confirmed", what]
    event = timetable.studio.one("SELECT * FROM domain_events WHERE type = %(what)s", what=what)
    assert (event["subject"], event["sequence"]) == (f"booking/{done.id}", 3)
    assert event["due_at"] == event["created_at"] == soon(0, 8)
    assert event["data"] == {
        "bookingId": done.id,
        "sessionId": done.booking["sessionId"],
        "studentId": "ada",
        "status": done.booking["status"],
        "paymentType": "CREDIT",
        "startAt": done.booking["startAt"],
        "endAt": done.booking["endAt"],
        "isGuest": False,
    } | ({"changedFrom": booked.id} if kind == "change" else {})


def test_a_refusal_numbers_no_event(timetable: Timetable) -> None:
    timetable.buy("ada", "SINGLE-RIDE")
    timetable.book("ada", timetable.session(soon()))
    refuse(timetable, "book", "ada", sessionId=timetable.session(soon(4)))

    timetable.cancel("ada", timetable.studio.one("SELECT id FROM bookings")["id"])

    assert told(timetable, "ada") == ["booking.confirmed", "booking.cancelled"]


def test_a_booking_keeps_the_times_the_service_and_the_minutes_of_its_session(timetable: Timetable) -> None:
    timetable.buy("ada")
    session = timetable.session(soon(), workshop=True, minutes=55)

    booked = timetable.book("ada", session)

    row = timetable.booking(booked.id)
    assert (row["service_type"], row["minutes"], row["booking_type"]) == ("GROUP", 55, "WORKSHOP")
    assert row["end_at"] - row["start_at"] == timedelta(minutes=55)
    assert (row["place"], row["session_capacity"]) == (1, 20)


def test_a_booking_that_was_given_up_keeps_where_it_was_and_has_no_place(timetable: Timetable) -> None:
    timetable.buy("ada")
    session = timetable.session(soon(), seats=[1])
    booked = timetable.book("ada", session)

    timetable.cancel("ada", booked.id, reason="ill")

    row = timetable.booking(booked.id)
    assert (row["session_id"], row["seat_id"]) == (session, booked.booking["seatId"])
    assert (row["place"], row["session_capacity"]) == (None, None)
    assert row["metadata"] == {"cancelReason": "ill"}


def test_of_a_process_that_died_its_student_hears_no_more_than_that_it_was_our_fault(timetable: Timetable) -> None:
    job = timetable.ask("booking.book", "ada", sessionId=1)
    timetable.studio.rows("UPDATE jobs SET sweeps = 3, attempts = 5 WHERE id = %(id)s", id=job)

    timetable.work()

    row = timetable.studio.one("SELECT status, problem, last_error FROM jobs WHERE id = %(id)s", id=job)
    assert (row["status"], row["problem"]) == ("FAILED", {"code": "worker_lost", "detail": FAULT})
    assert "died 5 times" in row["last_error"]

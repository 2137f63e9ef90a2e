"""A friend comes along: once per package, with a place and a seat of their own, for as long as the host comes."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from freezegun.api import FrozenDateTimeFactory

from tests.domain.booking.world import GRACE, contest, give_back, line, refuse, sell, soon, told
from tests.timetable import Outcome, Timetable

pytestmark = pytest.mark.usefixtures("now")


def guest(outcome: Outcome) -> dict[str, object]:
    assert outcome.result, outcome.problem
    return dict(outcome.result["guestBooking"])


def test_host_and_guest_have_a_place_and_a_seat_each_and_both_are_told_of(timetable: Timetable) -> None:
    package = timetable.buy("ada", "ELITE-30")
    session = timetable.session(soon(), seats=[1, 1, 1])
    first, second, _ = timetable.seats(session)

    done = timetable.book("ada", session, seatId=second, friend=GRACE)

    assert (done.booking["seatId"], guest(done)["seatId"]) == (second, first)
    assert guest(done)["paymentType"] == "FRIEND_PASS"
    assert guest(done)["guestOf"] == done.id
    assert timetable.left(package) == [29]
    assert told(timetable, "ada") == ["booking.confirmed", "booking.confirmed"]


def test_the_guest_sits_where_the_host_says(timetable: Timetable) -> None:
    timetable.buy("ada", "ELITE-30")
    session = timetable.session(soon(), seats=[1, 1, 1])
    cheapest, _, third = timetable.seats(session)

    same = refuse(timetable, "book", "ada", sessionId=session, seatId=third, friend=GRACE | {"seatId": third})
    done = timetable.book("ada", session, friend=GRACE | {"seatId": cheapest})

    assert same.code == "seat_taken"
    assert guest(done)["seatId"] == cheapest


@pytest.mark.parametrize(("capacity", "seats"), [(1, []), (5, [1]), (1, [1, 1])])
def test_both_are_booked_or_neither(timetable: Timetable, capacity: int, seats: list[int]) -> None:
    timetable.buy("ada", "ELITE-30")
    session = timetable.session(soon(), capacity=capacity, seats=seats)

    refused = refuse(timetable, "book", "ada", sessionId=session, friend=GRACE)
    alone = timetable.book("ada", session)

    assert refused.code == "session_full"
    assert alone.code == "done"


def test_a_host_who_cannot_pay_brings_nobody(timetable: Timetable) -> None:
    sell(timetable, "ada", line(1), friend_pass_days=30)

    refused = refuse(timetable, "book", "ada", sessionId=timetable.session(soon(), minutes=120), friend=GRACE)

    assert refused.code == "insufficient_credits"


def test_each_package_brings_one_friend_the_pass_that_ends_first_before_the_others(timetable: Timetable) -> None:
    late = sell(timetable, "ada", friend_pass_days=30)
    early = sell(timetable, "ada", friend_pass_days=20)
    sessions = [timetable.session(soon(days)) for days in (3, 4, 5)]

    outcomes = [timetable.book("ada", each, friend=GRACE) for each in sessions]

    assert [each.code for each in outcomes] == ["done", "done", "friend_pass_unavailable"]
    assert [guest(each)["studentPackageId"] for each in outcomes[:2]] == [early, late]


def test_a_friend_pass_lasts_for_sessions_that_start_before_its_end(timetable: Timetable) -> None:
    package = sell(timetable, "ada", friend_pass_days=30)
    row = timetable.studio.one(
        "SELECT friend_pass_expires_at AS ends FROM student_packages WHERE id = %(id)s", id=package
    )
    end: datetime = row["ends"]

    late = refuse(timetable, "book", "ada", sessionId=timetable.session(end), friend=GRACE)
    done = timetable.book("ada", timetable.session(end - timedelta(seconds=1)), friend=GRACE)

    # 30 days after the 5th of October are through the 4th of November, in Istanbul.
    assert end.isoformat() == "2026-11-04T21:00:00+00:00"
    assert late.code == "friend_pass_unavailable"
    assert done.code == "done"


@pytest.mark.parametrize("fate", [give_back, contest])
def test_a_package_that_may_not_pay_brings_no_friend(timetable: Timetable, fate: object) -> None:
    elite = timetable.buy("ada", "ELITE-30")
    timetable.buy("ada", "EXPLORER-5")
    assert callable(fate)
    fate(timetable, elite)

    refused = refuse(timetable, "book", "ada", sessionId=timetable.session(soon()), friend=GRACE)

    assert refused.code == "friend_pass_unavailable"


@pytest.mark.parametrize(
    ("terms", "status", "again"),
    [
        ({}, "CANCELLED", "done"),
        ({"acceptForfeit": True}, "FORFEITED", "friend_pass_unavailable"),
        ({"override": True, "reason": "ill"}, "CANCELLED", "done"),
    ],
)
def test_the_guest_goes_with_the_host_and_the_pass_comes_back_with_the_credit(
    timetable: Timetable, now: FrozenDateTimeFactory, terms: dict[str, object], status: str, again: str
) -> None:
    timetable.buy("ada", "ELITE-30")
    session, later = timetable.session(soon()), timetable.session(soon(6))
    done = timetable.book("ada", session, friend=GRACE)
    if terms:
        now.move_to(soon() - timedelta(hours=1))

    timetable.cancel("ada", done.id, **terms)

    rows = timetable.studio.rows("SELECT status FROM bookings ORDER BY id")
    assert [row["status"] for row in rows] == [status, status]
    assert timetable.active(session) == 0
    assert timetable.book("ada", later, friend=GRACE).code == again


def test_a_guest_may_be_cancelled_alone_and_the_pass_brings_another(timetable: Timetable) -> None:
    timetable.buy("ada", "ELITE-30")
    session = timetable.session(soon())
    done = timetable.book("ada", session, friend=GRACE)

    gone = timetable.cancel("ada", int(str(guest(done)["id"])))
    again = timetable.book("ada", timetable.session(soon(4)), friend=GRACE)

    assert gone.booking["status"] == "CANCELLED"
    assert (timetable.active(session), again.code) == (1, "done")


def test_a_guest_who_is_cancelled_alone_leaves_the_days_of_the_hosts_package(timetable: Timetable) -> None:
    package = sell(timetable, "ada", validity_starts="FIRST_USE", friend_pass_days=30)
    done = timetable.book("ada", timetable.session(soon()), friend=GRACE)
    dates = timetable.studio.one("SELECT starts_at, expires_at FROM student_packages WHERE id = %(id)s", id=package)

    timetable.cancel("ada", int(str(guest(done)["id"])))

    assert dates == timetable.studio.one(
        "SELECT starts_at, expires_at FROM student_packages WHERE id = %(id)s", id=package
    )


def test_a_guests_booking_cannot_be_changed(timetable: Timetable) -> None:
    timetable.buy("ada", "ELITE-30")
    done = timetable.book("ada", timetable.session(soon()), friend=GRACE)

    refused = refuse(timetable, "change", "ada", bookingId=guest(done)["id"], sessionId=timetable.session(soon(4)))

    assert refused.code == "validation_failed"


def test_guest_and_host_cancelled_in_one_batch_are_each_cancelled_once(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    timetable.buy("ada", "ELITE-30")
    done = timetable.book("ada", timetable.session(soon()), friend=GRACE)
    now.move_to(soon() - timedelta(hours=1))

    timetable.ask("booking.cancel", "ada", bookingId=guest(done)["id"], override=True, reason="ill")
    timetable.ask("booking.cancel", "ada", bookingId=done.id, acceptForfeit=True)
    timetable.work()

    rows = timetable.studio.rows("SELECT status FROM bookings ORDER BY id")
    assert [row["status"] for row in rows] == ["FORFEITED", "CANCELLED"]
    assert told(timetable, "ada")[2:] == ["booking.cancelled", "booking.forfeited"]


def test_nobody_is_shown_the_guests_address(timetable: Timetable) -> None:
    timetable.buy("ada", "ELITE-30")

    done = timetable.book("ada", timetable.session(soon()), friend=GRACE)

    assert GRACE["email"] not in str(done.result)
    told_others = timetable.studio.rows("SELECT data::text AS data FROM domain_events")
    assert not any("race" in row["data"] for row in told_others)


def test_two_friends_asked_for_in_one_batch_are_one(timetable: Timetable) -> None:
    timetable.buy("ada", "ELITE-30")
    sessions = [timetable.session(soon(days)) for days in (3, 4)]

    jobs = [timetable.ask("booking.book", "ada", sessionId=each, friend=GRACE) for each in sessions]
    faults = timetable.crowd(workers=1)

    assert faults == []
    assert timetable.codes(jobs) == ["done", "friend_pass_unavailable"]


def test_a_friend_pass_that_came_back_ten_times_brings_nobody_more(timetable: Timetable) -> None:
    timetable.buy("ada", "ELITE-30")
    session = timetable.session(soon())
    for number in range(10):
        friend = {"name": "Grace", "email": f"grace-{number}@example.com"}
        booked = timetable.book("ada", session, friend=friend)
        assert timetable.cancel("ada", booked.id).code == "done"

    refused = refuse(timetable, "book", "ada", sessionId=session, friend={"name": "Grace", "email": "g@example.com"})

    assert refused.code == "friend_pass_unavailable"

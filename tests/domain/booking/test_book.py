"""Booking a session: who may, what it costs, and what is written with it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.timetable import Timetable
from worker import clock


def soon(days: int = 3, hour: int = 9) -> datetime:
    day = clock.now() + timedelta(days=days)
    return day.replace(hour=hour, minute=0, second=0, microsecond=0, tzinfo=UTC)


def test_a_credit_pays_for_a_place(timetable: Timetable) -> None:
    package = timetable.buy("ada", "EXPLORER-5")
    session = timetable.session(soon())

    done = timetable.book("ada", session)

    assert done.booking["paymentType"] == "CREDIT"
    assert timetable.left(package) == [4]
    assert timetable.active(session) == 1
    kinds = [row["kind"] for row in timetable.studio.rows("SELECT kind FROM notifications ORDER BY id")]
    assert kinds == ["purchase.receipt", "booking.confirmed"]
    types = [row["type"] for row in timetable.studio.rows("SELECT type FROM domain_events ORDER BY sequence")]
    assert types == ["package.fulfilled", "booking.confirmed"]
    assert timetable.studio.audit() == []


def test_a_cancellation_in_time_gives_the_credit_back(timetable: Timetable) -> None:
    package = timetable.buy("ada")
    session = timetable.session(soon())
    booked = timetable.book("ada", session)

    done = timetable.cancel("ada", booked.id)

    assert done.booking["status"] == "CANCELLED"
    assert timetable.left(package) == [5]
    assert timetable.active(session) == 0
    assert timetable.studio.audit() == []


def test_a_change_moves_the_booking_and_an_impossible_one_leaves_it(timetable: Timetable) -> None:
    package = timetable.buy("ada")
    first, second, full = timetable.session(soon()), timetable.session(soon(4)), timetable.session(soon(5), capacity=1)
    timetable.buy("eve")
    timetable.book("eve", full)
    booked = timetable.book("ada", first)

    refused = timetable.change("ada", booked.id, sessionId=full)
    moved = timetable.change("ada", booked.id, sessionId=second)

    assert refused.code == "session_full"
    assert moved.booking["sessionId"] == second
    assert timetable.left(package) == [4]
    assert [timetable.active(each) for each in (first, second, full)] == [0, 1, 1]
    assert timetable.studio.audit() == []


def test_a_friend_comes_along_once(timetable: Timetable) -> None:
    timetable.buy("ada", "ELITE-30")
    first, second = timetable.session(soon(), seats=[1] * 5), timetable.session(soon(4))
    friend = {"name": "Grace", "email": "grace@example.com"}

    done = timetable.book("ada", first, friend=friend)
    again = timetable.book("ada", second, friend=friend)

    assert done.result is not None
    assert done.result["guestBooking"]["guestName"] == "Grace"
    assert timetable.active(first) == 2
    assert again.code == "friend_pass_unavailable"
    assert timetable.studio.audit() == []


def test_a_draft_becomes_the_booking_and_a_draft_again(timetable: Timetable) -> None:
    package = timetable.buy("ada", "WELLNESS-3")
    session = timetable.session(soon(), org="thrive", service="PRIVATE", minutes=90, capacity=1)

    booked = timetable.book("ada", session, org="thrive")
    assert timetable.left(package) == [1]
    assert timetable.studio.audit() == []
    timetable.cancel("ada", booked.id, org="thrive")

    assert booked.booking["bookingType"] == "PACKAGE_SESSION"
    assert timetable.left(package) == [3]
    assert timetable.studio.audit() == []


def test_all_access_is_for_once_a_day(timetable: Timetable) -> None:
    timetable.buy("ada", "ALL-ACCESS-30")
    first, second = timetable.session(soon(3, 6)), timetable.session(soon(3, 9))

    done, again = timetable.book("ada", first), timetable.book("ada", second)
    timetable.cancel("ada", done.id)
    later = timetable.book("ada", second)

    assert done.booking["paymentType"] == "ALL_ACCESS"
    assert again.code == "all_access_used_today"
    assert later.code == "done"
    assert timetable.studio.audit() == []

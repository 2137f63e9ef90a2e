"""A session moved by the studio: it keeps its bookings, their students are told once, and may go free."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory

from tests.domain.booking.world import GRACE, nothing_written, sell, soon, told
from tests.domain.studio.test_call_off import FIRST_USE, dates
from tests.timetable import Timetable
from worker import clock

DAYS = "SELECT usage_date::text AS day, slot FROM all_access_daily_usages WHERE freed_at IS NULL ORDER BY booking_id"


def at(said: str) -> datetime:
    return datetime.fromisoformat(f"{said}:00+00:00")


def days(timetable: Timetable) -> list[str]:
    """Return which days of passes are used."""
    return [row["day"] for row in timetable.studio.rows(DAYS)]


def refused(timetable: Timetable, session: int, start: datetime | None = None, **more: Any) -> str:
    """Have a move refused without a trace; return the code."""
    said = {"startAt": start.isoformat()} if start else {}
    job = timetable.ask_of_session("session.move", session, **said | more)
    with nothing_written(timetable):
        timetable.work()
    return timetable.outcome(job).code


@pytest.mark.usefixtures("now")
def test_bookings_go_along_and_each_is_told_once(timetable: Timetable) -> None:
    timetable.buy("ada")
    timetable.buy("eve", "ELITE-30")
    start = soon()
    session = timetable.session(start, minutes=45)
    ada = timetable.book("ada", session).id
    eve = timetable.book("eve", session, friend=GRACE).id

    outcome = timetable.move(session, soon(4), minutes=60)
    again = timetable.move(session, soon(4), minutes=60)

    assert outcome.result
    assert again.result
    assert (outcome.result["movedBookings"], again.result["movedBookings"]) == (3, 0)
    assert (outcome.result["startAt"], outcome.result["endAt"]) == ("2026-10-09T09:00:00Z", "2026-10-09T10:00:00Z")
    for booking in (ada, eve, eve + 1):
        row = timetable.booking(booking)
        assert (row["start_at"], row["end_at"], row["status"]) == (soon(4), soon(4, 10), "CONFIRMED")
        assert row["metadata"].pop("movedAt")
        assert row["metadata"] == {"movedFrom": start.isoformat().replace("+00:00", "Z")}
    assert told(timetable, "ada") == ["booking.confirmed", "booking.moved"]
    assert told(timetable, "eve") == ["booking.confirmed"] * 2 + ["booking.moved"] * 2


@pytest.mark.usefixtures("now")
def test_at_the_same_time_nobody_is_told(timetable: Timetable) -> None:
    timetable.buy("ada")
    session = timetable.session(soon())
    timetable.book("ada", session)
    job = timetable.ask_of_session("session.move", session, startAt=soon().isoformat(), minutes=45)

    with nothing_written(timetable):
        timetable.work()

    assert timetable.outcome(job).code == "done"


@pytest.mark.usefixtures("now")
def test_what_was_noted_first_stays(timetable: Timetable) -> None:
    timetable.buy("ada")
    session = timetable.session(soon())
    booked = timetable.book("ada", session).id

    assert timetable.move(session, soon(4)).code == "done"
    assert timetable.move(session, soon(5)).code == "done"

    assert timetable.booking(booked)["metadata"]["movedFrom"] == "2026-10-08T09:00:00Z"
    assert told(timetable, "ada") == ["booking.confirmed", "booking.moved", "booking.moved"]


@pytest.mark.usefixtures("now")
def test_a_teacher_who_is_elsewhere_keeps_it_where_it_is(timetable: Timetable) -> None:
    session = timetable.session(soon(), tier=0)
    teacher = timetable.studio.one("SELECT teacher_id FROM class_sessions")["teacher_id"]
    other = timetable.session(soon(4), tier=0)
    timetable.studio.rows("UPDATE class_sessions SET teacher_id = %(t)s WHERE id = %(id)s", t=teacher, id=other)

    assert refused(timetable, session, soon(4)) == "teacher_unavailable"
    assert refused(timetable, session, soon(4, 8), minutes=61) == "teacher_unavailable"
    assert timetable.move(session, soon(4), teacherId=None).code == "done"


@pytest.mark.usefixtures("now")
def test_a_student_who_would_be_in_two_places_is_named(timetable: Timetable) -> None:
    ada, eve = timetable.students(2, "EXPLORER-5")
    session, other = timetable.session(soon()), timetable.session(soon(4))
    timetable.book(ada, session)
    timetable.book(eve, session)
    clash = timetable.book(ada, other).id
    job = timetable.ask_of_session("session.move", session, startAt=(soon(4) + timedelta(minutes=44)).isoformat())

    with nothing_written(timetable):
        timetable.work()

    problem = timetable.outcome(job).problem
    assert problem
    assert (problem["code"], str(clash) in problem["detail"]) == ("time_conflict", True)
    assert timetable.move(session, soon(4) + timedelta(minutes=45)).code == "done"


@pytest.mark.usefixtures("now")
def test_a_class_does_not_start_twice_at_once(timetable: Timetable) -> None:
    session = timetable.session(soon())
    timetable.studio.rows(
        "INSERT INTO class_sessions (organization_id, group_class_id, service_type, start_at, end_at, capacity,"
        " created_at) SELECT organization_id, group_class_id, service_type, start_at + interval '1 day',"
        " end_at + interval '1 day', 9, created_at FROM class_sessions"
    )

    assert refused(timetable, session, soon(4)) == "validation_failed"
    assert timetable.move(session, soon(4) + timedelta(minutes=1)).code == "done"


@pytest.mark.usefixtures("now")
@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"startAt": "2026-10-05T08:00:00Z"}, "validation_failed"),
        ({"startAt": "2026-10-06T08:00:00Z", "capacity": 1}, "validation_failed"),
        ({"startAt": "2026-10-06T08:00:00Z", "teacherId": 999}, "not_found"),
    ],
)
def test_what_is_impossible_leaves_all_as_it_was(timetable: Timetable, more: dict[str, Any], code: str) -> None:
    session = timetable.session(soon())
    for name in timetable.students(2):
        timetable.book(name, session)

    assert refused(timetable, session, **more) == code


def test_what_has_begun_or_was_called_off_stays(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    begun, called_off, late = (timetable.session(soon()) for _ in range(3))
    timetable.call_off(called_off)
    now.move_to(soon() - timedelta(minutes=1))
    waiting = timetable.ask_of_session("session.move", late, startAt=soon(9).isoformat())
    now.move_to(clock.now() + timedelta(minutes=1))

    assert refused(timetable, begun, soon(9)) == "session_started"
    assert refused(timetable, called_off, soon(9)) == "session_cancelled"
    assert timetable.outcome(waiting).code == "too_late"


@pytest.mark.usefixtures("now")
def test_capacity_and_teacher_change_with_it(timetable: Timetable) -> None:
    timetable.buy("ada")
    session = timetable.session(soon(), capacity=5)
    booked = timetable.book("ada", session).id
    teacher = timetable.teacher()

    outcome = timetable.move(session, soon(4), capacity=1, teacherId=teacher)

    assert outcome.result
    assert (outcome.result["capacityMax"], outcome.result["teacherId"]) == (1, teacher)
    assert timetable.booking(booked)["session_capacity"] == 1


@pytest.mark.usefixtures("now")
def test_waits_stay_in_line_and_new_places_are_offered_to_them(timetable: Timetable) -> None:
    for name in ("ada", "eve"):
        timetable.buy(name)
    session = timetable.session(soon(), capacity=1)
    timetable.book("ada", session)
    timetable.join("eve", session)

    assert timetable.move(session, soon(4)).code == "done"
    waiting = timetable.line(session)
    assert timetable.move(session, soon(5), capacity=2).code == "done"

    assert waiting == [("eve", "WAITING", None)]
    assert timetable.who(session) == ["ada", "eve"]


# Going free.


def test_whoever_was_moved_may_cancel_free_until_it_starts(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    package = timetable.buy("ada")
    session, other = timetable.session(soon(), capacity=2, seats=[1, 1]), timetable.session(soon())
    booked = timetable.book("ada", session).id
    timetable.buy("eve")
    assert timetable.move(session, soon(4)).code == "done"
    timetable.buy("bob")
    late = timetable.book("bob", session).id
    stays = timetable.book("eve", other).id
    now.move_to(soon(4) - timedelta(seconds=1))

    assert timetable.cancel("bob", late).code == "cancellation_window_closed"
    assert timetable.cancel("eve", stays).code == "session_started"
    assert timetable.cancel("ada", booked).booking["status"] == "CANCELLED"
    assert timetable.left(package) == [5]


def test_another_seat_in_it_may_go_free_too_and_another_session_may_not(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    for name in ("ada", "eve"):
        timetable.buy(name)
    session, other = timetable.session(soon(), seats=[1, 1, 1]), timetable.session(soon(4))
    ada, eve = timetable.book("ada", session).id, timetable.book("eve", session).id
    assert timetable.move(session, soon(4, 12)).code == "done"
    seated = timetable.change("ada", ada, seatId=timetable.seats(session)[2]).id
    elsewhere = timetable.change("eve", eve, sessionId=other).id
    now.move_to(soon(4) - timedelta(hours=1))

    assert timetable.cancel("ada", seated).code == "done"
    assert timetable.cancel("eve", elsewhere).code == "cancellation_window_closed"


# What paid.


def test_a_pass_gives_the_new_day_where_it_is_free_and_the_old_one_is_free_again(
    timetable: Timetable, now: Any
) -> None:
    timetable.buy("ada", "ALL-ACCESS-30")
    session, same_day = timetable.session(soon()), timetable.session(soon(hour=15))
    timetable.book("ada", session)

    assert timetable.move(session, soon(4)).code == "done"

    assert days(timetable) == ["2026-10-09"]
    assert timetable.book("ada", same_day).code == "done"


@pytest.mark.usefixtures("now")
def test_where_the_new_day_is_used_the_old_one_stays_used(timetable: Timetable) -> None:
    timetable.buy("ada", "ALL-ACCESS-30")
    session, there, here = timetable.session(soon()), timetable.session(soon(4, 15)), timetable.session(soon(hour=15))
    timetable.book("ada", session)
    timetable.book("ada", there)

    assert timetable.move(session, soon(4)).code == "done"

    assert days(timetable) == ["2026-10-08", "2026-10-09"]
    assert timetable.book("ada", here).code == "all_access_used_today"


@pytest.mark.usefixtures("now")
def test_a_day_that_stayed_used_is_freed_with_its_booking(timetable: Timetable) -> None:
    timetable.buy("ada", "ALL-ACCESS-30")
    session, there, here = timetable.session(soon()), timetable.session(soon(4, 15)), timetable.session(soon(hour=15))
    booked = timetable.book("ada", session).id
    timetable.book("ada", there)
    assert timetable.move(session, soon(4)).code == "done"

    timetable.cancel("ada", booked)

    assert days(timetable) == ["2026-10-09"]
    assert timetable.book("ada", here).code == "done"


@pytest.mark.usefixtures("now")
def test_of_a_day_with_two_sessions_the_free_one_is_used(timetable: Timetable) -> None:
    sell(timetable, "ada", all_access_days=30, all_access_daily_limit=2)
    session = timetable.session(soon())
    timetable.book("ada", session)
    timetable.book("ada", timetable.session(soon(4, 15)))

    assert timetable.move(session, soon(4)).code == "done"

    assert [(row["day"], row["slot"]) for row in timetable.studio.rows(DAYS)] == [("2026-10-09", 2), ("2026-10-09", 1)]


@pytest.mark.usefixtures("now")
def test_outside_its_pass_a_session_uses_the_day_that_it_had(timetable: Timetable) -> None:
    package = sell(timetable, "ada", all_access_days=10)
    session = timetable.session(soon())
    timetable.book("ada", session)

    assert timetable.move(session, soon(20)).code == "done"

    assert days(timetable) == ["2026-10-08"]
    assert dates(timetable, package, "all_access_expires_at") == ["10-15 21:00"]


@pytest.mark.usefixtures("now")
def test_back_inside_its_pass_a_session_uses_its_own_day_again(timetable: Timetable) -> None:
    sell(timetable, "ada", all_access_days=10)
    session = timetable.session(soon())
    timetable.book("ada", session)

    for start in (soon(20), soon(5)):
        assert timetable.move(session, start).code == "done"

    assert days(timetable) == ["2026-10-10"]


@pytest.mark.usefixtures("now")
@pytest.mark.parametrize(
    ("org", "start", "moved", "day"),
    [
        ("thrive", "2026-11-01T03:00", "2026-11-01T04:30", "2026-11-01"),
        ("thrive", "2026-11-01T05:30", "2026-11-02T04:59", "2026-11-01"),
        ("thrive", "2026-11-01T05:30", "2026-11-02T05:00", "2026-11-02"),
        ("thrive", "2027-03-14T12:00", "2027-03-15T03:59", "2027-03-14"),
        ("thrive", "2027-03-14T12:00", "2027-03-15T04:00", "2027-03-15"),
        ("lumen", "2026-10-31T20:30", "2026-10-31T21:00", "2026-11-01"),
    ],
)
def test_over_midnight_the_day_goes_along(timetable: Timetable, org: str, start: str, moved: str, day: str) -> None:
    sell(timetable, "ada", org=org, all_access_days=300)
    session = timetable.session(at(start), org=org)
    timetable.book("ada", session, org=org)

    assert timetable.move(session, at(moved)).code == "done"

    assert days(timetable) == [day]


@pytest.mark.usefixtures("now")
@pytest.mark.parametrize(
    ("org", "moved", "until"),
    [
        ("lumen", "2026-10-15T20:59", "2026-10-15T21:00"),
        ("lumen", "2026-10-15T21:00", "2026-10-16T21:00"),
        ("lumen", "2026-12-01T09:00", "2026-12-01T21:00"),
        ("thrive", "2026-11-01T12:00", "2026-11-02T05:00"),
        ("thrive", "2027-03-14T12:00", "2027-03-15T04:00"),
    ],
)
def test_a_package_that_would_end_before_lasts_through_the_new_day(
    timetable: Timetable, org: str, moved: str, until: str
) -> None:
    package = sell(timetable, "ada", org=org, validity_days=10)
    session = timetable.session(soon(), org=org)
    booked = timetable.book("ada", session, org=org).id

    assert timetable.move(session, at(moved)).code == "done"

    assert dates(timetable, package, "expires_at") == [at(until).strftime("%m-%d %H:%M")]
    noted = timetable.booking(booked)["metadata"].get("extendedUntil")
    assert noted == (None if until == "2026-10-15T21:00" else f"{until}:00Z")


@pytest.mark.usefixtures("now")
def test_days_that_begin_with_use_are_counted_anew_and_cover_every_session(timetable: Timetable) -> None:
    package = sell(timetable, "ada", **FIRST_USE)
    first, second = timetable.session(soon(5)), timetable.session(soon(12))
    for session in (first, second):
        timetable.book("ada", session)

    assert timetable.move(first, soon(1)).code == "done"
    earlier = dates(timetable, package, "starts_at", "expires_at", "extended_until")
    assert timetable.move(first, soon(6)).code == "done"
    back = dates(timetable, package, "starts_at", "expires_at")
    assert timetable.move(second, soon(30)).code == "done"

    assert earlier == ["10-06 09:00", "10-17 21:00", "10-17 21:00"]
    assert back == ["10-11 09:00", "10-21 21:00"]
    assert dates(timetable, package, "starts_at", "expires_at") == ["10-11 09:00", "11-04 21:00"]


@pytest.mark.usefixtures("now")
def test_a_friend_comes_along_also_behind_the_end_of_the_friend_pass(timetable: Timetable) -> None:
    timetable.buy("ada", "ELITE-30")
    session = timetable.session(soon())
    host = timetable.book("ada", session, friend=GRACE).id

    assert timetable.move(session, soon(60)).code == "done"

    assert timetable.booking(host + 1)["start_at"] == soon(60)
    assert timetable.cancel("ada", host).code == "done"


@pytest.mark.usefixtures("now")
def test_a_session_is_not_moved_to_more_than_a_year_later(timetable: Timetable) -> None:
    session = timetable.session(soon(1500))

    assert refused(timetable, session, soon(1500) + timedelta(days=367)) == "validation_failed"
    assert timetable.move(session, soon(1500) + timedelta(days=365)).code == "done"
    assert timetable.move(session, soon()).code == "done"

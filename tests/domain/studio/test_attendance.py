"""Who came and who did not: marked once the session has begun, corrected as often as needed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from freezegun.api import FrozenDateTimeFactory

from db.transaction import transaction
from domain.holding.order_view import orders
from domain.listing import Part
from tests.domain.booking.world import GRACE, nothing_written, sell, soon, told
from tests.timetable import Timetable
from worker import clock

STATUSES = "SELECT status FROM bookings WHERE session_id = %(id)s ORDER BY id"


def statuses(timetable: Timetable, session: int) -> list[str]:
    return [row["status"] for row in timetable.studio.rows(STATUSES, id=session)]


def refused(timetable: Timetable, session: int, *marks: tuple[int, str]) -> tuple[str, str]:
    """Have marks refused without a trace; return the code and what is said."""
    said = [{"bookingId": booking, "status": status} for booking, status in marks]
    job = timetable.ask_of_session("session.attend", session, marks=said)
    with nothing_written(timetable):
        timetable.work()
    problem = timetable.outcome(job).problem
    assert problem
    return problem["code"], problem["detail"]


def test_who_came_is_completed_and_who_did_not_is_a_no_show(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    ada, eve, bob = timetable.students(3)
    session = timetable.session(soon())
    bookings = [timetable.book(name, session).id for name in (ada, eve, bob)]
    now.move_to(soon())

    outcome = timetable.attend(session, (bookings[1], "NO_SHOW"), (bookings[0], "ATTENDED"))

    assert outcome.result
    assert outcome.result["marked"] == 2
    assert [(each["id"], each["status"]) for each in outcome.result["bookings"]] == [
        (bookings[1], "NO_SHOW"),
        (bookings[0], "COMPLETED"),
    ]
    assert statuses(timetable, session) == ["COMPLETED", "NO_SHOW", "CONFIRMED"]
    assert told(timetable, ada) == ["booking.confirmed", "booking.completed"]
    assert told(timetable, eve) == ["booking.confirmed", "booking.no_show"]
    assert told(timetable, bob) == ["booking.confirmed"]


def test_what_was_paid_stays_spent_of_a_host_and_of_their_guest(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    package = timetable.buy("ada", "ELITE-30")
    session = timetable.session(soon())
    host = timetable.book("ada", session, friend=GRACE).id
    now.move_to(soon())

    timetable.attend(session, (host, "NO_SHOW"), (host + 1, "ATTENDED"))
    again = timetable.book("ada", timetable.session(soon(2)), friend=GRACE)

    assert statuses(timetable, session) == ["NO_SHOW", "COMPLETED"]
    assert timetable.left(package) == [29]
    assert again.code == "friend_pass_unavailable"


def test_a_no_show_burns_the_day_of_a_pass(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    timetable.buy("ada", "ALL-ACCESS-30")
    session, later = timetable.session(soon()), timetable.session(soon(hour=18))
    booked = timetable.book("ada", session)
    now.move_to(soon())

    timetable.attend(session, (booked.id, "NO_SHOW"))

    assert timetable.book("ada", later).code == "all_access_used_today"


def test_a_mark_is_corrected_either_way_and_told_each_time_that_it_changes(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    timetable.buy("ada")
    session = timetable.session(soon())
    booked = timetable.book("ada", session).id
    now.move_to(soon(10))

    for status in ("NO_SHOW", "NO_SHOW", "ATTENDED", "NO_SHOW"):
        assert timetable.attend(session, (booked, status)).code == "done"

    assert told(timetable, "ada")[1:] == ["booking.no_show", "booking.completed", "booking.no_show"]
    assert statuses(timetable, session) == ["NO_SHOW"]


@pytest.mark.parametrize(("seconds", "code"), [(-1, "session_not_started"), (0, "done")])
def test_nobody_is_marked_before_the_session_begins(
    timetable: Timetable, now: FrozenDateTimeFactory, seconds: int, code: str
) -> None:
    timetable.buy("ada")
    start = soon()
    session = timetable.session(start)
    booked = timetable.book("ada", session)
    now.move_to(start + timedelta(seconds=seconds))

    assert timetable.attend(session, (booked.id, "ATTENDED")).code == code


def test_all_marks_or_none(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    ada, eve, bob, cy = timetable.students(4)
    session, other = timetable.session(soon()), timetable.session(soon())
    first, second = timetable.book(ada, session).id, timetable.book(eve, session).id
    elsewhere = timetable.book(bob, other).id
    gone = timetable.book(cy, session).id
    timetable.cancel(cy, gone)
    now.move_to(soon(hour=10))

    strangers = refused(timetable, session, (first, "ATTENDED"), (elsewhere, "ATTENDED"), (gone, "NO_SHOW"))
    twice = refused(timetable, session, (first, "ATTENDED"), (second, "ATTENDED"), (second, "NO_SHOW"))

    assert strangers[0] == twice[0] == "validation_failed"
    assert f"{elsewhere}, {gone}" in strangers[1]
    assert str(second) in twice[1]
    assert str(first) not in twice[1].replace(str(second), "")


def test_nobody_came_to_what_was_called_off(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    timetable.buy("ada")
    session = timetable.session(soon())
    booked = timetable.book("ada", session).id
    timetable.call_off(session)
    now.move_to(soon(4))

    assert refused(timetable, session, (booked, "ATTENDED"))[0] == "session_cancelled"


@pytest.mark.usefixtures("now")
def test_a_session_of_another_organization_is_not_found(timetable: Timetable) -> None:
    session = timetable.session(soon())
    job = timetable.ask_of_session("session.cancel", session)
    thrive = timetable.organization("thrive")
    timetable.studio.rows("UPDATE jobs SET organization_id = %(thrive)s", thrive=thrive)

    timetable.work()

    assert timetable.outcome(job).code == "not_found"


def test_what_waited_too_long_is_not_done(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    timetable.buy("ada")
    session = timetable.session(soon())
    timetable.book("ada", session)
    job = timetable.ask_of_session("session.cancel", session)
    now.move_to(clock.now() + timedelta(minutes=15, seconds=1))

    timetable.work()

    assert timetable.outcome(job).code == "too_late"
    assert statuses(timetable, session) == ["CONFIRMED"]


def test_the_students_orders_count_who_came(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    sell(timetable, "ada")
    sessions = [timetable.session(soon(hour=hour)) for hour in (6, 8, 10)]
    bookings = [timetable.book("ada", each).id for each in sessions]
    now.move_to(soon(hour=11))
    timetable.attend(sessions[0], (bookings[0], "ATTENDED"))
    timetable.attend(sessions[1], (bookings[1], "NO_SHOW"))

    with transaction(timetable.engine) as session:
        (order,) = orders(session, timetable.organization("lumen"), timetable.student("ada"), Part(10))

    assert (order.sessions.completed, order.sessions.scheduled) == (1, 1)

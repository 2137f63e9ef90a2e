"""Refunds that race bookings, attendance and each other on real connections."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from tests.races.bookings import INBOXES, OUT_OF_TURN, hourly, soon
from tests.refunding import Till
from tests.timetable import Timetable


@pytest.fixture
def till(timetable: Timetable) -> Till:
    return Till(timetable)


def settle(till: Till) -> None:
    """Let Stripe do all that it is asked."""
    waiting = till.timetable.studio.rows("SELECT id FROM jobs WHERE status = 'RUNNING' ORDER BY id")
    for row in waiting:
        till.answer(row["id"])


def spent(till: Till) -> int:
    row = till.timetable.studio.one("SELECT coalesce(sum(credits_used), 0) AS n FROM bookings WHERE place IS NOT NULL")
    return int(row["n"])


@INBOXES
def test_refunds_of_a_credit_each_and_bookings_never_take_the_same_one(till: Till, inbox: Any) -> None:
    package = till.timetable.buy("ada")
    sessions = hourly(till.timetable, 8)
    jobs = []
    for session in sessions:
        jobs += till.timetable.ask_all("booking.book", [("ada", {"sessionId": session})])
        jobs.append(till.ask(package, sessions=1))

    assert till.timetable.crowd(inbox) == []

    settle(till)
    codes = Counter(till.timetable.codes(jobs))
    assert codes == {"done": 5, "insufficient_credits": 11}
    assert (till.timetable.left(package), spent(till) + sum(till.taken())) == ([0], 5)
    assert till.timetable.studio.audit() == []


def test_a_whole_refund_and_bookings_at_once_leave_no_booking_ahead(till: Till) -> None:
    package = till.timetable.buy("ada")
    asked = [("ada", {"sessionId": session}) for session in hourly(till.timetable, 4)]
    whole, booked = till.ask(package), till.timetable.ask_all("booking.book", asked)

    assert till.timetable.crowd(OUT_OF_TURN) == []

    settle(till)
    assert till.timetable.codes([whole]) == ["done"]
    assert set(till.timetable.codes(booked)) <= {"done", "package_suspended", "package_revoked"}
    assert (spent(till), till.status(package)) == (0, "REFUNDED")
    assert till.timetable.studio.audit() == []


@pytest.mark.parametrize("mark", ["ATTENDED", "NO_SHOW"])
def test_a_refund_and_attendance_at_once_pay_for_what_is_unused(till: Till, mark: str) -> None:
    package = till.timetable.buy("ada")
    session = till.timetable.session(soon(1))
    booked = till.timetable.book("ada", session)
    over = soon(1) - timedelta(days=3)
    till.timetable.studio.rows(
        "UPDATE class_sessions SET start_at = %(start)s, end_at = %(start)s::timestamptz + interval '45 minutes'"
        " WHERE id = %(id)s",
        start=over,
        id=session,
    )
    till.timetable.studio.rows(
        "UPDATE bookings SET start_at = %(start)s, end_at = %(start)s::timestamptz + interval '45 minutes' WHERE id ="
        " %(id)s",
        start=over,
        id=booked.id,
    )
    refund = till.ask(package)
    marked = till.timetable.ask_of_session("session.attend", session, marks=[{"bookingId": booked.id, "status": mark}])

    assert till.timetable.crowd(OUT_OF_TURN) == []

    settle(till)
    assert till.timetable.codes([refund, marked]) == ["done", "done"]
    assert (till.refunds(), till.timetable.left(package)) == ([(400_000, "SUCCEEDED", False)], [0])


@INBOXES
def test_all_goes_back_once_however_often_it_is_asked_for(till: Till, inbox: Any) -> None:
    package = till.timetable.buy("ada")
    jobs = [till.ask(package) for _ in range(10)]

    assert till.timetable.crowd(inbox) == []

    settle(till)
    assert Counter(till.timetable.codes(jobs)) == {"done": 1, "refund_under_way": 9}
    assert till.refunds() == [(500_000, "SUCCEEDED", True)]
    assert till.timetable.studio.audit() == []


def test_an_answer_and_its_webhook_at_once_end_the_same(till: Till) -> None:
    for _ in range(5):
        package = till.timetable.buy("ada")
        job = till.refund(package, sessions=2).job
        failed = till.told(job, "failed", "refund.failed")
        till.timetable.studio.receive(failed, till.told(job))

        faults = till.timetable.crowd(meanwhile=[partial(till.answer, job), till.timetable.studio.drain])

        assert faults == []
        assert (till.timetable.left(package), till.refunds()[-1][1]) == ([5], "FAILED")
    assert till.timetable.studio.audit() == []

"""Commands of several families in one queue: a student's take effect in their order, however batches are cut."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.races.bookings import SINGLY, hourly
from tests.timetable import Timetable
from worker.inbox import drain_batch
from worker.job_inbox import JOBS


def in_between(timetable: Timetable, student: str, sessions: list[int]) -> list[int]:
    """Ask for a place, for a package, and for another place; return the jobs."""
    ride = timetable.product("SINGLE-RIDE")
    return [
        timetable.ask("booking.book", student, sessionId=sessions[0]),
        timetable.ask_to_redeem(student, packageId=ride),
        timetable.ask("booking.book", student, sessionId=sessions[1]),
    ]


def test_what_is_redeemed_pays_for_what_was_asked_after_it_and_for_nothing_before(timetable: Timetable) -> None:
    sessions = hourly(timetable, 2)
    jobs = [in_between(timetable, f"student-{number}", sessions) for number in range(5)]

    timetable.work()

    for each in jobs:
        assert timetable.codes(each) == ["insufficient_credits", "done", "done"]
    assert timetable.studio.audit() == []


def test_a_batch_is_of_one_family_and_leaves_the_others_due(timetable: Timetable) -> None:
    sessions = hourly(timetable, 2)
    jobs = in_between(timetable, "ada", sessions)

    steps = []
    while done := drain_batch(JOBS, timetable.engine):
        steps.append((done, timetable.codes(jobs)))

    assert steps == [
        (1, ["insufficient_credits", "QUEUED", "QUEUED"]),
        (1, ["insufficient_credits", "done", "QUEUED"]),
        (1, ["insufficient_credits", "done", "done"]),
    ]


@pytest.mark.parametrize("inbox", [JOBS, SINGLY], ids=["batches", "singly"])
def test_families_that_many_workers_take_stay_in_each_students_order(timetable: Timetable, inbox: Any) -> None:
    sessions = hourly(timetable, 2, capacity=40)
    jobs = [in_between(timetable, f"student-{number}", sessions) for number in range(12)]

    assert timetable.crowd(inbox) == []

    assert Counter(tuple(timetable.codes(each)) for each in jobs) == {("insufficient_credits", "done", "done"): 12}
    assert timetable.studio.audit() == []

"""Places in cohorts that many buy at once, on real connections: no more than there are, and the rest is for staff."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from random import Random

import pytest

from db.transaction import transaction
from domain.course import cohort as cohorts
from domain.course import program
from domain.course.cohort import CohortChange
from domain.errors import InvalidField
from tests.races.bookings import SINGLY
from tests.races.courses import ask_all, called, deadlocks, drain, enrolled, places, statuses
from tests.races.test_fulfilment import ROUNDS, handle_alone, together
from tests.school import School
from tests.stripe_objects import Event, intent, refund
from tests.timetable import Timetable
from worker import clock
from worker.job_inbox import JOBS
from worker.stripe_inbox import STRIPE_EVENTS

ONE_BY_ONE = replace(STRIPE_EVENTS, batch=1)


@pytest.fixture
def school(timetable: Timetable) -> School:
    """Give a course whose sessions are in halls large enough for everybody."""
    school = School(timetable)
    school.plan(capacity=60)
    return school


def told_twice(name: str, cohort: object) -> tuple[Event, Event]:
    """Return the two events of a purchase, of which only the Checkout names the cohort."""
    payment = f"pi_of_{name}"
    paid = intent(payment, amount=49_900, currency="usd", org="thrive", product_code="SFZ", student_id=name)
    return paid, School.purchase(School.__new__(School), name, cohort, payment=payment)


def resizing(school: School, cohort: int, capacities: range) -> Callable[[], None]:
    """Return an admin who changes a cohort's capacity again and again, as requests do."""
    organization = school.timetable.organization("thrive")

    def resize() -> None:
        for capacity in (*capacities, *reversed(capacities)) * 3:
            with suppress(InvalidField), transaction(school.timetable.engine) as session:
                course = program.held(session, organization, "SFZ")
                held = cohorts.held(session, course, cohort)
                cohorts.change(session, course, held, CohortChange({"capacity": capacity}), at=clock.now())

    return resize


@pytest.mark.parametrize("batch", [1, 5, 100])
def test_of_many_who_buy_the_last_place_of_a_cohort_one_is_enrolled(school: School, batch: int) -> None:
    inbox = replace(STRIPE_EVENTS, batch=batch)
    for number in range(4):
        cohort = school.cohort(f"RUN-{number}", capacity=3)
        enrolled(school, called(f"first-{number}", 2), cohort)
        names = called(f"buyer-{number}", 12)
        school.timetable.studio.receive(*(school.purchase(name, cohort) for name in names))

        assert school.timetable.crowd(inbox) == []

        assert statuses(school, names) == {"ACTIVE": 1, "COHORT_FULL": 11}
        assert places(school, cohort) == [1, 2, 3]
    assert school.timetable.studio.audit() == []


def test_one_student_who_buys_a_cohort_many_times_at_once_has_one_place(school: School) -> None:
    for number in range(6):
        cohort = school.cohort(f"RUN-{number}")
        school.timetable.studio.receive(*(school.purchase(f"ada-{number}", cohort) for _ in range(8)))

        assert school.timetable.crowd(ONE_BY_ONE) == []

        assert statuses(school, [f"ada-{number}"]) == {"ACTIVE": 1, "SECOND_PURCHASE": 7}
        assert places(school, cohort) == [1]
    assert school.timetable.studio.audit() == []


def test_a_place_that_staff_give_while_others_buy_it_is_given_once(school: School) -> None:
    for number in range(6):
        cohort = school.cohort(f"RUN-{number}", capacity=1)
        held = enrolled(school, called(f"member-{number}", 6))
        buyers = called(f"buyer-{number}", 4)
        school.timetable.studio.receive(*(school.purchase(name, cohort) for name in buyers))
        jobs = [
            school.timetable.ask(
                "enrollment.assign-cohort", name, org="thrive", enrollmentId=school.enrollment(package)["id"],
                cohortId=cohort,
            )
            for name, package in held.items()
        ]  # fmt: skip

        selling = [partial(drain, school, ONE_BY_ONE)] * 2
        assert school.timetable.crowd(SINGLY, workers=4, meanwhile=selling) == []

        assigned, bought = Counter(school.timetable.codes(jobs)), statuses(school, buyers)
        assert assigned["done"] + bought.get("ACTIVE", 0) == 1
        assert assigned["done"] + assigned["cohort_full"] == 6
        assert places(school, cohort) == [1]
    assert school.timetable.studio.audit() == []


def test_students_who_change_cohorts_crosswise_leave_no_place_twice_taken(school: School) -> None:
    winter, spring = school.cohort("WINTER", capacity=4), school.cohort("SPRING", capacity=4)
    held = enrolled(school, called("winter", 3), winter) | enrolled(school, called("spring", 3), spring)
    random, jobs = Random(9), list[int]()
    for _ in range(5):
        for name in random.sample(list(held), len(held)):
            said = {"enrollmentId": school.enrollment(held[name])["id"], "cohortId": random.choice([winter, spring])}
            jobs += school.timetable.ask_all("enrollment.assign-cohort", [(name, said)], org="thrive")
    before = deadlocks(school)

    assert school.timetable.crowd(SINGLY) == []

    assert {*school.timetable.codes(jobs)} <= {"done", "cohort_full", "already_enrolled"}
    assert len(places(school, winter)) + len(places(school, spring)) == 6
    assert deadlocks(school) == before
    assert school.timetable.studio.audit() == []


def test_a_capacity_that_changes_while_places_are_taken_holds(school: School) -> None:
    cohort = school.cohort(capacity=6)
    names = called("buyer", 24)
    school.timetable.studio.receive(*(school.purchase(name, cohort) for name in names))
    before = deadlocks(school)

    assert school.timetable.crowd(ONE_BY_ONE, meanwhile=[resizing(school, cohort, range(4, 11))] * 2) == []

    capacity = school.timetable.studio.one("SELECT capacity AS n FROM course_cohorts WHERE id = %(id)s", id=cohort)["n"]
    taken = places(school, cohort)
    assert statuses(school, names) == {"ACTIVE": len(taken), "COHORT_FULL": 24 - len(taken)}
    assert 4 <= len(taken) <= capacity
    assert taken[-1] <= capacity
    assert deadlocks(school) == before
    assert school.timetable.studio.audit() == []


@pytest.mark.parametrize("batch", [1, 4])
def test_a_step_that_is_booked_with_the_purchase_has_no_more_places_than_there_are(school: School, batch: int) -> None:
    names, session = called("buyer", 16), school.sessions["SFZ-4-EVE"]
    school.timetable.studio.rows("UPDATE class_sessions SET capacity = 5 WHERE id = %(id)s", id=session)
    more = school.meet("SFZ-4-EVE", clock.now() + timedelta(days=50), capacity=6)
    school.timetable.studio.receive(*(school.purchase(name) for name in names))

    assert school.timetable.crowd(replace(STRIPE_EVENTS, batch=batch)) == []

    assert statuses(school, names) == {"ACTIVE": 16}
    assert (school.timetable.active(session), school.timetable.active(more)) == (5, 6)
    listed = "SELECT count(*) AS n FROM student_course_enrollments WHERE details ? 'notBooked'"
    assert school.timetable.studio.one(listed)["n"] == 5
    assert school.timetable.studio.audit() == []


@pytest.mark.parametrize("both_at_once", [True, False])
def test_a_purchase_told_by_two_events_is_enrolled_once_in_the_cohort_that_one_names(
    school: School, *, both_at_once: bool
) -> None:
    cohort, studio = school.cohort(capacity=ROUNDS), school.timetable.studio
    for number in range(ROUNDS):
        events = told_twice(f"ada-{number}", cohort)
        studio.receive(*events)

        workers = [handle_alone(studio, event) for event in events]
        together(*workers) if both_at_once else [each() for each in workers]

    assert statuses(school, called("ada", ROUNDS)) == {"ACTIVE": ROUNDS}
    assert places(school, cohort) == list(range(1, ROUNDS + 1))
    assert school.timetable.active(school.sessions["SFZ-4-EVE"]) == ROUNDS
    assert {row["status"] for row in studio.rows("SELECT status FROM stripe_events")} == {"PROCESSED"}
    assert studio.audit() == []


def test_of_many_whose_cohort_is_told_late_no_more_are_enrolled_than_there_are_places(school: School) -> None:
    cohort, names = school.cohort(capacity=3), called("ada", 10)
    told = [told_twice(name, cohort) for name in names]
    school.timetable.studio.deliver(*(paid for paid, _ in told))
    school.timetable.studio.receive(*(session for _, session in told))

    assert school.timetable.crowd(ONE_BY_ONE) == []

    assert statuses(school, names) == {"ACTIVE": 3, "COHORT_FULL": 7}
    assert places(school, cohort) == [1, 2, 3]
    assert school.timetable.studio.audit() == []


def test_all_of_it_at_once_never_waits_in_a_circle(school: School) -> None:
    winter, spring = school.cohort("WINTER", capacity=10), school.cohort("SPRING", capacity=10)
    for code in ("SFZ-1-DAY", "SFZ-2-DAY", "SFZ-3-EVE", "SFZ-4-EVE"):
        for number in range(3):
            school.meet(code, clock.now() + timedelta(days=40 + number, hours=len(code) + number), capacity=4)
    held = enrolled(school, called("winter", 8), winter) | enrolled(school, called("free", 6))
    random, before = Random(4), deadlocks(school)
    jobs = list[int]()

    def ask() -> None:
        for number in range(8):
            for name, package in random.sample(list(held.items()), len(held)):
                label, code = random.choice([("SFZ-1", "SFZ-1-DAY"), ("SFZ-2", "SFZ-2-EVE"), ("SFZ-3", "SFZ-3-DAY")])
                kind = random.choice(["book-step", "change-step", "cancel-step", "book-steps"])
                said = {"courseStepId": school.step(label)} if kind == "cancel-step" else school.choice(code)
                said = {"selections": [said, school.choice("SFZ-4-EVE")]} if kind == "book-steps" else said
                jobs.extend(ask_all(school, f"course.{kind}", [(name, package)], **said))
            name, package = random.choice(list(held.items()))
            said = {"enrollmentId": school.enrollment(package)["id"], "cohortId": random.choice([winter, spring, None])}
            jobs.extend(school.timetable.ask_all("enrollment.assign-cohort", [(name, said)], org="thrive"))
            if number == 5:
                jobs.append(school.timetable.ask_of_session("session.cancel", school.sessions["SFZ-2-EVE"]))

    def sell() -> None:
        for number, name in enumerate([*called("new", 10), *list(held)[:4]]):
            payment = f"pi_storm_{number}"
            event = school.purchase(name, random.choice([winter, spring, None]), payment=payment)
            school.timetable.studio.deliver(event)
            if number % 3 == 0:
                school.timetable.studio.deliver(refund(payment, amount=49_900, refund_id=f"re_{payment}"))

    busy = [ask, sell, resizing(school, winter, range(9, 14))]
    assert school.timetable.crowd(replace(JOBS, batch=7), workers=5, meanwhile=busy) == []

    assert "QUEUED" not in school.timetable.codes(jobs)
    assert deadlocks(school) == before
    assert school.timetable.studio.audit() == []

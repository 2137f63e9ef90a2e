"""Places in line when the money of what would have paid goes back."""

from __future__ import annotations

import pytest

from tests.domain.booking.world import PAYMENT, contest, give_back
from tests.domain.purchase.turning import in_days
from tests.school import School
from tests.stripe_objects import refund
from tests.timetable import Timetable

pytestmark = pytest.mark.usefixtures("now")


def test_its_seats_are_offered_to_who_waits(timetable: Timetable) -> None:
    bought = timetable.buy("ada")
    timetable.buy("bea")
    full = timetable.session(in_days(3), capacity=1)
    timetable.book("ada", full)
    timetable.join("bea", full)

    give_back(timetable, bought)
    timetable.work()

    assert timetable.who(full) == ["bea"]


def test_waits_are_closed_that_nothing_else_would_pay(timetable: Timetable) -> None:
    poor, rich = timetable.buy("ada"), timetable.buy("bea")
    timetable.buy("bea", "CORE-10")
    full = timetable.session(in_days(3), capacity=1)
    timetable.book(timetable.students(1)[0], full)
    timetable.join("ada", full)
    timetable.join("bea", full)

    give_back(timetable, poor)
    give_back(timetable, rich)

    assert timetable.line(full) == [("ada", "CLOSED", "package_revoked"), ("bea", "WAITING", None)]
    assert timetable.kinds("ada").count("waitlist.closed") == 1


def test_a_wait_that_the_package_would_never_have_paid_stays(timetable: Timetable) -> None:
    lessons = timetable.buy("ada", "PREMIUM-3")
    full = timetable.session(in_days(3), org="thrive", service="GROUP", minutes=60, capacity=1, tier=30)
    timetable.buy("bea", "BUNDLE-5P-3G")
    timetable.do("booking.book", "bea", org="thrive", sessionId=full)
    timetable.do("waitlist.join", "ada", org="thrive", sessionId=full)

    give_back(timetable, lessons)

    assert timetable.line(full) == [("ada", "WAITING", None)]


def test_a_wait_for_a_step_stays_that_another_course_pays_once_its_dispute_is_won(school: School) -> None:
    timetable = school.timetable
    one, other = school.enroll("ada"), school.enroll("ada")
    school.assign(other, None)
    full = school.meet("SFZ-1-DAY", in_days(20), capacity=1)
    school.book("bea", school.enroll("bea"), "SFZ-1-DAY", full)
    timetable.do("waitlist.join", "ada", org="thrive", sessionId=full)
    contest(timetable, other)

    give_back(timetable, one)

    assert timetable.line(full) == [("ada", "WAITING", None)]


def test_a_wait_for_a_step_ends_with_its_course_also_where_somebody_elses_steps_are_given_up_at_once(
    school: School,
) -> None:
    timetable = school.timetable
    mine, hers = school.enroll("ada"), school.enroll("cleo")
    school.cancel("ada", mine, "SFZ-4")
    full = school.meet("SFZ-1-DAY", in_days(20), capacity=1)
    school.book("bea", school.enroll("bea"), "SFZ-1-DAY", full)
    timetable.do("waitlist.join", "ada", org="thrive", sessionId=full)
    paid = [timetable.studio.one(PAYMENT, package=each) for each in (mine, hers)]

    timetable.studio.deliver(
        *(refund(p["stripe_key"], refund_id=f"re_{p['stripe_key']}", amount=p["amount_received"]) for p in paid)
    )

    assert timetable.line(full) == [("ada", "CLOSED", "package_revoked")]


def test_a_wait_for_what_is_no_step_of_the_course_that_went_back_stays(school: School) -> None:
    timetable = school.timetable
    course = school.enroll("ada")
    full = timetable.session(in_days(3), org="thrive", minutes=90, capacity=1)
    timetable.buy("bea", "BUNDLE-5P-3G")
    timetable.do("booking.book", "bea", org="thrive", sessionId=full)
    timetable.do("waitlist.join", "ada", org="thrive", sessionId=full)

    give_back(timetable, course)

    assert timetable.line(full) == [("ada", "WAITING", None)]


def test_a_wait_for_a_session_beyond_the_end_of_what_went_back_stays(timetable: Timetable) -> None:
    bought = timetable.buy("ada")
    timetable.buy("bea", "ELITE-30")
    full = timetable.session(in_days(100), capacity=1)
    timetable.book("bea", full)
    timetable.join("ada", full)

    give_back(timetable, bought)

    assert timetable.line(full) == [("ada", "WAITING", None)]

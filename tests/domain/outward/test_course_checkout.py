"""A course bought through Stripe: refused where it could not be taken, else enrolled without another call."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.outward import Outward
from tests.outward import fake as fake  # noqa: PLC0414 - fixtures
from tests.outward import outward as outward  # noqa: PLC0414
from tests.school import School
from tests.timetable import Outcome
from worker import clock


@pytest.fixture
def school(outward: Outward) -> School:
    school = School(outward.timetable)
    school.plan()
    return school


def buy(outward: Outward, student: str = "ada", **more: Any) -> Outcome:
    return outward.checkout(student, "SFZ", org="thrive", **more)


def test_a_course_with_its_cohort_is_paid_and_enrolled(outward: Outward, school: School) -> None:
    cohort = school.cohort()
    outcome = buy(outward, cohortId=cohort)
    assert outcome.result

    outward.fake.pay(outcome.result["id"], email="ada@example.com")
    outward.studio.deliver(*outward.fake.events("checkout.session.completed", "payment_intent.succeeded"))

    enrollment = outward.studio.one("SELECT * FROM student_course_enrollments")
    assert outward.page(outcome)["metadata"]["cohort_id"] == str(cohort)
    assert (enrollment["status"], enrollment["cohort_id"]) == ("ACTIVE", cohort)


def test_a_course_needs_no_cohort(outward: Outward, school: School) -> None:
    outcome = buy(outward)

    assert outcome.code == "done"
    assert "cohort_id" not in outward.page(outcome)["metadata"]


def test_a_cohort_that_is_full_is_refused(outward: Outward, school: School) -> None:
    cohort = school.cohort(capacity=1)
    school.enroll("grace", cohort)

    assert buy(outward, cohortId=cohort).code == "cohort_full"


def test_a_cohort_whose_deadline_is_over_is_refused(outward: Outward, school: School) -> None:
    cohort = school.cohort(deadline=clock.now() - timedelta(days=1))

    assert buy(outward, cohortId=cohort).code == "cohort_closed"


def test_who_is_enrolled_is_refused(outward: Outward, school: School) -> None:
    cohort = school.cohort()
    school.enroll("ada", cohort)

    assert [buy(outward, cohortId=cohort).code, buy(outward).code] == ["already_enrolled"] * 2


def test_a_cohort_of_nobody_is_not_found(outward: Outward, school: School) -> None:
    assert buy(outward, cohortId=999_999).code == "not_found"


def test_a_step_that_nothing_serves_keeps_a_course_from_being_sold(outward: Outward, school: School) -> None:
    outward.studio.rows("UPDATE course_step_options SET active = FALSE")

    assert buy(outward).code == "not_found"


def test_a_coupon_that_gives_credits_is_for_packages(outward: Outward, school: School) -> None:
    outward.timetable.coupon("MORE", "CREDIT_BONUS", org="thrive", bonus_credits=1)
    outward.timetable.coupon("TEN", "DISCOUNT", org="thrive", discount_type="FIXED_AMOUNT", discount_value=1_000)

    refused, done = buy(outward, couponCode="MORE"), buy(outward, couponCode="TEN")

    assert refused.code == "coupon_invalid"
    assert done.result
    assert done.result["amountTotal"] == 48_900


def test_a_course_is_told_of_when_it_is_published_and_archived_when_it_is_not(outward: Outward, school: School) -> None:
    school.course(price=50_000)
    outward.sync()
    product = outward.product("SFZ")["stripe_product_id"]
    published = outward.fake.found(f"products/{product}")

    school.course(price=50_000, published=False)
    outward.sync()

    assert (published["active"], published["metadata"]["course_code"]) == (True, "SFZ")
    assert published["description"] == outward.studio.one("SELECT summary FROM course_programs")["summary"]
    assert outward.fake.found(f"products/{product}")["active"] is False


def test_a_new_summary_is_told(outward: Outward, school: School) -> None:
    school.course(price=50_000)
    outward.sync()

    school.course(price=50_000, summary="Another word on it")
    outward.sync()

    product = outward.product("SFZ")["stripe_product_id"]
    assert outward.fake.found(f"products/{product}")["description"] == "Another word on it"

"""Enrollments that are settled anew: what they are follows from the set of Stripe's facts, whatever their order."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import pytest

from tests.school import PRICE, School
from tests.stripe_objects import Event, dispute, intent, refund
from worker import clock

ALL = list(permutations(range(3)))


def paid(payment: str, **metadata: str) -> Event:
    """Return a PaymentIntent for the course, which says what else is known."""
    return intent(payment, amount=PRICE, currency="usd", org="thrive", product_code="SFZ", **metadata)


def play(school: School, events: Sequence[Event], order: Sequence[int]) -> None:
    """Deliver events one by one; what waits for another is looked at again."""
    for number in order:
        school.timetable.studio.deliver(events[number])
    school.timetable.studio.rows("UPDATE stripe_events SET due_at = %(at)s WHERE status = 'RECEIVED'", at=clock.now())
    school.timetable.studio.drain()


def standing(school: School, student: str = "ada") -> list[tuple[str, str | None, int | None]]:
    """Return the status, the reason and the cohort of a student's enrollments, the oldest payment's first."""
    rows = school.timetable.studio.rows(
        "SELECT e.status, e.review_reason, CASE WHEN e.place IS NOT NULL THEN e.cohort_id END AS cohort_id"
        " FROM student_course_enrollments e JOIN student_packages k ON k.id = e.student_package_id"
        " JOIN orders o ON o.id = k.order_id JOIN payments p ON p.id = o.payment_id"
        " JOIN students s ON s.id = e.student_id WHERE s.external_id = %(student)s ORDER BY p.stripe_key",
        student=student,
    )
    return [(row["status"], row["review_reason"], row["cohort_id"]) for row in rows]


@pytest.mark.parametrize("order", ALL)
def test_a_second_cohort_that_only_the_checkout_names(school: School, order: Sequence[int]) -> None:
    winter, spring = school.cohort("WINTER"), school.cohort("SPRING")
    school.enroll("ada", winter)
    checkout = school.purchase("ada", spring, payment="pi_z")
    events = [paid("pi_z", student_id="ada"), checkout, checkout]

    play(school, events, order)

    assert standing(school) == [("ACTIVE", None, winter), ("ACTIVE", None, spring)]


@pytest.mark.parametrize("order", ALL)
def test_a_refund_takes_the_place_and_one_that_failed_gives_it_back(school: School, order: Sequence[int]) -> None:
    cohort = school.cohort(capacity=1)
    events = [
        school.purchase("ada", cohort, payment="pi_z"),
        refund("pi_z", amount=PRICE, refund_id="re_1"),
        refund("pi_z", amount=PRICE, refund_id="re_1", status="failed", kind="refund.failed"),
    ]

    play(school, events, order)

    assert standing(school) == [("ACTIVE", None, cohort)]


@pytest.mark.parametrize("order", ALL)
def test_money_that_went_back_holds_no_place_whoever_names_the_cohort_when(
    school: School, order: Sequence[int]
) -> None:
    cohort = school.cohort(capacity=1)
    events = [
        paid("pi_z", student_id="ada"),
        school.purchase("ada", cohort, payment="pi_z"),
        refund("pi_z", amount=PRICE, refund_id="re_1"),
    ]

    play(school, events, order)

    assert standing(school) == [("REVOKED", None, None)]
    assert school.enrollment(school.enroll("bea", cohort))["status"] == "ACTIVE"


def test_who_was_paid_back_may_buy_again(school: School) -> None:
    cohort = school.cohort(capacity=1)
    school.enroll("ada", cohort, payment="pi_1")
    school.timetable.studio.deliver(refund("pi_1", amount=PRICE, refund_id="re_1"))

    school.enroll("ada", cohort, payment="pi_2")

    assert standing(school) == [("REVOKED", None, None), ("ACTIVE", None, cohort)]


@pytest.mark.parametrize(("outcome", "status"), [("lost", "REVOKED"), ("won", "ACTIVE")])
def test_a_dispute_takes_the_course_if_it_is_lost(school: School, outcome: str, status: str) -> None:
    school.enroll("ada", school.cohort(), payment="pi_1")

    for said, kind in (("needs_response", "charge.dispute.created"), (outcome, "charge.dispute.closed")):
        school.timetable.studio.deliver(dispute("pi_1", status=said, kind=kind))

    assert standing(school)[0][0] == status


@pytest.mark.parametrize("first", ["guest", "ada"])
def test_a_second_purchase_is_one_whoever_turns_out_to_have_made_it(school: School, first: str) -> None:
    unnamed, named = paid("pi_z", receipt_email="x"), school.purchase("ada", payment="pi_z")
    school.enroll("ada", payment="pi_a")

    play(school, [unnamed, named] if first == "guest" else [named, unnamed], (0, 1))

    assert standing(school) == [("ACTIVE", None, None), ("NEEDS_REVIEW", "SECOND_PURCHASE", None)]


def test_a_second_purchase_is_judged_anew_when_the_first_goes_back_and_at_no_other_time(school: School) -> None:
    winter, spring = school.cohort("WINTER"), school.cohort("SPRING")
    kept = school.enroll("ada", winter, payment="pi_a")
    school.timetable.studio.deliver(school.purchase("ada", winter, payment="pi_b"))
    school.timetable.studio.deliver(school.purchase("ada", winter, payment="pi_c"))
    school.timetable.studio.deliver(refund("pi_b", amount=49_900, currency="usd"))
    school.assign(kept, spring)

    school.timetable.studio.deliver(dispute("pi_b", status="lost", kind="charge.dispute.closed"))

    assert [status for status, *_ in standing(school)] == ["ACTIVE", "REVOKED", "NEEDS_REVIEW"]


def test_what_staff_decided_stays_whatever_is_told_later(school: School) -> None:
    winter, spring = school.cohort("WINTER"), school.cohort("SPRING")
    school.timetable.studio.deliver(paid("pi_z", student_id="ada"))
    package = school.timetable.studio.one("SELECT id FROM student_packages")["id"]
    school.assign(package, spring)

    school.timetable.studio.deliver(school.purchase("ada", winter, payment="pi_z"))

    assert standing(school) == [("ACTIVE", None, spring)]


def test_a_step_that_was_booked_before_its_cohort_was_known_is_booked_in_the_cohorts_session(school: School) -> None:
    other = school.meet("SFZ-4-EVE", school.start(school.sessions["SFZ-1-DAY"]).replace(hour=20))
    cohort = school.cohort()
    school.timetable.studio.deliver(paid("pi_z", student_id="ada"))
    assert school.timetable.who(other) == ["ada"]

    school.timetable.studio.deliver(school.purchase("ada", cohort, payment="pi_z"))

    assert school.timetable.who(other) == []
    assert school.timetable.who(school.sessions["SFZ-4-EVE"]) == ["ada"]
    assert school.timetable.left(1) == [3, 2]


def test_a_cohort_that_turns_out_to_be_full_leaves_nothing_booked(school: School) -> None:
    cohort = school.cohort(capacity=1)
    school.enroll("bea", cohort)
    school.timetable.studio.deliver(paid("pi_z", student_id="ada"))

    school.timetable.studio.deliver(school.purchase("ada", cohort, payment="pi_z"))

    assert standing(school) == [("NEEDS_REVIEW", "COHORT_FULL", None)]
    assert school.timetable.who(school.sessions["SFZ-4-EVE"]) == ["bea"]


def test_the_deadline_is_judged_by_when_the_payment_was_first_heard_of(school: School) -> None:
    cohort = school.cohort()
    school.timetable.studio.deliver(paid("pi_z", student_id="ada"))
    school.timetable.studio.rows("UPDATE course_cohorts SET enrollment_deadline = %(at)s", at=clock.now())
    school.timetable.studio.rows("UPDATE payments SET received_at = received_at - interval '1 minute'")

    school.timetable.studio.deliver(school.purchase("ada", cohort, payment="pi_z"))

    assert standing(school) == [("ACTIVE", None, cohort)]


def test_staff_assign_nothing_to_who_was_paid_back(school: School) -> None:
    cohort = school.cohort()
    package = school.enroll("ada", payment="pi_1")
    school.timetable.studio.deliver(refund("pi_1", amount=PRICE, refund_id="re_1"))

    assert school.assign(package, cohort).code == "enrollment_required"


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_second_purchase_of_a_course_is_the_only_one_once_the_first_went_back(
    school: School, order: Sequence[int]
) -> None:
    told = [
        school.purchase("ada", payment="pi_1"),
        school.purchase("ada", payment="pi_2"),
        refund("pi_1", amount=PRICE, refund_id="re_1"),
    ]

    for number in order:
        school.timetable.studio.deliver(told[number])
    school.timetable.studio.rows("UPDATE stripe_events SET due_at = received_at WHERE status = 'RECEIVED'")
    school.timetable.studio.drain()

    rows = school.timetable.studio.rows(
        "SELECT p.stripe_key, e.status FROM student_course_enrollments e"
        " JOIN student_packages k ON k.id = e.student_package_id JOIN orders o ON o.id = k.order_id"
        " JOIN payments p ON p.id = o.payment_id ORDER BY 1"
    )
    assert [tuple(row.values()) for row in rows] == [("pi_1", "REVOKED"), ("pi_2", "ACTIVE")]

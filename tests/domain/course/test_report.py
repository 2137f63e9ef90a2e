"""Courses in numbers: each line says what the rows say."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine

from db.models import DisputeStatus, EnrollmentStatus, ReviewReason, SessionStatus, StepStatus
from db.transaction import reading
from domain.course.low_seats import LowSeatsLine, low_seats_report
from domain.course.report import EnrollmentLine, enrollment_report
from domain.course.revenue import RevenueLine, revenue_report
from domain.course.step_report import completion_report, skipped_report
from tests.enrolled import AT, DAY, HOUR, Academy, counted
from tests.webhook_gateway.world import World

WAITING: dict[str, Any] = {"status": EnrollmentStatus.NEEDS_REVIEW, "review_reason": ReviewReason.COHORT_FULL}
REFUNDED = {"amount_refunded": 49_900}


@pytest.fixture
def academy(engine: Engine) -> Academy:
    return Academy(World(engine))


def enrolled(academy: Academy) -> list[EnrollmentLine]:
    with reading(academy.world.engine) as session:
        return enrollment_report(session, academy.of.id)


def low(academy: Academy, threshold: int = 3) -> list[LowSeatsLine]:
    with reading(academy.world.engine) as session:
        return low_seats_report(session, academy.of.id, threshold, at=AT)


def revenue(academy: Academy, *span: Any) -> list[RevenueLine]:
    with reading(academy.world.engine) as session:
        return revenue_report(session, academy.of.id, *(span or (None, None)))


# Enrollments.


def test_who_bought_a_course_is_counted_by_cohort_and_by_how_they_stand(academy: Academy) -> None:
    program = academy.course()
    spring, _ = academy.cohort(program, capacity=3), academy.cohort(program, "AUTUMN")
    academy.enroll("a", program, spring)
    academy.enroll("b", program, spring, status=EnrollmentStatus.COMPLETED)
    academy.enroll("c", program, spring, **WAITING)
    academy.enroll("d", program, status=EnrollmentStatus.REVOKED)
    # Its place is held until the engine has acted on the refund.
    academy.enroll("e", program, spring, payment=REFUNDED)

    nowhere, in_spring, in_autumn = enrolled(academy)

    assert [line.cohort.code if line.cohort else None for line in (nowhere, in_spring, in_autumn)] == [
        None,
        "SPRING",
        "AUTUMN",
    ]
    tally = in_spring.tally
    assert (tally.enrolled, tally.active, tally.completed, tally.needs_review, tally.revoked) == (4, 1, 1, 1, 1)
    assert (nowhere.tally.enrolled, nowhere.tally.revoked, nowhere.places_available) == (1, 1, None)
    assert (in_spring.places_available, in_autumn.places_available, in_autumn.tally.enrolled) == (0, 10, 0)


def test_a_course_that_nobody_bought_is_a_line_too(academy: Academy) -> None:
    academy.course("WITHOUT")
    academy.cohort(academy.course("WITH"))

    lines = enrolled(academy)

    assert [(line.course_code, line.cohort is not None, line.tally.enrolled) for line in lines] == [
        ("WITHOUT", False, 0),
        ("WITH", True, 0),
    ]


def test_what_was_deleted_is_a_line_as_long_as_somebody_bought_it(academy: Academy) -> None:
    bought, forgotten = academy.course("BOUGHT"), academy.course("FORGOTTEN")
    cohort, _ = academy.cohort(bought), academy.cohort(bought, "EMPTY", deleted_at=AT)
    academy.enroll("ada", bought, cohort)
    for program in (bought, forgotten):
        academy.changed(academy.product(program), active=False, deleted_at=AT)
    academy.changed(cohort, deleted_at=AT)

    assert [(line.course_code, line.tally.enrolled) for line in enrolled(academy)] == [("BOUGHT", 1)]


# Steps.


def test_completion_is_of_those_who_are_enrolled(academy: Academy) -> None:
    program = academy.course("SFZ", "A", "B")
    first, second = academy.steps(program)
    for name, fields in (
        ("a", {"status": EnrollmentStatus.COMPLETED}),
        ("b", {}),
        ("c", {}),
        ("d", WAITING),
        ("e", {"status": EnrollmentStatus.REVOKED}),
        ("f", {"status": EnrollmentStatus.COMPLETED, "payment": REFUNDED}),
    ):
        bought = academy.enroll(name, program, **fields)
        academy.stand(bought, first, StepStatus.COMPLETED, completed_at=AT)
    academy.stand(bought, second, StepStatus.MISSED, missed_at=AT)
    academy.course("EMPTY", "X")

    with reading(academy.world.engine) as session:
        line, empty = completion_report(session, academy.of.id)

    assert (line.enrollments, line.completed, line.completion_rate) == (3, 1, 33)
    one, other = line.steps
    assert (one.step_label, one.completed, one.unbooked) == ("A", 3, 0)
    assert (other.step_label, other.unbooked, other.missed) == ("B", 3, 0)
    assert (empty.enrollments, empty.completion_rate) == (0, None)
    assert [(step.step_label, step.unbooked) for step in empty.steps] == [("X", 0)]


def test_every_status_of_a_step_is_counted_also_of_one_that_was_removed(academy: Academy) -> None:
    program = academy.course("SFZ", "A", "B")
    first, second = academy.steps(program)
    option = academy.option(first)
    for number, status in enumerate(StepStatus):
        bought = academy.enroll(f"s-{number}", program)
        date = academy.date(option, AT + number * DAY) if status is StepStatus.BOOKED else None
        academy.stand(bought, first, status, option, date)
    academy.changed(first, deleted_at=AT)

    with reading(academy.world.engine) as session:
        (line,) = completion_report(session, academy.of.id)

    one, other = line.steps
    assert (one.unbooked, one.booked, one.completed, one.missed, one.cancelled) == (1, 1, 1, 1, 1)
    assert (other.step_id, other.unbooked) == (second.id, 5)


def test_a_step_is_skipped_while_it_is_open_and_its_student_enrolled(academy: Academy) -> None:
    program = academy.course("SFZ", "A", "B")
    first, second = academy.steps(program)
    academy.stand(academy.enroll("a", program), first, StepStatus.UNBOOKED, skipped=True)
    academy.stand(academy.enroll("b", program), first, StepStatus.CANCELLED, skipped=True)
    academy.stand(academy.enroll("c", program), first, StepStatus.COMPLETED, skipped=True)
    academy.stand(academy.enroll("d", program, payment=REFUNDED), first, StepStatus.UNBOOKED, skipped=True)
    academy.enroll("e", program)

    with reading(academy.world.engine) as session:
        lines = skipped_report(session, academy.of.id)
        academy.changed(first, deleted_at=AT)
        academy.changed(second, deleted_at=AT)
        session.rollback()
        left = skipped_report(session, academy.of.id)

    assert [(line.step_label, line.skipped) for line in lines] == [("A", 2), ("B", 0)]
    assert [line.step_label for line in left] == ["A"]


# Few places.


def test_sessions_with_few_places_say_who_still_has_the_step_to_book(academy: Academy) -> None:
    program = academy.course("SFZ", "A")
    step = academy.steps(program)[0]
    option = academy.option(step)
    late, early = academy.date(option, AT + 2 * DAY, capacity=3), academy.date(option, AT + DAY, capacity=4)
    academy.world.place(early, academy.student("eve"))
    academy.date(option, AT + 3 * DAY, capacity=4)
    bought = academy.enroll("ada", program)
    academy.enroll("bob", program, payment=REFUNDED)
    academy.enroll("joe", program, **WAITING)

    lines = low(academy)
    academy.stand(bought, step, StepStatus.BOOKED, option, late)

    assert [(line.session_id, line.spots_available, line.capacity) for line in lines] == [
        (early.id, 3, 4),
        (late.id, 3, 3),
    ]
    assert [line.students_to_book for line in lines] == [1, 1]
    assert [line.students_to_book for line in low(academy)] == [0, 0]


def test_what_has_begun_is_called_off_or_serves_no_step_is_not_low(academy: Academy) -> None:
    option = academy.option(academy.steps(academy.course())[0])
    closed = academy.option(academy.steps(academy.course("HIDDEN", product={"active": False}))[0])
    academy.date(option, AT, capacity=1)
    academy.date(option, AT + HOUR, capacity=1, status=SessionStatus.CANCELLED)
    academy.date(option, AT + HOUR, capacity=1, arranged=True)
    academy.date(closed, AT + HOUR, capacity=1)
    academy.world.session(academy.of.id, AT + HOUR, capacity=1)

    assert low(academy) == []


def test_the_threshold_includes_itself_and_seats_count_as_places(academy: Academy) -> None:
    seated = academy.world.group_class(academy.of, 1, 1, capacity=50)
    option = academy.option(academy.steps(academy.course())[0], seated)
    date = academy.date(option, AT + HOUR)

    assert [line.session_id for line in low(academy, 2)] == [date.id]
    assert low(academy, 1) == []


def test_a_session_of_several_steps_is_there_for_each(academy: Academy) -> None:
    shared = academy.world.group_class(academy.of, capacity=1)
    for step in academy.steps(academy.course()):
        academy.date(academy.option(step, shared), AT + step.position * DAY)

    assert [line.step_label for line in low(academy)] == ["SFZ-1", "SFZ-2", "SFZ-1", "SFZ-2"]


# Revenue.


def figures(line: RevenueLine) -> tuple[int, int, int, int, int]:
    return line.orders, line.list, line.paid, line.refunded, line.net


def test_revenue_is_by_course_and_currency(academy: Academy) -> None:
    program = academy.course()
    academy.enroll("ada", program)
    academy.enroll("bob", program, payment={"amount_refunded": 10_000})
    academy.enroll("eve", program, order={"paid": 40_000}, at_desk=True)
    academy.enroll("joe", program, order={"currency": "USD"})
    academy.course("UNSOLD")

    lira, dollars = revenue(academy)

    assert (lira.course_code, lira.currency, dollars.currency) == ("SFZ", "TRY", "USD")
    assert figures(lira) == (3, 149_700, 139_800, 10_000, 129_800)
    assert figures(dollars) == (1, 49_900, 49_900, 0, 49_900)


@pytest.mark.parametrize(("dispute", "net"), [("OPEN", 49_900), ("WON", 49_900), ("LOST", 0)])
def test_a_dispute_takes_the_money_once_it_is_lost(academy: Academy, dispute: str, net: int) -> None:
    academy.enroll("ada", academy.course(), payment={"dispute_status": DisputeStatus(dispute)})

    assert [line.net for line in revenue(academy)] == [net]


@pytest.mark.parametrize("back", [0, 10_000, 49_900])
def test_what_was_refunded_and_lost_in_a_dispute_went_once(academy: Academy, back: int) -> None:
    lost = {"amount_refunded": back, "dispute_status": DisputeStatus.LOST}
    academy.enroll("ada", academy.course(), payment=lost)

    assert [figures(line) for line in revenue(academy)] == [(1, 49_900, 49_900, 49_900, 0)]


def test_orders_count_by_when_they_were_made(academy: Academy) -> None:
    academy.enroll("ada", academy.course())

    assert [line.orders for line in revenue(academy, AT, AT + HOUR)] == [1]
    assert [line.orders for line in revenue(academy, AT, None)] == [1]
    assert revenue(academy, None, AT) == []
    assert revenue(academy, AT + HOUR, None) == []


def test_an_order_of_several_products_is_shared_by_their_list_prices_to_the_last_unit(academy: Academy) -> None:
    first = academy.course("A", product={"price": 10_000})
    second = academy.course("B", product={"price": 10_000})
    extra = academy.world.product(academy.of, "EXTRA", price=10_000)
    bought = academy.enroll(
        "ada", first, order={"list_price": 30_000, "paid": 10_000}, payment={"amount_refunded": 100}
    )
    cart = academy.order(bought)
    for product in (academy.product(second), extra):
        academy.package(cart, product, 0, ())
    academy.changed(cart, product_id=None)

    one, other = revenue(academy)

    # A third each: 3 333, 3 334 and 3 333; of the refund 33, 34 and 33.
    assert figures(one) == (1, 10_000, 3_333, 33, 3_300)
    assert figures(other) == (1, 10_000, 3_334, 34, 3_300)


def test_an_order_of_what_is_free_is_shared_by_units(academy: Academy) -> None:
    program = academy.course("FREE", product={"price": 0})
    academy.enroll("ada", program, order={"paid": 500})

    assert [figures(line) for line in revenue(academy)] == [(1, 0, 500, 0, 500)]


def test_each_organization_has_its_own_numbers_and_more_of_them_cost_no_more_statements(academy: Academy) -> None:
    thrive = Academy(academy.world, "thrive")
    costs = []
    for size in (1, 4):
        for number in range(size):
            program = thrive.course(f"C-{size}-{number}", *(f"S-{each}" for each in range(size)))
            for step in thrive.steps(program):
                thrive.date(thrive.option(step), AT + HOUR, capacity=1)
            thrive.enroll("ada", program, thrive.cohort(program))
        with counted(academy.world.engine) as statements, reading(academy.world.engine) as session:
            found = [
                [
                    len(enrollment_report(session, of)),
                    len(completion_report(session, of)),
                    len(skipped_report(session, of)),
                    len(low_seats_report(session, of, 3, at=AT)),
                    len(revenue_report(session, of, None, None)),
                ]
                for of in (thrive.of.id, academy.of.id)
            ]
        costs.append(len(statements))

    assert found == [[5, 5, 17, 17, 5], [0] * 5]
    assert costs[0] == costs[1]

"""How far an enrollment is, what comes next, and how it stands."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine

from db.models import DisputeStatus, EnrollmentStatus, ReviewReason, ServiceType, StepStatus, StudentCourseEnrollment
from db.transaction import reading
from domain.course.report import enrollment_report
from domain.course.revenue import revenue_report
from domain.enrollment.enrollment_view import (
    EnrollmentFilter,
    EnrollmentView,
    course_package,
    course_packages,
    enrollment,
    enrollments,
)
from domain.holding.package import PackageStatus
from domain.listing import Part
from tests.domain.booking.world import give_back
from tests.enrolled import AT, DAY, HOUR, Academy, counted
from tests.school import School
from tests.webhook_gateway.world import World
from worker import clock

ACTIVE, COMPLETED = EnrollmentStatus.ACTIVE, EnrollmentStatus.COMPLETED
REVOKED, NEEDS_REVIEW = EnrollmentStatus.REVOKED, EnrollmentStatus.NEEDS_REVIEW
WAITING: dict[str, Any] = {"status": NEEDS_REVIEW, "review_reason": ReviewReason.COHORT_FULL}
REFUNDED = {"amount_refunded": 49_900}


@pytest.fixture
def academy(engine: Engine) -> Academy:
    return Academy(World(engine))


def seen(academy: Academy, bought: StudentCourseEnrollment) -> EnrollmentView:
    with reading(academy.world.engine) as session:
        own = academy.of.id, bought.student_id, bought.student_package_id
        found = course_package(session, *own, at=AT)
    assert found is not None
    return found


def listed(academy: Academy, **wanted: Any) -> list[int]:
    with reading(academy.world.engine) as session:
        rows = enrollments(session, academy.of.id, EnrollmentFilter(**wanted), Part(50), at=AT)
    return [row.enrollment_id for row in rows]


def test_progress_counts_steps_by_how_they_stand(academy: Academy) -> None:
    program = academy.course("SFZ", "A", "B", "C", "D", "E", required={"E": False})
    bought = academy.enroll("ada", program)
    for step, status in zip(academy.steps(program), [*StepStatus], strict=True):
        option = academy.option(step)
        session = None if status in {StepStatus.UNBOOKED, StepStatus.CANCELLED} else academy.date(option, AT + DAY)
        if session:
            academy.changed(session, start_at=AT + step.position * DAY, end_at=AT + step.position * DAY + HOUR)
        academy.stand(bought, step, status, option, session)

    how = seen(academy, bought).progress

    assert (how.total_steps, how.required_steps, how.open_steps) == (5, 4, 2)
    assert (how.completed_steps, how.completed_required_steps) == (1, 1)
    assert (how.booked_steps, how.missed_steps, how.percent) == (1, 1, 25)


@pytest.mark.parametrize(
    ("required", "completed", "percent"),
    [
        ("A", "", 0),
        ("ABC", "A", 33),
        ("ABC", "AB", 67),
        ("AB", "ABC", 100),
        ("AB", "C", 0),
        ("", "AB", 67),
        ("", "ABC", 100),
    ],
)
def test_the_percentage_is_of_what_completes_the_course(
    academy: Academy, required: str, completed: str, percent: int
) -> None:
    program = academy.course("SFZ", *"ABC", required={label: label in required for label in "ABC"})
    bought = academy.enroll("ada", program)
    for step in academy.steps(program):
        if step.label in completed:
            academy.stand(bought, step, StepStatus.COMPLETED, completed_at=AT)

    assert seen(academy, bought).progress.percent == percent


def test_the_next_step_is_the_first_open_one_also_one_that_was_given_up(academy: Academy) -> None:
    program = academy.course("SFZ", *"ABC")
    first, second, _ = academy.steps(program)
    bought = academy.enroll("ada", program)
    academy.stand(bought, first, StepStatus.MISSED, missed_at=AT)
    academy.stand(bought, second, StepStatus.CANCELLED, cancelled_at=AT)

    following = seen(academy, bought).next_recommended_step

    assert following is not None
    assert following.step_label == "B"


@pytest.mark.parametrize(
    ("fields", "payment", "recommends"),
    [
        ({}, {}, True),
        ({"status": COMPLETED}, {}, True),
        ({"status": REVOKED}, {}, False),
        (WAITING, {}, False),
        ({}, REFUNDED, False),
    ],
)
def test_no_step_is_recommended_where_none_may_be_booked(
    academy: Academy, fields: dict[str, Any], payment: dict[str, Any], *, recommends: bool
) -> None:
    bought = academy.enroll("ada", academy.course(), payment=payment, **fields)

    assert (seen(academy, bought).next_recommended_step is not None) == recommends


def test_a_step_that_was_removed_stays_with_those_who_have_it(academy: Academy) -> None:
    program = academy.course()
    bought = academy.enroll("ada", program)
    first, _ = academy.steps(program)
    academy.changed(first, deleted_at=AT)
    later = academy.enroll("bob", program)

    assert [step.step_label for step in seen(academy, bought).steps] == ["SFZ-1", "SFZ-2"]
    assert [step.step_label for step in seen(academy, later).steps] == ["SFZ-2"]


@pytest.mark.parametrize(
    ("stored", "payment", "status", "package"),
    [
        (ACTIVE, {}, ACTIVE, PackageStatus.ACTIVE),
        (ACTIVE, {"dispute_status": DisputeStatus.OPEN}, ACTIVE, PackageStatus.SUSPENDED),
        (ACTIVE, {"dispute_status": DisputeStatus.WON}, ACTIVE, PackageStatus.ACTIVE),
        (ACTIVE, {"amount_refunded": 49_899}, ACTIVE, PackageStatus.ACTIVE),
        (ACTIVE, REFUNDED, REVOKED, PackageStatus.REVOKED),
        (COMPLETED, {"dispute_status": DisputeStatus.LOST}, REVOKED, PackageStatus.REVOKED),
        (REVOKED, {}, REVOKED, PackageStatus.ACTIVE),
        (ACTIVE, {"amount_received": 0}, ACTIVE, PackageStatus.ACTIVE),
    ],
)
def test_what_went_back_is_revoked_whatever_is_stored_and_a_list_finds_it_so(
    academy: Academy,
    stored: EnrollmentStatus,
    payment: dict[str, Any],
    status: EnrollmentStatus,
    package: PackageStatus,
) -> None:
    bought = academy.enroll("ada", academy.course(), status=stored, payment=payment)

    shown = seen(academy, bought)

    assert (shown.status, shown.package_status) == (status, package)
    assert [each for each in EnrollmentStatus if listed(academy, status=each)] == [status]


def test_what_was_handed_over_at_the_desk_stands_without_a_payment(academy: Academy) -> None:
    bought = academy.enroll("ada", academy.course(), at_desk=True)

    assert seen(academy, bought).status is ACTIVE
    assert [each for each in EnrollmentStatus if listed(academy, status=each)] == [ACTIVE]


def test_a_reason_to_wait_goes_with_the_money(academy: Academy) -> None:
    program = academy.course()
    waiting, gone = (
        academy.enroll("ada", program, **WAITING),
        academy.enroll("bob", program, payment=REFUNDED, **WAITING),
    )

    assert seen(academy, waiting).review_reason is ReviewReason.COHORT_FULL
    assert (seen(academy, gone).status, seen(academy, gone).review_reason) == (REVOKED, None)


def test_only_steps_that_are_open_still_are_not_booked(academy: Academy) -> None:
    program = academy.course()
    first, second = academy.steps(program)
    noted = [
        {"courseStepId": step.id, "stepLabel": step.label, "code": "session_full", "detail": "Every place is taken."}
        for step in (first, second)
    ]
    bought = academy.enroll("ada", program, details={"notBooked": noted})
    option = academy.option(first)
    academy.stand(bought, first, StepStatus.BOOKED, option, academy.date(option, AT + DAY))

    (left,) = seen(academy, bought).not_booked

    assert (left.course_step_id, left.step_label, left.code) == (second.id, "SFZ-2", "session_full")


def test_extras_are_the_lines_besides_that_of_the_steps(academy: Academy) -> None:
    bought = academy.enroll("ada", academy.course(), extras=[(ServiceType.PRIVATE, 2, 30), (ServiceType.GROUP, 1, 60)])

    left = seen(academy, bought).extras

    assert [(line.service_type, line.remaining) for line in left] == [(ServiceType.PRIVATE, 2), (ServiceType.GROUP, 1)]


def test_a_list_is_narrowed_by_course_cohort_and_status_together(academy: Academy) -> None:
    program, other = academy.course(), academy.course("ABC")
    cohort = academy.cohort(program)
    own, same = academy.enroll("ada", program, cohort), academy.enroll("ada", program, **WAITING)
    elsewhere = academy.enroll("bob", other)

    assert listed(academy) == [elsewhere.id, same.id, own.id]
    assert listed(academy, course="SFZ") == [same.id, own.id]
    assert listed(academy, cohort_id=cohort.id) == [own.id]
    assert listed(academy, course="SFZ", status=NEEDS_REVIEW) == [same.id]
    assert listed(academy, course="ABC", cohort_id=cohort.id) == []


def test_nobody_finds_what_is_anothers(academy: Academy) -> None:
    bought = academy.enroll("ada", academy.course())
    bob = academy.student("bob")
    thrive = Academy(academy.world, "thrive")

    with reading(academy.world.engine) as session:
        assert course_package(session, academy.of.id, bob.id, bought.student_package_id, at=AT) is None
        assert course_package(session, thrive.of.id, bought.student_id, bought.student_package_id, at=AT) is None
        assert enrollment(session, thrive.of.id, bought.id, at=AT) is None
        assert course_packages(session, academy.of.id, bob.id, Part(50), at=AT) == []
        assert enrollments(session, thrive.of.id, EnrollmentFilter(), Part(50), at=AT) == []


def test_more_enrollments_and_steps_cost_no_more_statements(academy: Academy) -> None:
    costs = []
    for size in (1, 4):
        for number in range(size):
            program = academy.course(f"C-{size}-{number}", *(f"S-{each}" for each in range(size)))
            bought = academy.enroll("ada", program)
            for step in academy.steps(program):
                option = academy.option(step)
                date = academy.date(option, AT + DAY * (100 * size + 10 * number + step.position))
                academy.stand(bought, step, StepStatus.BOOKED, option, date)
        with counted(academy.world.engine) as statements, reading(academy.world.engine) as session:
            own = course_packages(session, academy.of.id, bought.student_id, Part(50), at=AT)
            of_student = len(statements)
            assert len(enrollments(session, academy.of.id, EnrollmentFilter(), Part(50), at=AT)) == len(own)
            of_staff = len(statements)
            one = enrollment(session, academy.of.id, bought.id, at=AT)
            costs.append((of_student, of_staff - of_student, len(statements) - of_staff))
        assert one is not None
        assert all(step.session for step in one.steps)

    assert len(own) == 5
    assert costs == [(3, 3, 3), (3, 3, 3)]


# As the engine writes it.


def test_a_purchase_is_seen_from_its_first_step_to_its_refund(school: School) -> None:
    package = school.enroll("ada", school.cohort())
    school.book("ada", package, "SFZ-2-DAY")
    row = school.enrollment(package)
    own = row["organization_id"], row["student_id"], package

    with reading(school.timetable.engine) as session:
        begun = course_package(session, *own, at=clock.now())
    give_back(school.timetable, package)
    with reading(school.timetable.engine) as session:
        over = course_package(session, *own, at=clock.now())
        (line,) = [each for each in enrollment_report(session, own[0]) if each.tally.enrolled]
        (money,) = revenue_report(session, own[0], None, None)

    assert begun is not None
    assert (begun.status, begun.progress.booked_steps, begun.progress.open_steps) == (ACTIVE, 2, 2)
    assert begun.next_recommended_step == begun.steps[0]
    assert [step.skipped for step in begun.steps] == [True, False, False, False]
    assert begun.steps[1].session is not None
    assert begun.steps[1].session.session_id == school.sessions["SFZ-2-DAY"]
    assert [(each.service_type, each.remaining) for each in begun.extras] == [(ServiceType.PRIVATE, 2)]
    assert over is not None
    assert (over.status, over.package_status, over.next_recommended_step) == (REVOKED, PackageStatus.REVOKED, None)
    assert (line.tally.enrolled, line.tally.active, line.tally.revoked) == (1, 0, 1)
    assert (money.paid, money.refunded, money.net) == (49_900, 49_900, 0)

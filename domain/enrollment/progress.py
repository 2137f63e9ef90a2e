"""What becomes of a step when something becomes of its booking, and of the enrollment when its steps are done."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from db.models import BookingStatus, EnrollmentStatus, StepStatus
from domain.booking.outgoing import Outgoing, Row, numbered
from domain.booking.shape import written
from domain.booking.state import Student
from domain.enrollment.enrollment import Enrollment, Step
from domain.enrollment.taking import Taking

BOOKED, COMPLETED, MISSED = "course.step.booked", "course.step.completed", "course.step.missed"
CANCELLED, REOPENED = "course.step.cancelled", "course.step.reopened"
CREATED, ASSIGNED = "enrollment.created", "enrollment.assigned"
DONE, GOES_ON = "enrollment.completed", "enrollment.reopened"

# A step, and whose it is.
Held = tuple[Enrollment, Step]

# What a step is by what its booking is.
FOLLOWS: Mapping[BookingStatus, StepStatus] = {
    BookingStatus.CONFIRMED: StepStatus.BOOKED,
    BookingStatus.COMPLETED: StepStatus.COMPLETED,
    BookingStatus.NO_SHOW: StepStatus.MISSED,
    BookingStatus.FORFEITED: StepStatus.MISSED,
    BookingStatus.CANCELLED: StepStatus.CANCELLED,
}
EVENTS: Mapping[StepStatus, str] = {
    StepStatus.BOOKED: BOOKED,
    StepStatus.COMPLETED: COMPLETED,
    StepStatus.MISSED: MISSED,
    StepStatus.CANCELLED: CANCELLED,
    StepStatus.UNBOOKED: REOPENED,
}
# When a step last came into each status.
SINCE: Mapping[StepStatus, str] = {
    StepStatus.BOOKED: "booked_at",
    StepStatus.COMPLETED: "completed_at",
    StepStatus.MISSED: "missed_at",
    StepStatus.CANCELLED: "cancelled_at",
}


def book(outgoing: Outgoing, student: Student, taking: Taking, booking_id: int, *, at: datetime) -> None:
    """Let a step be booked; it is skipped no more."""
    step = taking.step
    step.booking_id, step.option_id, step.skipped = booking_id, taking.option.id, False
    step.completed_at = step.missed_at = step.cancelled_at = None
    become(outgoing, student, (taking.enrollment, step), StepStatus.BOOKED, at=at)


def follow(
    outgoing: Outgoing, student: Student, booking: Mapping[str, Any], status: BookingStatus, *, at: datetime
) -> None:
    """Let the step of a booking follow what the booking becomes; one that was opened again since stays as it is."""
    found = step_of(student, booking)
    if found is None or found[1].booking_id != booking["id"]:
        return
    if status is BookingStatus.CANCELLED:
        found[1].booking_id = None
    become(outgoing, student, found, FOLLOWS[status], at=at)


def step_of(student: Student, booking: Mapping[str, Any]) -> Held | None:
    """Return the step that a booking takes, with its enrollment; None of a booking that takes none."""
    package = student.packages.get(booking["student_package_id"] or 0)
    enrollment = package.enrollment if package else None
    step = enrollment.steps.get(booking["course_step_id"] or 0) if enrollment else None
    return (enrollment, step) if enrollment and step else None


def become(outgoing: Outgoing, student: Student, held: Held, status: StepStatus, *, at: datetime) -> None:
    """Give a step its status, and its enrollment the one that follows from all of its steps."""
    enrollment, step = held
    if step.status is not status:
        step.status = status
        if since := SINCE.get(status):
            setattr(step, since, at)
        said = told_step(enrollment, step, student)
        outgoing.publish(student, EVENTS[status], f"enrollment/{enrollment.id}", said, at=at)
    keep(outgoing, step)
    conclude(outgoing, student, enrollment, at=at)


def keep(outgoing: Outgoing, step: Step) -> None:
    """Write a step as it is now."""
    names = ("id", "status", "booking_id", "skipped", "booked_at", "completed_at", "missed_at", "cancelled_at")
    row: Row = {name: getattr(step, name) for name in names}
    outgoing.steps[step.id] = row | {"status": step.status.value, "course_step_option_id": step.option_id}


def keep_enrollment(outgoing: Outgoing, enrollment: Enrollment) -> None:
    """Write an enrollment as it is now."""
    names = ("id", "status", "review_reason", "details", "completed_at")
    said = {name: getattr(enrollment, name) for name in names}
    outgoing.enrollments[enrollment.id] = outgoing.enrollments.get(enrollment.id, {}) | said


def keep_cohort(outgoing: Outgoing, enrollment: Enrollment) -> None:
    """Write an enrollment with its place in a cohort, which the caller holds."""
    keep_enrollment(outgoing, enrollment)
    names = ("cohort_id", "cohort_capacity", "place")
    outgoing.enrollments[enrollment.id] |= {name: getattr(enrollment, name) for name in names}


def conclude(outgoing: Outgoing, student: Student, enrollment: Enrollment, *, at: datetime) -> None:
    """Complete an enrollment whose required steps are all completed; one of which a step is taken back goes on."""
    status = EnrollmentStatus.COMPLETED if enrollment.is_done else EnrollmentStatus.ACTIVE
    if not enrollment.is_enrolled or status is enrollment.status:
        return
    enrollment.status, enrollment.completed_at = status, at if enrollment.is_done else None
    keep_enrollment(outgoing, enrollment)
    what = DONE if enrollment.is_done else GOES_ON
    outgoing.publish(student, what, f"enrollment/{enrollment.id}", told_enrollment(enrollment, student), at=at)


def told_enrollment(enrollment: Enrollment, student: Student) -> Row:
    """Return what other systems are told of an enrollment."""
    return {
        "enrollmentId": enrollment.id,
        "packageId": enrollment.package_id,
        "courseCode": enrollment.code,
        "cohortId": enrollment.cohort_id,
        "studentId": student.external_id,
        "status": enrollment.status.value,
    }


def told_step(enrollment: Enrollment, step: Step, student: Student) -> Row:
    """Return what other systems are told of a step."""
    owner = {"enrollmentId": enrollment.id, "packageId": enrollment.package_id, "courseCode": enrollment.code}
    about = {"courseStepId": step.step_id, "stepLabel": step.label, "stepOrder": step.order}
    return owner | about | {"bookingId": step.booking_id, "studentId": student.external_id, "status": step.status.value}


def shown_step(step: Step) -> Row:
    """Return a step's progress as its student sees it: the seeds' shape, and more."""
    times = {"bookedAt": step.booked_at, "completedAt": step.completed_at}
    times |= {"missedAt": step.missed_at, "cancelledAt": step.cancelled_at}
    optional: Row = {"courseStepOptionId": step.option_id, "bookingId": step.booking_id}
    optional |= {name: written(value) for name, value in times.items()}
    return {
        "id": step.id,
        "courseStepId": step.step_id,
        "stepLabel": step.label,
        "stepTitle": step.title,
        "stepOrder": step.order,
        "isRequired": step.is_required,
        "status": step.status.value,
        "skipped": step.skipped,
        **{name: value for name, value in optional.items() if value is not None},
    }


def mail(outgoing: Outgoing, student: Student, event: str, enrollment: Enrollment, *, at: datetime) -> None:
    """Write to a student of the change to an enrollment that was published last."""
    key = numbered(f"package:{enrollment.package_id}", student)
    outgoing.mail(student, event, key, student_package_id=enrollment.package_id, at=at)

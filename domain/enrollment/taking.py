"""A step that is taken in a session: whose, by which option, and the credit of its course that pays for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from domain.booking.state import Package, Session, Student
from domain.enrollment.enrollment import Enrollment, Option, Step
from domain.errors import EnrollmentRequired, InvalidOption, Refusal, StepAlreadyBooked
from domain.holding.package import PackageStatus


@dataclass(frozen=True, slots=True)
class Taking:
    """A step, its enrollment and the package that came with it."""

    package: Package
    enrollment: Enrollment
    step: Step
    option: Option

    def lasts_for(self, session: Session) -> bool:
        """Say whether its package can pay for a session, as far as its payment and its end go."""
        end = self.package.expires_at
        return self.package.status is PackageStatus.ACTIVE and (end is None or session.start_at < end)

    @property
    def note(self) -> dict[str, object]:
        """What its booking says of it, as the seeds' clients read it."""
        return {"stepOrder": self.step.order, "stepLabel": self.step.label, "packageName": self.package.name}


def takings(student: Student, session: Session, *, package_id: int | None = None) -> Iterator[Taking]:
    """Yield the steps of a student's courses that a session serves, open or not; of one package if it is named.

    Courses come in the order in which their packages pay.
    """
    for package in sorted(student.packages.values(), key=lambda package: package.turn):
        enrollment = package.enrollment
        if enrollment is None or not enrollment.is_enrolled or package_id not in {None, package.id}:
            continue
        for step, option in enrollment.serves(session.id, session.class_id):
            yield Taking(package, enrollment, step, option)


def open_taking(student: Student, session: Session) -> Taking | None:
    """Return the first open step that a student could take in a session, and whose course would pay."""
    return next((each for each in takings(student, session) if each.step.is_open and each.lasts_for(session)), None)


def required_taking(student: Student, session: Session, *, package_id: int | None = None) -> Taking:
    """Return the step that is taken in a session which takes enrollments only.

    Raises:
        EnrollmentRequired: the student has no course that it belongs to.
        StepAlreadyBooked: they have, and its step is booked or done with.
        InvalidOption: their cohort takes it in another session.

    """
    found = list(takings(student, session, package_id=package_id))
    for taking in sorted(found, key=lambda each: not each.lasts_for(session)):
        if taking.step.is_open:
            return taking
    if found:
        raise already_booked(found[0].step)
    raise _not_theirs(student, session)


def already_booked(step: Step) -> StepAlreadyBooked:
    """Return the refusal of a step that is not open."""
    if step.booking_id is not None and step.completed_at is None and step.missed_at is None:
        return StepAlreadyBooked(f"{step.label} is booked, with booking {step.booking_id}: change or cancel that.")
    return StepAlreadyBooked(f"{step.label} is {step.status.value}: ask the studio if that is wrong.")


def _not_theirs(student: Student, session: Session) -> Refusal:
    enrollments = (package.enrollment for package in student.packages.values())
    for enrollment in enrollments:
        if enrollment and enrollment.is_enrolled:
            options = (option for step in enrollment.steps.values() for option in step.options)
            if any(option.class_id == session.class_id for option in options):
                return InvalidOption(
                    f"Your cohort of {enrollment.code} takes this in another session: GET"
                    f" /api/students/me/course-packages/{enrollment.package_id}/unbooked-steps lists which."
                )
    return enrollment_required(session)


def enrollment_required(session: Session) -> EnrollmentRequired:
    """Return the refusal of a session that takes enrollments only; it names the courses to buy."""
    buyable = [code for code, is_on_sale in session.courses if is_on_sale]
    advice = (
        f"buy {' or '.join(buyable)}, see GET /api/courses/{buyable[0]}"
        if buyable
        else "enroll first, GET /api/courses lists them"
    )
    return EnrollmentRequired(f"{session.name} belongs to a course, and takes its students only: {advice}.", buyable)

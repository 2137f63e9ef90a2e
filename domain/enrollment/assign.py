"""A cohort given to an enrollment: when it is bought, and by staff where that did not fit."""

from __future__ import annotations

from db.models import EnrollmentStatus
from domain.booking.desk import Desk
from domain.enrollment.book_step import book_only_options
from domain.enrollment.enrollment import Cohort, Enrollment
from domain.enrollment.progress import ASSIGNED, conclude, keep_cohort, mail, told_enrollment
from domain.enrollment.step_command import AssignCohort
from domain.errors import AlreadyEnrolled, CohortFull, EnrollmentRequired, NotFound
from domain.family import Result
from domain.holding.package import PackageStatus

# In an enrollment's details, who chose its cohort: what staff decide stays, whatever Stripe tells later.
ASSIGNED_BY = "assignedBy"


def assign_cohort(command: AssignCohort, desk: Desk) -> Result:
    """Give an enrollment its cohort, or none, and book what has one option there; what is booked stays.

    Staff may do so after the deadline: they know whether somebody can still join.

    Raises:
        NotFound: no such enrollment, or no such cohort of its course.
        EnrollmentRequired: the enrollment is over.
        CohortFull: every place is taken.
        AlreadyEnrolled: the student has a place in it.

    """
    enrollment = _enrollment(command, desk)
    cohort = _cohort(command, enrollment, desk)
    if not enrollment.is_enrolled:
        enrollment.status, enrollment.review_reason = EnrollmentStatus.ACTIVE, None
    left = desk.world.cohorts.get(enrollment.cohort_id or 0)
    if left and enrollment.place:
        left.places.discard(enrollment.place)
    enrollment.join(cohort)
    told = told_enrollment(enrollment, desk.student)
    said = desk.outgoing.publish(desk.student, ASSIGNED, f"enrollment/{enrollment.id}", told, at=desk.at)
    mail(desk.outgoing, desk.student, ASSIGNED, enrollment, at=desk.at)
    _, not_booked = book_only_options(desk, command, enrollment)
    said["notBooked"] = not_booked
    enrollment.details |= {"notBooked": not_booked, ASSIGNED_BY: command.actor}
    keep_cohort(desk.outgoing, enrollment)
    conclude(desk.outgoing, desk.student, enrollment, at=desk.at)
    return {"enrollment": told, "notBooked": not_booked}


def _enrollment(command: AssignCohort, desk: Desk) -> Enrollment:
    held = (package.enrollment for package in desk.student.packages.values())
    enrollment = next((each for each in held if each and each.id == command.enrollment_id), None)
    if enrollment is None:
        raise NotFound("There is no enrollment of this id: GET /api/admin/enrollments lists them.")
    package = desk.student.packages[enrollment.package_id]
    if EnrollmentStatus.REVOKED is enrollment.status or package.status is PackageStatus.REVOKED:
        raise EnrollmentRequired(f"The enrollment in {enrollment.code} was revoked: the course is to be bought anew.")
    return enrollment


def _cohort(command: AssignCohort, enrollment: Enrollment, desk: Desk) -> Cohort | None:
    if command.cohort_id is None:
        return None
    cohort = desk.world.cohorts.get(command.cohort_id)
    if cohort is None or cohort.program_id != enrollment.program_id:
        raise NotFound(f"{enrollment.code} has no cohort of this id: GET /api/courses/{enrollment.code}/cohorts.")
    held = (package.enrollment for package in desk.student.packages.values())
    if any(each and each.cohort_id == cohort.id and each.place for each in held):
        raise AlreadyEnrolled(f"The student has a place in {cohort.name}: choose another cohort, or refund.")
    if cohort.is_full:
        raise CohortFull(f"{cohort.name} is full, with {cohort.capacity}: choose another cohort, or make it larger.")
    return cohort

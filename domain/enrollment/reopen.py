"""A missed step that staff open again: its credit comes back, and what was missed stays on record."""

from __future__ import annotations

from db.models import StepStatus
from domain.booking.desk import Desk
from domain.booking.shape import written
from domain.booking.standing import GIVEN_BACK, STAFF_REASON
from domain.enrollment.book_step import own_enrollment, own_step
from domain.enrollment.enrollment import Enrollment, Step
from domain.enrollment.progress import become, shown_step
from domain.enrollment.step_command import ReopenStep
from domain.errors import NotFound, StepNotBooked
from domain.family import Result


def reopen_step(command: ReopenStep, desk: Desk) -> Result:
    """Open a missed step again.

    Raises:
        NotFound: no such enrollment, or it has no such step.
        EnrollmentRequired: it is over, or waits for staff.
        StepNotBooked: the step was not missed.

    """
    enrollment = _own(command, desk)
    step = own_step(enrollment, command.step_id)
    if step.status is not StepStatus.MISSED:
        raise StepNotBooked(f"{step.label} is {step.status.value}: only a missed step is opened again.")
    _give_back(command, desk, enrollment, step)
    step.booking_id = None
    become(desk.outgoing, desk.student, (enrollment, step), StepStatus.UNBOOKED, at=desk.at)
    return {"progress": shown_step(step)}


def _own(command: ReopenStep, desk: Desk) -> Enrollment:
    for package in desk.student.packages.values():
        if package.enrollment and package.enrollment.id == command.enrollment_id:
            return own_enrollment(package.id, desk)
    raise NotFound("There is no enrollment of this id: GET /api/admin/enrollments lists them.")


def _give_back(command: ReopenStep, desk: Desk, enrollment: Enrollment, step: Step) -> None:
    """Return the step's credit, to its booking's line of the ledger, or by a correction where it never had one."""
    line = desk.student.packages[enrollment.package_id].course_line
    if line is None:
        return
    line.remaining += 1
    why = (command.reason, command.actor)
    booking = desk.world.bookings.get(step.booking_id or 0)
    if booking is None:
        desk.outgoing.adjust(desk.student, line.id, -1, why, at=desk.at)
        return
    desk.use(line.id, -1, booking.id, why=why)
    booking.metadata |= {GIVEN_BACK: written(desk.at), STAFF_REASON: command.reason}
    desk.outgoing.noted[booking.id] = {"id": booking.id, "metadata": booking.metadata}

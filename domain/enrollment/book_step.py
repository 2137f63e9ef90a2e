"""The steps of a course booked, changed and cancelled: ordinary bookings, and the progress that goes with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from db.models import BookingStatus, StepStatus
from domain.booking.checks import check_free, check_open, session_of
from domain.booking.command import Wish
from domain.booking.desk import Desk
from domain.booking.order import Order
from domain.booking.outgoing import Row
from domain.booking.place import Party, take_places
from domain.booking.release import cancel, check_changeable, outcome, release, since
from domain.booking.shape import shown
from domain.booking.standing import Standing
from domain.booking.state import Session
from domain.enrollment.enrollment import Enrollment, Step
from domain.enrollment.progress import keep, shown_step
from domain.enrollment.step_command import BookStep, BookSteps, CancelStep, ChangeStep, Selection
from domain.enrollment.taking import Taking, already_booked
from domain.errors import (
    AlreadyBooked,
    EnrollmentRequired,
    InvalidOption,
    NotFound,
    Refusal,
    SessionFull,
    StepNotBooked,
)
from domain.family import Result
from domain.waitlist.line import leave_for


@dataclass(frozen=True, slots=True)
class Taken:
    """A step that was booked, and its booking's row."""

    step: Step
    row: Row

    @property
    def shown(self) -> Row:
        """Its booking and its progress, as its student sees them."""
        return {"booking": shown(self.row), "progress": shown_step(self.step)}


def book_step(command: BookStep, desk: Desk) -> Result:
    """Book a step: a place in a session that serves it, paid with its course.

    Raises:
        Refusal: the enrollment takes nobody, the step is not open, the option not its own, or no session can be booked.

    """
    enrollment = own_enrollment(command.package_id, desk)
    taken = _select(desk, command, enrollment, command.selection)
    return taken.shown | flag_skipped(desk, enrollment, [taken.step])


def change_step(command: ChangeStep, desk: Desk) -> Result:
    """Cancel and book a step in one: if the new session is impossible, the old one stands."""
    enrollment = own_enrollment(command.package_id, desk)
    step = own_step(enrollment, command.selection.step_id)
    old = _booked(desk, step)
    check_changeable(old, outcome(desk, old, command))
    note: Row = {"changedFrom": old.id} | since(old, desk.student.window, at=desk.at)
    with desk.all_or_nothing(old):
        release(desk, old, BookingStatus.CANCELLED, {})
        taken = take_step(desk, command, enrollment, command.selection, note=note, instead_of=old)
    desk.tell("booking.changed", taken.row)
    return taken.shown


def cancel_step(command: CancelStep, desk: Desk) -> Result:
    """Give a step's booking up: in time the step is open again, later on it is missed."""
    step = own_step(own_enrollment(command.package_id, desk), command.step_id)
    cancel(desk, _booked(desk, step), command)
    return {"success": True}


def book_steps(command: BookSteps, desk: Desk) -> Result:
    """Book all that is selected, or nothing; then what has one option only, as far as there is room."""
    enrollment = own_enrollment(command.package_id, desk)
    with desk.all_or_nothing():
        manual = [_nth(desk, command, enrollment, number) for number in range(len(command.selections))]
    auto, not_booked = book_only_options(desk, command, enrollment)
    flag_skipped(desk, enrollment, [taken.step for taken in manual])
    return {
        "bookings": [taken.shown for taken in (*manual, *auto)],
        "autoBooked": [taken.step.step_id for taken in auto],
        "manualSelections": [taken.step.step_id for taken in manual],
        "notBooked": not_booked,
    }


def book_only_options(desk: Desk, order: Order, enrollment: Enrollment) -> tuple[list[Taken], list[Row]]:
    """Book each open step that has one option only; return those booked, and why others could not be."""
    taken, not_booked = list[Taken](), list[Row]()
    for step in list(enrollment.open_steps):
        if option := step.only:
            try:
                done = take_step(desk, order, enrollment, Selection(step.step_id, option.id))
            except Refusal as refusal:
                why = {"code": refusal.code, "detail": str(refusal)}
                not_booked.append({"courseStepId": step.step_id, "stepLabel": step.label} | why)
            else:
                desk.tell("booking.confirmed", done.row)
                taken.append(done)
    return taken, not_booked


def flag_skipped(desk: Desk, enrollment: Enrollment, booked: Sequence[Step]) -> Row:
    """Flag the steps that are open before one that was chosen; return them, if there are any."""
    last = max((step.order for step in booked), default=0)
    skipped = [step for step in enrollment.open_steps if step.order < last]
    for step in skipped:
        step.skipped = True
        keep(desk.outgoing, step)
    return {"skippedSteps": [step.step_id for step in skipped]} if skipped else {}


def own_enrollment(package_id: int, desk: Desk) -> Enrollment:
    """Return the enrollment that came with a package of the student's, whose steps may be booked.

    Raises:
        NotFound: there is none, or it is another student's.
        EnrollmentRequired: it waits for the studio, or is over.

    """
    package = desk.student.packages.get(package_id)
    enrollment = package.enrollment if package else None
    if enrollment is None:
        raise NotFound("There is no course package of this id: GET /api/students/me/course-packages lists yours.")
    if not enrollment.is_enrolled:
        raise EnrollmentRequired(f"The enrollment in {enrollment.code} is {enrollment.status.value}: ask the studio.")
    return enrollment


def own_step(enrollment: Enrollment, step_id: int) -> Step:
    """Return a step of an enrollment.

    Raises:
        NotFound: it has no such step.

    """
    if step_id not in enrollment.steps:
        raise NotFound(f"{enrollment.code} has no step of this id for this student.")
    return enrollment.steps[step_id]


def take_step(  # noqa: PLR0913 - what a step is booked by
    desk: Desk,
    order: Order,
    enrollment: Enrollment,
    selection: Selection,
    *,
    note: Row | None = None,
    instead_of: Standing | None = None,
) -> Taken:
    """Put the student into the first of the sessions in question that can be booked; nobody is told yet.

    Raises:
        Refusal: of several, why the first one cannot be.

    """
    taking = _taking(desk, enrollment, selection)
    refusals = list[Refusal]()
    for session in _sessions(desk, taking, selection.session_id, instead_of):
        try:
            check_open(session, order, desk)
            check_free(desk.student, session)
            (row,) = take_places(desk, session, Party(None, Wish(), None, note or {}, taking=taking))
        except Refusal as refusal:
            refusals.append(refusal)
        else:
            leave_for(desk, session)
            return Taken(taking.step, row)
    raise refusals[0] if refusals else _none_ahead(taking, instead_of)


def _select(desk: Desk, order: Order, enrollment: Enrollment, selection: Selection) -> Taken:
    taken = take_step(desk, order, enrollment, selection)
    desk.tell("booking.confirmed", taken.row)
    return taken


def _nth(desk: Desk, command: BookSteps, enrollment: Enrollment, number: int) -> Taken:
    """Book one of several selections; a refusal says which."""
    try:
        return _select(desk, command, enrollment, command.selections[number])
    except Refusal as refusal:
        refusal.field = f"selections.{number}"
        raise


def _taking(desk: Desk, enrollment: Enrollment, selection: Selection) -> Taking:
    step = own_step(enrollment, selection.step_id)
    if not step.is_open:
        raise already_booked(step)
    option = step.choice(selection.option_id)
    if option is None:
        known = ", ".join(str(each.id) for each in step.choices) or "none at the moment"
        raise InvalidOption(f"{step.label} has other options for you: {known}.")
    return Taking(desk.student.packages[enrollment.package_id], enrollment, step, option)


def _sessions(
    desk: Desk, taking: Taking, session_id: int | None, instead_of: Standing | None
) -> Iterator[Session] | Sequence[Session]:
    """Return the sessions in question: the cohort's, the one that is named, or those that are ahead."""
    option, here = taking.option, instead_of.session_id if instead_of else None
    if session_id is None and option.session_id is None:
        ahead = (desk.world.sessions[number] for number in desk.world.ahead.get(option.class_id, ()))
        return (session for session in ahead if session.id != here and session.room > 0)
    session = session_of(session_id or option.session_id or 0, desk)
    if session.id == here:
        raise AlreadyBooked(f"{taking.step.label} is booked in this session: choose another.")
    if not option.takes_place_in(session.id, session.class_id):
        whose = "your cohort takes it in another session" if option.session_id else "it is of another class"
        raise InvalidOption(f"This session does not serve the option, {whose}: leave sessionId out, or name another.")
    return [session]


def _none_ahead(taking: Taking, instead_of: Standing | None) -> Refusal:
    other = "other " if instead_of else ""
    return SessionFull(
        f"No {other}session of this option for {taking.step.label} has a free place: choose another option, name a"
        " session to join its waitlist, or ask the studio for more."
    )


def _booked(desk: Desk, step: Step) -> Standing:
    standing = desk.world.bookings.get(step.booking_id or 0)
    if step.status is not StepStatus.BOOKED or standing is None:
        raise StepNotBooked(f"{step.label} is {step.status.value}, and has no booking that stands.")
    return standing

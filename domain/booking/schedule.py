"""A draft given its time: in a session, or for a private one at a time when a teacher can (PRODUCT.md §4.8)."""

from __future__ import annotations

from datetime import timedelta

from db.models import BookingStatus, ServiceType
from domain.booking.arranged import NAME
from domain.booking.availability import can_teach, is_busy
from domain.booking.checks import check_for_all, check_free, check_open, own_booking, session_of
from domain.booking.command import Schedule, Wish
from domain.booking.desk import Desk
from domain.booking.fit import Fit, fits
from domain.booking.place import Party, take_places
from domain.booking.standing import Standing
from domain.booking.state import Session, Teacher
from domain.errors import BookingClosed, InvalidCommand, InvalidField, NotFound, TeacherUnavailable
from domain.family import Result
from domain.waitlist.line import leave_for


def schedule(command: Schedule, desk: Desk) -> Result:
    """Confirm a draft.

    Raises:
        Refusal: it is no draft, nobody can teach then, or the session cannot be booked with it.

    """
    draft = own_booking(command, desk)
    if draft.status is not BookingStatus.DRAFT:
        raise BookingClosed(f"The booking is {draft.status.value}, and only a draft can be scheduled: change it.")
    session = session_of(command.session_id, desk) if command.session_id else _arranged(command, draft, desk)
    check_open(session, command, desk)
    check_for_all(session)
    check_free(desk.student, session)
    _check_tier(draft, session)
    rows = take_places(desk, session, Party(None, Wish(), None, draft=draft))
    if session.id not in desk.world.sessions:
        _arrange(desk, session)
    leave_for(desk, session)
    return desk.answer("booking.confirmed", rows)


def _check_tier(draft: Standing, session: Session) -> None:
    if draft.teacher_tier is not None and session.tier > draft.teacher_tier:
        raise InvalidCommand(f"The draft is for teachers up to tier {draft.teacher_tier}: choose another session.")


def _arranged(command: Schedule, draft: Standing, desk: Desk) -> Session:
    """Return the session that is to be made for a draft; it does not stand before it is paid."""
    start_at = command.start_at
    if start_at is None or start_at <= desk.at:
        raise InvalidField("startTime", "Name a time that is still ahead.")
    if draft.service_type is not ServiceType.PRIVATE:
        raise InvalidField("startTime", "Name a sessionId: only a private session is arranged for a time.")
    end_at = start_at + timedelta(minutes=draft.minutes)
    session = Session(
        id=desk.world.session_ids[0],
        organization_id=desk.student.organization_id,
        name=NAME,
        service=draft.service_type,
        tier=0,
        is_scheduled=True,
        is_workshop=False,
        start_at=start_at,
        end_at=end_at,
        capacity=1,
        seats=(),
        is_arranged=True,
    )
    session.teacher = _teacher(command, draft, session, desk)
    session.tier = session.teacher.tier
    return session


def _teacher(command: Schedule, draft: Standing, session: Session, desk: Desk) -> Teacher:
    """Return who gives a session: the teacher that is named, or the first who can."""
    known = desk.world.teachers.get(session.organization_id, [])
    asked = [each for each in known if command.teacher_id in {None, each.id}]
    if command.teacher_id and not asked:
        raise NotFound("There is no teacher of this id who can be asked: GET /api/calendar shows who teaches.")
    suited = [each for each in asked if draft.teacher_tier is None or each.tier <= draft.teacher_tier]
    if command.teacher_id and not suited:
        raise InvalidField("teacherId", f"The draft is for teachers up to tier {draft.teacher_tier}: choose another.")
    for teacher in suited:
        if not (command.teacher_id or _pays(draft, teacher, desk)):
            continue
        if can_teach(teacher, session, desk.student.zone) and not is_busy(teacher, session):
            return teacher
    raise TeacherUnavailable(
        "No teacher can give this session at that time, inside their hours and beside their other sessions: choose"
        " another time."
    )


def _pays(draft: Standing, teacher: Teacher, desk: Desk) -> bool:
    """Say whether the line of a draft is for a teacher."""
    package = desk.package_of(draft)
    line = package.line(draft.allowance_id or 0) if package else None
    return line is None or fits(line.service, line.tier, draft.service_type, teacher.tier) is not Fit.NO


def _arrange(desk: Desk, session: Session) -> None:
    """Make a session stand, once somebody is in it."""
    teacher = session.teacher
    assert teacher is not None  # noqa: S101 - an arranged session begins with one
    desk.world.session_ids.pop(0)
    desk.world.sessions[session.id] = session
    teacher.take(session)
    desk.outgoing.arranged.append(
        {
            "id": session.id,
            "organization_id": session.organization_id,
            "teacher_id": teacher.id,
            "service_type": session.service.value,
            "start_at": session.start_at,
            "end_at": session.end_at,
            "capacity": session.capacity,
            "arranged": True,
            "created_at": desk.at,
        }
    )

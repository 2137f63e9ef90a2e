"""A session moved by the studio: it keeps its bookings, and what paid for them lasts until then (PRODUCT.md §4.10)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import datetime, timedelta

from sqlalchemy.orm import Session as Transaction

from db.bulk import update
from db.models import Booking, PaymentType
from db.transaction import Rows, fetch
from domain.booking.outgoing import Outgoing, Row
from domain.booking.rows import write
from domain.booking.shape import written
from domain.booking.standing import EXTENDED, MOVED_AT, MOVED_FROM, Standing
from domain.booking.state import Session, Student
from domain.booking.students import complete
from domain.calendar import teacher
from domain.calendar.class_session import START_TWICE, TEACHER_TWICE, check_arranged, make_room
from domain.calendar.shape import shown_session
from domain.constraint import told
from domain.errors import InvalidField, SessionCancelled, SessionStarted, TeacherUnavailable, TimeConflict, TooLate
from domain.family import Result
from domain.purchase.holder import refresh_flags
from domain.studio.command import Move
from domain.studio.extension import to_cover
from domain.studio.gathering import Gathering, Overtaken, hold_session, hold_students
from domain.waitlist.calling import call_for

MAIL, EVENT = "session.moved", "booking.moved"
STUDENT_TWICE = "ex_bookings_student"
# Packages are made to last until then: a slip in the year would give them away.
FURTHEST = timedelta(days=366)
# Enough to begin with; there may be hundreds.
MOST_NAMED = 20

PLAN = "SELECT group_class_id, teacher_id FROM class_sessions WHERE id = %(id)s"
HOLD_CLASS = "SELECT FROM group_classes WHERE id = %(id)s FOR NO KEY UPDATE"

SESSION = """
UPDATE class_sessions SET start_at = %(start_at)s, end_at = %(end_at)s, capacity = %(capacity)s,
       teacher_id = %(teacher_id)s
 WHERE id = %(id)s
"""
DAYS = """
UPDATE all_access_daily_usages u SET usage_date = new.day, slot = new.slot
  FROM unnest(%(bookings)s::bigint[], %(days)s::date[], %(slots)s::smallint[]) AS new (id, day, slot)
 WHERE u.booking_id = new.id AND u.freed_at IS NULL
"""


def move(transaction: Transaction, command: Move, *, at: datetime) -> Result:
    """Give a session another time; at the time that it has already, nobody is told.

    Raises:
        SessionCancelled, SessionStarted: it cannot be moved any more.
        TimeConflict: somebody who is booked would be in two places.
        TeacherUnavailable: its teacher would be.
        InvalidField: the new time is over, the class has a session then, or more places are taken than it would have.

    """
    students = hold_students(transaction, command.session_id)
    plan = _hold_plan(transaction, command)
    gathered = hold_session(transaction, command, students)
    if plan != fetch(transaction, PLAN, id=command.session_id):
        raise Overtaken
    old, new = gathered.session, _wanted(gathered.session, command)
    _check(old, new, command, at)
    check_arranged(command.values, is_arranged=old.is_arranged)
    outgoing, bookings = Outgoing(), list[Row]()
    if (new.start_at, new.end_at) != (old.start_at, old.end_at):
        bookings = _keep(transaction, gathered, new, outgoing, at=at)
    with told(transaction, _refusals()):
        _write(transaction, new, bookings, command.values.get("teacher_id", plan[0]["teacher_id"]))
    write(transaction, outgoing, at=at)
    if outgoing.validities:
        refresh_flags(transaction, gathered.students, at=at)
    call_for(transaction, [new.id], at=at)
    return shown_session(transaction, command.organization_id, new.id) | {"movedBookings": len(bookings)}


def _hold_plan(transaction: Transaction, command: Move) -> Rows:
    """Lock the teacher whom the session will have, and its class: who plans with them waits."""
    plan = fetch(transaction, PLAN, id=command.session_id)
    for row in plan:
        teacher_id = command.values.get("teacher_id", row["teacher_id"])
        if teacher_id is not None:
            held = teacher.held(transaction, command.organization_id, teacher_id)
            if "teacher_id" in command.values and not held.active:
                raise InvalidField("teacherId", "Choose a teacher who is active.")
        fetch(transaction, HOLD_CLASS, id=row["group_class_id"])
    return plan


def _wanted(session: Session, command: Move) -> Session:
    start_at = command.start_at or session.start_at
    minutes = command.minutes or session.minutes
    capacity = command.values.get("capacity") or session.capacity
    return replace(session, start_at=start_at, end_at=start_at + timedelta(minutes=minutes), capacity=capacity)


def _check(old: Session, new: Session, command: Move, at: datetime) -> None:
    if not old.is_scheduled:
        raise SessionCancelled(f"{old.name} was called off: make a new session.")
    if old.start_at <= at:
        if command.accepted_at < old.start_at:
            raise TooLate("The session began before the command did.")
        raise SessionStarted(f"{old.name} has begun: it stays where it is.")
    if not at < new.start_at <= old.start_at + FURTHEST:
        raise InvalidField("startAt", f"Name a time that is still ahead, and later by {FURTHEST.days} days at most.")


def _keep(
    transaction: Transaction, gathered: Gathering, new: Session, outgoing: Outgoing, *, at: datetime
) -> list[Row]:
    """Take all bookings along and tell them; return what changes about each.

    Raises:
        TimeConflict: somebody is in another session then.

    """
    named = [each.student_package_id for each in gathered.bookings if each.student_package_id]
    complete(transaction, gathered.students, [(each.student_id, new) for each in gathered.hosts], named=named, at=at)
    _check_free(gathered, new)
    days = dict(_new_days(gathered, new))
    values = {"days": [day for day, _ in days.values()], "slots": [slot for _, slot in days.values()]}
    fetch(transaction, DAYS, bookings=list(days), **values)
    rows = []
    for each in gathered.bookings:
        student = gathered.students[each.student_id]
        until = _covered(outgoing, student, each, new) if each.guest_of is None else None
        note: Row = {MOVED_FROM: written(gathered.session.start_at)} | each.metadata | {MOVED_AT: written(at)}
        note |= {EXTENDED: written(until)} if until else {}
        changes = {"id": each.id, "start_at": new.start_at, "end_at": new.end_at, "metadata": note}
        outgoing.tell(student, EVENT, asdict(each) | changes, mail=MAIL, at=at)
        rows.append(changes)
    return rows


def _check_free(gathered: Gathering, new: Session) -> None:
    busy = sorted(
        span.booking_id
        for student in gathered.students.values()
        for span in student.spans.values()
        if span.session_id != new.id and span.start_at < new.end_at and new.start_at < span.end_at
    )
    if busy:
        named = ", ".join(map(str, busy[:MOST_NAMED])) + (" and others" if len(busy) > MOST_NAMED else "")
        raise TimeConflict(f"Students of this session are elsewhere then, with the bookings {named}: cancel one each.")


def _new_days(gathered: Gathering, new: Session) -> Iterator[tuple[int, tuple[str, int]]]:
    """Yield of bookings that a pass pays the new local day and slot; where it is not free, the old one stays used."""
    for each in gathered.hosts:
        student = gathered.students[each.student_id]
        package = student.packages.get(each.student_package_id or 0)
        if each.payment_type is not PaymentType.ALL_ACCESS or package is None or package.all_access is None:
            continue
        day, window = student.day(new.start_at), package.all_access
        used = student.days.get(day, {})
        free = [slot for slot in range(1, window.daily_limit + 1) if slot not in used.values()]
        is_inside = window.starts_at <= new.start_at < window.ends_at
        if is_inside and each.id not in used and len(used) < window.daily_limit:
            yield each.id, (day.isoformat(), free[0])


def _covered(outgoing: Outgoing, student: Student, booking: Standing, new: Session) -> datetime | None:
    """Have the package that paid with its credits last until its sessions; return its new end, if that is later."""
    package = student.packages.get(booking.student_package_id or 0)
    if booking.payment_type not in {PaymentType.CREDIT, PaymentType.COURSE} or package is None:
        return None
    if package.begins_with_use:
        package.starts.remove(booking.start_at)  # type: ignore[arg-type] # a booking that takes place has one
        package.starts.append(new.start_at)
        outgoing.date(student, package)
        return to_cover(outgoing, student, package, max(package.starts))
    return to_cover(outgoing, student, package, new.start_at)


def _write(transaction: Transaction, new: Session, bookings: list[Row], teacher_id: int | None) -> None:
    if crowded := make_room(transaction, {new.id: new.capacity}):
        raise InvalidField("capacity", f"Choose at least {crowded[new.id]}: so many places are taken.")
    values = {"start_at": new.start_at, "end_at": new.end_at, "capacity": new.capacity, "teacher_id": teacher_id}
    fetch(transaction, SESSION, id=new.id, **values)
    update(transaction, Booking, bookings)


def _refusals() -> dict[str, TeacherUnavailable | InvalidField | TimeConflict]:
    """Return what the database refuses, as what the rules do."""
    return {
        TEACHER_TWICE: TeacherUnavailable("The teacher has another session then: choose another teacher or time."),
        START_TWICE: InvalidField("startAt", "Choose another time: the class has a session that starts then."),
        STUDENT_TWICE: TimeConflict("A student of this session is in another one then: choose another time."),
    }

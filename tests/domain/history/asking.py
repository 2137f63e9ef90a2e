"""A command of the model as the job that asks for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.domain.history.command import Command
from tests.domain.history.courses import UNKNOWN, Selection
from tests.refunding import Till
from tests.timetable import Timetable

KINDS = {
    "book": "booking.book",
    "change": "booking.change",
    "cancel": "booking.cancel",
    "schedule": "booking.schedule",
    "join": "waitlist.join",
    "leave": "waitlist.leave",
    "adjust": "package.adjust",
    "attend": "session.attend",
    "call_off": "session.cancel",
    "move": "session.move",
    "book_step": "course.book-step",
    "change_step": "course.change-step",
    "cancel_step": "course.cancel-step",
    "book_steps": "course.book-steps",
    "assign": "enrollment.assign-cohort",
    "reopen": "enrollment.reopen-step",
    "refund": "order.refund",
}


def store(timetable: Timetable, command: Command, org: str) -> int:
    """Store a command as the gateway does; return its job."""
    if command.kind == "redeem":
        return _redeem(timetable, command, org)
    if command.kind == "refund":
        return _refund(timetable, command)
    said = SAYING[command.kind](timetable, command)
    if command.kind in {"attend", "call_off", "move"}:
        assert command.session
        return timetable.ask_of_session(KINDS[command.kind], command.session.id, **said)
    (job,) = timetable.ask_all(KINDS[command.kind], [(command.student, said)], org=org)
    return job


def _redeem(timetable: Timetable, command: Command, org: str) -> int:
    if command.by_student:
        return timetable.ask("package.redeem", command.student, org=org, couponCode=command.coupon)
    said: dict[str, Any] = {"couponCode": command.coupon} if command.coupon else {}
    said |= {"packageId": timetable.product(command.product, org)} if command.product else {}
    return timetable.ask_to_redeem(command.student, org=org, **said)


def _refund(timetable: Timetable, command: Command) -> int:
    assert command.package
    # A line beyond the last one is none of the order's.
    lines = [*timetable.lines(command.package.id), 0]
    named = [{"allowanceId": lines[line], "credits": command.lines[line]} for line in command.lines]
    said = {"sessions": command.sessions, "lines": named}
    return Till(timetable).ask(command.package.id, **{name: value for name, value in said.items() if value})


def _booking(_: Timetable, command: Command) -> dict[str, Any]:
    said: dict[str, Any] = {
        "sessionId": command.session.id if command.session else None,
        "bookingId": command.number or None,
        "seatId": command.seat,
        "paymentType": command.payment,
        "packageId": command.package.id if command.package else None,
        "confirmHigherTier": command.confirmed,
        "acceptForfeit": command.forfeit,
        "override": command.override,
        "startTime": command.start.isoformat() if command.start else None,
        "teacherId": command.teacher.id if command.teacher else None,
        "autoBookUntil": command.until.isoformat() if command.until else None,
    }
    if command.friend:
        seat = {"seatId": command.friend_seat} if command.friend_seat else {}
        said["friend"] = {"name": "Grace", "email": "grace@example.com"} | seat
    return {name: value for name, value in said.items() if value is not None}


def _adjust(timetable: Timetable, command: Command) -> dict[str, Any]:
    assert command.package
    # A line beyond the last one is none of the package's.
    line = [*timetable.lines(command.package.id), 0][command.line]
    said = {"packageId": command.package.id, "allowanceId": line, "credits": command.credits}
    return said | {"reason": "a mistake"}


def _attend(_: Timetable, command: Command) -> dict[str, Any]:
    return {"marks": [{"bookingId": number, "status": mark} for number, mark in command.marks.items()]}


def _move(_: Timetable, command: Command) -> dict[str, Any]:
    said = {
        "startAt": command.start.isoformat() if command.start else None,
        "minutes": command.minutes,
        "capacity": command.capacity,
    }
    return {name: value for name, value in said.items() if value is not None}


def _call_off(_: Timetable, _command: Command) -> dict[str, Any]:
    return {"reason": "the studio is flooded"}


def _of_steps(timetable: Timetable, command: Command) -> dict[str, Any]:
    selections = [_selection(each) for each in command.selections]
    package = command.enrollment.package.id if command.enrollment else UNKNOWN
    if command.kind == "book_steps":
        return {"packageId": package, "selections": selections}
    return {"packageId": package} | _booking(timetable, command) | selections[0]


def _of_enrollment(_: Timetable, command: Command) -> dict[str, Any]:
    said: dict[str, Any] = {"enrollmentId": command.enrollment.number if command.enrollment else UNKNOWN}
    said |= _selection(command.selections[0]) if command.selections else {}
    said |= {"cohortId": command.cohort.number} if command.cohort else {}
    return said | {"reason": "was ill"}


def _selection(selection: Selection) -> dict[str, Any]:
    named = {"sessionId": selection.session.id} if selection.session else {}
    option = {"courseStepOptionId": selection.option.number} if selection.option else {}
    return {"courseStepId": selection.step.number} | option | named


SAYING: dict[str, Callable[[Timetable, Command], dict[str, Any]]] = dict.fromkeys(
    ("book", "change", "cancel", "schedule", "join", "leave"), _booking
)
SAYING |= {"adjust": _adjust, "attend": _attend, "move": _move, "call_off": _call_off}
SAYING |= dict.fromkeys(("book_step", "change_step", "cancel_step", "book_steps"), _of_steps)
SAYING |= dict.fromkeys(("assign", "reopen"), _of_enrollment)

"""What a student or their studio asks for, as it stands in a job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from db.models import PaymentType
from domain.booking.order import Head, Order, Said, Terms, instant, terms
from domain.enrollment.step_command import STAFF_READERS, STEP_READERS, StepCommand

BOOK, CHANGE, CANCEL, SCHEDULE = "booking.book", "booking.change", "booking.cancel", "booking.schedule"
JOIN, LEAVE = "waitlist.join", "waitlist.leave"
ADJUST = "package.adjust"


@dataclass(frozen=True, slots=True)
class Wish:
    """How a session is to be paid for; what is not named is chosen.

    `confirmed` allows credits of a higher tier, and private ones for a group. `reason` says why it is FREE.
    """

    payment: PaymentType | None = None
    package_id: int | None = None
    confirmed: bool = False
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Friend:
    """The guest whom a friend pass pays for."""

    name: str
    email: str
    seat_id: int | None = None


@dataclass(frozen=True, slots=True)
class Book(Order):
    """A place in a session, and perhaps one for a friend."""

    session_id: int
    seat_id: int | None
    wish: Wish
    friend: Friend | None


@dataclass(frozen=True, slots=True)
class Change(Order):
    """Another session, or another seat, in the place of a booking."""

    booking_id: int
    session_id: int | None
    seat_id: int | None
    wish: Wish
    terms: Terms


@dataclass(frozen=True, slots=True)
class Cancel(Order):
    """A booking given up."""

    booking_id: int
    terms: Terms


@dataclass(frozen=True, slots=True)
class Schedule(Order):
    """A draft given its time: a session's, or `start_at` with a teacher, of several the first who can."""

    booking_id: int
    session_id: int | None
    start_at: datetime | None
    teacher_id: int | None


@dataclass(frozen=True, slots=True)
class Join(Order):
    """A place in line for a full session, to be booked until `auto_book_until` at the latest."""

    session_id: int
    auto_book_until: datetime | None


@dataclass(frozen=True, slots=True)
class Leave(Order):
    """A place in line given up."""

    session_id: int


@dataclass(frozen=True, slots=True)
class Adjust(Order):
    """A correction of the ledger by the studio: `credits` above zero are given, below zero taken."""

    package_id: int
    allowance_id: int
    credits: int
    reason: str
    actor: str


Command = Book | Change | Cancel | Schedule | Join | Leave | Adjust | StepCommand


def read(job: Mapping[str, Any]) -> Command:
    """Return a job's command; its request was checked field by field before it was accepted."""
    head = (job["id"], job["student_id"], job["received_at"], job["due_at"])
    if by_staff := BY_STAFF.get(job["kind"]):
        return by_staff(head, job["request"], job["caller"])
    return READERS[job["kind"]](head, job["request"])


def _book(head: Head, said: Said) -> Book:
    return Book(*head, said["sessionId"], said.get("seatId"), _wish(said), _friend(said))


def _change(head: Head, said: Said) -> Change:
    names = (said["bookingId"], said.get("sessionId"), said.get("seatId"))
    return Change(*head, *names, _wish(said), terms(said))


def _cancel(head: Head, said: Said) -> Cancel:
    return Cancel(*head, said["bookingId"], terms(said))


def _schedule(head: Head, said: Said) -> Schedule:
    start_at = instant(said.get("startTime"))
    return Schedule(*head, said["bookingId"], said.get("sessionId"), start_at, said.get("teacherId"))


def _join(head: Head, said: Said) -> Join:
    return Join(*head, said["sessionId"], instant(said.get("autoBookUntil")))


def _leave(head: Head, said: Said) -> Leave:
    return Leave(*head, said["sessionId"])


def _adjust(head: Head, said: Said, caller: str) -> Adjust:
    return Adjust(*head, said["packageId"], said["allowanceId"], said["credits"], said["reason"], caller)


READERS: Mapping[str, Callable[[Head, Said], Command]] = {
    BOOK: _book,
    CHANGE: _change,
    CANCEL: _cancel,
    SCHEDULE: _schedule,
    JOIN: _join,
    LEAVE: _leave,
    **STEP_READERS,
}
# What staff do, of whom it is kept who did.
BY_STAFF: Mapping[str, Callable[[Head, Said, str], Command]] = {ADJUST: _adjust, **STAFF_READERS}
KINDS = (*READERS, *BY_STAFF)


def _wish(said: Mapping[str, Any]) -> Wish:
    payment = said.get("paymentType")
    return Wish(
        PaymentType(payment) if payment else None,
        said.get("packageId"),
        said.get("confirmHigherTier", False),
        said.get("reason"),
    )


def _friend(said: Mapping[str, Any]) -> Friend | None:
    friend = said.get("friend")
    return Friend(friend["name"], friend["email"], friend.get("seatId")) if friend else None

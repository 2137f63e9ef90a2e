"""What a student or their studio asks for, as it stands in a job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from db.models import PaymentType

BOOK, CHANGE, CANCEL = KINDS = ("booking.book", "booking.change", "booking.cancel")


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
class Terms:
    """On what terms a booking is given up: `override` is the studio's, and has its reason."""

    accept_forfeit: bool = False
    override: bool = False
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """What every command has: its job, its student, and since when it could have been begun."""

    job_id: int
    student_id: int
    accepted_at: datetime
    due_at: datetime


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


Command = Book | Change | Cancel


def read(job: Mapping[str, Any]) -> Command:
    """Return a job's command; its request was checked field by field before it was accepted."""
    said: dict[str, Any] = job["request"]
    order = (job["id"], job["student_id"], job["received_at"], job["due_at"])
    if job["kind"] == BOOK:
        return Book(*order, said["sessionId"], said.get("seatId"), _wish(said), _friend(said))
    if job["kind"] == CHANGE:
        names = (said["bookingId"], said.get("sessionId"), said.get("seatId"))
        return Change(*order, *names, _wish(said), _terms(said))
    return Cancel(*order, said["bookingId"], _terms(said))


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


def _terms(said: Mapping[str, Any]) -> Terms:
    return Terms(said.get("acceptForfeit", False), said.get("override", False), said.get("reason"))

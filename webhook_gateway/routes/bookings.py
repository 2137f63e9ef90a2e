"""Booking, changing and cancelling: commands, each a job."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_openapi3.models.tag import Tag

from domain.booking.command import BOOK, CANCEL, CHANGE, SCHEDULE
from webhook_gateway import caller
from webhook_gateway.command import Command, perform
from webhook_gateway.job_store import Subject
from webhook_gateway.problem import FieldError, Problem
from webhook_gateway.routes.group import command_group
from webhook_gateway.schema.base import Input
from webhook_gateway.schema.booking import (
    Accepted,
    Booked,
    BookingPath,
    BookRequest,
    Cancelled,
    CancelRequest,
    ChangeRequest,
    ScheduleRequest,
)
from webhook_gateway.schema.command import document
from webhook_gateway.token import Role

BOOKINGS = Tag(
    name="Bookings",
    description="Commands: each is stored as a job and done once. Students act for themselves, staff for anybody.",
)
ANYBODY = None

bookings = command_group("bookings", BOOKINGS, "/api/bookings")


@bookings.post("", responses={201: Booked, 202: Accepted})
def book(body: BookRequest) -> Response:
    """Book a place in a session, and one for a friend if there is one."""
    return perform(Command(BOOK, _said(body), _whose(body)))


@bookings.post("/<id:booking_id>/change", responses={200: Booked, 202: Accepted})
def change_booking(path: BookingPath, body: ChangeRequest) -> Response:
    """Change a booking to another session or seat: cancelled and booked in one step, or not at all."""
    if body.session_id is None and body.seat_id is None:
        raise _lacking("sessionId", "Name another session, or a seat in `seatId`")
    return perform(Command(CHANGE, _about(path, body), _holder(body), (Subject.BOOKING, path.booking_id)))


@bookings.post("/<id:booking_id>/schedule", responses={200: Booked, 202: Accepted})
def schedule_draft(path: BookingPath, body: ScheduleRequest) -> Response:
    """Give a draft its time: a session's, or for a private one a start at which a teacher can."""
    if (body.session_id is None) == (body.start_time is None):
        raise _lacking("startTime", "Name a start in `startTime`, or a session in `sessionId`, not both")
    if body.session_id is not None and body.teacher_id is not None:
        raise _lacking("teacherId", "Leave it out with `sessionId`: a session has its teacher")
    claims = caller.claims()
    holder = claims.sub if claims.role is Role.STUDENT else ANYBODY
    return perform(Command(SCHEDULE, _about(path, body), holder, (Subject.BOOKING, path.booking_id)))


@bookings.delete("/<id:booking_id>", responses={200: Cancelled, 202: Accepted})
def cancel_booking(path: BookingPath, body: CancelRequest) -> Response:
    """Cancel a booking."""
    return perform(Command(CANCEL, _about(path, body), _holder(body), (Subject.BOOKING, path.booking_id)))


def _whose(body: BookRequest) -> str:
    """Return the student who gets the place: the caller, or whom staff name."""
    claims = caller.claims()
    if claims.role is not Role.STUDENT:
        if body.student_id is None:
            raise _lacking("studentId", "Say whose place it is")
        _check_reason(body, body.payment_type == "FREE")
        return body.student_id
    if body.student_id not in {None, claims.sub} or body.payment_type == "FREE" or body.reason is not None:
        raise Problem("forbidden", "Leave out `studentId`, `reason` and the payment type FREE: those are for staff.")
    return claims.sub


def _holder(body: ChangeRequest | CancelRequest) -> str | None:
    """Return the student whose booking it must be: the caller, or for staff anybody of the organization."""
    claims = caller.claims()
    is_exception = bool(body.override) or (isinstance(body, ChangeRequest) and body.payment_type == "FREE")
    if claims.role is not Role.STUDENT:
        _check_reason(body, is_exception)
        return ANYBODY
    if is_exception:
        raise Problem("forbidden", "Leave out `override` and the payment type FREE: those are for staff.")
    return claims.sub


def _check_reason(body: BookRequest | ChangeRequest | CancelRequest, is_needed: bool) -> None:  # noqa: FBT001
    if is_needed and body.reason is None:
        raise _lacking("reason", "Say why: it stays with the booking")


def _lacking(field: str, advice: str) -> Problem:
    return Problem("validation_failed", f"{advice}.", errors=[FieldError(f"#/{field}", advice)])


def _said(body: Input) -> dict[str, Any]:
    return body.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"student_id"})


def _about(path: BookingPath, body: Input) -> dict[str, Any]:
    return {"bookingId": path.booking_id} | _said(body)


document(bookings)

"""Where in a session somebody comes to sit: a place for each, and in a seated session a seat."""

from __future__ import annotations

from domain.booking.state import Seat, Session
from domain.errors import InvalidCommand, SeatTaken, SessionFull

# Of the host and of the guest; None where one sits anywhere, or nobody comes along.
Seating = tuple[Seat | None, Seat | None]


def find_seats(
    session: Session, seat_id: int | None, guest_seat_id: int | None, *, guest: bool, promised: int = 0
) -> Seating:
    """Return a seat each for a host and a guest: the one that is named, else the cheapest free one.

    So many places are `promised` to others, who wait.

    Raises:
        SessionFull: there is no room for both.
        SeatTaken: somebody sits there, or both want the same one.
        InvalidCommand: the session has no such seat.

    """
    party = 1 + guest
    if session.room - promised < party:
        raise SessionFull(_full(session, party, promised))
    host_seat = _named(session, seat_id)
    guest_seat = _named(session, guest_seat_id)
    if host_seat is not None and host_seat == guest_seat:
        raise SeatTaken("You and your friend cannot sit on the same seat: name two.")
    free = [seat for seat in session.free_seats if seat not in {host_seat, guest_seat}]
    if session.seats and host_seat is None:
        host_seat = free.pop(0)
    if session.seats and guest and guest_seat is None:
        guest_seat = free.pop(0)
    return host_seat, guest_seat


def _named(session: Session, seat_id: int | None) -> Seat | None:
    if seat_id is None:
        return None
    seat = next((seat for seat in session.seats if seat.id == seat_id), None)
    if seat is None:
        raise InvalidCommand(f"The session has no seat {seat_id}: GET /api/calendar shows its seats.")
    if seat.id in session.sat:
        raise SeatTaken(f"Seat {seat.label} is taken: choose another, or name none to get the cheapest free one.")
    return seat


def _full(session: Session, party: int, promised: int) -> str:
    free = session.room - promised
    if free <= 0:
        taken = "is full" if session.room <= 0 else "has free places for those who wait only"
        line = ", or join its waitlist" if session.has_waitlist else ""
        return f"{session.name} {taken}: choose another session{line}."
    return f"{session.name} has {free} place(s) left, and {party} are needed: choose another session."

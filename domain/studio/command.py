"""What staff ask of a whole session, as it stands in a job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from db.models import BookingStatus

ATTEND, CALL_OFF, MOVE = "session.attend", "session.cancel", "session.move"

# What a mark says, and what it makes of a booking.
MARKS: Mapping[str, BookingStatus] = {"ATTENDED": BookingStatus.COMPLETED, "NO_SHOW": BookingStatus.NO_SHOW}


@dataclass(frozen=True, slots=True)
class SessionOrder:
    """What every command has: its job, whose session it is, and since when it could have been begun."""

    job_id: int
    organization_id: int
    accepted_at: datetime
    due_at: datetime
    session_id: int


@dataclass(frozen=True, slots=True)
class Attend(SessionOrder):
    """Who came and who did not: pairs of a booking and what it becomes, in the order in which they were named."""

    marks: tuple[tuple[int, BookingStatus], ...]


@dataclass(frozen=True, slots=True)
class CallOff(SessionOrder):
    """A session that does not take place; the reason is told to everybody."""

    reason: str | None


@dataclass(frozen=True, slots=True)
class Move(SessionOrder):
    """Another time for a session; None is as it was. `values` are the columns besides: its capacity, its teacher."""

    start_at: datetime | None
    minutes: int | None
    values: Mapping[str, int | None]


SessionCommand = Attend | CallOff | Move
Head = tuple[int, int, datetime, datetime, int]
Said = Mapping[str, Any]


def read(job: Mapping[str, Any]) -> SessionCommand:
    """Return a job's command; its request was checked field by field before it was accepted."""
    said: Said = job["request"]
    head = (job["id"], job["organization_id"], job["received_at"], job["due_at"], said["sessionId"])
    return READERS[job["kind"]](head, said)


def _attend(head: Head, said: Said) -> Attend:
    return Attend(*head, tuple((each["bookingId"], MARKS[each["status"]]) for each in said["marks"]))


def _call_off(head: Head, said: Said) -> CallOff:
    return CallOff(*head, said.get("reason"))


def _move(head: Head, said: Said) -> Move:
    names = {"capacity": "capacity", "teacherId": "teacher_id"}
    values = {column: said[name] for name, column in names.items() if name in said}
    start_at = datetime.fromisoformat(said["startAt"]).astimezone(UTC) if "startAt" in said else None
    return Move(*head, start_at, said.get("minutes"), values)


READERS: Mapping[str, Callable[[Head, Said], SessionCommand]] = {ATTEND: _attend, CALL_OFF: _call_off, MOVE: _move}
KINDS = tuple(READERS)

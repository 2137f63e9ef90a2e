"""The desk at which one command is decided: what stands, what will be written, and the time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from domain.booking.outgoing import Outgoing
from domain.booking.shape import shown
from domain.booking.standing import Standing
from domain.booking.state import Package, Session, Student, World
from domain.errors import Refusal
from domain.family import Result


@dataclass(frozen=True, slots=True)
class Desk:
    """One command's view of a batch: its student among all that stands, and its instant."""

    world: World
    outgoing: Outgoing
    student_id: int
    at: datetime

    @property
    def student(self) -> Student:
        """Whose command it is."""
        return self.world.students[self.student_id]

    def new_id(self) -> int:
        """Return the number of a booking that is about to be made."""
        return self.world.ids.pop(0)

    def package_of(self, booking: Standing) -> Package | None:
        """Return the package that paid for a booking."""
        return self.student.packages.get(booking.student_package_id or 0)

    def use(self, allowance_id: int, credits: int, booking_id: int, *, why: tuple[str, str] | None = None) -> None:  # noqa: A002 - the field's word
        """Write a line of the ledger: positive credits are spent, negative ones come back; `why` is what staff said."""
        owner = self.student.organization_id
        self.outgoing.use(owner, allowance_id, credits, booking_id, why=why or (None, None), at=self.at)

    def tell(self, what: str, booking: Mapping[str, Any]) -> None:
        """Tell the student, and other systems, of a change to a booking."""
        self.outgoing.tell(self.student, what, booking, at=self.at)

    def answer(self, what: str, rows: Sequence[Mapping[str, Any]]) -> Result:
        """Tell of bookings, the host's first; return the answer to their command: theirs, and their guest's."""
        for row in rows:
            self.tell(what, row)
        return {name: shown(row) for name, row in zip(("booking", "guestBooking"), rows, strict=False)}

    @contextmanager
    def all_or_nothing(self, old: Standing | None = None) -> Iterator[None]:
        """Undo in memory what was begun, with a booking if there is one, if the rest of it is refused."""
        world = self.world
        before = deepcopy((self.student, old, world.guests.get(old.id) if old else None, world.ids))
        taken = {key: _taken(each) for key, each in world.sessions.items()}
        undone = set(world.undone)
        busy = [(teacher, list(teacher.busy)) for teachers in world.teachers.values() for teacher in teachers]
        written = self.outgoing.copy()
        try:
            yield
        except Refusal:
            world.students[self.student_id], standing, guest, world.ids = before
            if standing:
                world.bookings[standing.id] = standing
            if guest and standing:
                world.guests[standing.id] = world.bookings[guest.id] = guest
            for key, said in taken.items():
                for name, value in said.items():
                    setattr(world.sessions[key], name, value)
            world.undone = undone
            for teacher, times in busy:
                teacher.busy = times
            self.outgoing.restore(written)
            raise


def _taken(session: Session) -> dict[str, Any]:
    """Return what becomes of a session while commands are decided, to come back to."""
    return {
        "places": set(session.places),
        "sat": set(session.sat),
        "is_scheduled": session.is_scheduled,
        "line": [replace(entry) for entry in session.line],
    }

"""What a batch will write, collected while its commands are decided."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any
from uuid import uuid4

from db.models import UseKind
from domain.booking.shape import told
from domain.booking.state import Package, Student
from domain.validity import end_of_days

Row = dict[str, Any]


@dataclass(slots=True)
class Outgoing:
    """All that a batch writes. What gives a place back is written before what takes one."""

    drafts: list[Row] = field(default_factory=list)
    released: dict[int, Row] = field(default_factory=dict)
    taken: dict[int, Row] = field(default_factory=dict)
    booked: list[Row] = field(default_factory=list)
    uses: list[Row] = field(default_factory=list)
    freed_days: list[int] = field(default_factory=list)
    days: list[Row] = field(default_factory=list)
    notifications: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)
    sequences: dict[int, int] = field(default_factory=dict)
    validities: dict[int, Row] = field(default_factory=dict)

    def copy(self) -> Outgoing:
        """Return what there is by now, to come back to."""
        return replace(self, **{each.name: copy(getattr(self, each.name)) for each in fields(self)})

    def restore(self, before: Outgoing) -> None:
        """Come back to what there was."""
        for each in fields(self):
            setattr(self, each.name, getattr(before, each.name))

    def release(self, row: Row) -> None:
        """Change a booking that gives its place back."""
        self.taken.pop(row["id"], None)
        made_here = [number for number, new in enumerate(self.booked) if new["id"] == row["id"]]
        if made_here:
            self.booked[made_here[0]] = row
        else:
            self.released[row["id"]] = row

    def take(self, row: Row) -> None:
        """Change a booking that takes a place: a draft that got its time."""
        self.taken[row["id"]] = row

    def use(self, organization_id: int, allowance_id: int, credits: int, booking_id: int, *, at: datetime) -> None:  # noqa: A002 - the columns of a line
        """Add a line of the ledger: positive credits are spent, negative ones come back."""
        kind = UseKind.SPEND if credits > 0 else UseKind.RETURN
        self.uses.append(
            {
                "organization_id": organization_id,
                "allowance_id": allowance_id,
                "kind": kind.value,
                "credits": credits,
                "booking_id": booking_id,
                "created_at": at,
            }
        )

    def tell(self, student: Student, what: str, booking: Mapping[str, Any], *, at: datetime) -> None:
        """Add the mail and the domain event of a change to a booking."""
        student.sequence += 1
        self.sequences[student.id] = student.sequence
        owner = {"organization_id": student.organization_id, "student_id": student.id}
        leaving = {"due_at": at, "created_at": at}
        mail = {"kind": what, "dedupe_key": f"booking:{booking['id']}:{student.sequence}", "booking_id": booking["id"]}
        self.notifications.append(owner | mail | leaving | {"message_id": str(uuid4())})
        event = {"type": what, "subject": f"booking/{booking['id']}", "sequence": student.sequence}
        data = told(booking, student.external_id)
        self.events.append(owner | event | leaving | {"data": data, "message_id": str(uuid4())})

    def date(self, student: Student, package: Package) -> None:
        """Give a package whose days begin with its first session the dates that follow from its sessions."""
        if not package.begins_with_use:
            return
        first = min(package.starts, default=None)
        package.starts_at = first
        package.expires_at = end_of_days(first, package.days, student.zone.key) if first else None
        self.validities[package.id] = {
            "id": package.id,
            "starts_at": package.starts_at,
            "expires_at": package.expires_at,
        }

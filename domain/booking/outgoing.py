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
    # Sessions made for one student, and those that nobody comes to any more.
    arranged: list[Row] = field(default_factory=list)
    ended: set[int] = field(default_factory=set)
    # Sessions in which a place came free while somebody waits.
    freed: set[int] = field(default_factory=set)
    joined: dict[int, Row] = field(default_factory=dict)
    entries: dict[int, Row] = field(default_factory=dict)
    # Bookings of which only the metadata changed.
    noted: dict[int, Row] = field(default_factory=dict)
    # Steps of courses, and enrollments, that changed.
    steps: dict[int, Row] = field(default_factory=dict)
    enrollments: dict[int, Row] = field(default_factory=dict)
    # Bookings of promotions that were given back, with their sessions; and those that became another in the same one.
    undone: list[tuple[int, int]] = field(default_factory=list)
    reseated: dict[int, int] = field(default_factory=dict)

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

    def use(  # noqa: PLR0913 - the columns of a line
        self,
        organization_id: int,
        allowance_id: int,
        credits: int,  # noqa: A002 - the columns of a line
        booking_id: int,
        *,
        why: tuple[str | None, str | None] = (None, None),
        at: datetime,
    ) -> None:
        """Add a line of the ledger: positive credits are spent, negative ones come back; `why` is what staff said."""
        kind, (reason, actor) = UseKind.SPEND if credits > 0 else UseKind.RETURN, why
        self.uses.append(
            {
                "organization_id": organization_id,
                "allowance_id": allowance_id,
                "kind": kind.value,
                "credits": credits,
                "booking_id": booking_id,
                "reason": reason,
                "actor": actor,
                "created_at": at,
            }
        )

    def adjust(
        self,
        student: Student,
        allowance_id: int,
        credits: int,  # noqa: A002 - the columns of a line
        why: tuple[str, str],
        *,
        at: datetime,
    ) -> None:
        """Add a line that staff write: credits with the sign of the ledger, and their reason and who gave it."""
        reason, actor = why
        line = {"organization_id": student.organization_id, "allowance_id": allowance_id, "credits": credits}
        # In the columns of every other line: they are written with them, in their order.
        about = {"kind": UseKind.ADJUST.value, "booking_id": None, "reason": reason, "actor": actor}
        self.uses.append(line | about | {"created_at": at})

    def tell(
        self, student: Student, what: str, booking: Mapping[str, Any], *, mail: str | None = None, at: datetime
    ) -> None:
        """Add the mail and the domain event of a change to a booking; the mail may be of a kind of its own."""
        self.note(student, what, booking, at=at)
        kind, key = mail or what, numbered(f"booking:{booking['id']}", student)
        self.mail(student, kind, key, booking_id=booking["id"], at=at)

    def note(self, student: Student, what: str, booking: Mapping[str, Any], *, at: datetime) -> None:
        """Add the domain event of a change to a booking, of which its student gets no mail."""
        self.publish(student, what, f"booking/{booking['id']}", told(booking, student.external_id), at=at)

    def publish(self, student: Student, what: str, subject: str, data: Mapping[str, Any], *, at: datetime) -> Row:
        """Add a domain event about something of a student's; return its data, to which more may be added."""
        student.sequence += 1
        self.sequences[student.id] = student.sequence
        said = dict(data)
        event = {"type": what, "subject": subject, "sequence": student.sequence, "data": said}
        self.events.append(_leaving(student, at) | event)
        return said

    def mail(  # noqa: PLR0913 - what a mail tells of
        self,
        student: Student,
        kind: str,
        dedupe_key: str,
        *,
        booking_id: int | None = None,
        waitlist_entry_id: int | None = None,
        student_package_id: int | None = None,
        at: datetime,
    ) -> None:
        """Add a mail; the same key is told once."""
        about = {"booking_id": booking_id, "waitlist_entry_id": waitlist_entry_id}
        about |= {"student_package_id": student_package_id}
        self.notifications.append(_leaving(student, at) | {"kind": kind, "dedupe_key": dedupe_key} | about)

    def date(self, student: Student, package: Package) -> None:
        """Give a package whose days begin with its first session the dates that follow from its sessions."""
        if not package.begins_with_use:
            return
        first = min(package.starts, default=None)
        package.starts_at = first
        package.expires_at = package.end_from(first, student.zone) if first else None
        self.keep(package)

    def keep(self, package: Package) -> None:
        """Write the dates that a package has now."""
        self.validities[package.id] = {
            "id": package.id,
            "starts_at": package.starts_at,
            "expires_at": package.expires_at,
            "extended_until": package.extended_until,
            "all_access_expires_at": package.all_access.ends_at if package.all_access else None,
        }


def numbered(about: str, student: Student) -> str:
    """Return the key of a mail about a change, by the number of its event, which is that student's own."""
    return f"{about}:{student.sequence}:s{student.id}"


def _leaving(student: Student, at: datetime) -> Row:
    """Return what every row of an outbox begins with."""
    owner = {"organization_id": student.organization_id, "student_id": student.id}
    return owner | {"due_at": at, "created_at": at, "message_id": str(uuid4())}

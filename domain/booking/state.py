"""What stands when a batch is decided: students with what they hold, sessions with who is in them.

Deciding a command changes it, so that the next command of the batch meets what the one before it did.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from db.models import BookingStatus, BookingType, PaymentType, ServiceType
from domain.holding.package import PackageStatus


@dataclass(frozen=True, slots=True)
class Seat:
    """A seat that may be sat on, and what it costs."""

    id: int
    label: str
    credit_cost: int


@dataclass(slots=True)
class Session:
    """A session; `seats` the cheapest first, empty where one sits anywhere. `places` and `sat` are taken."""

    id: int
    organization_id: int
    name: str
    service: ServiceType
    tier: int
    is_scheduled: bool
    is_workshop: bool
    start_at: datetime
    end_at: datetime
    capacity: int
    seats: tuple[Seat, ...]
    places: set[int] = field(default_factory=set)
    sat: set[int] = field(default_factory=set)
    # Of each booking in it, its place when it was read.
    held: dict[int, int] = field(default_factory=dict)

    @property
    def minutes(self) -> int:
        """How long it takes."""
        return int((self.end_at - self.start_at) / timedelta(minutes=1))

    @property
    def free_seats(self) -> list[Seat]:
        """The seats that nobody sits on, the cheapest first."""
        return [seat for seat in self.seats if seat.id not in self.sat]

    @property
    def room(self) -> int:
        """How many more can come."""
        free = self.capacity - len(self.places)
        return min(free, len(self.free_seats)) if self.seats else free

    def next_place(self) -> int:
        """Return a place that is free; behind all that are taken, unless somebody left one."""
        following = len(self.places) + 1
        if following not in self.places:
            return following
        return next(place for place in range(1, self.capacity + 1) if place not in self.places)


@dataclass(slots=True)
class Line:
    """One allowance with what is left of it; `drafts` are the bookings that wait for a time, one per credit."""

    id: int
    service: ServiceType
    tier: int
    unit_minutes: int
    remaining: int
    drafts: list[int]


@dataclass(frozen=True, slots=True)
class Pass:
    """An All-Access pass: which services, how many sessions a day, for which [starts, ends)."""

    starts_at: datetime
    ends_at: datetime
    services: frozenset[str]
    daily_limit: int


@dataclass(slots=True)
class Package:
    """A package that may pay. `starts` are those of the active sessions booked with it, if its days begin there."""

    id: int
    order_id: int
    name: str
    status: PackageStatus
    purchased_at: datetime
    days: int
    begins_with_use: bool
    starts_at: datetime | None
    expires_at: datetime | None
    all_access: Pass | None
    friend_until: datetime | None
    lines: list[Line]
    starts: list[datetime]
    friend_came: bool = False
    friends_asked: int = 0

    def line(self, allowance_id: int) -> Line | None:
        """Return the line of an allowance."""
        return next((line for line in self.lines if line.id == allowance_id), None)


@dataclass(frozen=True, slots=True)
class Span:
    """When and where a student is busy."""

    booking_id: int
    session_id: int
    start_at: datetime
    end_at: datetime


@dataclass(slots=True)
class Student:
    """A student: packages in the order in which they pay, busy spans, and All-Access slots used by local day."""

    id: int
    organization_id: int
    external_id: str | None
    zone: ZoneInfo
    window: timedelta
    sequence: int
    packages: dict[int, Package] = field(default_factory=dict)
    spans: dict[int, Span] = field(default_factory=dict)
    days: dict[date, dict[int, int]] = field(default_factory=dict)

    def day(self, instant: datetime) -> date:
        """Return the local calendar day of an instant: however many hours it has, it is one."""
        return instant.astimezone(self.zone).date()


# In a booking's metadata: when the late booking was made that it replaced.
MADE_AT = "undoFrom"


@dataclass(slots=True)
class Standing:
    """A booking that stands, as it was read."""

    id: int
    student_id: int
    session_id: int | None
    place: int | None
    seat_id: int | None
    guest_of: int | None
    guest_name: str | None
    guest_email: str | None
    order_id: int | None
    student_package_id: int | None
    allowance_id: int | None
    status: BookingStatus
    booking_type: BookingType
    payment_type: PaymentType
    credits_used: int
    service_type: ServiceType
    minutes: int
    teacher_tier: int | None
    start_at: datetime | None
    end_at: datetime | None
    metadata: dict[str, object]
    created_at: datetime

    @property
    def made_at(self) -> datetime:
        """When it was made, or the late booking that it replaced."""
        noted = self.metadata.get(MADE_AT)
        return datetime.fromisoformat(str(noted)) if noted else self.created_at

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Standing:
        """Return what a row of the bookings says."""
        kinds: dict[str, Any] = {
            "status": BookingStatus(row["status"]),
            "booking_type": BookingType(row["booking_type"]),
            "payment_type": PaymentType(row["payment_type"]),
            "service_type": ServiceType(row["service_type"]),
        }
        return cls(**{each.name: row[each.name] for each in fields(cls)} | kinds)


@dataclass(slots=True)
class World:
    """All that a batch is about; `ids` are numbers kept for new bookings."""

    students: dict[int, Student]
    sessions: dict[int, Session]
    bookings: dict[int, Standing]
    guests: dict[int, Standing]
    ids: list[int]

"""A calendar as a document: teachers, classes with their seats, and sessions."""

from __future__ import annotations

from datetime import time
from typing import Annotated

from pydantic import Field, model_validator

from db.models import ServiceType
from domain.calendar.group_class import SeatLine
from domain.calendar.teacher import Hours
from domain.catalog.fields import (
    Capacity,
    Clock,
    Code,
    CreditCost,
    Day,
    Label,
    Minutes,
    Moment,
    Name,
    Part,
    Tier,
    Weekday,
    differ,
)

MAX_HOURS = 200
MAX_SEATS = 100


class HoursEntry(Part):
    """When a teacher can be booked, in local time: on a weekday (1 is Monday), on several, or on one date.

    What is said of a date replaces the weekday's hours; a date without hours is a day off.
    """

    weekday: Weekday | None = None
    weekdays: Annotated[tuple[Weekday, ...], Field(min_length=1, max_length=7)] | None = None
    on_date: Day | None = None
    opens: Clock | None = None
    closes: Clock | None = None

    @model_validator(mode="after")
    def _one_day(self) -> HoursEntry:
        if sum(day is not None for day in (self.weekday, self.weekdays, self.on_date)) != 1:
            raise ValueError("name one of weekday, weekdays and on_date")
        return self

    def hours(self) -> list[Hours]:
        """Return them, one for each day."""
        opens, closes = (time.fromisoformat(told) if told else None for told in (self.opens, self.closes))
        return [Hours(day, self.on_date, opens, closes) for day in self.weekdays or (self.weekday,)]


class TeacherEntry(Part):
    """A teacher; `tier` 0 is the standard."""

    code: Code
    name: Name
    tier: Tier = 0
    active: bool = True
    availability: tuple[HoursEntry, ...] = Field(default=(), max_length=MAX_HOURS)

    def hours(self) -> list[Hours]:
        """Return all of the availability, one for each day that is named."""
        return [hours for entry in self.availability for hours in entry.hours()]


class SeatEntry(Part):
    """A bike or a mat; one that is not active is out of order."""

    label: Label
    credit_cost: CreditCost = 1
    active: bool = True


class ClassEntry(Part):
    """A class: what its sessions have in common, unless they say otherwise."""

    code: Code
    name: Name
    service_type: ServiceType
    is_workshop: bool = False
    capacity: Capacity
    minutes: Minutes
    teacher: Code | None = None
    active: bool = True
    seats: tuple[SeatEntry, ...] = Field(default=(), max_length=MAX_SEATS)

    @model_validator(mode="after")
    def _labels_differ(self) -> ClassEntry:
        differ("seats with the same label", (seat.label for seat in self.seats))
        return self

    def lines(self) -> list[SeatLine]:
        """Return the seats in their order."""
        return [SeatLine(seat.label, seat.credit_cost, seat.active) for seat in self.seats]


class SessionEntry(Part):
    """A session of a class; a time without an offset is the organization's local time."""

    group_class: Code = Field(alias="class")
    start: Moment
    minutes: Minutes | None = None
    end: Moment | None = None
    capacity: Capacity | None = None
    teacher: Code | None = None

    @model_validator(mode="after")
    def _one_end(self) -> SessionEntry:
        if self.minutes is not None and self.end is not None:
            raise ValueError("name minutes or end, not both")
        return self

"""Recurring classes and their seats."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from db.models import ServiceType
from domain.calendar.entries import MAX_SEATS
from domain.calendar.group_class import SeatLine
from domain.catalog.fields import Capacity, Code, CreditCost, Label, Minutes, Name
from webhook_gateway.path import MAX_ID
from webhook_gateway.schema.base import Input, Output, Page
from webhook_gateway.schema.booking import Flag, Id
from webhook_gateway.schema.change import Change, kept

SEATS = "All of them; one that is left out is out of order, and back when it is named again"


class SeatInput(Input):
    """A bike or a mat; its label names it within the class."""

    label: Label
    credit_cost: CreditCost = 1
    active: Flag = True

    def line(self) -> SeatLine:
        """Return it as the rules know it."""
        return SeatLine(self.label, self.credit_cost, self.active)


class ClassRequest(Input):
    """A new class."""

    code: Code = Field(description="Names the class in catalog files; it stays")
    name: Name
    service_type: ServiceType
    is_workshop: Flag = False
    capacity: Capacity
    minutes: Minutes
    teacher_id: Id | None = None
    active: Flag = True
    seats: list[SeatInput] = Field(default=[], max_length=MAX_SEATS, description=SEATS)


class ClassChange(Change):
    """What is to be different; what is left out stays. Sessions that exist keep what they have."""

    name: Name = kept()
    service_type: ServiceType = kept()
    is_workshop: Flag = kept()
    capacity: Capacity = kept()
    minutes: Minutes = kept()
    teacher_id: Id | None = Field(default=None, description="Null is nobody")
    active: Flag = kept()
    seats: Annotated[list[SeatInput], Field(max_length=MAX_SEATS)] = kept(SEATS)


class ClassPath(Input):
    """Which class."""

    class_id: int = Field(ge=1, le=MAX_ID, alias="class_id")


class Seat(Output):
    """A seat; one that is not active is out of order."""

    seat_id: int = Field(validation_alias="id")
    label: str
    credit_cost: int
    active: bool


class GroupClass(Output):
    """A class: what its new sessions have in common, unless they say otherwise."""

    id: int
    code: str
    name: str
    service_type: ServiceType
    is_workshop: bool
    capacity: int
    minutes: int
    teacher_id: int | None
    active: bool
    seats: list[Seat]


class ClassPage(Page[GroupClass]):
    """A page of classes."""

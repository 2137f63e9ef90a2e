"""Teachers, and when they can be booked."""

from __future__ import annotations

from datetime import date, time
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from domain.calendar.entries import MAX_HOURS
from domain.calendar.teacher import Hours
from domain.catalog.fields import Clock, Code, Name, Tier, Weekday
from webhook_gateway.path import MAX_ID
from webhook_gateway.schema.base import Input, Output, Page, optional
from webhook_gateway.schema.booking import Flag
from webhook_gateway.schema.change import Change, kept


def _as_told(value: Any) -> Any:  # noqa: ANN401 - whatever the row holds
    return value.strftime("%H:%M") if isinstance(value, time) else value


def _as_written(value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    if not isinstance(value, str):
        raise ValueError("Write it as 2026-12-31")  # noqa: TRY004 - pydantic tells a ValueError with its field
    return date.fromisoformat(value)


LocalTime = Annotated[str, BeforeValidator(_as_told)]
DayOf = Annotated[date, BeforeValidator(_as_written)]


class HoursInput(Input):
    """Local hours of a weekday or of one date; what is said of a date replaces the weekday's hours."""

    weekday: Weekday | None = Field(default=None, description="1 is Monday")
    on_date: DayOf | None = Field(default=None, description="A date without hours is a day off")
    opens: Clock | None = Field(default=None, description="Local time, as in 08:00")
    closes: Clock | None = None

    def hours(self) -> Hours:
        """Return them as the rules know them."""
        opens, closes = (time.fromisoformat(told) if told else None for told in (self.opens, self.closes))
        return Hours(self.weekday, self.on_date, opens, closes)


class TeacherRequest(Input):
    """A new teacher."""

    code: Code = Field(description="Names the teacher in catalog files; it stays")
    name: Name
    tier: Tier = Field(default=0, description="0 is the standard")
    active: Flag = True
    availability: list[HoursInput] = Field(default=[], max_length=MAX_HOURS)


class TeacherChange(Change):
    """What is to be different; what is left out stays. `availability` is replaced whole."""

    name: Name = kept()
    tier: Tier = kept()
    active: Flag = kept()
    availability: Annotated[list[HoursInput], Field(max_length=MAX_HOURS)] = kept()


class TeacherPath(Input):
    """Which teacher."""

    teacher_id: int = Field(ge=1, le=MAX_ID, alias="teacher_id")


class HoursShown(Output):
    """Local hours of a weekday or of one date."""

    weekday: int | None = optional("1 is Monday")
    on_date: date | None = optional("A date without hours is a day off")
    opens: LocalTime | None = optional()
    closes: LocalTime | None = optional()


class Teacher(Output):
    """A teacher."""

    id: int
    code: str
    name: str
    tier: int
    active: bool
    availability: list[HoursShown]


class TeacherPage(Page[Teacher]):
    """A page of teachers."""

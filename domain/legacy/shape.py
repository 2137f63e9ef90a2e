"""The rows of old records: what each column may hold. Instants are in UTC once they are read."""

from __future__ import annotations

import re
from datetime import datetime, time
from enum import StrEnum
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationInfo

from db.models import CREDIT_UNITS, ServiceType, StepStatus
from db.models.base import MAX_TEXT
from domain.catalog.fields import MAX_CREDITS, MAX_PRICE, PLAIN, YEARS, Code, Currency, Name
from domain.localtime import instant
from domain.validity import end_of_days

WHOLE = re.compile(r"[0-9]{1,15}", re.ASCII)
DAY = r"\d{4}-\d\d-\d\d"
MOMENT = re.compile(rf"{DAY}([T ]\d\d:\d\d(:\d\d(\.\d{{1,6}})?)?(Z|[+-]\d\d(:?\d\d)?)?)?", re.ASCII)
# What the validators of a row are told: the organization's time zone.
ZONE = "timezone"


class OldStatus(StrEnum):
    """How far a booking got."""

    DRAFT = "draft"
    CONFIRMED = "confirmed"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


def _whole(value: object) -> int:
    if isinstance(value, str) and WHOLE.fullmatch(value.strip()):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError("write a whole number")


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise ValueError("write a text or a whole number")


def _unit(minutes: int) -> int:
    if minutes not in CREDIT_UNITS:
        raise ValueError(f"write {', '.join(map(str, CREDIT_UNITS))}: the minutes that a credit pays for")
    return minutes


def _moment(value: object, said: ValidationInfo) -> datetime:
    """Read an instant; without an offset it is the organization's local time, without a time the day's beginning."""
    if not isinstance(value, str) or not MOMENT.fullmatch(value.strip()):
        raise ValueError("write 2026-12-01T18:30, with an offset (Z, +03:00) where it is not local time")
    moment = datetime.fromisoformat(value.strip())
    if moment.year not in YEARS:
        raise ValueError(f"the year {moment.year} is not between {YEARS.start} and {YEARS.stop - 1}")
    return instant(moment, _zone(said))


def _end(value: object, said: ValidationInfo) -> datetime:
    """Read the end of a validity: through the local day that it names or falls on, unless it is a day's beginning."""
    moment = _moment(value, said)
    local = moment.astimezone(ZoneInfo(_zone(said)))
    names_midnight = local.time() == time.min and re.fullmatch(DAY, str(value).strip()) is None
    return moment if names_midnight else end_of_days(moment, 0, _zone(said))


def _zone(said: ValidationInfo) -> str:
    context: dict[str, Any] = said.context or {}
    return str(context[ZONE])


Whole = Annotated[int, BeforeValidator(_whole)]
Money = Annotated[Whole, Field(ge=0, le=MAX_PRICE)]
LegacyId = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=128, pattern=PLAIN), BeforeValidator(_text)
]
ExternalId = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255, pattern=PLAIN), BeforeValidator(_text)
]
Address = Annotated[str, StringConstraints(strip_whitespace=True, max_length=254, pattern=r"^[^\s@]+@[^\s@]+$")]
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=MAX_TEXT, pattern=PLAIN)]
Moment = Annotated[datetime, BeforeValidator(_moment)]
End = Annotated[datetime, BeforeValidator(_end)]
Unit = Annotated[Whole, AfterValidator(_unit)]


class Row(BaseModel):
    """One old record; a column that it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    legacy_id: LegacyId


class StudentRow(Row):
    """A student; one without an `external_id` is known by their address."""

    external_id: ExternalId | None = None
    email: Address | None = None
    name: Name | None = None
    created_at: Moment | None = None


class PackageRow(Row):
    """A package of one service. What is not said of its credits, the product says; `price_paid` in minor units."""

    student_id: LegacyId
    product_code: Code
    name: Name | None = None
    service_type: ServiceType | None = None
    teacher_tier: Annotated[Whole, Field(ge=0, le=1_000)] | None = None
    credit_unit_minutes: Unit | None = None
    total_sessions: Annotated[Whole, Field(gt=0, le=MAX_CREDITS)]
    remaining_sessions: Annotated[Whole, Field(ge=0, le=MAX_CREDITS)]
    purchased_at: Moment
    expires_at: End | None = None
    price_paid: Money | None = None
    currency: Currency | None = None


class BookingRow(Row):
    """A parent booking, which was the purchase of a package, or one of its sessions."""

    parent_id: LegacyId | None = None
    is_package_purchase: bool
    student_id: LegacyId
    product_code: Code | None = None
    price_cents: Money | None = None
    currency: Currency | None = None
    service: Text | None = None
    status: OldStatus
    start_time: Moment | None = None
    created_at: Moment
    expires_at: End | None = None
    class_code: Code | None = Field(default=None, alias="class")


class ProgressRow(Row):
    """How far a student was with a step of a course."""

    student_id: LegacyId
    course_code: Code
    cohort_code: Code | None = None
    package_legacy_id: LegacyId | None = None
    step_label: Name
    status: StepStatus
    class_code: Code | None = None
    booked_at: Moment | None = None
    completed_at: Moment | None = None


STUDENTS, PACKAGES, BOOKINGS, PROGRESS = "students", "packages", "bookings", "course_progress"
# By the name of its file, in the order in which they are taken over.
ROWS: dict[str, type[Row]] = {
    STUDENTS: StudentRow,
    PACKAGES: PackageRow,
    BOOKINGS: BookingRow,
    PROGRESS: ProgressRow,
}


def columns(kind: str) -> tuple[str, ...]:
    """Return the columns of a file, by the names that stand in it."""
    return tuple(field.alias or name for name, field in ROWS[kind].model_fields.items())


def required(kind: str) -> tuple[str, ...]:
    """Return the columns that a file must have."""
    return tuple(field.alias or name for name, field in ROWS[kind].model_fields.items() if field.is_required())

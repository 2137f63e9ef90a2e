"""What the fields of a catalog's document may hold."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from db.models import CREDIT_UNITS
from db.models.base import MAX_TEXT
from db.models.class_session import MAX_CAPACITY, MAX_MINUTES

# Ten years: longer than anybody sells a package for, shorter than what a date can hold.
MAX_DAYS = 3_660
MAX_CREDITS = 10_000
MAX_PRICES = 100
MAX_PRICE = 999_999_999_999
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:00)?(Z|[+-]\d\d:\d\d)?", re.ASCII)
# No control characters, none of the separators that some readers take for one, and nothing that turns the direction
# in which the rest is read.
PLAIN = r"^[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]*$"
# A year outside is a slip of the pen, and its instants may be beyond what a date can hold.
YEARS = range(2000, 2200)


class Part(BaseModel):
    """A part of the document; what it does not know it refuses."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def differ(what: str, names: Iterable[str]) -> None:
    """Refuse names that are there twice."""
    if repeated := sorted(name for name, count in Counter(names).items() if count > 1):
        raise ValueError(f"{what}: {', '.join(repeated)}")


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is not an IANA time zone, such as Europe/Istanbul") from error
    return name


def _moment(value: object) -> datetime:
    """Read what stands in the document, or what YAML made of it."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) and MOMENT.fullmatch(value) else value
    if not isinstance(moment, datetime) or moment.second or moment.microsecond:
        raise ValueError("write it to the minute: 2026-12-01T18:30, or with an offset where it is not local time")
    if moment.year not in YEARS:
        raise ValueError(f"the year {moment.year} is not between {YEARS.start} and {YEARS.stop - 1}")
    return moment


def _unit(minutes: int) -> int:
    if minutes not in CREDIT_UNITS:
        raise ValueError(f"Name the minutes that a credit pays for: {', '.join(map(str, CREDIT_UNITS))}")
    return minutes


def _day(value: object) -> date:
    day = date.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(day, date) or isinstance(day, datetime):
        raise ValueError("write it as 2026-12-31")  # noqa: TRY004 - pydantic tells a ValueError with its field
    return day


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TEXT, pattern=PLAIN)]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Zone = Annotated[str, AfterValidator(_zone)]
# An address and nothing else: the name beside it is the organization's.
Sender = Annotated[str, StringConstraints(max_length=254, pattern=r"^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+$")]
Money = Annotated[int, Field(ge=0, le=MAX_PRICE, strict=True)]
Days = Annotated[int, Field(gt=0, le=MAX_DAYS, strict=True)]
Minutes = Annotated[int, Field(gt=0, le=MAX_MINUTES, strict=True)]
Tier = Annotated[int, Field(ge=0, le=1_000, strict=True)]
Credits = Annotated[int, Field(gt=0, le=MAX_CREDITS, strict=True)]
Unit = Annotated[int, AfterValidator(_unit)]
Prices = Annotated[tuple[Name, ...], Field(max_length=MAX_PRICES)]
Capacity = Annotated[int, Field(gt=0, le=MAX_CAPACITY, strict=True)]
CreditCost = Annotated[int, Field(gt=0, le=100, strict=True)]
Label = Annotated[str, StringConstraints(min_length=1, max_length=32, pattern=r"^[^\x00-\x1f]+$")]
Weekday = Annotated[int, Field(ge=1, le=7, strict=True)]
# Text, since YAML reads 20:00 without quotes as the number 1200.
Clock = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Day = Annotated[date, BeforeValidator(_day)]
Moment = Annotated[datetime, BeforeValidator(_moment)]

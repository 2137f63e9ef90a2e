"""A time as callers write it: with a zone, to the minute."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator

from domain.catalog.fields import YEARS


def _as_written(value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    if not isinstance(value, str):
        raise ValueError("Write it with a zone, as in 2026-12-01T18:30:00Z")  # noqa: TRY004 - told with its field
    return value


def _to_the_minute(moment: datetime) -> datetime:
    if moment.second or moment.microsecond or moment.year not in YEARS:
        raise ValueError(f"Name a whole minute between the years {YEARS.start} and {YEARS.stop - 1}")
    return moment


Minute = Annotated[AwareDatetime, BeforeValidator(_as_written), AfterValidator(_to_the_minute)]

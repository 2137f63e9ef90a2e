"""Lists in parts: a part begins behind the row that the part before it ended with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Select, tuple_
from sqlalchemy.orm import InstrumentedAttribute

S = TypeVar("S", bound=Select[Any])


@dataclass(frozen=True, slots=True)
class Part:
    """At most `limit` rows, behind the row `after`; None is the beginning."""

    limit: int
    after: int | None = None


@dataclass(frozen=True, slots=True)
class TimedPart:
    """At most `limit` rows, behind the row of this time and id; None is the beginning."""

    limit: int
    after: tuple[datetime, int] | None = None


def newest_first(statement: S, key: InstrumentedAttribute[int], part: Part) -> S:
    """Return the statement for one part of a list, newest row first."""
    bounded = statement if part.after is None else statement.where(key < part.after)
    return bounded.order_by(key.desc()).limit(part.limit)


def oldest_first(statement: S, key: InstrumentedAttribute[int], part: Part) -> S:
    """Return the statement for one part of a list, oldest row first."""
    bounded = statement if part.after is None else statement.where(key > part.after)
    return bounded.order_by(key).limit(part.limit)


def earliest_first(
    statement: S, moment: InstrumentedAttribute[datetime], key: InstrumentedAttribute[int], part: TimedPart
) -> S:
    """Return the statement for one part of a list in the order of time, and of ids where times are the same."""
    bounded = statement if part.after is None else statement.where(tuple_(moment, key) > part.after)
    return bounded.order_by(moment, key).limit(part.limit)

"""Lists in parts: a part begins behind the id that the part before it ended with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Select
from sqlalchemy.orm import InstrumentedAttribute

S = TypeVar("S", bound=Select[Any])


@dataclass(frozen=True, slots=True)
class Part:
    """At most `limit` rows, behind the row `after`; None is the beginning."""

    limit: int
    after: int | None = None


def newest_first(statement: S, key: InstrumentedAttribute[int], part: Part) -> S:
    """Return the statement for one part of a list, newest row first."""
    bounded = statement if part.after is None else statement.where(key < part.after)
    return bounded.order_by(key.desc()).limit(part.limit)


def oldest_first(statement: S, key: InstrumentedAttribute[int], part: Part) -> S:
    """Return the statement for one part of a list, oldest row first."""
    bounded = statement if part.after is None else statement.where(key > part.after)
    return bounded.order_by(key).limit(part.limit)

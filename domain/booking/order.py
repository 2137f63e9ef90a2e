"""What every command of a student has in common, whatever it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

# What every order has, and what its kind says besides.
Head = tuple[int, int, datetime, datetime]
Said = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms a booking is given up: `override` is the studio's, and has its reason."""

    accept_forfeit: bool = False
    override: bool = False
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """What every command has: its job, its student, and since when it could have been begun."""

    job_id: int
    student_id: int
    accepted_at: datetime
    due_at: datetime


def terms(said: Said) -> Terms:
    """Read on what terms a booking is given up."""
    return Terms(said.get("acceptForfeit", False), said.get("override", False), said.get("reason"))


def instant(said: str | None) -> datetime | None:
    """Read an instant, in UTC."""
    return datetime.fromisoformat(said).astimezone(UTC) if said else None

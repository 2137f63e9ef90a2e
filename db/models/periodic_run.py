"""What the clock and the queue have begun: periods of scheduled tasks, and drains."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Double, PrimaryKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, not_negative


class PeriodicRun(Base):
    """One period of one scheduled task; the primary key gives it to one of any number of workers."""

    __tablename__ = "periodic_runs"
    __table_args__ = (PrimaryKeyConstraint("task", "period_start"),)

    task: Mapped[str]
    period_start: Mapped[datetime]
    claimed_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class Drain(Base):
    """When an inbox was last begun to be drained: what is overdue since then was left by it.

    The sums are of the drains that ended, whichever worker's: each adds its own once, so that they
    only grow. `seconds` is the time that drains took, side by side ones each their own.
    """

    __tablename__ = "drains"
    __table_args__ = (not_negative("batches"), not_negative("rows"), not_negative("seconds"))

    inbox: Mapped[str] = mapped_column(primary_key=True)
    started_at: Mapped[datetime]
    batches: Mapped[int] = mapped_column(server_default="0")
    rows: Mapped[int] = mapped_column(server_default="0")
    seconds: Mapped[float] = mapped_column(Double, server_default="0")


class ClockMark(Base):
    """How far a scheduled task has looked: what came due before then need not be looked for again."""

    __tablename__ = "clock_marks"

    task: Mapped[str] = mapped_column(primary_key=True)
    done_through: Mapped[datetime]

"""What the clock and the queue have begun: periods of scheduled tasks, and drains."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import PrimaryKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base


class PeriodicRun(Base):
    """One period of one scheduled task; the primary key gives it to one of any number of workers."""

    __tablename__ = "periodic_runs"
    __table_args__ = (PrimaryKeyConstraint("task", "period_start"),)

    task: Mapped[str]
    period_start: Mapped[datetime]
    claimed_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class Drain(Base):
    """When an inbox was last begun to be drained: what is overdue since then was left by it."""

    __tablename__ = "drains"

    inbox: Mapped[str] = mapped_column(primary_key=True)
    started_at: Mapped[datetime]

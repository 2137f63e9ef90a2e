"""What became of commands: one by its id, or an organization's list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, select, true
from sqlalchemy.orm import Session

from db.models import Job, JobStatus, Student
from domain.listing import Part, newest_first


@dataclass(frozen=True, slots=True)
class JobView:
    """A command and its outcome; `student_id` is the frontend's own name for the student."""

    id: int
    student_id: str | None
    kind: str
    status: JobStatus
    result: dict[str, Any] | None
    problem: dict[str, Any] | None
    attempts: int
    last_error: str | None
    accepted_at: datetime
    finished_at: datetime | None

    @property
    def is_finished(self) -> bool:
        """Whether it has an outcome."""
        return self.finished_at is not None


def find(session: Session, job_id: int, *, organization_id: int | None, student_id: int | None) -> JobView | None:
    """Return a job, if it may be seen.

    Args:
        session: A transaction that reads.
        job_id: Which one.
        organization_id: Only of this organization; None for the platform's admins.
        student_id: Only of this student; None for staff.

    """
    mine = true() if student_id is None else Job.student_id == student_id
    row = session.execute(_jobs().where(Job.id == job_id, _of(organization_id), mine)).mappings().one_or_none()
    return JobView(**row) if row else None


def jobs(
    session: Session,
    organization_id: int | None,
    part: Part,
    *,
    status: JobStatus | None = None,
    kind: str | None = None,
) -> list[JobView]:
    """Return an organization's jobs, newest first; all organizations' for None, the platform's admins."""
    wanted = _jobs().where(_of(organization_id))
    if status is not None:
        wanted = wanted.where(Job.status == status)
    if kind is not None:
        wanted = wanted.where(Job.kind == kind)
    return [JobView(**row) for row in session.execute(newest_first(wanted, Job.id, part)).mappings()]


def _of(organization_id: int | None) -> ColumnElement[bool]:
    return true() if organization_id is None else Job.organization_id == organization_id


def _jobs() -> Select[Any]:
    return select(
        Job.id,
        Student.external_id.label("student_id"),
        Job.kind,
        Job.status,
        Job.result,
        Job.problem,
        Job.attempts,
        Job.last_error,
        Job.received_at.label("accepted_at"),
        Job.finished_at,
    ).outerjoin(Student, Student.id == Job.student_id)

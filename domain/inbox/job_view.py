"""What became of commands: one by its id, or an organization's list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select, true
from sqlalchemy.orm import Session

from db.models import Job, JobStatus, Organization, Student
from domain.listing import Part, newest_first


@dataclass(frozen=True, slots=True)
class JobView:
    """A command and its outcome; `organization` is a slug, `student_id` the frontend's own name for the student."""

    id: int
    organization: str
    student_id: str | None
    kind: str
    status: JobStatus
    result: dict[str, Any] | None
    problem: dict[str, Any] | None
    attempts: int
    due_at: datetime
    error_code: str | None
    last_error: str | None
    accepted_at: datetime
    finished_at: datetime | None

    @property
    def next_attempt_at(self) -> datetime | None:
        """When it is due; None once it is under way or finished."""
        return self.due_at if self.status is JobStatus.QUEUED else None

    @property
    def is_finished(self) -> bool:
        """Whether it has an outcome."""
        return self.finished_at is not None


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs a list shows; `code` is why they are not done, such as `failed`."""

    status: JobStatus | None = None
    kind: str | None = None
    code: str | None = None


def visible(organization_id: int | None) -> ColumnElement[bool]:
    """Return which jobs an organization's staff may see; None is the platform's admins, who see all."""
    return true() if organization_id is None else Job.organization_id == organization_id


def matching(wanted: JobFilter) -> ColumnElement[bool]:
    """Return which jobs a filter means."""
    return and_(
        true() if wanted.status is None else Job.status == wanted.status,
        true() if wanted.kind is None else Job.kind == wanted.kind,
        true() if wanted.code is None else Job.error_code == wanted.code,
    )


def find(session: Session, job_id: int, *, organization_id: int | None, student_id: int | None) -> JobView | None:
    """Return a job, if it may be seen.

    Args:
        session: A transaction that reads.
        job_id: Which one.
        organization_id: Only of this organization; None for the platform's admins.
        student_id: Only of this student, or of one merged into them; None for staff.

    """
    mine = true() if student_id is None else or_(Job.student_id == student_id, Student.merged_into == student_id)
    row = session.execute(_jobs().where(Job.id == job_id, visible(organization_id), mine)).mappings().one_or_none()
    return JobView(**row) if row else None


def jobs(session: Session, organization_id: int | None, wanted: JobFilter, part: Part) -> list[JobView]:
    """Return jobs, newest first."""
    conditions = (visible(organization_id), matching(wanted))
    return [
        JobView(**row) for row in session.execute(newest_first(_jobs().where(*conditions), Job.id, part)).mappings()
    ]


def _jobs() -> Select[Any]:
    return (
        select(
            Job.id,
            Organization.slug.label("organization"),
            Student.external_id.label("student_id"),
            Job.kind,
            Job.status,
            Job.result,
            Job.problem,
            Job.attempts,
            Job.due_at,
            Job.error_code,
            Job.last_error,
            Job.received_at.label("accepted_at"),
            Job.finished_at,
        )
        .join(Organization, Organization.id == Job.organization_id)
        .outerjoin(Student, Student.id == Job.student_id)
    )

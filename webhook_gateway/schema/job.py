"""Jobs: accepted commands and their outcome."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from db.models import JobStatus
from webhook_gateway.path import MAX_ID
from webhook_gateway.preference import MAX_WAIT_S
from webhook_gateway.schema.base import Input, Output, Page, PageQuery
from webhook_gateway.schema.problem import Problem


class JobPath(Input):
    """Which job."""

    job_id: int = Field(ge=1, le=MAX_ID, alias="job_id")


class JobQuery(Input):
    """How long to wait for the outcome."""

    wait: int = Field(default=0, ge=0, le=MAX_WAIT_S, description="Seconds to wait for the outcome")


class AdminJobQuery(PageQuery):
    """Which jobs."""

    status: JobStatus | None = None
    kind: str | None = Field(default=None, max_length=100)


class Job(Output):
    """A command; `result` or `problem` is what it ended in."""

    id: int
    kind: str
    status: JobStatus
    result: dict[str, Any] | None
    problem: Problem | None
    attempts: int
    accepted_at: datetime
    finished_at: datetime | None


class AdminJob(Job):
    """A command as staff see it."""

    student_id: str | None = Field(description="The frontend's own id of the student")
    error_code: str | None = Field(description="`failed` and `worker_lost` are faults of ours")
    last_error: str | None


class AdminJobPage(Page[AdminJob]):
    """A page of jobs."""

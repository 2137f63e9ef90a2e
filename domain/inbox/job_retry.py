"""Run commands again that failed by a fault of ours, because a person says so.

What the rules refused is final: its caller was told so, and may have done something else since.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, null, select, update
from sqlalchemy.orm import Session

from db.models import Job, JobStatus
from domain.inbox.again import due_again
from domain.inbox.job_view import JobFilter, matching, visible

# The codes that a drain gives to what failed by a fault of ours; every other one is of the rules.
OURS = ("failed", "worker_lost")
# What the caller was told; a job that failed with neither is not known to be our fault.
CODE = func.coalesce(Job.problem["code"].astext, Job.error_code, "no code")


def retry(session: Session, job_ids: Sequence[int], organization_id: int | None, *, at: datetime) -> dict[int, str]:
    """Make those of some jobs due at once that failed by a fault of ours, if they may be seen.

    The last error stays to be read until the job succeeds. Returns why each of the others was left
    alone, as what can be said behind its id; empty is all of them made due.
    """
    named = Job.id.in_(job_ids) & visible(organization_id)
    due = set(_make_due(session, named, at=at))
    others = select(Job.id, Job.status, CODE).where(named, Job.id.not_in(due))
    reasons = {row: _reason(status, code) for row, status, code in session.execute(others)}
    return {each: reasons.get(each, "does not exist") for each in sorted({*job_ids} - due)}


def retry_all(
    session: Session, wanted: JobFilter, organization_id: int | None, *, at: datetime
) -> tuple[int, Mapping[str, int]]:
    """Make every job due that failed by a fault of ours, that a filter means and that may be seen.

    Returns how many there were, and how many more the filter means that the rules refused, by code.
    """
    meant = matching(wanted) & visible(organization_id)
    final = select(CODE, func.count()).where(meant, Job.status == JobStatus.FAILED, ~_ours()).group_by(CODE)
    refused = dict(session.execute(final.order_by(CODE)).tuples().all())
    return len(_make_due(session, meant, at=at)), refused


def _ours() -> ColumnElement[bool]:
    return func.coalesce(Job.error_code, "").in_(OURS)


def _make_due(session: Session, chosen: ColumnElement[bool], *, at: datetime) -> list[int]:
    """Forget the outcome of the chosen jobs that failed by a fault of ours, so that they may have another."""
    # SQL's NULL: None would be written as JSON's, which is a value.
    outcome: dict[str, Any] = {"status": JobStatus.QUEUED, "problem": null()}
    again = update(Job).where(chosen, Job.status == JobStatus.FAILED, _ours()).values(outcome | due_again(at))
    return list(session.scalars(again.returning(Job.id)))


def _reason(status: JobStatus, code: str) -> str:
    """Return why a job that was not made due may not be."""
    if status is JobStatus.FAILED:
        return f"ended in {code}: the rules said no, which is final"
    if status is JobStatus.SUCCEEDED:
        return "succeeded: a second time would be another command"
    return f"is {status.value}: it has no outcome yet"

"""Commands: what became of them."""

from __future__ import annotations

import time

from flask import Response
from flask_openapi3.models.tag import Tag

from db.transaction import reading
from domain import job_view
from domain.job_view import JobFilter, JobView
from webhook_gateway import caller, paging
from webhook_gateway.gateway import here
from webhook_gateway.problem import Problem
from webhook_gateway.respond import respond
from webhook_gateway.routes.group import group_for
from webhook_gateway.schema.job import AdminJobPage, AdminJobQuery, Job, JobPath, JobQuery
from webhook_gateway.schema.problem import problems
from webhook_gateway.token import Role

JOBS = Tag(name="Jobs", description="Every command is a job: accepted, done once, its outcome kept.")
POLL_S = 1

jobs = group_for(Role.STUDENT, "jobs", JOBS, "/api/jobs")
admin_jobs = group_for(Role.STAFF, "admin_jobs", JOBS, "/api/admin/jobs")


@jobs.get("/<id:job_id>", responses=problems(404) | {200: Job})
def show_job(path: JobPath, query: JobQuery) -> Response:
    """Show a job to its student and to staff; with `wait`, as soon as it has an outcome."""
    return respond(Job.model_validate(_awaited(path.job_id, query.wait)))


@admin_jobs.get("", responses={200: AdminJobPage})
def list_jobs(query: AdminJobQuery) -> Response:
    """List the organization's jobs, newest first."""
    wanted = JobFilter(query.status, query.kind)
    with reading(here().engine) as session:
        rows = job_view.jobs(session, caller.current().organization_id, wanted, paging.part(query))
    return respond(AdminJobPage.model_validate(paging.page(rows, query)))


def _awaited(job_id: int, seconds: int) -> JobView:
    """Return a job when it is finished, or after that time; no connection is held while it waits."""
    job = _found(job_id)
    waiting = here().waiting
    if job.is_finished or not seconds or not waiting.acquire(blocking=False):
        return job
    try:
        for _ in range(seconds // POLL_S):
            time.sleep(POLL_S)
            job = _found(job_id)
            if job.is_finished:
                break
        return job
    finally:
        waiting.release()


def _found(job_id: int) -> JobView:
    organization_id, student_id = caller.current().scope()
    with reading(here().engine) as session:
        job = job_view.find(session, job_id, organization_id=organization_id, student_id=student_id)
    if job is None:
        raise Problem("not_found", "There is no job of this id that you may see.")
    return job

"""Commands: what became of them."""

from __future__ import annotations

from dataclasses import replace

from flask import Response
from flask_openapi3.models.tag import Tag

from db.transaction import reading
from domain.inbox import job_view
from domain.inbox.job_view import JobFilter, JobView
from webhook_gateway import caller, job_answer, paging
from webhook_gateway.gateway import here
from webhook_gateway.problem import Problem
from webhook_gateway.respond import respond
from webhook_gateway.routes.group import group_for
from webhook_gateway.schema.job import AdminJobPage, AdminJobQuery, Job, JobPath, JobQuery
from webhook_gateway.schema.problem import problems
from webhook_gateway.token import Role
from webhook_gateway.waiting import CannotWait, outcome_within

JOBS = Tag(name="Jobs", description="Every command is a job: accepted, done once, its outcome kept.")

jobs = group_for(Role.STUDENT, "jobs", JOBS, "/api/jobs")
admin_jobs = group_for(Role.STAFF, "admin_jobs", JOBS, "/api/admin/jobs")


@jobs.get("/<id:job_id>", responses=problems(404) | {200: Job})
def show_job(path: JobPath, query: JobQuery) -> Response:
    """Show a job to its student and to staff; with `wait`, as soon as it has an outcome."""
    return respond(Job.model_validate(_told(_awaited(path.job_id, query.wait))))


@admin_jobs.get("", responses={200: AdminJobPage})
def list_jobs(query: AdminJobQuery) -> Response:
    """List the organization's jobs, newest first."""
    wanted = JobFilter(query.status, query.kind)
    with reading(here().engine) as session:
        jobs = job_view.jobs(session, caller.current().organization_id, wanted, paging.part(query))
    rows = [_told(job) for job in jobs]
    return respond(AdminJobPage.model_validate(paging.page(rows, query)))


def _awaited(job_id: int, seconds: int) -> JobView:
    """Return a job when it is finished, or after that time."""
    job = _found(job_id)
    if job.is_finished:
        return job
    try:
        return _found(job_id) if outcome_within(here(), job_id, seconds) else job
    except CannotWait:
        return job


def _found(job_id: int) -> JobView:
    organization_id, student_id = caller.current().scope()
    with reading(here().engine) as session:
        job = job_view.find(session, job_id, organization_id=organization_id, student_id=student_id)
    if job is None:
        raise Problem("not_found", "There is no job of this id that you may see.")
    return job


def _told(job: JobView) -> JobView:
    """Return a job with its problem as everywhere, and not as a worker wrote it."""
    return replace(job, problem=job_answer.problem(job.id, job.problem)) if job.problem else job

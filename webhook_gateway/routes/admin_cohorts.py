"""The dated runs of a course: for those who plan."""

from __future__ import annotations

from flask import Response
from sqlalchemy.orm import Session

from db.models import CourseCohort, CourseProgram
from db.transaction import reading, transaction
from domain.course import cohort, program
from domain.course.cohort import CohortChange
from webhook_gateway import caller, paging
from webhook_gateway.gateway import here
from webhook_gateway.respond import respond
from webhook_gateway.routes.admin_courses import AUTHORING
from webhook_gateway.routes.group import group_for
from webhook_gateway.schema.admin_cohort import (
    AdminCohort,
    AdminCohortPage,
    AdminCohortPath,
    CohortChangeRequest,
    CohortRequest,
)
from webhook_gateway.schema.admin_course import AdminCoursePath
from webhook_gateway.schema.base import PageQuery
from webhook_gateway.schema.problem import problems
from webhook_gateway.token import Role
from worker import clock

admin_cohorts = group_for(Role.ADMIN, "admin_cohorts", AUTHORING, "/api/admin/courses/<string:code>/cohorts")


@admin_cohorts.get("", responses=problems(404) | {200: AdminCohortPage})
def list_admin_cohorts(path: AdminCoursePath, query: PageQuery) -> Response:
    """List the cohorts of a course, also those that are over, as they were made."""
    organization_id = caller.current().organization()
    with reading(here().engine) as session:
        course = program.one(session, organization_id, path.code)
        rows = cohort.cohorts(session, course, paging.part(query))
    return respond(AdminCohortPage.model_validate(paging.page(rows, query)))


@admin_cohorts.post("", responses=problems(404, 415) | {201: AdminCohort})
def create_cohort(path: AdminCoursePath, body: CohortRequest) -> Response:
    """Make a cohort with its sessions."""
    organization_id = caller.current().organization()
    values, sessions = body.model_dump(exclude={"sessions"}), [each.serving() for each in body.sessions]
    with transaction(here().engine) as session:
        course = program.held(session, organization_id, path.code)
        made = cohort.create(session, course, values, sessions, at=clock.now())
        return respond(_shown(session, course, made), status=201)


@admin_cohorts.patch("/<id:cohort_id>", responses=problems(404, 415) | {200: AdminCohort})
def change_cohort(path: AdminCohortPath, body: CohortChangeRequest) -> Response:
    """Change a cohort; `sessions` are replaced whole. Places that were booked stay."""
    organization_id = caller.current().organization()
    sessions = [each.serving() for each in body.sessions] if "sessions" in body.model_fields_set else None
    with transaction(here().engine) as session:
        course = program.held(session, organization_id, path.code)
        found = cohort.held(session, course, path.cohort_id)
        cohort.change(session, course, found, CohortChange(body.values("sessions"), sessions), at=clock.now())
        return respond(_shown(session, course, found))


@admin_cohorts.delete("/<id:cohort_id>", responses=problems(404) | {200: AdminCohort})
def delete_cohort(path: AdminCohortPath) -> Response:
    """Take a cohort away that nobody is enrolled in."""
    organization_id = caller.current().organization()
    with transaction(here().engine) as session:
        course = program.held(session, organization_id, path.code)
        found = cohort.held(session, course, path.cohort_id)
        shown = _shown(session, course, found)
        cohort.remove(session, found, at=clock.now())
    return respond(shown)


def _shown(session: Session, course: CourseProgram, row: CourseCohort) -> AdminCohort:
    return AdminCohort.model_validate(cohort.views(session, course, [row])[0])

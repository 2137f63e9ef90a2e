"""Courses on sale, with what may be booked of them, and their dated runs."""

from __future__ import annotations

from flask import Response

from db.transaction import reading
from domain.course import cohort_view, course_view
from webhook_gateway import caller, paging
from webhook_gateway.gateway import here
from webhook_gateway.problem import Problem
from webhook_gateway.respond import respond
from webhook_gateway.routes.group import public_group
from webhook_gateway.routes.packages import CATALOG
from webhook_gateway.schema.calendar import OrganizationQuery
from webhook_gateway.schema.course import CohortPage, CourseDetail, CoursePage, CoursePath, CourseQuery
from webhook_gateway.schema.problem import problems
from worker import clock

courses = public_group("courses", CATALOG, "/api/courses")


@courses.get("", responses={200: CoursePage})
def list_courses(query: CourseQuery) -> Response:
    """List the courses on sale, with their steps and what comes with them."""
    organization_id = caller.public_organization(query.org)
    with reading(here().engine) as session:
        rows = course_view.courses(session, organization_id, paging.part(query))
    return respond(CoursePage.model_validate(paging.page(rows, query)))


@courses.get("/<code>", responses=problems(404) | {200: CourseDetail})
def show_course(path: CoursePath, query: OrganizationQuery) -> Response:
    """Show a course on sale, with the next sessions of each class that serves a step."""
    organization_id = caller.public_organization(query.org)
    with reading(here().engine) as session:
        found = course_view.course(session, organization_id, path.code, at=clock.now())
    if found is None:
        raise _unknown()
    return respond(CourseDetail.model_validate(found))


@courses.get("/<code>/cohorts", responses=problems(404) | {200: CohortPage})
def list_cohorts(path: CoursePath, query: CourseQuery) -> Response:
    """List the dated runs of a course on sale, with their sessions and free places."""
    organization_id = caller.public_organization(query.org)
    with reading(here().engine) as session:
        rows = cohort_view.cohorts(session, organization_id, path.code, paging.part(query), at=clock.now())
    if rows is None:
        raise _unknown()
    return respond(CohortPage.model_validate(paging.page(rows, query)))


def _unknown() -> Problem:
    return Problem("not_found", "There is no course of this code on sale.")

"""Enrollments: staff look at who is in which course, and who waits for them."""

from __future__ import annotations

from flask import Response
from flask_openapi3.models.tag import Tag

from db.transaction import reading
from domain.enrollment import enrollment_view
from domain.enrollment.enrollment_view import EnrollmentFilter
from webhook_gateway import caller, paging
from webhook_gateway.gateway import here
from webhook_gateway.problem import Problem
from webhook_gateway.respond import respond
from webhook_gateway.routes.group import group_for
from webhook_gateway.schema.course_step import EnrollmentPath
from webhook_gateway.schema.enrollment import EnrollmentDetail, EnrollmentPage, EnrollmentQuery
from webhook_gateway.schema.problem import problems
from webhook_gateway.token import Role
from worker import clock

ENROLLMENTS = Tag(name="Enrollments", description="Who bought a course, and how far they are.")

enrollments = group_for(Role.STAFF, "enrollments", ENROLLMENTS, "/api/admin/enrollments")


@enrollments.get("", responses={200: EnrollmentPage})
def list_enrollments(query: EnrollmentQuery) -> Response:
    """List the enrollments, newest first; `status=NEEDS_REVIEW` are those that wait for you."""
    organization_id = caller.current().organization()
    wanted = EnrollmentFilter(query.status, query.course, query.cohort_id)
    with reading(here().engine) as session:
        rows = enrollment_view.enrollments(session, organization_id, wanted, paging.part(query), at=clock.now())
    return respond(EnrollmentPage.model_validate(paging.page(rows, query)))


@enrollments.get("/<id:enrollment_id>", responses=problems(404) | {200: EnrollmentDetail})
def show_enrollment(path: EnrollmentPath) -> Response:
    """Show an enrollment with its steps, and the session that each is booked in."""
    organization_id = caller.current().organization()
    with reading(here().engine) as session:
        found = enrollment_view.enrollment(session, organization_id, path.enrollment_id, at=clock.now())
    if found is None:
        raise Problem("not_found", "There is no enrollment of this id.")
    return respond(EnrollmentDetail.model_validate(found))

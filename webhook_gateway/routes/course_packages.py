"""The courses of a student: how far they are, and what may still be booked."""

from __future__ import annotations

from flask import Response

from db.transaction import reading
from domain.enrollment import enrollment_view, unbooked
from webhook_gateway import caller, paging
from webhook_gateway.gateway import here
from webhook_gateway.problem import Problem
from webhook_gateway.respond import respond
from webhook_gateway.routes.group import group_for
from webhook_gateway.routes.me import STUDENT
from webhook_gateway.schema.base import PageQuery
from webhook_gateway.schema.course_package import (
    CoursePackageDetail,
    CoursePackagePage,
    UnbookedCourseSteps,
)
from webhook_gateway.schema.course_step import CoursePackagePath
from webhook_gateway.schema.problem import problems
from webhook_gateway.token import Role
from worker import clock

course_packages = group_for(Role.STUDENT, "course_packages", STUDENT, "/api/students/me/course-packages")


@course_packages.get("", responses={200: CoursePackagePage})
def list_course_packages(query: PageQuery) -> Response:
    """List the courses bought, newest first, with progress, the step to book next, and what else is left."""
    organization_id, student_id = caller.current().student()
    part = paging.part(query)
    with reading(here().engine) as session:
        rows = enrollment_view.course_packages(session, organization_id, student_id, part, at=clock.now())
    return respond(CoursePackagePage.model_validate(paging.page(rows, query)))


@course_packages.get("/<id:package_id>", responses=problems(404) | {200: CoursePackageDetail})
def show_course_package(path: CoursePackagePath) -> Response:
    """Show a course with its steps, and the session that each is booked in."""
    organization_id, student_id = caller.current().student()
    with reading(here().engine) as session:
        found = enrollment_view.course_package(session, organization_id, student_id, path.package_id, at=clock.now())
    if found is None:
        raise _unknown()
    return respond(CoursePackageDetail.model_validate(found))


@course_packages.get("/<id:package_id>/unbooked-steps", responses=problems(404) | {200: UnbookedCourseSteps})
def list_unbooked_steps(path: CoursePackagePath) -> Response:
    """List the open steps, each with every session that may be booked for it; as a bare array."""
    organization_id, student_id = caller.current().student()
    with reading(here().engine) as session:
        rows = unbooked.unbooked_steps(session, organization_id, student_id, path.package_id, at=clock.now())
    if rows is None:
        raise _unknown()
    return respond(UnbookedCourseSteps.model_validate(rows))


def _unknown() -> Problem:
    return Problem("not_found", "There is no course package of this id among yours.")

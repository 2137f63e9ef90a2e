"""Courses: made, changed, published and taken away by admins."""

from __future__ import annotations

from flask import Response
from flask_openapi3.models.tag import Tag
from sqlalchemy.orm import Session

from db.transaction import reading, transaction
from domain.course import program, publish
from webhook_gateway import caller, paging
from webhook_gateway.gateway import here, hint
from webhook_gateway.respond import respond
from webhook_gateway.routes.group import group_for
from webhook_gateway.schema.admin_course import (
    AdminCourse,
    AdminCoursePage,
    AdminCoursePath,
    CourseChange,
    CourseRequest,
)
from webhook_gateway.schema.base import PageQuery
from webhook_gateway.schema.problem import problems
from webhook_gateway.token import Role
from worker import clock
from worker.hints import CALLS

AUTHORING = Tag(name="Planning of courses", description="Courses, their steps and options, and their dated runs.")
# Purchases that were parked for want of a course are due again.
QUEUE = "stripe"

admin_courses = group_for(Role.ADMIN, "admin_courses", AUTHORING, "/api/admin/courses")


@admin_courses.get("", responses={200: AdminCoursePage})
def list_admin_courses(query: PageQuery) -> Response:
    """List the courses with their steps and options, published or not, as they were made."""
    organization_id = caller.current().organization()
    with reading(here().engine) as session:
        page = paging.page(program.courses(session, organization_id, paging.part(query)), query)
        return respond(AdminCoursePage.model_validate(page))


@admin_courses.get("/<string:code>", responses=problems(404) | {200: AdminCourse})
def show_admin_course(path: AdminCoursePath) -> Response:
    """Show a course with its steps and options, published or not."""
    organization_id = caller.current().organization()
    with reading(here().engine) as session:
        return respond(_shown(session, organization_id, path.code))


@admin_courses.post("", responses=problems(415) | {201: AdminCourse})
def create_course(body: CourseRequest) -> Response:
    """Make a course; purchases that were parked because nothing had its code are taken up."""
    organization_id = caller.current().organization()
    with transaction(here().engine) as session:
        program.create(session, organization_id, body, at=clock.now())
        shown = _shown(session, organization_id, body.code)
    hint(QUEUE)
    hint(CALLS)
    return respond(shown, status=201)


@admin_courses.patch("/<string:code>", responses=problems(404, 415) | {200: AdminCourse})
def change_course(path: AdminCoursePath, body: CourseChange) -> Response:
    """Change what a course says of itself; what was sold stays as it was sold."""
    organization_id = caller.current().organization()
    with transaction(here().engine) as session:
        program.change(session, organization_id, path.code, body.values(), at=clock.now())
        shown = _shown(session, organization_id, path.code)
    hint(QUEUE)
    hint(CALLS)
    return respond(shown)


@admin_courses.delete("/<string:code>", responses=problems(404) | {200: AdminCourse})
def delete_course(path: AdminCoursePath) -> Response:
    """Take a course off sale for good; whoever is enrolled stays so, and what is paid for it still is fulfilled."""
    organization_id = caller.current().organization()
    with transaction(here().engine) as session:
        shown = _shown(session, organization_id, path.code)
        program.remove(session, organization_id, path.code, at=clock.now())
    hint(CALLS)
    return respond(shown.model_copy(update={"published": False}))


@admin_courses.post("/<string:code>/publish", responses=problems(404) | {200: AdminCourse})
def publish_course(path: AdminCoursePath) -> Response:
    """Put a course on sale, if each step has room for whoever may buy it; Stripe is told after the answer."""
    organization_id = caller.current().organization()
    with transaction(here().engine) as session:
        publish.publish(session, program.held(session, organization_id, path.code), at=clock.now())
        shown = _shown(session, organization_id, path.code)
    hint(CALLS)
    return respond(shown)


@admin_courses.post("/<string:code>/unpublish", responses=problems(404) | {200: AdminCourse})
def unpublish_course(path: AdminCoursePath) -> Response:
    """Take a course off sale; whoever is enrolled stays so."""
    organization_id = caller.current().organization()
    with transaction(here().engine) as session:
        publish.unpublish(session, program.held(session, organization_id, path.code), at=clock.now())
        shown = _shown(session, organization_id, path.code)
    hint(CALLS)
    return respond(shown)


def _shown(session: Session, organization_id: int, code: str) -> AdminCourse:
    return AdminCourse.model_validate(program.one(session, organization_id, code))

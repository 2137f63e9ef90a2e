"""Who teaches, and when they can be booked: for those who plan."""

from __future__ import annotations

from flask import Response
from flask_openapi3.models.tag import Tag

from db.transaction import reading, transaction
from domain.calendar import teacher
from webhook_gateway import caller, paging
from webhook_gateway.gateway import here
from webhook_gateway.respond import respond
from webhook_gateway.routes.group import group_for
from webhook_gateway.schema.base import PageQuery
from webhook_gateway.schema.problem import problems
from webhook_gateway.schema.teacher import Teacher, TeacherChange, TeacherPage, TeacherPath, TeacherRequest
from webhook_gateway.token import Role
from worker import clock

PLANNING = Tag(name="Planning", description="Teachers, classes and sessions of the token's organization.")

teachers = group_for(Role.ADMIN, "teachers", PLANNING, "/api/admin/teachers")


@teachers.get("", responses={200: TeacherPage})
def list_teachers(query: PageQuery) -> Response:
    """List the teachers with their availability, as they were made."""
    organization_id = caller.current().organization()
    with reading(here().engine) as session:
        page = paging.page(teacher.teachers(session, organization_id, paging.part(query)), query)
        return respond(TeacherPage.model_validate(page))


@teachers.post("", responses=problems(415) | {201: Teacher})
def create_teacher(body: TeacherRequest) -> Response:
    """Make a teacher."""
    organization_id = caller.current().organization()
    values, hours = body.model_dump(exclude={"availability"}), [each.hours() for each in body.availability]
    with transaction(here().engine) as session:
        made = teacher.create(session, organization_id, values, hours, at=clock.now())
        return respond(Teacher.model_validate(made), status=201)


@teachers.patch("/<id:teacher_id>", responses=problems(404, 415) | {200: Teacher})
def change_teacher(path: TeacherPath, body: TeacherChange) -> Response:
    """Change a teacher."""
    organization_id = caller.current().organization()
    is_said = "availability" in body.model_fields_set
    hours = [each.hours() for each in body.availability] if is_said else None
    with transaction(here().engine) as session:
        changed = teacher.change(session, organization_id, path.teacher_id, body.values("availability"), hours)
        return respond(Teacher.model_validate(changed))


@teachers.delete("/<id:teacher_id>", responses=problems(404) | {200: Teacher})
def deactivate_teacher(path: TeacherPath) -> Response:
    """Give a teacher no new sessions; those they have stay."""
    organization_id = caller.current().organization()
    with transaction(here().engine) as session:
        changed = teacher.change(session, organization_id, path.teacher_id, {"active": False}, None)
        return respond(Teacher.model_validate(changed))

"""The steps of a course and the classes that serve them: for those who plan."""

from __future__ import annotations

from flask import Response

from db.transaction import transaction
from domain.course import option, program, step
from webhook_gateway import caller
from webhook_gateway.gateway import here
from webhook_gateway.respond import respond
from webhook_gateway.routes.admin_courses import AUTHORING
from webhook_gateway.routes.group import group_for
from webhook_gateway.schema.admin_course import (
    AdminCourse,
    AdminCourseOption,
    AdminCoursePath,
    AdminCourseStep,
    AdminOptionPath,
    AdminStepPath,
    OptionChange,
    OptionRequest,
    RemovedCourseStep,
    StepChange,
    StepOrder,
    StepRequest,
)
from webhook_gateway.schema.problem import problems
from webhook_gateway.token import Role
from worker import clock

admin_course_steps = group_for(Role.ADMIN, "admin_course_steps", AUTHORING, "/api/admin/courses/<string:code>/steps")


@admin_course_steps.post("", responses=problems(404, 415) | {201: AdminCourseStep})
def create_step(path: AdminCoursePath, body: StepRequest) -> Response:
    """Add a step behind the others; new enrollments have it, those that there are do not."""
    organization_id = caller.current().organization()
    values, options = body.model_dump(exclude={"options"}), [each.option() for each in body.options]
    with transaction(here().engine) as session:
        course = program.held(session, organization_id, path.code)
        made = step.create(session, course, values, options, at=clock.now())
        return respond(AdminCourseStep.model_validate(step.one(session, course, made.id)), status=201)


@admin_course_steps.put("/order", responses=problems(404, 415) | {200: AdminCourse})
def order_steps(path: AdminCoursePath, body: StepOrder) -> Response:
    """Put the steps in another order."""
    organization_id = caller.current().organization()
    with transaction(here().engine) as session:
        step.put_in_order(session, program.held(session, organization_id, path.code), body.step_ids)
        return respond(AdminCourse.model_validate(program.one(session, organization_id, path.code)))


@admin_course_steps.patch("/<id:step_id>", responses=problems(404, 415) | {200: AdminCourseStep})
def change_step(path: AdminStepPath, body: StepChange) -> Response:
    """Change what a step says of itself."""
    organization_id = caller.current().organization()
    with transaction(here().engine) as session:
        found = step.one(session, program.held(session, organization_id, path.code), path.step_id)
        step.change(session, found, body.values())
        return respond(AdminCourseStep.model_validate(found))


@admin_course_steps.delete("/<id:step_id>", responses=problems(404) | {200: RemovedCourseStep})
def remove_step(path: AdminStepPath) -> Response:
    """Remove a step: new enrollments do not get it, those that have it keep it. The steps behind it move up."""
    organization_id = caller.current().organization()
    with transaction(here().engine) as session:
        course = program.held(session, organization_id, path.code)
        found = step.one(session, course, path.step_id)
        shown = AdminCourseStep.model_validate(found).model_dump(by_alias=False)
        still_open = step.remove(session, course, found, at=clock.now())
    return respond(RemovedCourseStep(**shown, open_enrollments=still_open))


@admin_course_steps.post("/<id:step_id>/options", responses=problems(404, 415) | {201: AdminCourseOption})
def attach_option(path: AdminStepPath, body: OptionRequest) -> Response:
    """Let a class serve a step; one that served it before is the same option again."""
    organization_id = caller.current().organization()
    with transaction(here().engine) as session:
        course = program.held(session, organization_id, path.code)
        found = step.one(session, course, path.step_id)
        made = option.attach(session, course, found, body.option(), at=clock.now())
        return respond(AdminCourseOption.model_validate(made), status=201)


@admin_course_steps.patch(
    "/<id:step_id>/options/<id:option_id>", responses=problems(404, 415) | {200: AdminCourseOption}
)
def change_option(path: AdminOptionPath, body: OptionChange) -> Response:
    """Let an option take bookings, or not; places that were booked stay."""
    organization_id = caller.current().organization()
    with transaction(here().engine) as session:
        course = program.held(session, organization_id, path.code)
        found = option.one(session, step.one(session, course, path.step_id), path.option_id)
        option.change(session, course, found, active=body.active, at=clock.now())
        return respond(AdminCourseOption.model_validate(found))


@admin_course_steps.delete("/<id:step_id>/options/<id:option_id>", responses=problems(404) | {200: AdminCourseOption})
def detach_option(path: AdminOptionPath) -> Response:
    """Let a class serve a step no more; places that were booked stay."""
    organization_id = caller.current().organization()
    with transaction(here().engine) as session:
        course = program.held(session, organization_id, path.code)
        found = option.one(session, step.one(session, course, path.step_id), path.option_id)
        shown = AdminCourseOption.model_validate(found)
        option.detach(session, course, found, at=clock.now())
    return respond(shown.model_copy(update={"active": False}))

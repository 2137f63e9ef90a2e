"""Steps of a course booked, changed and cancelled, cohorts assigned, missed steps opened again: commands."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_openapi3.models.tag import Tag

from domain.enrollment.step_command import ASSIGN_COHORT, BOOK_STEP, BOOK_STEPS, CANCEL_STEP, CHANGE_STEP, REOPEN_STEP
from webhook_gateway import caller
from webhook_gateway.command import Command, perform
from webhook_gateway.job_store import Subject
from webhook_gateway.problem import Problem
from webhook_gateway.routes.group import command_group
from webhook_gateway.schema.base import Input
from webhook_gateway.schema.booking import Accepted, GiveUpRequest
from webhook_gateway.schema.command import document
from webhook_gateway.schema.course_step import (
    AssignCohortRequest,
    BookStepRequest,
    BookStepsRequest,
    CohortAssigned,
    CoursePackagePath,
    EnrollmentPath,
    EnrollmentStepPath,
    ReopenStepRequest,
    StepBooked,
    StepCancelled,
    StepPath,
    StepReopened,
    StepsBooked,
)
from webhook_gateway.token import Role

STEPS = Tag(name="Course steps", description="The steps of a course that a student is enrolled in. Commands.")

course_steps = command_group("course_steps", STEPS, "/api/students/me/course-packages")
enrollment_commands = command_group("enrollment_commands", STEPS, "/api/admin/enrollments", Role.STAFF)


@course_steps.post("/<id:package_id>/steps/<id:step_id>/book-session", responses={201: StepBooked, 202: Accepted})
def book_step_session(path: StepPath, body: BookStepRequest) -> Response:
    """Book a step that is open: a place in a session that serves it."""
    return _perform(BOOK_STEP, path, _of_step(path, body))


@course_steps.post("/<id:package_id>/steps/<id:step_id>/change-session", responses={200: StepBooked, 202: Accepted})
def change_step_session(path: StepPath, body: BookStepRequest) -> Response:
    """Change a step that is booked to another session: cancelled and booked in one step, or not at all."""
    return _perform(CHANGE_STEP, path, _of_step(path, body))


@course_steps.delete("/<id:package_id>/steps/<id:step_id>/booking", responses={200: StepCancelled, 202: Accepted})
def cancel_step_booking(path: StepPath, body: GiveUpRequest) -> Response:
    """Cancel the booking of a step: the step is open again."""
    return _perform(CANCEL_STEP, path, _of_step(path, body))


@course_steps.post("/<id:package_id>/book-sessions", responses={201: StepsBooked, 202: Accepted})
def book_step_sessions(path: CoursePackagePath, body: BookStepsRequest) -> Response:
    """Book what is selected, all or nothing, and each open step that has one option, as far as there is room."""
    return _perform(BOOK_STEPS, path, _said(body))


@enrollment_commands.post("/<id:enrollment_id>/assign-cohort", responses={200: CohortAssigned, 202: Accepted})
def assign_cohort(path: EnrollmentPath, body: AssignCohortRequest) -> Response:
    """Give an enrollment a cohort, also one that waits for review; what has one option there is booked."""
    said = {"enrollmentId": path.enrollment_id} | _said(body)
    return perform(Command(ASSIGN_COHORT, said, None, (Subject.ENROLLMENT, path.enrollment_id)))


@enrollment_commands.post("/<id:enrollment_id>/steps/<id:step_id>/reopen", responses={200: StepReopened, 202: Accepted})
def reopen_step(path: EnrollmentStepPath, body: ReopenStepRequest) -> Response:
    """Open a missed step again."""
    said = {"enrollmentId": path.enrollment_id, "courseStepId": path.step_id} | _said(body)
    return perform(Command(REOPEN_STEP, said, None, (Subject.ENROLLMENT, path.enrollment_id)))


def _perform(kind: str, path: CoursePackagePath, said: dict[str, Any]) -> Response:
    """Do something with a course of the caller's own."""
    claims = caller.claims()
    if claims.role is not Role.STUDENT:
        raise Problem("forbidden", "Use a student's token: this one stands for no student.")
    about = (Subject.PACKAGE, path.package_id)
    return perform(Command(kind, {"packageId": path.package_id} | said, claims.sub, about))


def _of_step(path: StepPath, body: Input) -> dict[str, Any]:
    return {"courseStepId": path.step_id} | _said(body)


def _said(body: Input) -> dict[str, Any]:
    return body.model_dump(mode="json", by_alias=True, exclude_none=True)


document(course_steps)
document(enrollment_commands)

"""A member as the desk sees them: what they hold, and what they booked."""

from __future__ import annotations

from flask import Response
from sqlalchemy.orm import Session

from db.transaction import reading
from domain import student
from domain.booking.view import whole_bookings
from domain.enrollment.enrollment_view import course_packages
from domain.holding.holding import holdings
from webhook_gateway import caller, paging
from webhook_gateway.gateway import here
from webhook_gateway.problem import Problem
from webhook_gateway.respond import respond
from webhook_gateway.routes.group import group_for
from webhook_gateway.routes.redemptions import DESK
from webhook_gateway.schema.base import PageQuery
from webhook_gateway.schema.booking import BookingPage, BookingQuery
from webhook_gateway.schema.course_package import CoursePackagePage
from webhook_gateway.schema.package import HoldingPage
from webhook_gateway.schema.problem import problems
from webhook_gateway.schema.redemption import MemberPath
from webhook_gateway.token import Role
from worker import clock

members = group_for(Role.STAFF, "members", DESK, "/api/members")


@members.get("/<path:member_id>/packages", responses=problems(404) | {200: HoldingPage})
def list_packages_of_member(path: MemberPath, query: PageQuery) -> Response:
    """List the packages that a member holds, newest first: what is left of each line, and its `allowanceId`."""
    organization_id = caller.current().organization()
    with reading(here().engine) as session:
        student_id = _known(session, organization_id, path)
        rows = holdings(session, organization_id, student_id, paging.part(query), at=clock.now())
    return respond(HoldingPage.model_validate(paging.page(rows, query)))


@members.get("/<path:member_id>/bookings", responses=problems(404) | {200: BookingPage})
def list_bookings_of_member(path: MemberPath, query: BookingQuery) -> Response:
    """List the bookings of a member, newest first, drafts too; with why staff made an exception."""
    organization_id = caller.current().organization()
    with reading(here().engine) as session:
        student_id = _known(session, organization_id, path)
        rows = whole_bookings(session, organization_id, student_id, paging.part(query), status=query.status)
    return respond(BookingPage.model_validate(paging.page(rows, query)))


@members.get("/<path:member_id>/course-packages", responses=problems(404) | {200: CoursePackagePage})
def list_course_packages_of_member(path: MemberPath, query: PageQuery) -> Response:
    """List the courses that a member bought, newest first: progress, the step to book next, what else is left."""
    organization_id = caller.current().organization()
    with reading(here().engine) as session:
        student_id = _known(session, organization_id, path)
        rows = course_packages(session, organization_id, student_id, paging.part(query), at=clock.now())
    return respond(CoursePackagePage.model_validate(paging.page(rows, query)))


def _known(session: Session, organization_id: int, path: MemberPath) -> int:
    found = student.find(session, organization_id, path.member_id)
    if found is None:
        raise Problem("not_found", "There is no member of this id.")
    return found

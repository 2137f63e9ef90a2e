"""Dated sessions: staff look at them and who comes, admins make them."""

from __future__ import annotations

from flask import Response, request
from sqlalchemy.orm import Session

from db.transaction import reading, transaction
from domain.calendar import calendar, class_session, roster
from domain.calendar.calendar import CalendarRow
from domain.calendar.class_session import NewSession
from domain.waitlist import waits
from webhook_gateway import caller, paging, span
from webhook_gateway.gateway import here
from webhook_gateway.problem import Problem
from webhook_gateway.respond import respond
from webhook_gateway.routes.group import group_for
from webhook_gateway.routes.teachers import PLANNING
from webhook_gateway.schema.calendar import SessionPath, SpanQuery
from webhook_gateway.schema.class_session import (
    AdminSession,
    AdminSessionPage,
    LineEntry,
    RosterLine,
    SessionDetail,
    SessionRequest,
)
from webhook_gateway.schema.problem import problems
from webhook_gateway.token import Role
from worker import clock

LOOKING = {"GET", "HEAD", "OPTIONS"}

sessions = group_for(Role.STAFF, "sessions", PLANNING, "/api/admin/sessions")


@sessions.before_request
def only_admins_write() -> None:
    """Let staff look, and nothing more."""
    if request.method not in LOOKING and not caller.current().role.includes(Role.ADMIN):
        raise Problem("forbidden", "Use a token with the role admin: staff may look only.")


@sessions.get("", responses={200: AdminSessionPage})
def list_sessions(query: SpanQuery) -> Response:
    """List the sessions, also those that were called off, in the order of their starts."""
    organization_id = caller.current().organization()
    asked = span.wanted(query, at=clock.now())
    with reading(here().engine) as session:
        rows = roster.sessions(session, organization_id, asked, paging.timed_part(query))
    return respond(AdminSessionPage.model_validate(paging.timed_page(rows, query)))


@sessions.get("/<id:session_id>", responses=problems(404) | {200: SessionDetail})
def show_session(path: SessionPath) -> Response:
    """Show a session with who comes, and who waits."""
    organization_id = caller.current().organization()
    with reading(here().engine) as session:
        found = _found(session, organization_id, path.session_id)
        lines = roster.roster(session, organization_id, path.session_id)
        waiting = waits.line(session, organization_id, path.session_id)
    shown = AdminSession.model_validate(found).model_dump(by_alias=False)
    coming = [RosterLine.model_validate(line) for line in lines]
    return respond(SessionDetail(**shown, roster=coming, waitlist=[LineEntry.model_validate(each) for each in waiting]))


@sessions.post("", responses=problems(404, 409, 415) | {201: AdminSession})
def create_session(body: SessionRequest) -> Response:
    """Make a session of a class."""
    organization_id = caller.current().organization()
    wanted = NewSession(**body.model_dump(), names_teacher="teacher_id" in body.model_fields_set)
    with transaction(here().engine) as session:
        made = class_session.create(session, organization_id, wanted, at=clock.now())
        shown = AdminSession.model_validate(_found(session, organization_id, made.id))
    return respond(shown, status=201)


def _found(session: Session, organization_id: int, session_id: int) -> CalendarRow:
    found = calendar.one(session, organization_id, session_id)
    if found is None:
        raise Problem("not_found", "There is no session of this id.")
    return found

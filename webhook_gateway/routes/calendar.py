"""The public calendar."""

from __future__ import annotations

from flask import Response

from db.transaction import reading
from domain.calendar import calendar
from webhook_gateway import caller, paging, span
from webhook_gateway.gateway import here
from webhook_gateway.problem import Problem
from webhook_gateway.respond import respond
from webhook_gateway.routes.group import public_group
from webhook_gateway.routes.packages import CATALOG
from webhook_gateway.schema.calendar import (
    CalendarPage,
    CalendarQuery,
    CalendarSession,
    OrganizationQuery,
    SessionPath,
)
from webhook_gateway.schema.problem import problems
from worker import clock

sessions = public_group("calendar", CATALOG, "/api/calendar")


@sessions.get("", responses={200: CalendarPage})
def list_calendar(query: CalendarQuery) -> Response:
    """List the sessions that take place, with free places and seats, in the order of their starts."""
    organization_id = caller.public_organization(query.org)
    asked = span.wanted(query, at=clock.now())
    with reading(here().engine) as session:
        rows = calendar.calendar(session, organization_id, asked, paging.timed_part(query))
    return respond(CalendarPage.model_validate(paging.timed_page(rows, query)))


@sessions.get("/<id:session_id>", responses=problems(404) | {200: CalendarSession})
def show_calendar_session(path: SessionPath, query: OrganizationQuery) -> Response:
    """Show one session that takes place."""
    organization_id = caller.public_organization(query.org)
    with reading(here().engine) as session:
        found = calendar.find(session, organization_id, path.session_id)
    if found is None:
        raise Problem("not_found", "There is no session of this id.")
    return respond(CalendarSession.model_validate(found))

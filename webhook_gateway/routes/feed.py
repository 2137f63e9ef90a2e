"""A student's bookings as a calendar, with their token or by a secret link that a calendar app can keep."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any

from flask import Response, request

from db.transaction import reading, transaction
from domain.booking.feed import calendar
from domain.calendar import link
from webhook_gateway import caller
from webhook_gateway.gateway import here
from webhook_gateway.problem import Problem
from webhook_gateway.respond import respond
from webhook_gateway.routes.group import group_for, open_group
from webhook_gateway.routes.me import STUDENT
from webhook_gateway.schema.feed import CalendarLink, SecretPath
from webhook_gateway.schema.problem import problems
from webhook_gateway.token import Role
from worker import clock

CALENDAR: dict[str | int, Any] = {
    200: {"content": {"text/calendar": {"schema": {"type": "string"}}}},
    304: {"description": "Not Modified"},
}
ENDED = "Take the link that the student made last: this one is none, or was withdrawn."
# A name or an address, with a port perhaps: what a link can begin with.
HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9._-]{0,252}[a-z0-9])?\.?|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?", re.IGNORECASE)
NO_HOST = "Say in the Host header how the server is reached, as a name or an address: the link begins with it."

my_calendar = group_for(Role.STUDENT, "my_calendar", STUDENT, "/api/students/me")
linked_calendar = open_group("linked_calendar", STUDENT)


@my_calendar.get("/bookings.ics", responses=CALENDAR)
def show_my_calendar() -> Response:
    """Show the bookings from 90 days ago on as a calendar, without the friends whom the student brings along."""
    _, student_id = caller.current().student()
    with reading(here().engine) as session:
        return _shown(calendar(session, student_id, at=clock.now()))


@my_calendar.post("/calendar-link", responses=problems(400) | {201: CalendarLink})
def create_calendar_link() -> Response:
    """Make a secret link to the calendar; it replaces the one before, which ends."""
    organization_id, student_id = caller.current().student()
    # Before the old link ends.
    origin = _origin()
    with transaction(here().engine) as session:
        secret = link.create(session, organization_id, student_id, at=clock.now())
    return respond(CalendarLink(url=f"{origin}/calendar/{secret}.ics"), status=201)


@my_calendar.delete("/calendar-link", responses={204: None})
def withdraw_calendar_link() -> Response:
    """Withdraw the link, if there is one: whoever has it reads nothing more."""
    _, student_id = caller.current().student()
    with transaction(here().engine) as session:
        link.withdraw(session, student_id)
    return Response(status=204)


@linked_calendar.get("/calendar/<string:secret>.ics", responses=problems(404) | CALENDAR)
def show_linked_calendar(path: SecretPath) -> Response:
    """Show the same to whoever has the link."""
    with reading(here().engine) as session:
        student_id = link.whose(session, path.secret)
        if student_id is None:
            raise Problem("not_found", ENDED)
        return _shown(calendar(session, student_id, at=clock.now()))


def _shown(content: bytes) -> Response:
    """Return a calendar, or that who asks has it already."""
    response = Response(content, mimetype="text/calendar")
    response.set_etag(sha256(content).hexdigest()[:32])
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Content-Disposition"] = 'inline; filename="bookings.ics"'
    response.make_conditional(request)
    return response


def _origin() -> str:
    """Return how the caller reaches this server: the outermost proxy in front of it says whether that is by https."""
    if not HOST.fullmatch(request.host):
        raise Problem("malformed_request", NO_HOST)
    said = request.headers.get("X-Forwarded-Proto", "").partition(",")[0].strip().lower()
    scheme = said if said in {"http", "https"} else request.scheme
    return f"{scheme}://{request.host}"

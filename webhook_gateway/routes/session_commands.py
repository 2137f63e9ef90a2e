"""What the studio does to a whole session: commands, each a job; and its capacity and teacher, which change at once."""

from __future__ import annotations

from typing import Any

from flask import Response

from db.transaction import transaction
from domain.calendar import calendar, class_session
from domain.studio.command import ATTEND, CALL_OFF, MOVE
from webhook_gateway import caller
from webhook_gateway.command import QUEUE, Command, perform
from webhook_gateway.gateway import here, hint
from webhook_gateway.job_store import Subject
from webhook_gateway.respond import respond
from webhook_gateway.routes.group import command_group
from webhook_gateway.routes.teachers import PLANNING
from webhook_gateway.schema.booking import Accepted
from webhook_gateway.schema.calendar import SessionPath
from webhook_gateway.schema.class_session import SessionChange
from webhook_gateway.schema.command import document
from webhook_gateway.schema.session_command import (
    Attendance,
    AttendanceRequest,
    CalledOff,
    CallOffRequest,
    ChangedSession,
)
from webhook_gateway.token import Role
from worker import clock

NOBODYS = None
TIMES = {"start_at", "minutes"}

session_commands = command_group("session_commands", PLANNING, "/api/admin/sessions", Role.STAFF)


@session_commands.post("/<id:session_id>/attendance", responses={200: Attendance, 202: Accepted})
def mark_attendance(path: SessionPath, body: AttendanceRequest) -> Response:
    """Mark who came to a session and who did not; a mark can be corrected later."""
    return perform(_command(ATTEND, path, body.model_dump(mode="json", by_alias=True)))


@session_commands.post("/<id:session_id>/cancel", responses={200: CalledOff, 202: Accepted})
def call_session_off(path: SessionPath, body: CallOffRequest) -> Response:
    """Call a session off: everything comes back to everybody, who is told."""
    return perform(_command(CALL_OFF, path, body.model_dump(mode="json", by_alias=True, exclude_none=True)))


@session_commands.patch("/<id:session_id>", responses={200: ChangedSession, 202: Accepted})
def change_session(path: SessionPath, body: SessionChange) -> Response:
    """Move a session with all its bookings, by staff; or change its capacity or teacher, by admins and at once."""
    values = body.values()
    if values.keys() - TIMES:
        caller.require(Role.ADMIN)()
    if TIMES & values.keys():
        return perform(_command(MOVE, path, body.model_dump(mode="json", by_alias=True, exclude_unset=True)))
    caller.require(Role.STAFF)()
    organization_id = caller.current().organization()
    with transaction(here().engine) as session:
        class_session.change(session, organization_id, path.session_id, values, at=clock.now())
        shown = ChangedSession.model_validate(calendar.one(session, organization_id, path.session_id))
    hint(QUEUE)
    return respond(shown)


def _command(kind: str, path: SessionPath, said: dict[str, Any]) -> Command:
    return Command(kind, {"sessionId": path.session_id} | said, NOBODYS, (Subject.SESSION, path.session_id))


document(session_commands)

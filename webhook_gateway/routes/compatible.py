"""What of the packages held would pay for a session."""

from __future__ import annotations

from flask import Response

from db.transaction import reading
from domain.booking import compatible as packages
from webhook_gateway import caller
from webhook_gateway.gateway import here
from webhook_gateway.respond import respond
from webhook_gateway.routes.group import group_for
from webhook_gateway.routes.me import STUDENT
from webhook_gateway.schema.calendar import SessionPath
from webhook_gateway.schema.compatible import Compatible, SeatQuery
from webhook_gateway.schema.problem import problems
from webhook_gateway.token import Role
from worker import clock

compatible = group_for(Role.STUDENT, "compatible", STUDENT, "/api/packages/compatible-for-session")


@compatible.get("/<id:session_id>", responses=problems(404) | {200: Compatible})
def list_compatible(path: SessionPath, query: SeatQuery) -> Response:
    """List the packages held that would pay for a session, and why each of the others would not."""
    _, student_id = caller.current().student()
    with reading(here().engine) as session:
        found = packages.compatible(session, student_id, path.session_id, query.seat_id, at=clock.now())
    return respond(Compatible.model_validate(found))

"""Waiting for a full session: commands, each a job."""

from __future__ import annotations

from flask import Response
from flask_openapi3.models.tag import Tag

from domain.booking.command import JOIN, LEAVE
from webhook_gateway import caller
from webhook_gateway.command import Command, perform
from webhook_gateway.problem import Problem
from webhook_gateway.routes.group import command_group
from webhook_gateway.schema.booking import Accepted
from webhook_gateway.schema.command import document
from webhook_gateway.schema.waitlist import JoinRequest, WaitedPath, Waiting
from webhook_gateway.token import Role

WAITLIST = Tag(
    name="Waitlists",
    description="A free place of a full session books the first in line who can pay and has no other session then.",
)

waitlist = command_group("waitlist", WAITLIST, "/api/sessions")


@waitlist.post("/<id:session_id>/waitlist", responses={201: Waiting, 202: Accepted})
def join_waitlist(path: WaitedPath, body: JoinRequest) -> Response:
    """Join the end of the line for a full session."""
    said = body.model_dump(mode="json", by_alias=True, exclude_none=True)
    return perform(Command(JOIN, {"sessionId": path.session_id} | said, _student()))


@waitlist.delete("/<id:session_id>/waitlist", responses={200: Waiting, 202: Accepted})
def leave_waitlist(path: WaitedPath) -> Response:
    """Leave the line."""
    return perform(Command(LEAVE, {"sessionId": path.session_id}, _student()))


def _student() -> str:
    claims = caller.claims()
    if claims.role is not Role.STUDENT:
        raise Problem("forbidden", "Use a student's token: nobody waits for somebody else.")
    return claims.sub


document(waitlist)

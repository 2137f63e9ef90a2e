"""Two records of one person made one, by admins."""

from __future__ import annotations

from flask import Response

from db.transaction import transaction
from domain.desk.merge import Merge, merge
from webhook_gateway import caller
from webhook_gateway.command import QUEUE
from webhook_gateway.gateway import here, hint
from webhook_gateway.respond import respond
from webhook_gateway.routes.group import group_for
from webhook_gateway.routes.me import STUDENT
from webhook_gateway.schema.merge import Merged, MergeRequest
from webhook_gateway.schema.problem import problems
from webhook_gateway.schema.redemption import MemberPath
from webhook_gateway.token import Role
from worker import clock

merging = group_for(Role.ADMIN, "merging", STUDENT, "/api/admin/members")


@merging.post("/<path:member_id>/merge", responses=problems(404, 409, 415) | {200: Merged})
def merge_member(path: MemberPath, body: MergeRequest) -> Response:
    """Give all that a student has, or a guest known by their e-mail address, to another student, or nothing."""
    organization_id = caller.current().organization()
    wanted = Merge(path.member_id, body.into_member_id, caller.actor(), body.reason)
    with transaction(here().engine) as session:
        merged = merge(session, organization_id, wanted, at=clock.now())
    # A place in line may have gone, and the line be called.
    hint(QUEUE)
    return respond(Merged.model_validate(merged))

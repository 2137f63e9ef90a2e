"""The ledger: students read theirs, staff anybody's, and admins correct it."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_openapi3.models.tag import Tag
from sqlalchemy.orm import Session

from db.transaction import reading
from domain import student
from domain.booking.command import ADJUST
from domain.desk.ledger import LedgerLine, ledger
from webhook_gateway import caller, paging
from webhook_gateway.command import Command, perform
from webhook_gateway.gateway import here
from webhook_gateway.job_store import Subject
from webhook_gateway.problem import Problem
from webhook_gateway.respond import respond
from webhook_gateway.routes.group import command_group, group_for
from webhook_gateway.schema.booking import Accepted
from webhook_gateway.schema.command import document
from webhook_gateway.schema.ledger import (
    Adjusted,
    AdjustRequest,
    LedgerPage,
    LedgerQuery,
    MemberLedgerPage,
)
from webhook_gateway.schema.package import PackagePath
from webhook_gateway.schema.problem import problems
from webhook_gateway.schema.redemption import MemberPath
from webhook_gateway.token import Role

LEDGER = Tag(name="Ledger", description="Every credit that was spent, came back, or was given or taken by the studio.")
ANYBODY = None

my_ledger = group_for(Role.STUDENT, "my_ledger", LEDGER, "/api/students/me")
member_ledger = group_for(Role.STAFF, "member_ledger", LEDGER, "/api/members")
adjustments = command_group("adjustments", LEDGER, "/api/admin/packages", Role.ADMIN)


@my_ledger.get("/ledger", responses={200: LedgerPage})
def list_my_ledger(query: LedgerQuery) -> Response:
    """List what was spent and what came back, newest first, with what was left of its allowance each time."""
    organization_id, student_id = caller.current().student()
    with reading(here().engine) as session:
        rows = _lines(session, organization_id, student_id, query)
    return respond(LedgerPage.model_validate(paging.page(rows, query)))


@member_ledger.get("/<path:member_id>/ledger", responses=problems(404) | {200: MemberLedgerPage})
def list_member_ledger(path: MemberPath, query: LedgerQuery) -> Response:
    """List a student's ledger, with who adjusted it."""
    organization_id = caller.current().organization()
    with reading(here().engine) as session:
        student_id = student.find(session, organization_id, path.member_id)
        if student_id is None:
            raise Problem("not_found", "There is no student of this id in your organization.")
        rows = _lines(session, organization_id, student_id, query)
    return respond(MemberLedgerPage.model_validate(paging.page(rows, query)))


@adjustments.post("/<id:package_id>/adjust", responses={201: Adjusted, 202: Accepted})
def adjust_package(path: PackagePath, body: AdjustRequest) -> Response:
    """Give credits to a line of a student's package, or take some, with a reason; open drafts follow."""
    said: dict[str, Any] = {"packageId": path.package_id} | body.model_dump(mode="json", by_alias=True)
    return perform(Command(ADJUST, said, ANYBODY, (Subject.PACKAGE, path.package_id)))


def _lines(session: Session, organization_id: int, student_id: int, query: LedgerQuery) -> list[LedgerLine]:
    return ledger(session, organization_id, student_id, paging.part(query), package_id=query.package_id)


document(adjustments)

"""Recurring classes with their seats: for those who plan."""

from __future__ import annotations

from flask import Response

from db.transaction import reading, transaction
from domain.calendar import group_class
from webhook_gateway import caller, paging
from webhook_gateway.gateway import here
from webhook_gateway.respond import respond
from webhook_gateway.routes.group import group_for
from webhook_gateway.routes.teachers import PLANNING
from webhook_gateway.schema.base import PageQuery
from webhook_gateway.schema.group_class import ClassChange, ClassPage, ClassPath, ClassRequest, GroupClass
from webhook_gateway.schema.problem import problems
from webhook_gateway.token import Role
from worker import clock

classes = group_for(Role.ADMIN, "classes", PLANNING, "/api/admin/classes")


@classes.get("", responses={200: ClassPage})
def list_classes(query: PageQuery) -> Response:
    """List the classes with their seats, as they were made."""
    organization_id = caller.current().organization()
    with reading(here().engine) as session:
        page = paging.page(group_class.classes(session, organization_id, paging.part(query)), query)
        return respond(ClassPage.model_validate(page))


@classes.post("", responses=problems(404, 415) | {201: GroupClass})
def create_class(body: ClassRequest) -> Response:
    """Make a class."""
    organization_id = caller.current().organization()
    values, seats = body.model_dump(exclude={"seats"}), [seat.line() for seat in body.seats]
    with transaction(here().engine) as session:
        made = group_class.create(session, organization_id, values, seats, at=clock.now())
        return respond(GroupClass.model_validate(made), status=201)


@classes.patch("/<id:class_id>", responses=problems(404, 415) | {200: GroupClass})
def change_class(path: ClassPath, body: ClassChange) -> Response:
    """Change a class; its sessions keep what they have."""
    organization_id = caller.current().organization()
    values = body.values("seats")
    seats = [seat.line() for seat in body.seats] if "seats" in body.model_fields_set else None
    with transaction(here().engine) as session:
        changed = group_class.change(session, organization_id, path.class_id, values, seats)
        return respond(GroupClass.model_validate(changed))


@classes.delete("/<id:class_id>", responses=problems(404) | {200: GroupClass})
def deactivate_class(path: ClassPath) -> Response:
    """Let a class have no new sessions; those it has stay."""
    organization_id = caller.current().organization()
    with transaction(here().engine) as session:
        changed = group_class.change(session, organization_id, path.class_id, {"active": False}, None)
        return respond(GroupClass.model_validate(changed))

"""The public catalog."""

from __future__ import annotations

from flask import Response
from flask_openapi3.models.tag import Tag
from sqlalchemy.orm import Session

from db.transaction import reading
from domain.calendar import calendar
from domain.calendar.calendar import CalendarRow
from domain.catalog.offer import offers, offers_for
from webhook_gateway import caller, paging
from webhook_gateway.gateway import here
from webhook_gateway.problem import Problem
from webhook_gateway.respond import respond
from webhook_gateway.routes.group import public_group
from webhook_gateway.schema.package import PackagePage, PackageQuery
from webhook_gateway.schema.problem import problems

CATALOG = Tag(name="Catalog", description="What an organization sells. Public; a token is taken, but not needed.")

packages = public_group("packages", CATALOG, "/api/packages")


@packages.get("", responses=problems(404) | {200: PackagePage})
def list_packages(query: PackageQuery) -> Response:
    """List the packages on sale, with calculated prices; with `forSession`, those that would pay for it."""
    organization_id = caller.public_organization(query.org)
    part = paging.part(query)
    with reading(here().engine) as session:
        if query.for_session is None:
            rows = offers(session, organization_id, part)
        else:
            rows = offers_for(session, organization_id, _wanted(session, organization_id, query.for_session), part)
    return respond(PackagePage.model_validate(paging.page(rows, query)))


def _wanted(session: Session, organization_id: int, session_id: int) -> CalendarRow:
    found = calendar.find(session, organization_id, session_id)
    if found is None:
        raise Problem("not_found", "There is no session of this id.")
    return found

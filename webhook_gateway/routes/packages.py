"""The public catalog, and the admins' part in it."""

from __future__ import annotations

from flask import Response
from flask_openapi3.models.tag import Tag
from sqlalchemy.orm import Session

from db.transaction import reading, transaction
from domain.calendar import calendar
from domain.calendar.calendar import CalendarRow
from domain.catalog import offer, product
from domain.catalog.offer import offers, offers_for
from webhook_gateway import caller, paging
from webhook_gateway.gateway import here, hint
from webhook_gateway.problem import Problem
from webhook_gateway.respond import respond
from webhook_gateway.routes.group import group_for, public_group
from webhook_gateway.schema.base import PageQuery
from webhook_gateway.schema.calendar import OrganizationQuery
from webhook_gateway.schema.package import (
    AdminPackage,
    AdminPackagePage,
    Package,
    PackageChange,
    PackagePage,
    PackagePath,
    PackageQuery,
    PackageRequest,
    ShownPackage,
    ShownPackagePage,
)
from webhook_gateway.schema.problem import problems
from webhook_gateway.token import Role
from worker import clock
from worker.hints import CALLS

CATALOG = Tag(name="Catalog", description="What an organization sells. Public; a token is taken, but not needed.")
# Purchases that were parked for want of a product are due again.
QUEUE = "stripe"

packages = public_group("packages", CATALOG, "/api/packages")
admin_packages = group_for(Role.ADMIN, "admin_packages", CATALOG, "/api/packages")


@packages.get("", responses=problems(404) | {200: ShownPackagePage})
def list_packages(query: PackageQuery) -> Response:
    """List the packages on sale, with calculated prices; with `forSession`, those that would pay for it."""
    organization_id = caller.public_organization(query.org)
    if query.include_inactive:
        return _whole(organization_id, query)
    part = paging.part(query)
    with reading(here().engine) as session:
        if query.for_session is None:
            rows = offers(session, organization_id, part)
        else:
            rows = offers_for(session, organization_id, _wanted(session, organization_id, query.for_session), part)
    return respond(PackagePage.model_validate(paging.page(rows, query)))


@packages.get("/<id:package_id>", responses=problems(404) | {200: ShownPackage})
def show_package(path: PackagePath, query: OrganizationQuery) -> Response:
    """Show a package on sale, with calculated prices; to admins all of it, and also what is not on sale."""
    organization_id = caller.public_organization(query.org)
    with reading(here().engine) as session:
        if caller.is_admin():
            return respond(_shown(session, organization_id, path.package_id))
        found = offer.offer(session, organization_id, path.package_id)
    if found is None:
        raise Problem("not_found", "There is no package of this id on sale.")
    return respond(Package.model_validate(found))


@admin_packages.post("", responses=problems(415) | {201: AdminPackage})
def create_package(body: PackageRequest) -> Response:
    """Put a package on sale; purchases that were parked because nothing had its code are taken up."""
    organization_id = caller.current().organization()
    with transaction(here().engine) as session:
        made = product.create(session, organization_id, body, at=clock.now())
        shown = _shown(session, organization_id, made.id)
    hint(QUEUE)
    hint(CALLS)
    return respond(shown, status=201)


@admin_packages.patch("/<id:package_id>", responses=problems(404, 415) | {200: AdminPackage})
def change_package(path: PackagePath, body: PackageChange) -> Response:
    """Change a package; what was sold stays as it was sold."""
    organization_id = caller.current().organization()
    values = body.model_dump(exclude_unset=True)
    with transaction(here().engine) as session:
        product.change(session, organization_id, path.package_id, values, at=clock.now())
        shown = _shown(session, organization_id, path.package_id)
    hint(QUEUE)
    hint(CALLS)
    return respond(shown)


@admin_packages.delete("/<id:package_id>", responses=problems(404) | {200: AdminPackage})
def delete_package(path: PackagePath) -> Response:
    """Take a package off sale for good; what was sold stays, and what is paid for it still is fulfilled."""
    organization_id = caller.current().organization()
    with transaction(here().engine) as session:
        shown = _shown(session, organization_id, path.package_id)
        product.remove(session, organization_id, path.package_id, at=clock.now())
    hint(CALLS)
    return respond(shown.model_copy(update={"active": False}))


def _whole(organization_id: int, query: PageQuery) -> Response:
    if not caller.is_admin():
        raise Problem("forbidden", "Leave out `includeInactive`: it is for admins.")
    with reading(here().engine) as session:
        rows = offer.whole_offers(session, organization_id, paging.part(query))
    return respond(AdminPackagePage.model_validate(paging.page(rows, query)))


def _shown(session: Session, organization_id: int, package_id: int) -> AdminPackage:
    found = offer.whole_offer(session, organization_id, package_id)
    if found is None:
        raise Problem("not_found", "There is no package of this id.")
    return AdminPackage.model_validate(found)


def _wanted(session: Session, organization_id: int, session_id: int) -> CalendarRow:
    found = calendar.find(session, organization_id, session_id)
    if found is None:
        raise Problem("not_found", "There is no session of this id.")
    return found

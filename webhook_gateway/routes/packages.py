"""The public catalog."""

from __future__ import annotations

from flask import Response
from flask_openapi3.models.tag import Tag

from db.transaction import reading
from domain.offer import offers
from webhook_gateway import caller, paging
from webhook_gateway.gateway import here
from webhook_gateway.respond import respond
from webhook_gateway.routes.group import public_group
from webhook_gateway.schema.package import PackagePage, PackageQuery

CATALOG = Tag(name="Catalog", description="What an organization sells. Public; a token is taken, but not needed.")

packages = public_group("packages", CATALOG, "/api/packages")


@packages.get("", responses={200: PackagePage})
def list_packages(query: PackageQuery) -> Response:
    """List the packages on sale, with calculated prices."""
    organization_id = caller.public_organization(query.org)
    with reading(here().engine) as session:
        rows = offers(session, organization_id, paging.part(query))
    return respond(PackagePage.model_validate(paging.page(rows, query)))

"""What somebody changed in Stripe by hand: shown to staff, and overruled by admins."""

from __future__ import annotations

from flask import Response
from flask_openapi3.models.tag import Tag

from db.transaction import reading, transaction
from domain.catalog import drift_view
from webhook_gateway import caller, paging
from webhook_gateway.gateway import here, hint
from webhook_gateway.respond import respond
from webhook_gateway.routes.group import group_for
from webhook_gateway.schema.base import PageQuery
from webhook_gateway.schema.drift import DriftedProduct, DriftPage, DriftPath
from webhook_gateway.schema.problem import problems
from webhook_gateway.token import Role
from worker import clock
from worker.hints import CALLS

DRIFT = Tag(name="Drift", description="Where Stripe's products and prices are not what the catalog says.")
ADDRESS = "/api/admin/drift"

drift = group_for(Role.STAFF, "drift", DRIFT, ADDRESS)
drift_pushing = group_for(Role.ADMIN, "drift_pushing", DRIFT, ADDRESS)


@drift.get("", responses={200: DriftPage})
def list_drift(query: PageQuery) -> Response:
    """List the products that Stripe has otherwise than the catalog, as far as Stripe told us."""
    organization_id = caller.current().organization()
    with reading(here().engine) as session:
        rows = drift_view.drifted(session, organization_id, paging.part(query))
    return respond(DriftPage.model_validate(paging.page(rows, query)))


@drift_pushing.post("/<id:product_id>/push", responses=problems(404, 415) | {200: DriftedProduct})
def push_product(path: DriftPath) -> Response:
    """Have Stripe told again what a product is: our catalog is the source. It is done in the background."""
    organization_id = caller.current().organization()
    with transaction(here().engine) as session:
        shown = drift_view.push(session, organization_id, path.product_id, at=clock.now())
    hint(CALLS)
    return respond(DriftedProduct.model_validate(shown))

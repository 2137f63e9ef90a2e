"""What of orders waits for staff, and saying that it is settled."""

from __future__ import annotations

from flask import Response

from db.transaction import reading, transaction
from domain.refund import review_view
from domain.refund.review_view import ReviewFilter, Settled
from webhook_gateway import caller, paging
from webhook_gateway.gateway import here
from webhook_gateway.problem import Problem
from webhook_gateway.respond import respond
from webhook_gateway.routes.group import group_for
from webhook_gateway.routes.orders import ORDERS
from webhook_gateway.schema.problem import problems
from webhook_gateway.schema.staff_order import ResolveRequest, Review, ReviewPage, ReviewPath, ReviewQuery
from webhook_gateway.token import Role
from worker import clock

reviews = group_for(Role.STAFF, "reviews", ORDERS, "/api/admin/reviews")


@reviews.get("", responses={200: ReviewPage})
def list_reviews(query: ReviewQuery) -> Response:
    """List what waits for staff, and what they have settled, newest first."""
    wanted = ReviewFilter(query.open, query.kind)
    with reading(here().engine) as session:
        rows = review_view.reviews(session, caller.current().organization(), wanted, paging.part(query))
    return respond(ReviewPage.model_validate(paging.page(rows, query)))


@reviews.post("/<id:review_id>/resolve", responses=problems(404, 415) | {200: Review})
def resolve_review(path: ReviewPath, body: ResolveRequest) -> Response:
    """Say that something is settled; said again it changes nothing."""
    organization_id, settled = caller.current().organization(), Settled(caller.actor(), body.note)
    with transaction(here().engine) as session:
        found = review_view.resolve(session, organization_id, path.review_id, settled, at=clock.now())
    if found is None:
        raise Problem("not_found", "There is nothing of this id that waits for you.")
    return respond(Review.model_validate(found))

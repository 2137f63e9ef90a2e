"""What Stripe was asked for: what was refused and why, and asking again."""

from __future__ import annotations

from flask import Response
from flask_openapi3.models.tag import Tag

from db.transaction import reading, transaction
from domain.outward import call_view
from webhook_gateway import caller, paging
from webhook_gateway.gateway import here, hint
from webhook_gateway.problem import Problem
from webhook_gateway.respond import respond
from webhook_gateway.routes.group import group_for
from webhook_gateway.schema.problem import problems
from webhook_gateway.schema.stripe_call import CallPath, CallQuery, StripeCallPage, StripeCallShown
from webhook_gateway.token import Role
from worker import clock
from worker.hints import CALLS

STRIPE = Tag(name="Calls to Stripe", description="Products, Checkouts and refunds that Stripe was asked for.")

stripe_calls = group_for(Role.STAFF, "stripe_calls", STRIPE, "/api/admin/stripe-calls")


@stripe_calls.get("", responses={200: StripeCallPage})
def list_stripe_calls(query: CallQuery) -> Response:
    """List calls to Stripe, newest first; what was sent is not shown."""
    organization_id = caller.current().organization_id
    with reading(here().engine) as session:
        rows = call_view.calls(session, organization_id, query.status, query.kind, paging.part(query))
    return respond(StripeCallPage.model_validate(paging.page(rows, query)))


@stripe_calls.post("/<id:call_id>/retry", responses=problems(404, 409, 415) | {202: StripeCallShown})
def retry_stripe_call(path: CallPath) -> Response:
    """Have Stripe told again of a product that it refused.

    A command that ended with its call is sent again by whoever wants it: that is refused with `call_final`.
    """
    with transaction(here().engine) as session:
        call = call_view.retry(session, path.call_id, caller.current().organization_id, at=clock.now())
    if call is None:
        raise Problem("not_found", "There is no call of this id that you may see.")
    hint(CALLS)
    return respond(StripeCallShown.model_validate(call), status=202)

"""Buying through Stripe: a command that ends with the page to pay on."""

from __future__ import annotations

from flask import Response
from flask_openapi3.models.tag import Tag

from domain.outward.checkout_command import CHECKOUT
from webhook_gateway import caller
from webhook_gateway.command import Command, perform
from webhook_gateway.problem import FieldError, Problem
from webhook_gateway.routes.group import command_group
from webhook_gateway.schema.booking import Accepted
from webhook_gateway.schema.checkout_session import CheckoutRequest, CheckoutSession
from webhook_gateway.schema.command import document
from webhook_gateway.schema.problem import problems
from webhook_gateway.token import Role

CHECKOUTS = Tag(name="Checkouts", description="Buying through Stripe. Students buy for themselves, staff for anybody.")

checkout_sessions = command_group("checkout_sessions", CHECKOUTS, "/api/checkout-sessions")


@checkout_sessions.post("", responses=problems(502, 503) | {201: CheckoutSession, 202: Accepted})
def create_checkout_session(body: CheckoutRequest) -> Response:
    """Ask Stripe for a page on which a package, a subscription or a course is paid.

    What was paid is fulfilled when Stripe says so. A coupon's use is held for as long as the page is open.
    """
    said = body.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"student_id"})
    return perform(Command(CHECKOUT, said, _whose(body)))


def _whose(body: CheckoutRequest) -> str:
    """Return the student who buys: the caller, or whom staff name."""
    claims = caller.claims()
    if claims.role is Role.STUDENT:
        if body.student_id not in {None, claims.sub}:
            raise Problem("forbidden", "Leave out `studentId`: it is for staff.")
        return claims.sub
    if body.student_id is None:
        advice = "Say who buys"
        raise Problem("validation_failed", f"{advice}.", errors=[FieldError("#/studentId", advice)])
    return body.student_id


document(checkout_sessions)

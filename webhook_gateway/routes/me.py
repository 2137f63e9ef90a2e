"""What a student holds, bought and booked."""

from __future__ import annotations

from flask import Response
from flask_openapi3.models.tag import Tag

from db.transaction import reading
from domain.booking.view import bookings
from domain.holding.holding import holdings
from domain.holding.order_view import orders
from domain.waitlist.waits import waits
from webhook_gateway import caller, paging
from webhook_gateway.gateway import here
from webhook_gateway.respond import respond
from webhook_gateway.routes.group import group_for
from webhook_gateway.schema.base import PageQuery
from webhook_gateway.schema.booking import BookingPage, BookingQuery
from webhook_gateway.schema.order import OrderPage
from webhook_gateway.schema.package import HoldingPage
from webhook_gateway.schema.waitlist import WaitlistPage
from webhook_gateway.token import Role
from worker import clock

STUDENT = Tag(name="Student", description="The student of the token. One who is not known yet is created.")

me = group_for(Role.STUDENT, "me", STUDENT, "/api/students/me")


@me.get("/packages", responses={200: HoldingPage})
def list_holdings(query: PageQuery) -> Response:
    """List the packages held, newest first: status, what is left of each line, passes."""
    organization_id, student_id = caller.current().student()
    with reading(here().engine) as session:
        rows = holdings(session, organization_id, student_id, paging.part(query), at=clock.now())
    return respond(HoldingPage.model_validate(paging.page(rows, query)))


@me.get("/orders", responses={200: OrderPage})
def list_orders(query: PageQuery) -> Response:
    """List the orders, newest first, with how many of their sessions took place."""
    organization_id, student_id = caller.current().student()
    with reading(here().engine) as session:
        rows = orders(session, organization_id, student_id, paging.part(query))
    return respond(OrderPage.model_validate(paging.page(rows, query)))


@me.get("/bookings", responses={200: BookingPage})
def list_bookings(query: BookingQuery) -> Response:
    """List the bookings, newest first; a guest is a booking of its own, with `guestOf`."""
    organization_id, student_id = caller.current().student()
    with reading(here().engine) as session:
        rows = bookings(session, organization_id, student_id, paging.part(query), status=query.status)
    return respond(BookingPage.model_validate(paging.page(rows, query)))


@me.get("/waitlists", responses={200: WaitlistPage})
def list_waitlists(query: PageQuery) -> Response:
    """List where the student waits, newest first, and what became of it."""
    organization_id, student_id = caller.current().student()
    with reading(here().engine) as session:
        rows = waits(session, organization_id, student_id, paging.part(query))
    return respond(WaitlistPage.model_validate(paging.page(rows, query)))

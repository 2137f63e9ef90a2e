"""Orders as staff see them; and what goes back of one, a command."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_openapi3.models.tag import Tag

from db.transaction import reading
from domain.refund import order_list
from domain.refund.command import REFUND
from domain.refund.order_list import OrderFilter
from webhook_gateway import caller, paging
from webhook_gateway.command import Command, perform
from webhook_gateway.gateway import here
from webhook_gateway.job_store import Subject
from webhook_gateway.problem import Problem
from webhook_gateway.respond import respond
from webhook_gateway.routes.group import command_group, group_for
from webhook_gateway.schema.booking import Accepted
from webhook_gateway.schema.command import document
from webhook_gateway.schema.problem import problems
from webhook_gateway.schema.staff_order import (
    OrderPath,
    OrderQuery,
    OrderRefunded,
    RefundRequest,
    StaffOrderDetail,
    StaffOrderPage,
)
from webhook_gateway.token import Role
from worker import clock

ORDERS = Tag(name="Orders", description="What was bought, what became of its money, and what of it waits for staff.")
ANYBODY = None

orders = group_for(Role.STAFF, "orders", ORDERS, "/api/admin/orders")
refunding = command_group("refunding", ORDERS, "/api/admin/orders", Role.ADMIN)


@orders.get("", responses={200: StaffOrderPage})
def list_staff_orders(query: OrderQuery) -> Response:
    """List the orders, newest first."""
    wanted = OrderFilter(query.status, query.student_id, query.needs_review, query.price_mismatch)
    with reading(here().engine) as session:
        rows = order_list.orders(session, caller.current().organization(), wanted, paging.part(query))
    return respond(StaffOrderPage.model_validate(paging.page(rows, query)))


@orders.get("/<id:order_id>", responses=problems(404) | {200: StaffOrderDetail})
def show_order(path: OrderPath) -> Response:
    """Show an order: its payment as Stripe tells of it, its refunds, its packages, and what waits for staff."""
    with reading(here().engine) as session:
        found = order_list.find(session, caller.current().organization(), path.order_id, at=clock.now())
    if found is None:
        raise Problem("not_found", "There is no order of this id.")
    return respond(StaffOrderDetail.model_validate(found))


@refunding.post("/<id:order_id>/refund", responses=problems(503) | {201: OrderRefunded, 202: Accepted})
def refund_order(path: OrderPath, body: RefundRequest) -> Response:
    """Pay an order back through Stripe, or credits of it, which are taken back: all unless some are named."""
    said: dict[str, Any] = body.model_dump(mode="json", by_alias=True, exclude_none=True)
    about = (Subject.ORDER, path.order_id)
    return perform(Command(REFUND, {"orderId": path.order_id} | said, ANYBODY, about))


document(refunding)

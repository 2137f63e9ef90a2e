"""What a student bought: orders, and how many of their sessions took place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.models import Booking, BookingStatus, Order, OrderStatus, Payment, Product, ProductType
from domain.listing import Part, newest_first


@dataclass(frozen=True, slots=True)
class Sessions:
    """How many bookings of an order stand where; a draft is a session not yet scheduled."""

    scheduled: int = 0
    completed: int = 0
    unscheduled: int = 0


@dataclass(frozen=True, slots=True)
class OrderView:
    """A purchase as its student sees it. Money in minor units of `currency`."""

    id: int
    order_type: ProductType
    status: OrderStatus
    product_code: str | None
    list_price: int
    paid: int
    refunded: int
    currency: str
    price_mismatch: bool
    package_metadata: dict[str, Any]
    created_at: datetime
    total_sessions: int
    sessions: Sessions


def orders(session: Session, organization_id: int, student_id: int, part: Part) -> list[OrderView]:
    """Return a student's orders, newest first, with two statements however many there are."""
    bought = (
        select(Order, Product.code, func.coalesce(Payment.amount_refunded, 0))
        .outerjoin(Product, Product.id == Order.product_id)
        .outerjoin(Payment, Payment.id == Order.payment_id)
        .where(Order.organization_id == organization_id, Order.student_id == student_id)
    )
    rows = session.execute(newest_first(bought, Order.id, part)).tuples().all()
    counted = _sessions(session, organization_id, [row[0].id for row in rows])
    return [_view(order, code, refunded, counted.get(order.id, Sessions())) for order, code, refunded in rows]


def _sessions(session: Session, organization_id: int, order_ids: Sequence[int]) -> dict[int, Sessions]:
    counts = [
        func.count().filter(Booking.status == status)
        for status in (BookingStatus.CONFIRMED, BookingStatus.COMPLETED, BookingStatus.DRAFT)
    ]
    statement = (
        select(Booking.order_id, *counts)
        .where(Booking.organization_id == organization_id, Booking.order_id.in_(order_ids))
        .group_by(Booking.order_id)
    )
    return {row[0]: Sessions(*row[1:]) for row in session.execute(statement)}


def _view(order: Order, product_code: str | None, refunded: int, sessions: Sessions) -> OrderView:
    return OrderView(
        id=order.id,
        order_type=order.order_type,
        status=order.status,
        product_code=product_code,
        list_price=order.list_price,
        paid=order.paid,
        refunded=refunded,
        currency=order.currency,
        price_mismatch=order.price_mismatch,
        package_metadata=order.package_metadata,
        created_at=order.created_at,
        total_sessions=order.package_metadata.get("total_sessions") or 0,
        sessions=sessions,
    )

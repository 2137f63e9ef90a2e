"""Orders as staff see them: whose they are, what became of their money, and which of them need somebody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, exists, func, select, true
from sqlalchemy.orm import Session

from db.models import (
    DisputeStatus,
    Order,
    OrderReview,
    OrderStatus,
    Payment,
    PaymentStatus,
    Product,
    ProductType,
    Student,
    StudentPackage,
)
from domain.holding.holding import Holding, of_ids
from domain.listing import Part, newest_first
from domain.purchase.fact import RefundSaid
from domain.purchase.payment import Purchase
from domain.refund.review_view import ReviewView, reviews_of
from domain.refund.view import RefundView, refunds_of


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """Which orders a list shows; `student_id` is the frontend's own name, None is any."""

    status: OrderStatus | None = None
    student_id: str | None = None
    needs_review: bool | None = None
    price_mismatch: bool | None = None


@dataclass(frozen=True, slots=True)
class StaffOrder:
    """A purchase. Money in minor units of `currency`; `refunded` is what went back by Stripe's word."""

    id: int
    student_id: str | None
    student_name: str | None
    order_type: ProductType
    status: OrderStatus
    product_code: str | None
    list_price: int
    discount: int
    paid: int
    refunded: int
    currency: str
    price_mismatch: bool
    dispute_status: DisputeStatus | None
    open_reviews: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class DisputeSaid:
    """A dispute as Stripe tells of it."""

    id: str
    status: DisputeStatus


@dataclass(frozen=True, slots=True)
class PaymentView:
    """What Stripe says of a payment. Money in minor units."""

    stripe_key: str
    status: PaymentStatus
    received: int
    refunded: int
    currency: str
    refunds: Sequence[RefundSaid]
    disputes: Sequence[DisputeSaid]


@dataclass(frozen=True, slots=True)
class OrderDetail:
    """An order with all that hangs on it; one that was sold at the desk has no payment."""

    order: StaffOrder
    payment: PaymentView | None
    refunds: Sequence[RefundView]
    packages: Sequence[Holding]
    reviews: Sequence[ReviewView]


_OPEN = exists().where(OrderReview.order_id == Order.id, OrderReview.resolved_at.is_(None))


def orders(session: Session, organization_id: int, wanted: OrderFilter, part: Part) -> list[StaffOrder]:
    """Return an organization's orders, newest first, with one statement."""
    conditions = (
        true() if wanted.status is None else Order.status == wanted.status,
        true() if wanted.student_id is None else Student.external_id == wanted.student_id,
        true() if wanted.needs_review is None else (_OPEN if wanted.needs_review else ~_OPEN),
        true() if wanted.price_mismatch is None else Order.price_mismatch == wanted.price_mismatch,
    )
    statement = newest_first(_orders(organization_id).where(*conditions), Order.id, part)
    return [StaffOrder(**row) for row in session.execute(statement).mappings()]


def find(session: Session, organization_id: int, order_id: int, *, at: datetime) -> OrderDetail | None:
    """Return an order of an organization with all that hangs on it; None where there is none of that id."""
    row = session.execute(_orders(organization_id).where(Order.id == order_id)).mappings().one_or_none()
    if row is None:
        return None
    owned = select(StudentPackage.id).where(StudentPackage.order_id == order_id).order_by(StudentPackage.id)
    packages = list(session.scalars(owned))
    held = of_ids(session, organization_id, packages, at=at) if packages else {}
    return OrderDetail(
        StaffOrder(**row),
        _payment(session, order_id),
        refunds_of(session, [order_id]).get(order_id, []),
        [held[package] for package in packages],
        reviews_of(session, order_id),
    )


def _orders(organization_id: int) -> Select[Any]:
    count = select(func.count()).select_from(OrderReview)
    open_reviews = count.where(OrderReview.order_id == Order.id, OrderReview.resolved_at.is_(None))
    return (
        select(
            Order.id,
            Student.external_id.label("student_id"),
            Student.name.label("student_name"),
            Order.order_type,
            Order.status,
            Product.code.label("product_code"),
            Order.list_price,
            Order.discount,
            Order.paid,
            func.coalesce(Payment.amount_refunded, 0).label("refunded"),
            Order.currency,
            Order.price_mismatch,
            Payment.dispute_status,
            open_reviews.scalar_subquery().label("open_reviews"),
            Order.created_at,
        )
        .join(Student, Student.id == Order.student_id)
        .outerjoin(Product, Product.id == Order.product_id)
        .outerjoin(Payment, Payment.id == Order.payment_id)
        .where(Order.organization_id == organization_id)
    )


def _payment(session: Session, order_id: int) -> PaymentView | None:
    payment = session.scalar(select(Payment).join(Order, Order.payment_id == Payment.id).where(Order.id == order_id))
    if payment is None:
        return None
    purchase = Purchase(payment.organization_id, payment.stripe_key, payment.facts)
    disputes = [DisputeSaid(name, _dispute(payment.facts, name)) for name in purchase.disputes]
    money = (payment.amount_received, payment.amount_refunded, payment.currency)
    return PaymentView(payment.stripe_key, payment.status, *money, purchase.refunds, disputes)


def _dispute(facts: dict[str, Any], name: str) -> DisputeStatus:
    return DisputeStatus(facts[f"dispute:{name}"]["status"])

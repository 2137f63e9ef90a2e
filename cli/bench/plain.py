"""The plain way, to measure beside ours: Flask calls `task.delay`, and each message is an ORM transaction of its own.

It writes the rows that ours writes, for events of one payment at a time; what guards ours against repetition
and disorder it does without.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import uuid4

import orjson
import stripe
from celery import Celery
from flask import Flask, Response, jsonify, request
from sqlalchemy import Engine, create_engine, select
from sqlalchemy.orm import Session

from db.connection import driver_url
from db.models import (
    DeliveryStatus,
    DomainEvent,
    EventStatus,
    Notification,
    Order,
    OrderStatus,
    Organization,
    Payment,
    PaymentStatus,
    Product,
    ProductType,
    StripeCustomer,
    StripeEvent,
    Student,
    StudentPackage,
    StudentPackageAllowance,
)
from db.transaction import transaction
from worker import clock

QUEUE = "plain"
VALID_FOR = timedelta(days=30)

celery = Celery("plain", broker=os.environ.get("BROKER_URL"))
celery.conf.update(task_ignore_result=True, task_default_queue=QUEUE, worker_hijack_root_logger=False)


@cache
def _engine(_pid: int) -> Engine:
    return create_engine(driver_url(os.environ["DATABASE_URL"]), pool_size=1)


def create_app() -> Flask:
    """Return the application that takes webhooks the plain way: what Stripe's library verified is sent on."""
    app = Flask(__name__)
    secret = os.environ["STRIPE_WEBHOOK_SECRETS"]

    @app.post("/webhooks/stripe")
    def receive() -> Response:
        event = stripe.Webhook.construct_event(request.get_data(), request.headers["Stripe-Signature"], secret)
        handle_payload.delay(event.to_dict())
        return jsonify(received=True)

    @app.get("/readyz")
    def ready() -> Response:
        return jsonify(status="ok")

    return app


@celery.task(name="plain.payload", shared=False)
def handle_payload(event: dict[str, Any]) -> None:
    """Stand at the other end of the webhook; nobody works here while the webhook is measured."""


@celery.task(name="plain.stored", shared=False)
def handle_stored(event_id: int) -> None:
    """Act on one stored event in a transaction of its own."""
    with transaction(_engine(os.getpid())) as session:
        event = session.get_one(StripeEvent, event_id)
        told = orjson.loads(event.payload or b"")["data"]["object"]
        lumen = session.scalars(select(Organization).where(Organization.slug == told["metadata"]["org"])).one()
        payment = _payment(session, lumen.id, told, event.received_at)
        if "product_code" in told["metadata"]:
            _fulfil(session, lumen.id, payment, told)
        event.status, event.organization_id, event.finished_at = EventStatus.PROCESSED, lumen.id, clock.now()


def _payment(session: Session, organization: int, told: dict[str, Any], at: datetime) -> Payment:
    """Find or make the payment that both events tell of."""
    key = told.get("payment_intent") or told["id"]
    known = select(Payment).where(Payment.organization_id == organization, Payment.stripe_key == key)
    payment = session.scalars(known.with_for_update()).one_or_none()
    if payment is None:
        payment = Payment(organization_id=organization, stripe_key=key, received_at=at, facts={})
        session.add(payment)
    payment.status = PaymentStatus.SUCCEEDED
    payment.amount_received = int(told.get("amount_received") or told["amount_total"])
    payment.currency, payment.stripe_customer_id = told["currency"].upper(), told["customer"]
    payment.facts = payment.facts | {told["object"]: {name: told[name] for name in ("id", "currency", "customer")}}
    session.flush()
    return payment


def _fulfil(session: Session, organization: int, payment: Payment, told: dict[str, Any]) -> None:
    """Write the order of a Checkout, its package, and what tells of them."""
    at, code = clock.now(), told["metadata"]["product_code"]
    product = session.scalars(
        select(Product).where(Product.organization_id == organization, Product.code == code)
    ).one()
    student = _student(session, organization, told, at)
    order = Order(
        organization_id=organization,
        student_id=student.id,
        payment_id=payment.id,
        product_id=product.id,
        order_type=ProductType.PACKAGE,
        status=OrderStatus.PAID,
        list_price=product.price,
        paid=payment.amount_received,
        currency=payment.currency,
        package_metadata={"total_sessions": sum(line.credits for line in product.allowances)},
        created_at=at,
    )
    session.add(order)
    session.flush()
    package = _package(order, product, at)
    session.add(package)
    session.flush()
    student.event_sequence += 1
    session.add_all([_receipt(order, at), _fulfilled(package, student, at)])


def _student(session: Session, organization: int, told: dict[str, Any], at: datetime) -> Student:
    external_id = told["client_reference_id"]
    known = select(Student).where(Student.organization_id == organization, Student.external_id == external_id)
    student = session.scalars(known.with_for_update()).one_or_none()
    if student is None:
        person = told["customer_details"]
        student = Student(
            organization_id=organization,
            external_id=external_id,
            email=person["email"],
            name=person["name"],
            event_sequence=0,
            created_at=at,
        )
        session.add(student)
        session.flush()
        session.add(
            StripeCustomer(organization_id=organization, stripe_customer_id=told["customer"], student_id=student.id)
        )
    return student


def _package(order: Order, product: Product, at: datetime) -> StudentPackage:
    package = StudentPackage(
        organization_id=order.organization_id,
        student_id=order.student_id,
        order_id=order.id,
        product_id=product.id,
        line=0,
        unit=0,
        product_code=product.code,
        name=product.name,
        bundle_description=product.bundle_description or product.name,
        validity_days=product.validity_days,
        validity_starts=product.validity_starts,
        purchased_at=at,
        starts_at=at,
        expires_at=at + VALID_FOR,
    )
    package.allowances = [
        StudentPackageAllowance(
            organization_id=order.organization_id,
            position=line.position,
            service_type=line.service_type,
            teacher_tier=line.teacher_tier,
            credits=line.credits,
            credit_unit_minutes=line.credit_unit_minutes,
            weight=line.weight,
        )
        for line in product.allowances
    ]
    return package


def _receipt(order: Order, at: datetime) -> Notification:
    return Notification(
        organization_id=order.organization_id,
        student_id=order.student_id,
        kind="purchase.receipt",
        dedupe_key=f"order:{order.id}",
        order_id=order.id,
        message_id=str(uuid4()),
        status=DeliveryStatus.PENDING,
        due_at=at,
        created_at=at,
    )


def _fulfilled(package: StudentPackage, student: Student, at: datetime) -> DomainEvent:
    return DomainEvent(
        organization_id=package.organization_id,
        student_id=student.id,
        type="package.fulfilled",
        subject=f"package/{package.id}",
        sequence=student.event_sequence,
        data={"packageId": package.id, "orderId": package.order_id, "productCode": package.product_code},
        message_id=str(uuid4()),
        status=DeliveryStatus.PENDING,
        due_at=at,
        created_at=at,
    )

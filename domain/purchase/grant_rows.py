"""Write what was decided, a statement per table, with the rows of both outboxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy.orm import Session

from db.bulk import insert, update
from db.models import (
    Booking,
    BookingStatus,
    BookingType,
    DomainEvent,
    Notification,
    Order,
    PackageUse,
    PaymentType,
    Student,
    StudentPackage,
    StudentPackageAllowance,
    UseKind,
)
from domain.purchase.grant import Decision, Grant, Letter

RECEIPT = "purchase.receipt"
FULFILLED = "package.fulfilled"


@dataclass(frozen=True, slots=True)
class Placed:
    """A grant whose package stands in the database; `allowances` are its lines' ids by position."""

    grant: Grant
    order_id: int
    package_id: int
    allowances: Mapping[int, int]

    @property
    def owner(self) -> dict[str, int]:
        """The columns that say whose a row is."""
        return {"organization_id": self.grant.package["organization_id"], "student_id": self.grant.holder.id}


def write(session: Session, decision: Decision, *, at: datetime) -> list[Placed]:
    """Write orders, packages, allowances, drafts, and what tells of them; return the packages in their order."""
    created = insert(session, Order, decision.new_orders, returning="id, payment_id")
    update(session, Order, decision.begun_orders)
    update(session, Order, decision.changed_orders)
    orders = {row["payment_id"]: row["id"] for row in created}
    insert(session, Notification, [_letter(each, orders, at) for each in decision.letters], conflict="DO NOTHING")
    if not decision.grants:
        return []
    orders |= {grant.payment_id: grant.order_id for grant in decision.grants if grant.order_id is not None}
    placed = _place(session, decision.grants, orders)
    insert(session, PackageUse, [_bonus(each, at) for each in placed if each.grant.bonus])
    insert(session, Booking, [row for each in placed for row in _drafts(each, at)])
    insert(session, Notification, _receipts(placed, at))
    insert(session, DomainEvent, [_fulfilled(each, at) for each in placed])
    last = {each.grant.holder.id: each.grant.sequence for each in placed}
    update(session, Student, [{"id": student, "event_sequence": number} for student, number in sorted(last.items())])
    return placed


def _place(session: Session, grants: Sequence[Grant], orders: Mapping[int | None, int]) -> list[Placed]:
    """Insert packages and their allowances."""
    rows = [{"order_id": orders[grant.payment_id]} | grant.package for grant in grants]
    created = insert(session, StudentPackage, rows, returning="id, order_id, line, unit")
    ids = {(row["order_id"], row["line"], row["unit"]): row["id"] for row in created}
    packages = [ids[row["order_id"], row["line"], row["unit"]] for row in rows]
    lines = [row for grant, package in zip(grants, packages, strict=True) for row in _lines(grant, package)]
    allowances: dict[int, dict[int, int]] = {package: {} for package in packages}
    for row in insert(session, StudentPackageAllowance, lines, returning="id, student_package_id, position"):
        allowances[row["student_package_id"]][row["position"]] = row["id"]
    return [
        Placed(grant, orders[grant.payment_id], package, allowances[package])
        for grant, package in zip(grants, packages, strict=True)
    ]


def _lines(grant: Grant, package: int) -> list[dict[str, Any]]:
    """Return the allowances as sold."""
    return [
        {
            "organization_id": grant.package["organization_id"],
            "student_package_id": package,
            "position": line.position,
            "service_type": line.service_type.value,
            "teacher_tier": line.teacher_tier,
            "credits": line.credits,
            "credit_unit_minutes": line.credit_unit_minutes,
            "weight": line.weight,
        }
        for line in grant.allowances
    ]


def _bonus(placed: Placed, at: datetime) -> dict[str, Any]:
    """Return the line of the ledger that gives the credits on top."""
    (allowance,) = placed.allowances.values()
    return {
        "organization_id": placed.grant.package["organization_id"],
        "allowance_id": allowance,
        "kind": UseKind.BONUS.value,
        "credits": -placed.grant.bonus,
        "created_at": at,
    }


def _drafts(placed: Placed, at: datetime) -> list[dict[str, Any]]:
    """Return one draft per credit of the service that is scheduled later; a bonus is for the only line there is."""
    draft = placed.grant.draft
    if draft is None:
        return []
    return [
        placed.owner
        | {
            "order_id": placed.order_id,
            "student_package_id": placed.package_id,
            "allowance_id": placed.allowances[line.position],
            "status": BookingStatus.DRAFT.value,
            "booking_type": BookingType.PACKAGE_SESSION.value,
            "payment_type": PaymentType.CREDIT.value,
            "service_type": draft.service_type.value,
            "minutes": draft.minutes,
            "teacher_tier": draft.teacher_tier,
            "created_at": at,
        }
        for line in placed.grant.allowances
        if line.service_type is draft.service_type
        for _ in range(line.credits + placed.grant.bonus)
    ]


def _receipts(placed: Sequence[Placed], at: datetime) -> list[dict[str, Any]]:
    """Return one receipt per order, however many packages it bought."""
    owners = {each.order_id: each.owner for each in placed}
    return [
        owner | {"kind": RECEIPT, "dedupe_key": f"order:{order}", "order_id": order} | _outgoing(at)
        for order, owner in owners.items()
    ]


def _letter(letter: Letter, orders: Mapping[int | None, int], at: datetime) -> dict[str, Any]:
    """Return the mail about an order's money; one that was made just now is found by its payment."""
    owner = {"organization_id": letter.organization_id, "student_id": letter.student_id}
    order = letter.order_id or orders[letter.payment_id]
    return owner | {"kind": letter.kind, "dedupe_key": letter.key, "order_id": order} | _outgoing(at)


def _fulfilled(placed: Placed, at: datetime) -> dict[str, Any]:
    """Return what other systems are told of a package."""
    grant = placed.grant
    data = {
        "packageId": placed.package_id,
        "orderId": placed.order_id,
        "productCode": grant.package["product_code"],
        "studentId": grant.holder.external_id,
    }
    event = {"type": FULFILLED, "subject": f"package/{placed.package_id}", "sequence": grant.sequence, "data": data}
    return placed.owner | event | _outgoing(at)


def _outgoing(at: datetime) -> dict[str, Any]:
    return {"message_id": str(uuid4()), "due_at": at, "created_at": at}

"""Redemptions: what students hold, seen from the desk, also what Stripe was paid for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from db.models import (
    Coupon,
    Order,
    RedemptionType,
    Student,
    StudentPackage,
)
from domain import student
from domain.desk.coupon import written
from domain.holding.holding import AllAccess, Balance, FriendPass, Holding, of_ids
from domain.holding.package import PackageStatus
from domain.listing import Part, newest_first

# A package with its order, who holds it, and the code of its coupon.
Redeemed = tuple[StudentPackage, Order, str | None, str]


@dataclass(frozen=True, slots=True)
class RedemptionView:
    """A package as it was handed over. Prices are its order's, in minor units; `credits` are those given, bonus too.

    `notes` and `redeemed_by`, as in a job's `caller`, are the staff's alone to see.
    """

    id: int
    member_id: str | None
    package_id: int
    package_code: str
    package_name: str
    redemption_type: RedemptionType
    coupon_code: str | None
    list_price: int
    paid: int
    currency: str
    credits: int
    notes: str | None
    status: PackageStatus
    redeemed_at: datetime
    redeemed_by: str | None
    starts_at: datetime | None
    expires_at: datetime | None
    all_access: AllAccess | None
    friend_pass: FriendPass | None
    balances: tuple[Balance, ...]
    order_id: int

    @property
    def student_package_id(self) -> int:
        """The package held, by the name that bookings have for it."""
        return self.id


@dataclass(frozen=True, slots=True)
class RedemptionFilter:
    """Which redemptions a list shows."""

    member_id: str | None = None
    coupon_code: str | None = None
    package_id: int | None = None
    redemption_type: RedemptionType | None = None


def redemptions(
    session: Session, organization_id: int, wanted: RedemptionFilter, part: Part, *, at: datetime
) -> list[RedemptionView]:
    """Return an organization's redemptions, newest first, with three statements however many there are."""
    matching = _matching(session, _redeemed(organization_id), organization_id, wanted)
    rows = session.execute(newest_first(matching, StudentPackage.id, part)).tuples().all()
    return _views(session, organization_id, rows, at=at)


def find(session: Session, organization_id: int, redemption_id: int, *, at: datetime) -> RedemptionView | None:
    """Return one redemption; None where the organization has none of that id."""
    own = _redeemed(organization_id).where(StudentPackage.id == redemption_id)
    rows = session.execute(own).tuples().all()
    return next(iter(_views(session, organization_id, rows, at=at)), None)


def one(session: Session, organization_id: int, redemption_id: int, *, at: datetime) -> RedemptionView:
    """Return a redemption that is there."""
    found = find(session, organization_id, redemption_id, at=at)
    assert found  # noqa: S101 - its caller wrote it
    return found


def _redeemed(organization_id: int) -> Select[Redeemed]:
    return (
        select(StudentPackage, Order, Student.external_id, Coupon.code)
        .join(Order, Order.id == StudentPackage.order_id)
        .join(Student, Student.id == StudentPackage.student_id)
        .outerjoin(Coupon, Coupon.id == StudentPackage.coupon_id)
        .where(StudentPackage.organization_id == organization_id)
    )


def _matching(
    session: Session, redeemed: Select[Redeemed], organization_id: int, wanted: RedemptionFilter
) -> Select[Redeemed]:
    """Narrow a list. Names are looked up first, so that each filter is an equation that an index answers."""
    if wanted.member_id is not None:
        named = student.find(session, organization_id, wanted.member_id)
        redeemed = redeemed.where(StudentPackage.student_id == (named or 0))
    if wanted.coupon_code is not None:
        # Deleted ones too, which may have shared a code.
        code = select(Coupon.id).where(
            Coupon.organization_id == organization_id, Coupon.code == written(wanted.coupon_code)
        )
        redeemed = redeemed.where(StudentPackage.coupon_id.in_(session.scalars(code).all()))
    if wanted.package_id is not None:
        redeemed = redeemed.where(StudentPackage.product_id == wanted.package_id)
    if wanted.redemption_type is not None:
        redeemed = redeemed.where(StudentPackage.redemption_type == wanted.redemption_type)
    return redeemed


def _views(session: Session, organization_id: int, rows: Sequence[Redeemed], *, at: datetime) -> list[RedemptionView]:
    held = of_ids(session, organization_id, [row[0].id for row in rows], at=at)
    return [_view(row, held[row[0].id]) for row in rows]


def _view(row: Redeemed, held: Holding) -> RedemptionView:
    package, order, member_id, coupon_code = row
    return RedemptionView(
        id=package.id,
        member_id=member_id,
        package_id=package.product_id,
        package_code=package.product_code,
        package_name=package.name,
        redemption_type=package.redemption_type,
        coupon_code=coupon_code,
        list_price=order.list_price,
        paid=order.paid,
        currency=order.currency,
        credits=sum(line.total for line in held.balances),
        notes=package.notes,
        status=held.status,
        redeemed_at=package.purchased_at,
        redeemed_by=package.redeemed_by,
        starts_at=held.starts_at,
        expires_at=held.expires_at,
        all_access=held.all_access,
        friend_pass=held.friend_pass,
        balances=held.balances,
        order_id=package.order_id,
    )

"""What a student holds: packages with what is left of each line, passes, and whether they may pay."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Date, ScalarSelect, Select, cast, exists, func, select
from sqlalchemy.orm import Session

from db.models import (
    AllAccessDailyUsage,
    Booking,
    BookingStatus,
    Order,
    Organization,
    PackageUse,
    Payment,
    PaymentType,
    ServiceType,
    StudentPackage,
    StudentPackageAllowance,
    UseKind,
)
from domain.holding import package as packages
from domain.holding.package import PackageStatus
from domain.listing import Part, newest_first


class FriendPassStatus(StrEnum):
    """Whether a friend may still be brought along; of both reasons why not, the first in this list is told."""

    AVAILABLE = "AVAILABLE"
    USED = "USED"
    EXPIRED = "EXPIRED"


# A package with its payment, the sessions of its student's pass today, and whether its friend came along.
Held = tuple[StudentPackage, Payment | None, int, bool]


@dataclass(frozen=True, slots=True)
class Balance:
    """One line of a package: what was granted, what of it was used, what is left."""

    allowance_id: int
    service_type: ServiceType
    teacher_tier: int
    credit_unit_minutes: int
    total: int
    used: int

    @property
    def remaining(self) -> int:
        """The credits that may still be spent."""
        return max(self.total - self.used, 0)


@dataclass(frozen=True, slots=True)
class AllAccess:
    """A pass for so many sessions a day. `used_today` where the student's local today has as many as it allows."""

    starts_at: datetime
    expires_at: datetime
    used_today: bool


@dataclass(frozen=True, slots=True)
class FriendPass:
    """One friend, once."""

    status: FriendPassStatus
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Holding:
    """A package as its student sees it."""

    id: int
    order_id: int
    product_code: str
    package_name: str
    bundle_description: str
    status: PackageStatus
    purchased_at: datetime
    starts_at: datetime | None
    expires_at: datetime | None
    balances: tuple[Balance, ...]
    all_access: AllAccess | None
    friend_pass: FriendPass | None
    elite_badge: bool


def holdings(session: Session, organization_id: int, student_id: int, part: Part, *, at: datetime) -> list[Holding]:
    """Return a student's packages, newest first, with two statements however many there are."""
    held = _held(at).where(StudentPackage.organization_id == organization_id, StudentPackage.student_id == student_id)
    rows = session.execute(newest_first(held, StudentPackage.id, part)).tuples().all()
    left = balances(session, organization_id, [row[0].id for row in rows])
    return [_holding(row, left[row[0].id], at) for row in rows]


def of_ids(session: Session, organization_id: int, package_ids: Sequence[int], *, at: datetime) -> dict[int, Holding]:
    """Return packages of an organization's by their ids, whoever holds them, with two statements."""
    held = _held(at).where(StudentPackage.organization_id == organization_id, StudentPackage.id.in_(package_ids))
    rows = session.execute(held).tuples().all()
    left = balances(session, organization_id, package_ids)
    return {row[0].id: _holding(row, left[row[0].id], at) for row in rows}


def _held(at: datetime) -> Select[Any]:
    """Return the statement of what all students hold, in the columns of `Held`."""
    return (
        select(StudentPackage, Payment, _used_on_day_of(at), _friend_came())
        .join(Order, Order.id == StudentPackage.order_id)
        .join(Organization, Organization.id == StudentPackage.organization_id)
        .outerjoin(Payment, Payment.id == Order.payment_id)
    )


def _used_on_day_of(at: datetime) -> ScalarSelect[int]:
    """Return how many sessions the student's passes pay on the local day of an instant, whichever of them does."""
    day = cast(func.timezone(Organization.timezone, at), Date)
    return (
        select(func.count())
        .where(
            AllAccessDailyUsage.student_id == StudentPackage.student_id,
            AllAccessDailyUsage.usage_date == day,
            AllAccessDailyUsage.freed_at.is_(None),
        )
        .scalar_subquery()
    )


def _friend_came() -> ColumnElement[bool]:
    return exists().where(
        Booking.student_package_id == StudentPackage.id,
        Booking.payment_type == PaymentType.FRIEND_PASS,
        Booking.status != BookingStatus.CANCELLED,
    )


def balances(
    session: Session, organization_id: int, package_ids: Sequence[int]
) -> defaultdict[int, tuple[Balance, ...]]:
    """Return what is left of each line of packages, by package: credits minus the sum of the ledger.

    Credits added or taken back change what was granted; `used` is what sessions were paid with.
    """
    consumed = PackageUse.kind.in_([UseKind.SPEND, UseKind.RETURN])
    statement = (
        select(
            StudentPackageAllowance,
            func.coalesce(func.sum(PackageUse.credits).filter(consumed), 0),
            func.coalesce(func.sum(PackageUse.credits).filter(~consumed), 0),
        )
        .outerjoin(PackageUse, PackageUse.allowance_id == StudentPackageAllowance.id)
        .where(
            StudentPackageAllowance.organization_id == organization_id,
            StudentPackageAllowance.student_package_id.in_(package_ids),
        )
        .group_by(StudentPackageAllowance.id)
        .order_by(StudentPackageAllowance.student_package_id, StudentPackageAllowance.position)
    )
    found: defaultdict[int, tuple[Balance, ...]] = defaultdict(tuple)
    for line, used, withdrawn in session.execute(statement).tuples():
        found[line.student_package_id] += (_balance(line, int(used), int(withdrawn)),)
    return found


def _balance(line: StudentPackageAllowance, used: int, withdrawn: int) -> Balance:
    return Balance(
        allowance_id=line.id,
        service_type=line.service_type,
        teacher_tier=line.teacher_tier,
        credit_unit_minutes=line.credit_unit_minutes,
        total=line.credits - withdrawn,
        used=used,
    )


def _holding(row: Held, left: tuple[Balance, ...], at: datetime) -> Holding:
    package, payment, used_today, friend_came = row
    return Holding(
        id=package.id,
        order_id=package.order_id,
        product_code=package.product_code,
        package_name=package.name,
        bundle_description=package.bundle_description,
        status=packages.status(package, payment, at=at),
        purchased_at=package.purchased_at,
        starts_at=package.starts_at,
        expires_at=package.expires_at,
        balances=left,
        all_access=_all_access(package, used_today),
        friend_pass=_friend_pass(package, friend_came, at),
        elite_badge=package.elite_badge,
    )


def _all_access(package: StudentPackage, used_today: int) -> AllAccess | None:
    starts_at, expires_at = package.all_access_starts_at, package.all_access_expires_at
    if starts_at is None or expires_at is None:
        return None
    return AllAccess(starts_at, expires_at, used_today >= package.all_access_daily_limit)


def _friend_pass(package: StudentPackage, friend_came: bool, at: datetime) -> FriendPass | None:  # noqa: FBT001 - a column
    expires_at = package.friend_pass_expires_at
    if expires_at is None:
        return None
    if friend_came:
        return FriendPass(FriendPassStatus.USED, expires_at)
    status = FriendPassStatus.AVAILABLE if at < expires_at else FriendPassStatus.EXPIRED
    return FriendPass(status, expires_at)

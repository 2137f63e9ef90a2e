"""What a sale grants, decided in plain Python: no database, no clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from db.models import DisputeStatus, OrderStatus, ProductType, RedemptionType, ServiceType, ValidityStart
from domain.catalog.bundle import describe
from domain.mail.money_mail import FAILED, GIVEN_UP, REFUNDED
from domain.money import share
from domain.purchase.holder import Holder
from domain.purchase.payment import Purchase
from domain.purchase.products import Allowance, CatalogProduct
from domain.purchase.recognition import SaleLine
from domain.purchase.standing import Standing
from domain.subscription.window import Course, Period, end_of, end_of_credits
from domain.validity import end_of_days

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sale:
    """A payment, what it bought, and whose it is."""

    standing: Standing
    lines: list[SaleLine]
    student_id: int

    @property
    def purchase(self) -> Purchase:
        """What Stripe says of it."""
        return self.standing.purchase

    @property
    def is_back(self) -> bool:
        """Whether its packages stand and their payment is there, by what was said just now."""
        return self.standing.fulfilled and not self.purchase.is_revoked and self.purchase.dispute != DisputeStatus.OPEN

    @property
    def touches_flags(self) -> bool:
        """Whether a flag of the student may change by it."""
        return self.standing.fulfilled or any(
            line.product.elite_badge or line.product.all_access_days for line in self.lines
        )


@dataclass(frozen=True, slots=True)
class Draft:
    """A session that was paid for and has no time yet."""

    service_type: ServiceType
    minutes: int
    teacher_tier: int | None


@dataclass(frozen=True, slots=True)
class Grant:
    """One unit of a product for one student: the package's row, its allowances, its drafts by allowance.

    `payment_id` is None for what was sold at the desk. `bonus` credits come on top of those of its one line.
    """

    payment_id: int | None
    order_id: int | None
    holder: Holder
    sequence: int
    package: Row
    allowances: tuple[Allowance, ...]
    draft: Draft | None
    bonus: int = 0
    coupon_use: int | None = None


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail about money that did not come or went back; the same key is told once."""

    kind: str
    key: str
    payment_id: int
    order_id: int | None
    student_id: int
    organization_id: int


@dataclass(slots=True)
class Decision:
    """All that must be written."""

    new_orders: list[Row] = field(default_factory=list)
    begun_orders: list[Row] = field(default_factory=list)
    changed_orders: list[Row] = field(default_factory=list)
    grants: list[Grant] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)


def decide(sales: Sequence[Sale], holders: Mapping[int, Holder], *, at: datetime) -> Decision:
    """Say what sales grant at an instant: an order each, and once they are paid a package per unit."""
    decision = Decision()
    standing = dict(holders)
    for sale in sales:
        order = sale.standing.order
        if order is None:
            names = {"payment_id": sale.standing.payment_id, "student_id": sale.student_id, "created_at": at}
            decision.new_orders.append(names | _order(sale))
        elif sale.lines and not order.fulfilled:
            decision.begun_orders.append({"id": order.id} | _order(sale))
        elif (order.status, order.paid) != (sale.purchase.order_status, sale.purchase.received):
            expected = order.list_price - order.discount
            decision.changed_orders.append({"id": order.id} | _money(sale.purchase, expected, order.sessions))
        if sale.purchase.paid and not sale.standing.fulfilled:
            decision.grants += _grants(sale, standing, at=at)
        decision.letters += _letters(sale)
    return decision


def _letters(sale: Sale) -> Iterator[Letter]:
    """Yield what a student is told of an order's money: it did not come after all, or some of it went back."""
    standing, order = sale.standing, sale.standing.order
    about = (standing.payment_id, order.id if order else None, sale.student_id, sale.purchase.organization_id)
    if sale.purchase.order_status in GIVEN_UP and (order is None or order.status == OrderStatus.PENDING):
        yield Letter(FAILED, f"payment:{standing.payment_id}:failed", *about)
    if sale.purchase.paid:
        for refund in standing.refunds:
            yield Letter(REFUNDED, f"refund:{refund}", *about)


def _order(sale: Sale) -> Row:
    """Return the columns of an order that follow from its payment and what it bought."""
    bought = order_of(sale.lines)
    discount = sum(line.deal.discount for line in sale.lines if line.deal)
    about = {"organization_id": sale.purchase.organization_id, "currency": sale.purchase.currency, "discount": discount}
    sessions = sum(line.sessions for line in sale.lines)
    return bought | about | _money(sale.purchase, bought["list_price"] - discount, sessions)


def order_of(lines: Sequence[SaleLine]) -> Row:
    """Return the columns of an order that follow from what it bought."""
    products = [line.product for line in lines]
    course = any(product.product_type is ProductType.COURSE for product in products)
    return {
        "product_id": products[0].id if len({product.id for product in products}) == 1 else None,
        "order_type": (ProductType.COURSE if course else ProductType.PACKAGE).value,
        "list_price": sum(line.product.price * line.quantity for line in lines),
    }


def _money(purchase: Purchase, expected: int, sessions: int) -> Row:
    """Return the columns that follow the payment, also after its packages were granted."""
    mismatch = {"price_mismatch": purchase.paid and purchase.received < expected}
    return mismatch | paid_for(purchase.order_status, purchase.received, sessions)


def paid_for(status: OrderStatus, paid: int, sessions: int) -> Row:
    """Return the columns of an order that say what was paid, and what for."""
    value = share(paid, sessions) if sessions else None
    metadata = {"total_sessions": sessions, "session_value_cents": value}
    return {"status": status.value, "paid": paid, "package_metadata": metadata}


def _grants(sale: Sale, holders: dict[int, Holder], *, at: datetime) -> list[Grant]:
    """Return one grant per unit sold; a pass starts when the student's last one ends."""
    units = [(number, unit) for number, line in enumerate(sale.lines) for unit in range(line.quantity)]
    grants = []
    for number, unit in units:
        holder = holders[sale.student_id]
        unit_of = _with_deal(
            grant(sale.lines[number].product, holder, line=number, unit=unit, at=at), sale.lines[number]
        )
        if sale.purchase.period:
            package = unit_of.package | _in_period(sale.lines[number].product, Period.of(sale.purchase.period))
            unit_of = replace(unit_of, package=package)
        order = sale.standing.order
        grants.append(replace(unit_of, payment_id=sale.standing.payment_id, order_id=order.id if order else None))
        ends = None if sale.purchase.is_revoked else unit_of.package["all_access_expires_at"]
        until = ends or holder.all_access_until
        holders[holder.id] = replace(holder, event_sequence=unit_of.sequence, all_access_until=until)
    return grants


def _with_deal(unit: Grant, line: SaleLine) -> Grant:
    """Return a unit as a coupon made it, with the use that pays for that."""
    deal = line.deal
    if deal is None:
        return unit
    how = {"redemption_type": deal.redemption_type.value, "coupon_id": deal.coupon_id}
    return replace(unit, package=unit.package | how, bonus=deal.bonus, coupon_use=deal.use_id)


def _in_period(product: CatalogProduct, period: Period) -> Row:
    """Return the dates of what a period of a subscription grants, if it goes on (domain.subscription.renew)."""
    if product.all_access_days:
        end = end_of(period, Course(), product.timezone)
        window = {"all_access_starts_at": period.start, "all_access_expires_at": end}
    else:
        end = end_of_credits(period, Course(), product.timezone, product.validity_days)
        window = {}
    # Its days count from the period on, whenever the first session is.
    return window | {"starts_at": period.start, "expires_at": end, "validity_starts": ValidityStart.PURCHASE.value}


def grant(product: CatalogProduct, holder: Holder, *, line: int = 0, unit: int = 0, at: datetime) -> Grant:
    """Return one unit of a product for a student, paid by nothing yet."""
    return Grant(
        payment_id=None,
        order_id=None,
        holder=holder,
        sequence=holder.event_sequence + 1,
        package=_package(product, holder, at=at) | {"line": line, "unit": unit},
        allowances=product.allowances,
        draft=_draft(product),
    )


def _package(product: CatalogProduct, holder: Holder, *, at: datetime) -> Row:
    """Return the package as sold: what the catalog says today, with its dates."""
    starts_at, expires_at = _validity(product, at=at)
    pass_starts, pass_ends = _all_access(product, holder, at=at)
    friend_days = product.friend_pass_days
    return {
        "organization_id": product.organization_id,
        "student_id": holder.id,
        "product_id": product.id,
        "product_code": product.code,
        "name": product.name,
        "bundle_description": product.bundle_description
        or describe(product.allowances, all_access_days=product.all_access_days),
        "validity_days": product.validity_days,
        "validity_starts": product.validity_starts.value,
        "purchased_at": at,
        "starts_at": pass_starts or starts_at,
        "expires_at": pass_ends or expires_at,
        "all_access_starts_at": pass_starts,
        "all_access_expires_at": pass_ends,
        "all_access_services": product.all_access_services,
        "all_access_daily_limit": product.all_access_daily_limit,
        "friend_pass_expires_at": end_of_days(at, friend_days, product.timezone) if friend_days else None,
        "elite_badge": product.elite_badge,
        "redemption_type": RedemptionType.PACKAGE_DIRECT.value,
        "coupon_id": None,
    }


def _validity(product: CatalogProduct, *, at: datetime) -> tuple[datetime | None, datetime | None]:
    if product.validity_starts is ValidityStart.FIRST_USE:
        return None, None
    return at, end_of_days(at, product.validity_days, product.timezone)


def _all_access(product: CatalogProduct, holder: Holder, *, at: datetime) -> tuple[datetime | None, datetime | None]:
    if not product.all_access_days:
        return None, None
    starts_at = max(at, holder.all_access_until or at)
    return starts_at, end_of_days(starts_at, product.all_access_days, product.timezone)


def _draft(product: CatalogProduct) -> Draft | None:
    if product.draft_service_type is None or product.draft_minutes is None:
        return None
    return Draft(product.draft_service_type, product.draft_minutes, product.draft_teacher_tier)

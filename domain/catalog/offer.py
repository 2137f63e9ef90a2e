"""What an organization sells: its packages with their calculated prices, and which of them would pay for a session."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Select, case, select
from sqlalchemy.orm import Session, selectinload

from db.models import (
    BillingInterval,
    Organization,
    Product,
    ProductType,
    RefundPolicy,
    ServiceType,
    ValidityStart,
)
from domain.booking.fit import Fit, cost, fits
from domain.calendar.calendar import CalendarRow
from domain.catalog import bundle
from domain.catalog.stripe_side import StripeSide, side_of
from domain.listing import Part, oldest_first
from domain.money import share


@dataclass(frozen=True, slots=True)
class OfferLine:
    """One line of a bundle."""

    service_type: ServiceType
    teacher_tier: int
    credits: int
    credit_unit_minutes: int
    weight: int | None = None


@dataclass(frozen=True, slots=True)
class Later:
    """What a credit is scheduled for later."""

    service_type: ServiceType
    minutes: int
    teacher_tier: int | None


@dataclass(frozen=True, slots=True)
class Pricing:
    """How a price compares with that of single credits; all None where there are no credits."""

    base_price: int | None = None
    discount_amount: int | None = None
    discount_percentage: int | None = None
    price_per_credit: int | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """A package on sale. Money in minor units of `currency`; of a subscription the price is that of each period."""

    id: int
    code: str
    name: str
    bundle_description: str
    allowances: tuple[OfferLine, ...]
    price: int
    currency: str
    pricing: Pricing
    active: bool
    validity_days: int
    all_access_days: int | None
    friend_pass_days: int | None
    elite_badge: bool
    all_access_services: tuple[str, ...]
    billing_interval: BillingInterval | None
    billing_interval_count: int | None
    refund_policy: RefundPolicy
    fit: Fit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeOffer(Offer):
    """A package with all that whoever keeps the catalog may change of it."""

    validity_starts: ValidityStart
    all_access_daily_limit: int
    schedule_later: Later | None
    stripe_product_id: str | None
    stripe_price_ids: tuple[str, ...]
    stripe: StripeSide


def offers(session: Session, organization_id: int, part: Part) -> list[Offer]:
    """Return the packages that are on sale."""
    return _read(session, oldest_first(_on_sale(organization_id), Product.id, part))


def offer(session: Session, organization_id: int, product_id: int) -> Offer | None:
    """Return a package that is on sale; None where an organization has none of that id."""
    return next(iter(_read(session, _on_sale(organization_id).where(Product.id == product_id))), None)


def whole_offers(session: Session, organization_id: int, part: Part) -> list[WholeOffer]:
    """Return the packages that were not deleted, also those that are not on sale."""
    return _read_whole(session, oldest_first(_standing(organization_id), Product.id, part))


def whole_offer(session: Session, organization_id: int, product_id: int) -> WholeOffer | None:
    """Return a package, also one that is not on sale; None where an organization has none of that id, or deleted it."""
    return next(iter(_read_whole(session, _standing(organization_id).where(Product.id == product_id))), None)


def offers_for(session: Session, organization_id: int, wanted: CalendarRow, part: Part) -> list[Offer]:
    """Return the packages on sale that would pay for a session, each with how it fits."""
    behind = _on_sale(organization_id).where(Product.id > (part.after or 0)).order_by(Product.id)
    judged = (replace(offer, fit=fit(offer, wanted)) for offer in _read(session, behind))
    return list(islice((offer for offer in judged if offer.fit is not Fit.NO), part.limit))


def fit(offer: Offer, wanted: CalendarRow) -> Fit:
    """Return how a package fits a session: by a pass for its service, or by a line with enough credits."""
    if wanted.service_type is ServiceType.COURSE:
        return Fit.NO
    if offer.all_access_days and wanted.service_type in offer.all_access_services:
        return Fit.EXACT
    found = {_line_fit(line, wanted) for line in offer.allowances}
    return next((each for each in (Fit.EXACT, Fit.HIGHER) if each in found), Fit.NO)


def _line_fit(line: OfferLine, wanted: CalendarRow) -> Fit:
    if line.credits < cost(wanted.minutes, line.credit_unit_minutes, wanted.seat_cost):
        return Fit.NO
    return fits(line.service_type, line.teacher_tier, wanted.service_type, wanted.teacher_tier)


def _on_sale(organization_id: int) -> Select[Any]:
    return _standing(organization_id).where(Product.active)


def _credit_price() -> ColumnElement[int | None]:
    """Return what a single credit costs in a product's currency; null where that is not the organization's."""
    return case((Product.currency == Organization.currency, Organization.credit_price))


def _standing(organization_id: int) -> Select[Any]:
    return (
        select(Product, _credit_price())
        .join(Organization, Organization.id == Product.organization_id)
        .where(
            Product.organization_id == organization_id,
            Product.product_type == ProductType.PACKAGE,
            Product.deleted_at.is_(None),
        )
        .options(selectinload(Product.allowances))
    )


def _read(session: Session, statement: Select[Any]) -> list[Offer]:
    return [_offer(product, credit_price) for product, credit_price in session.execute(statement)]


def _read_whole(session: Session, statement: Select[Any]) -> list[WholeOffer]:
    rows = session.execute(statement.options(selectinload(Product.prices))).all()
    return [whole(product, credit_price) for product, credit_price in rows]


def whole(product: Product, credit_price: int | None) -> WholeOffer:
    """Return a package as its admins see it; the price of a single credit in minor units."""
    shown = _offer(product, credit_price)
    service, minutes = product.draft_service_type, product.draft_minutes
    return WholeOffer(
        **{each.name: getattr(shown, each.name) for each in fields(Offer)},
        validity_starts=product.validity_starts,
        all_access_daily_limit=product.all_access_daily_limit,
        schedule_later=Later(service, minutes, product.draft_teacher_tier) if service and minutes else None,
        stripe_product_id=product.stripe_product_id,
        stripe_price_ids=tuple(sorted(price.stripe_price_id for price in product.prices)),
        stripe=side_of(product),
    )


def pricing(price: int, total_credits: int, credit_price: int | None) -> Pricing:
    """Compare a price with that of as many single credits."""
    if not total_credits:
        return Pricing()
    if credit_price is None:
        return Pricing(price_per_credit=share(price, total_credits))
    base_price = total_credits * credit_price
    discount = max(base_price - price, 0)
    return Pricing(
        base_price=base_price,
        discount_amount=discount,
        discount_percentage=share(100 * discount, base_price) if base_price else 0,
        price_per_credit=share(price, total_credits),
    )


def _offer(product: Product, credit_price: int | None) -> Offer:
    lines = tuple(
        OfferLine(line.service_type, line.teacher_tier, line.credits, line.credit_unit_minutes, line.weight)
        for line in product.allowances
    )
    return Offer(
        id=product.id,
        code=product.code,
        name=product.name,
        bundle_description=product.bundle_description
        or bundle.describe(lines, all_access_days=product.all_access_days),
        allowances=lines,
        price=product.price,
        currency=product.currency,
        pricing=pricing(product.price, sum(line.credits for line in lines), credit_price),
        active=product.active,
        validity_days=product.validity_days,
        all_access_days=product.all_access_days,
        friend_pass_days=product.friend_pass_days,
        elite_badge=product.elite_badge,
        all_access_services=tuple(product.all_access_services),
        billing_interval=product.billing_interval,
        billing_interval_count=product.billing_interval_count if product.billing_interval else None,
        refund_policy=product.refund_policy,
    )

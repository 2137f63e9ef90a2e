"""What is sold under a code: the rows that packages and courses have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import Organization, PackageAllowance, Product, ProductType, StripePrice
from domain.catalog.changes import Changes, settle
from domain.catalog.stripe_side import TOLD, mark_due
from domain.errors import InvalidField

TAKEN = {
    "uq_products_organization_id_stripe_product_id": InvalidField(
        "stripe_product_id", "Name another: a product is sold by this one already."
    )
}


class Named(Protocol):
    """Whatever is sold under a code, and under names of Stripe's."""

    @property
    def code(self) -> str:
        """Our name for it."""

    @property
    def stripe_product_id(self) -> str | None:
        """Its Stripe id."""

    @property
    def stripe_price_ids(self) -> Sequence[str]:
        """The Stripe ids of its prices."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be sold under a code: the columns of its product, its lines, and the Stripe prices to add."""

    code: str
    product_type: ProductType
    values: Mapping[str, Any]
    lines: Sequence[Mapping[str, Any]]
    price_ids: Sequence[str]


def names_of(entry: Named) -> list[str]:
    """Return every name by which a parked purchase may wait for a product."""
    return [entry.code, *entry.stripe_price_ids, *filter(None, [entry.stripe_product_id])]


def held_still(session: Session, organization_id: int) -> Organization:
    """Lock an organization as whoever applies a file does: who parks a purchase meanwhile waits, and finds it here."""
    own = select(Organization).where(Organization.id == organization_id)
    return session.execute(own.with_for_update(key_share=True)).scalar_one()


def write(session: Session, organization: Organization, wanted: Wanted, changes: Changes, *, at: datetime) -> Product:
    """Let what is sold under a code be what is wanted, and return it, locked.

    Raises:
        InvalidField: a Stripe price sells another product, or the code is that of another kind of product.

    """
    named = (Product.organization_id == organization.id, Product.code == wanted.code)
    found = session.scalar(select(Product).where(*named).with_for_update(key_share=True))
    if found and found.product_type is not wanted.product_type:
        raise InvalidField("code", f"Choose another code: a {found.product_type.lower()} has this one, or had it.")
    product = found or Product(organization_id=organization.id, created_at=at, allowances=[], prices=[])
    before = _told(product)
    values = {**wanted.values, "code": wanted.code, "product_type": wanted.product_type, "deleted_at": None}
    name = f"{organization.slug}/{wanted.code}"
    settle(product, values, name, changes, is_new=found is None)
    session.add(product)
    session.flush()
    is_other = _lines(session, product, wanted.lines, name, changes)
    if _prices(session, product, wanted.price_ids) or is_other or _told(product) != before:
        mark_due(product, at=at)
        session.flush()
    return product


def _told(product: Product) -> dict[str, Any]:
    """Return what Stripe is told of a product."""
    return {name: getattr(product, name) for name in TOLD}


def check_new(session: Session, organization_id: int, code: str) -> None:
    """Refuse a code that something else is sold under.

    Raises:
        InvalidField: `code`.

    """
    named = (Product.organization_id == organization_id, Product.code == code)
    if session.scalar(select(Product.id).where(*named)):
        raise InvalidField("code", "Choose another code: a product has this one, or had it.")


def _lines(
    session: Session, product: Product, wanted: Sequence[Mapping[str, Any]], name: str, changes: Changes
) -> bool:
    """Make the product's lines those that are wanted, and say whether they were others; what was sold keeps its own."""
    lines = [{"position": place, **line} for place, line in enumerate(wanted)]
    standing = [{key: getattr(line, key) for key in lines[0]} for line in product.allowances] if lines else []
    if standing == lines and len(product.allowances) == len(lines):
        return False
    changes.note(name, is_new=False)
    if product.allowances:
        product.allowances.clear()
        session.flush()
    product.allowances = [PackageAllowance(**line) for line in lines]
    session.flush()
    return True


def _prices(session: Session, product: Product, price_ids: Sequence[str]) -> bool:
    """Add Stripe prices, and say whether there were new ones; earlier ones stay, late payments may name them."""
    known = {price.stripe_price_id for price in product.prices}
    for price_id in price_ids:
        if price_id in known:
            continue
        taken = session.get(StripePrice, (product.organization_id, price_id))
        if taken is not None:
            raise InvalidField("stripe_price_ids", f"{price_id} sells another product already")
        product.prices.append(StripePrice(organization_id=product.organization_id, stripe_price_id=price_id))
    session.flush()
    return not known.issuperset(price_ids)

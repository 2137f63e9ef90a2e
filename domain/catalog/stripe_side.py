"""A product's side at Stripe: what it is called there, which price sells it today, and when Stripe must be told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from db.models import BillingInterval, Product

# What Stripe is told of a product; its lines and a course's summary are told in words.
TOLD = frozenset(
    (
        "name",
        "bundle_description",
        "all_access_days",
        "price",
        "currency",
        "billing_interval",
        "billing_interval_count",
        "stripe_product_id",
        "active",
        "deleted_at",
    )
)


class Priced(Protocol):
    """Whatever has a price: once, or for each period of a subscription. Money in minor units."""

    @property
    def price(self) -> int:
        """What it costs."""

    @property
    def currency(self) -> str:
        """In which currency."""

    @property
    def billing_interval(self) -> BillingInterval | None:
        """The unit of a period; None where it is paid once."""

    @property
    def billing_interval_count(self) -> int:
        """How many units a period has."""


class PriceAtStripe(Protocol):
    """A price of Stripe's, as far as it is known. Money in minor units."""

    @property
    def stripe_price_id(self) -> str:
        """Its Stripe id."""

    @property
    def unit_amount(self) -> int | None:
        """What it asks for; None where that is not known."""

    @property
    def currency(self) -> str | None:
        """In which currency."""

    @property
    def billing_interval(self) -> BillingInterval | None:
        """The unit of a period; None where it is paid once."""

    @property
    def billing_interval_count(self) -> int:
        """How many units a period has."""

    @property
    def active(self) -> bool:
        """Whether it can be bought."""


Price = TypeVar("Price", bound=PriceAtStripe)


@dataclass(frozen=True, slots=True)
class StripeSide:
    """What Stripe calls a product and today's price of it; `sync_due_at` is since when it must be told what it is."""

    product_id: str | None
    price_id: str | None
    sync_due_at: datetime | None


def side_of(product: Product) -> StripeSide:
    """Return a product's side at Stripe."""
    price = todays_price(product, product.prices)
    return StripeSide(product.stripe_product_id, price.stripe_price_id if price else None, product.sync_due_at)


def todays_price(product: Priced, prices: Iterable[Price]) -> Price | None:
    """Return the price that asks for what a product costs now; of several the first by its name."""
    wanted = (product.price, product.currency, product.billing_interval)
    fitting = [
        price
        for price in prices
        if price.active
        and (price.unit_amount, price.currency, price.billing_interval) == wanted
        and (price.billing_interval is None or price.billing_interval_count == product.billing_interval_count)
    ]
    return min(fitting, key=lambda price: price.stripe_price_id, default=None)


def mark_due(product: Product, *, at: datetime) -> None:
    """Have Stripe told what a product is by now; one that is only a draft, and was never there, is not."""
    if product.stripe_product_id is not None or product.sync_due_at is not None or is_on_sale(product):
        product.sync_due_at = at


def is_on_sale(product: Product) -> bool:
    """Say whether a product can be bought."""
    return product.active and product.deleted_at is None

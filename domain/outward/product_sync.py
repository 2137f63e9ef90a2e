"""What Stripe is to be told of a product next, from what the catalog says and what Stripe is known to have.

One call at a time: its answer is noted, and the next one follows from what is known by then. So a change that is made
meanwhile is told, too. A price is never changed: another one takes its place, then the old one is retired.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from db.models import BillingInterval, CallKind
from domain.catalog.stripe_side import todays_price

# Stripe's longest value of metadata.
LONGEST_VALUE = 500

Params = dict[str, Any]
# What Stripe said of the product in this turn of calls; None as long as it was not asked.
Told = Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class SyncPrice:
    """A price that Stripe has for a product; what it asks for is None where nobody has looked yet.

    `stripe_product_id` is of which product Stripe says it is, where that is not another one's of the catalog.
    """

    stripe_price_id: str
    unit_amount: int | None
    currency: str | None
    billing_interval: BillingInterval | None
    billing_interval_count: int
    lookup_key: str | None
    active: bool
    stripe_product_id: str | None = None

    @property
    def is_unknown(self) -> bool:
        """Whether Stripe must be asked what it is."""
        return self.active and self.unit_amount is None


@dataclass(frozen=True, slots=True)
class SyncProduct:
    """A product as the catalog has it, with the prices that Stripe has for it. Money in minor units.

    `bundle` is what it holds in words, `course_code` the code of a course, `description` what buyers read. One that
    `is_archived` is off sale at Stripe, by whoever's hand: none of its prices can be bought there.
    """

    id: int
    organization_id: int
    slug: str
    code: str
    name: str
    description: str
    bundle: str
    course_code: str | None
    price: int
    currency: str
    billing_interval: BillingInterval | None
    billing_interval_count: int
    on_sale: bool
    stripe_product_id: str | None
    prices: tuple[SyncPrice, ...] = ()
    is_archived: bool = False

    @property
    def lookup_key(self) -> str:
        """The name by which Stripe finds today's price."""
        return f"{self.slug}:{self.code}"

    @property
    def metadata(self) -> dict[str, str]:
        """What the product at Stripe says of ours."""
        said = {"org": self.slug, "product_code": self.code, "bundle": self.bundle, "course_code": self.course_code}
        return {name: value[:LONGEST_VALUE] for name, value in said.items() if value}

    @property
    def todays(self) -> SyncPrice | None:
        """The price at Stripe that asks for what it costs now; None where none can be bought."""
        return None if self.is_archived else self.kept

    @property
    def kept(self) -> SyncPrice | None:
        """The price of this very product of Stripe's that asks for what it costs now, archived or not."""
        return todays_price(self, [price for price in self.prices if self._has(price)])

    def _has(self, price: SyncPrice) -> bool:
        """Say whether a price is of this very product of Stripe's, as far as that is known of both."""
        own, whose = self.stripe_product_id, price.stripe_product_id
        return own is None or whose is None or own == whose


@dataclass(frozen=True, slots=True)
class Step:
    """The next call about a product."""

    kind: CallKind
    params: Params


def next_step(product: SyncProduct, told: Told) -> Step | None:
    """Return what Stripe is to be asked next; None where it has all, or never had any of it and need not."""
    if product.stripe_product_id is None:
        return _first(product) if product.on_sale else None
    if changes := _changes(product, told):
        return Step(CallKind.PRODUCT_UPDATE, {"id": product.stripe_product_id} | changes)
    return _of_prices(product, told or {}) if product.on_sale else None


def _first(product: SyncProduct) -> Step:
    """Return how a product comes to Stripe: as that of a price which the catalog names, or as a new one."""
    for price in product.prices:
        if price.is_unknown:
            return Step(CallKind.PRICE_LIST, {"id": price.stripe_price_id})
    face = {name: value for name, value in _face(product).items() if value != ""}
    return Step(CallKind.PRODUCT_CREATE, face)


def _face(product: SyncProduct) -> Params:
    return {"name": product.name, "description": product.description, "active": product.on_sale} | {
        "metadata": product.metadata
    }


def _changes(product: SyncProduct, told: Told) -> Params:
    """Return what Stripe has otherwise; all of it as long as nobody asked."""
    face = _face(product)
    if told is None:
        return face
    known = {**told, "description": told.get("description") or ""}
    changes = {name: face[name] for name in ("name", "description", "active") if known.get(name) != face[name]}
    tags = known.get("metadata") or {}
    if any(tags.get(name) != value for name, value in product.metadata.items()):
        changes["metadata"] = product.metadata
    return changes


def _of_prices(product: SyncProduct, told: Mapping[str, Any]) -> Step | None:
    if any(price.is_unknown for price in product.prices):
        return Step(CallKind.PRICE_LIST, {"product": product.stripe_product_id})
    todays = product.kept
    if todays is None:
        return Step(CallKind.PRICE_CREATE, _new_price(product))
    if todays.lookup_key is None:
        named = {"lookup_key": product.lookup_key, "transfer_lookup_key": True, "metadata": _tags(product)}
        return Step(CallKind.PRICE_UPDATE, {"id": todays.stripe_price_id} | named)
    return _retirement(product, todays, told)


def _retirement(product: SyncProduct, todays: SyncPrice, told: Mapping[str, Any]) -> Step | None:
    """Return how the next price that is not today's goes; Stripe keeps the one that is a product's default."""
    others = [price.stripe_price_id for price in product.prices if price.active and price is not todays]
    if told.get("default_price") in others:
        changes = {"id": product.stripe_product_id, "default_price": todays.stripe_price_id}
        return Step(CallKind.PRODUCT_UPDATE, changes)
    return Step(CallKind.PRICE_UPDATE, {"id": others[0], "active": False}) if others else None


def _new_price(product: SyncProduct) -> Params:
    said = {
        "product": product.stripe_product_id,
        "unit_amount": product.price,
        "currency": product.currency.lower(),
        "lookup_key": product.lookup_key,
        "transfer_lookup_key": True,
        "metadata": _tags(product),
    }
    return said | ({"recurring": period(product)} if product.billing_interval else {})


def period(product: SyncProduct) -> Params:
    """Return how often a subscription is paid, in Stripe's words."""
    interval = product.billing_interval
    return {"interval": interval.lower(), "interval_count": product.billing_interval_count} if interval else {}


def _tags(product: SyncProduct) -> dict[str, str]:
    return {"org": product.slug, "product_code": product.code}

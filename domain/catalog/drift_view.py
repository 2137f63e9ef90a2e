"""Products whose Stripe side has drifted, as staff see them; and the word that our catalog is to go there again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import Product
from db.transaction import fetch
from domain.catalog.drift import Difference, OurPrice, OurProduct, differences
from domain.errors import NotFound
from domain.listing import Part

# Products that are read at a time, with what Stripe said of them.
CHUNK = 200


@dataclass(frozen=True, slots=True)
class Drifted:
    """A product with what Stripe has otherwise; `sync_due_at` is since when Stripe is to be told what it is."""

    id: int
    organization: str
    code: str
    name: str
    stripe_product_id: str | None
    sync_due_at: datetime | None
    noticed_at: datetime
    differences: Sequence[Difference]


@dataclass(frozen=True, slots=True)
class Shelved:
    """A product that Stripe knows, with whose it is, and what Stripe said of it the last time."""

    organization_id: int
    organization: str
    account: str | None
    sync_due_at: datetime | None
    product: OurProduct
    said: Mapping[str, Mapping[str, Any]]
    noticed_at: datetime | None


# What Stripe said of a product and of its prices: of those that the catalog has for it, and of those that Stripe has.
SHELF = """
SELECT p.id, p.organization_id, o.slug, o.stripe_account_id, p.code, p.name, p.price, p.currency, p.billing_interval,
       p.billing_interval_count, p.active AND p.deleted_at IS NULL AS on_sale, p.stripe_product_id, p.sync_due_at,
       (SELECT jsonb_agg(jsonb_build_array(stripe_price_id, unit_amount, currency, billing_interval,
                                           billing_interval_count, active) ORDER BY stripe_price_id)
          FROM stripe_prices WHERE product_id = p.id) AS prices,
       kept.said, kept.noticed_at
  FROM products p JOIN organizations o ON o.id = p.organization_id
 CROSS JOIN LATERAL (
       SELECT jsonb_object_agg(s.stripe_id, s.said) AS said, max(s.noticed_at) AS noticed_at
         FROM stripe_objects s
        WHERE s.organization_id = p.organization_id
          AND (s.stripe_id = p.stripe_product_id
               OR s.stripe_id IN (SELECT stripe_price_id FROM stripe_prices WHERE product_id = p.id)
               OR (s.said ->> 'product' = p.stripe_product_id
                   AND NOT EXISTS (SELECT FROM stripe_prices other WHERE other.organization_id = s.organization_id
                                      AND other.stripe_price_id = s.stripe_id)))) kept
 WHERE (%(organization)s::bigint IS NULL OR p.organization_id = %(organization)s) AND p.id > %(after)s
   AND (p.stripe_product_id IS NOT NULL OR EXISTS (SELECT FROM stripe_prices WHERE product_id = p.id))
 ORDER BY p.id LIMIT %(limit)s
"""


def drifted(session: Session, organization_id: int | None, part: Part) -> list[Drifted]:
    """Return the products that have drifted, of one organization or of all, in the order of their ids."""
    return list(islice(_drifted(session, organization_id, part.after or 0), part.limit))


def _drifted(session: Session, organization_id: int | None, after: int) -> Iterator[Drifted]:
    for each in shelf(session, organization_id, after=after):
        if each.noticed_at and (found := differences(each.product, each.said)):
            yield _view(each, found, each.noticed_at)


def _view(each: Shelved, found: Sequence[Difference], noticed_at: datetime) -> Drifted:
    product = each.product
    return Drifted(
        product.id,
        each.organization,
        product.code,
        product.name,
        product.stripe_product_id,
        each.sync_due_at,
        noticed_at,
        found,
    )


# A price that we retired and that can be bought again is retired again.
REOPENED = """
UPDATE stripe_prices own SET active = TRUE
  FROM products p, stripe_objects s
 WHERE p.id = %(id)s AND own.product_id = p.id AND NOT own.active AND own.unit_amount IS NOT NULL
   AND s.organization_id = own.organization_id AND s.stripe_id = own.stripe_price_id
   AND s.said ->> 'product' = p.stripe_product_id
   AND (s.said ->> 'active')::boolean AND NOT (s.said ->> 'deleted')::boolean
"""


def shelf(session: Session, organization_id: int | None, *, after: int = 0) -> Iterator[Shelved]:
    """Yield every product that Stripe knows, of one organization or of all, in the order of their ids."""
    while rows := fetch(session, SHELF, organization=organization_id, after=after, limit=CHUNK):
        yield from (_shelved(row) for row in rows)
        after = rows[-1]["id"]


def _shelved(row: Mapping[str, Any]) -> Shelved:
    names = ("id", "code", "name", "on_sale", "price", "currency", "stripe_product_id")
    product = OurProduct(
        **{name: row[name] for name in names},
        interval=row["billing_interval"],
        interval_count=row["billing_interval_count"],
        prices=tuple(OurPrice(*price) for price in row["prices"] or ()),
    )
    whose = (row["organization_id"], row["slug"], row["stripe_account_id"], row["sync_due_at"])
    return Shelved(*whose, product, row["said"] or {}, row["noticed_at"])


def push(session: Session, organization_id: int, product_id: int, *, at: datetime) -> Drifted:
    """Have Stripe told again what a product is: our catalog is the source.

    Raises:
        NotFound: the organization has no such product that Stripe knows.

    """
    own = select(Product).where(Product.organization_id == organization_id, Product.id == product_id)
    product = session.scalar(own.with_for_update(key_share=True))
    found = next((each for each in shelf(session, organization_id, after=product_id - 1)), None) if product else None
    if product is None or found is None or found.product.id != product_id:
        raise NotFound("There is no product of this id that Stripe knows.")
    product.sync_due_at = at
    session.flush()
    fetch(session, REOPENED, id=product_id)
    shown = _view(found, differences(found.product, found.said), found.noticed_at or at)
    return replace(shown, sync_due_at=product.sync_due_at)

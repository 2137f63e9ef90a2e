"""What Stripe says of products and prices that the catalog knows, beside what the catalog says: what has drifted.

Our catalog is the source. What somebody changes in Stripe by hand changes nothing here; it is kept, and shown to staff.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy.orm import Session

from db.transaction import fetch

Stated = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CatalogFact:
    """What one of Stripe's products or prices is, by Stripe's own time `updated`, in seconds of Unix time.

    `said` is what we compare. `product` is the Stripe product that it is, or is of; `code` what its metadata name.
    """

    id: str
    updated: int
    said: dict[str, Any]
    product: str | None
    code: str | None


@dataclass(frozen=True, slots=True)
class Heard:
    """One fact with whose it may be: the organization, where that is known, else an account or a slug.

    `ours` is the number of our call that it answers, 0 where an event says it.
    """

    event_id: int
    organization_id: int | None
    account: str | None
    slug: str | None
    fact: CatalogFact
    ours: int = 0


TOLD = """
SELECT told.*, o.id AS owner
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS told (
         event_id bigint, organization_id bigint, account text, slug text, ours bigint,
         stripe_id text, updated bigint, said jsonb, stripe_product text, code text)
  JOIN organizations o ON CASE WHEN told.organization_id IS NOT NULL THEN o.id = told.organization_id
                               WHEN told.account IS NOT NULL THEN o.stripe_account_id = told.account
                               ELSE told.slug IS NULL OR o.slug = told.slug END
"""
# By our own code only where the catalog does not know yet what Stripe calls the product, and somebody says whose it is.
KNOWN = f"""
SELECT told.*, coalesce(price.product_id, product.id, named.id) AS product_id
  FROM ({TOLD}) told
  LEFT JOIN stripe_prices price ON price.organization_id = told.owner AND price.stripe_price_id = told.stripe_id
  LEFT JOIN products product
    ON product.organization_id = told.owner AND product.stripe_product_id = told.stripe_product
  LEFT JOIN products named
    ON named.organization_id = told.owner AND named.code = told.code AND named.stripe_product_id IS NULL
   AND coalesce(told.organization_id::text, told.account, told.slug) IS NOT NULL
 WHERE coalesce(price.product_id, product.id, named.id) IS NOT NULL
"""  # noqa: S608 - our own text
FIND = f"SELECT event_id, owner FROM ({KNOWN}) known ORDER BY event_id, owner"  # noqa: S608 - our own text
# Of two statements the one that is kept follows from them alone: nothing comes back from being deleted, the later one
# wins, of those of the same second what our last call was answered, else what cannot be bought, else the greater one.
KEEP = f"""
INSERT INTO stripe_objects AS kept (organization_id, stripe_id, product_id, said, updated, ours, noticed_at)
SELECT DISTINCT ON (owner, stripe_id) owner, stripe_id, product_id, said, updated, ours, %(at)s::timestamptz
  FROM ({KNOWN}) known
 ORDER BY owner, stripe_id, (said ->> 'deleted')::boolean DESC, updated DESC, ours DESC, (said ->> 'active')::boolean,
          said DESC
ON CONFLICT (organization_id, stripe_id) DO UPDATE
   SET product_id = excluded.product_id, said = excluded.said, updated = excluded.updated, ours = excluded.ours,
       noticed_at = CASE WHEN kept.said = excluded.said THEN kept.noticed_at ELSE excluded.noticed_at END
 WHERE ((excluded.said ->> 'deleted')::boolean, excluded.updated, excluded.ours,
        NOT (excluded.said ->> 'active')::boolean, excluded.said)
     > ((kept.said ->> 'deleted')::boolean, kept.updated, kept.ours, NOT (kept.said ->> 'active')::boolean, kept.said)
"""  # noqa: S608 - our own text


def keep(session: Session, heard: Sequence[Heard], *, at: datetime) -> dict[int, list[int]]:
    """Keep what Stripe says of objects that the catalog knows; return by event whose they are, none where nobody's."""
    owners = find(session, heard)
    if owners:
        fetch(session, KEEP, rows=_rows(each for each in heard if each.event_id in owners), at=at)
    return owners


def find(session: Session, heard: Sequence[Heard]) -> dict[int, list[int]]:
    """Return by event the organizations whose catalogs know its object; those that nobody knows are left out."""
    owners: dict[int, list[int]] = {}
    for row in fetch(session, FIND, rows=_rows(heard)) if heard else []:
        owners.setdefault(row["event_id"], []).append(row["owner"])
    return owners


def _rows(heard: Iterable[Heard]) -> str:
    rows = [
        {
            "event_id": each.event_id,
            "organization_id": each.organization_id,
            "account": each.account,
            "slug": each.slug,
            "ours": each.ours,
            "stripe_id": each.fact.id,
            "updated": each.fact.updated,
            "said": each.fact.said,
            "stripe_product": each.fact.product,
            "code": each.fact.code,
        }
        for each in heard
    ]
    return orjson.dumps(rows).decode()


@dataclass(frozen=True, slots=True)
class OurPrice:
    """A Stripe price of a product; what it costs is known of those that we made. Money in minor units."""

    id: str
    amount: int | None
    currency: str | None
    interval: str | None
    interval_count: int
    active: bool


@dataclass(frozen=True, slots=True)
class OurProduct:
    """A product as the catalog has it, with its Stripe prices."""

    id: int
    code: str
    name: str
    on_sale: bool
    price: int
    currency: str
    interval: str | None
    interval_count: int
    stripe_product_id: str | None
    prices: tuple[OurPrice, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """One field of one of Stripe's objects, with what the catalog says and what Stripe says."""

    stripe_id: str
    field: str
    ours: object
    theirs: object


def differences(product: OurProduct, said: Mapping[str, Stated]) -> list[Difference]:
    """Return in what Stripe's word differs from the catalog's; what Stripe said nothing of differs in nothing.

    Args:
        product: What the catalog says.
        said: What Stripe said of the product and of its prices, by Stripe's ids.

    """
    own = said.get(product.stripe_product_id or "")
    found = list(_of_product(product, own)) if own else []
    prices = {price.id: price for price in product.prices}
    for stripe_id, told in sorted(said.items()):
        if told["object"] == "price":
            price = prices.get(stripe_id)
            found += _of_price(product, price, told) if price else _unknown(product, stripe_id, told)
    return found


def _of_product(product: OurProduct, told: Stated) -> Iterator[Difference]:
    stripe_id = product.stripe_product_id or ""
    if told["deleted"]:
        if product.on_sale:
            yield Difference(stripe_id, "deleted", ours=False, theirs=True)
        return
    ours = {"name": product.name, "active": product.on_sale, "product_code": product.code}
    # A product that was made in Stripe by hand names no code: nothing follows from that.
    theirs = {"name": told["name"], "active": told["active"], "product_code": told["product_code"] or product.code}
    yield from _differing(stripe_id, ours, theirs)


def _of_price(product: OurProduct, price: OurPrice, told: Stated) -> Iterator[Difference]:
    if told["deleted"] or not told["active"]:
        if product.on_sale and price.active and (price.amount is not None or len(product.prices) == 1):
            field = "deleted" if told["deleted"] else "active"
            yield Difference(price.id, field, ours=not told["deleted"], theirs=bool(told["deleted"]))
        return
    is_ours = price.amount is not None
    ours = {
        "active": price.active,
        "amount": price.amount if is_ours else product.price,
        "currency": price.currency or product.currency,
        "interval": price.interval if is_ours else product.interval,
        "interval_count": price.interval_count if is_ours else product.interval_count,
    }
    yield from _differing(price.id, ours, told)


def _unknown(product: OurProduct, stripe_id: str, told: Stated) -> Iterator[Difference]:
    """Tell of a price that can be bought and that the catalog does not have: its purchases would be parked."""
    if product.on_sale and told["active"] and not told["deleted"]:
        yield Difference(stripe_id, "price", ours=None, theirs=told["amount"])


def _differing(stripe_id: str, ours: Stated, theirs: Stated) -> Iterator[Difference]:
    for field, value in ours.items():
        if value != theirs[field]:
            yield Difference(stripe_id, field, value, theirs[field])

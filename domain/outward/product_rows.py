"""Products as Stripe is to know them, read with what is known of their prices there."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from db.models import BillingInterval, ServiceType
from db.transaction import fetch
from domain.catalog.bundle import describe
from domain.outward.product_sync import SyncPrice, SyncProduct
from domain.purchase.products import Allowance

# A price that somebody retired in Stripe by hand cannot be bought, whatever we think of it; nor can those of a product
# that was archived there. Two of ours may be sold by the prices of one of Stripe's.
COLUMNS = """
SELECT p.id, p.organization_id, o.slug, p.code, p.name, p.price, p.currency, p.billing_interval,
       p.billing_interval_count, p.active AND p.deleted_at IS NULL AS on_sale, p.stripe_product_id,
       coalesce(NOT (sold.said ->> 'active')::boolean OR (sold.said ->> 'deleted')::boolean, FALSE) AS is_archived,
       p.bundle_description, p.all_access_days, c.id IS NOT NULL AS is_course, c.summary,
       (SELECT jsonb_agg(jsonb_build_array(position, service_type, teacher_tier, credits, credit_unit_minutes, weight)
                         ORDER BY position)
          FROM package_allowances WHERE product_id = p.id) AS lines,
       (SELECT jsonb_agg(jsonb_build_array(s.stripe_price_id, s.unit_amount, s.currency, s.billing_interval,
                                           s.billing_interval_count, s.lookup_key,
                                           s.active AND coalesce((x.said ->> 'active')::boolean, TRUE)
                                                    AND NOT coalesce((x.said ->> 'deleted')::boolean, FALSE),
                                           CASE WHEN other.id IS NULL THEN x.said ->> 'product' END)
                         ORDER BY s.stripe_price_id)
          FROM stripe_prices s
          LEFT JOIN stripe_objects x ON x.organization_id = s.organization_id AND x.stripe_id = s.stripe_price_id
          LEFT JOIN products other ON other.organization_id = s.organization_id AND other.id <> s.product_id
                                  AND other.stripe_product_id = x.said ->> 'product'
         WHERE s.product_id = p.id) AS prices
  FROM products p JOIN organizations o ON o.id = p.organization_id
  LEFT JOIN course_programs c ON c.product_id = p.id
  LEFT JOIN stripe_objects sold ON sold.organization_id = p.organization_id AND sold.stripe_id = p.stripe_product_id
"""
BY_ID = f"{COLUMNS} WHERE p.id = ANY(%(ids)s) ORDER BY p.id"
BY_CODE = f"{COLUMNS} WHERE p.organization_id = %(organization)s AND p.code = %(code)s"
DUE = """
UPDATE products SET sync_due_at = %(at)s WHERE organization_id = %(organization)s AND code = %(code)s RETURNING id
"""
# What they ask for is known of prices that Stripe has: these are looked for again.
DOUBT = "UPDATE stripe_prices SET unit_amount = NULL WHERE product_id = ANY(%(ids)s) AND active"


def read_products(session: Session, ids: Collection[int]) -> dict[int, SyncProduct]:
    """Return products by their ids, also those that are not on sale."""
    return {row["id"]: _product(row) for row in fetch(session, BY_ID, ids=list(ids))}


def product_of_code(session: Session, organization_id: int, code: str) -> SyncProduct | None:
    """Return the product of a code, on sale or not; None where an organization has none."""
    rows = fetch(session, BY_CODE, organization=organization_id, code=code)
    return _product(rows[0]) if rows else None


def mark_due(session: Session, organization_id: int, code: str, *, at: datetime) -> None:
    """Have Stripe asked again what it has of a product, and told what it is; locks the product.

    To be called where Stripe does not sell by a price that we took for today's: until it was asked, none is.
    """
    if ids := [row["id"] for row in fetch(session, DUE, organization=organization_id, code=code, at=at)]:
        fetch(session, DOUBT, ids=ids)


def _product(row: dict[str, Any]) -> SyncProduct:
    lines = [Allowance(line[0], ServiceType(line[1]), *line[2:]) for line in row["lines"] or ()]
    bundle = row["bundle_description"] or describe(lines, all_access_days=row["all_access_days"])
    names = ("id", "organization_id", "slug", "code", "name", "price", "currency", "on_sale", "stripe_product_id")
    return SyncProduct(
        **{name: row[name] for name in names},
        is_archived=row["is_archived"],
        description=(row["summary"] or "") if row["is_course"] else bundle,
        bundle=bundle,
        course_code=row["code"] if row["is_course"] else None,
        billing_interval=_interval(row["billing_interval"]),
        billing_interval_count=row["billing_interval_count"],
        prices=tuple(
            SyncPrice(price, amount, currency, _interval(interval), *rest)
            for price, amount, currency, interval, *rest in row["prices"] or ()
        ),
    )


def _interval(said: str | None) -> BillingInterval | None:
    return BillingInterval(said) if said else None

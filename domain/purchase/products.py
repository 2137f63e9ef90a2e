"""The products that purchases name, found by code, Stripe price or Stripe product."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from db.models import ProductType, ServiceType, ValidityStart
from db.transaction import fetch
from domain.purchase.payment import Purchase


@dataclass(frozen=True, slots=True)
class Allowance:
    """One line of a product: credits of one kind."""

    position: int
    service_type: ServiceType
    teacher_tier: int
    credits: int
    credit_unit_minutes: int
    weight: int | None


@dataclass(frozen=True, slots=True)
class CatalogProduct:
    """A product as fulfilment needs it, with its organization's time zone. Money in minor units."""

    id: int
    organization_id: int
    timezone: str
    code: str
    name: str
    product_type: ProductType
    price: int
    currency: str
    validity_days: int
    validity_starts: ValidityStart
    bundle_description: str | None
    all_access_days: int | None
    all_access_services: list[str]
    all_access_daily_limit: int
    friend_pass_days: int | None
    elite_badge: bool
    draft_service_type: ServiceType | None
    draft_minutes: int | None
    draft_teacher_tier: int | None
    allowances: tuple[Allowance, ...]
    # Of a course; its steps as they are sold, in their order, each with whether it is required.
    program_id: int | None = None
    steps: tuple[tuple[int, bool], ...] = ()

    @property
    def sessions(self) -> int:
        """How many credits one unit of it holds."""
        return sum(allowance.credits for allowance in self.allowances)


@dataclass(frozen=True, slots=True)
class Catalog:
    """Products by each of the names a purchase may use for them, always within one organization."""

    by_code: dict[tuple[int, str], CatalogProduct]
    by_price: dict[tuple[int, str], CatalogProduct]
    by_stripe_product: dict[tuple[int, str], CatalogProduct]
    by_course: dict[tuple[int, str], CatalogProduct]


# A course's id, as a purchase may name it: a bigint has no more digits.
ID = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
# What a credit of a course counts, where a unit must be said: a step is one credit, however long it is.
STEP_MINUTES = 60

COLUMNS = """
SELECT p.id, p.organization_id, o.timezone, p.code, p.name, p.product_type, p.price, p.currency,
       p.validity_days, p.validity_starts, p.bundle_description, p.all_access_days, p.all_access_services,
       p.all_access_daily_limit, p.friend_pass_days, p.elite_badge, p.draft_service_type, p.draft_minutes,
       p.draft_teacher_tier, p.stripe_product_id, c.id AS program_id,
       (SELECT jsonb_agg(jsonb_build_array(s.id, s.is_required) ORDER BY s.position) FROM course_steps s
         WHERE s.course_program_id = c.id AND s.deleted_at IS NULL) AS steps,
       (SELECT array_agg(stripe_price_id) FROM stripe_prices WHERE product_id = p.id) AS price_ids,
       (SELECT jsonb_agg(jsonb_build_array(service_type, teacher_tier, credits, credit_unit_minutes, weight)
                         ORDER BY position)
          FROM package_allowances WHERE product_id = p.id) AS lines
  FROM products p JOIN organizations o ON o.id = p.organization_id
  LEFT JOIN course_programs c ON c.product_id = p.id
"""
# Deleted products count too: what was paid before the shelf was cleared is still owed.
NAMED = f"""
{COLUMNS}
 WHERE p.organization_id = ANY(%(organizations)s)
   AND (p.code = ANY(%(codes)s) OR p.stripe_product_id = ANY(%(products)s)
        OR p.id IN (SELECT product_id FROM stripe_prices
                     WHERE organization_id = ANY(%(organizations)s) AND stripe_price_id = ANY(%(prices)s))
        OR c.id = ANY(%(courses)s))
"""  # noqa: S608 - our own text
ON_SALE = f"""
{COLUMNS}
 WHERE p.organization_id = %(organization)s AND p.id = %(id)s
   AND p.product_type = 'PACKAGE' AND p.active AND p.deleted_at IS NULL
"""

ON_SALE_BY_CODE = f"""
{COLUMNS}
 WHERE p.organization_id = %(organization)s AND p.code = %(code)s AND p.active AND p.deleted_at IS NULL
"""


# Whoever applies a catalog holds its organization until it is committed.
HOLD_STILL = "SELECT 1 FROM organizations WHERE id = ANY(%(ids)s) ORDER BY id FOR SHARE"


def hold_still(session: Session, organizations: Collection[int]) -> None:
    """Wait until nobody changes the catalog of organizations, and let nobody begin."""
    fetch(session, HOLD_STILL, ids=list(organizations))


def read_catalog(session: Session, purchases: Sequence[Purchase]) -> Catalog:
    """Read the products that purchases may name, with one statement."""
    courses = _named(p.course for p in purchases)
    prices = _named(p.price_id for p in purchases) | {line.price_id for p in purchases for line in p.lines}
    rows = fetch(
        session,
        NAMED,
        organizations=list({p.organization_id for p in purchases}),
        codes=list(_named(p.product_code for p in purchases) | courses),
        products=list(_named(p.product_id for p in purchases)),
        prices=list(prices),
        courses=[int(name) for name in courses if ID.fullmatch(name)],
    )
    catalog = Catalog({}, {}, {}, {})
    for row in rows:
        _add(catalog, row)
    return catalog


def _named(names: Iterable[str | None]) -> set[str]:
    return {name for name in names if name}


def package_on_sale(session: Session, organization_id: int, product_id: int) -> CatalogProduct | None:
    """Return a package that is on sale; None where an organization sells none of that id."""
    rows = fetch(session, ON_SALE, organization=organization_id, id=product_id)
    return _product(rows[0])[0] if rows else None


def product_on_sale(session: Session, organization_id: int, code: str) -> CatalogProduct | None:
    """Return a package or a course that is on sale; None where an organization sells none of that code."""
    rows = fetch(session, ON_SALE_BY_CODE, organization=organization_id, code=code)
    return _product(rows[0])[0] if rows else None


def _add(catalog: Catalog, row: dict[str, Any]) -> None:
    product, stripe_product, prices = _product(row)
    catalog.by_code[product.organization_id, product.code] = product
    if product.program_id:
        catalog.by_course[product.organization_id, str(product.program_id)] = product
    catalog.by_price.update({(product.organization_id, price): product for price in prices})
    if stripe_product:
        catalog.by_stripe_product[product.organization_id, stripe_product] = product


def _product(row: dict[str, Any]) -> tuple[CatalogProduct, str | None, list[str]]:
    """Return a product, and what Stripe calls it and its prices."""
    stripe_product, prices = row.pop("stripe_product_id"), row.pop("price_ids")
    steps = tuple((number, is_required) for number, is_required in row.pop("steps") or ())
    lines = [(ServiceType.COURSE.value, 0, len(steps), STEP_MINUTES, None)] if steps else []
    lines += row.pop("lines") or []
    product = CatalogProduct(
        **row
        | {
            "product_type": ProductType(row["product_type"]),
            "validity_starts": ValidityStart(row["validity_starts"]),
            "draft_service_type": ServiceType(row["draft_service_type"]) if row["draft_service_type"] else None,
            "steps": steps,
            "allowances": tuple(Allowance(n, ServiceType(line[0]), *line[1:]) for n, line in enumerate(lines)),
        }
    )
    return product, stripe_product, prices or []

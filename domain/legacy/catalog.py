"""What is on sale, by the codes that old records name; what was taken off sale counts, too: it was sold."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from db.models import Product, ProductType, ServiceType
from db.transaction import fetch
from domain.legacy.tally import Books
from domain.purchase.products import STEP_MINUTES, Allowance, CatalogProduct

Catalog = dict[str, CatalogProduct]

# What the fields of a product are called in both places.
SAME = (
    "id",
    "organization_id",
    "code",
    "name",
    "product_type",
    "price",
    "currency",
    "validity_days",
    "validity_starts",
    "bundle_description",
    "all_access_days",
    "all_access_services",
    "all_access_daily_limit",
    "friend_pass_days",
    "elite_badge",
    "draft_service_type",
    "draft_minutes",
    "draft_teacher_tier",
)


PROGRAMS = """
SELECT c.product_id, c.id, (SELECT count(*) FROM course_steps s
                             WHERE s.course_program_id = c.id AND s.deleted_at IS NULL) AS steps
  FROM course_programs c WHERE c.organization_id = %(organization)s
"""

# Of a course, its program and how many steps it has.
Course = tuple[int | None, int]


def read_catalog(session: Session, books: Books) -> Catalog:
    """Return the products of the organization by their codes, with three statements."""
    own = select(Product).where(Product.organization_id == books.organization_id)
    products = session.scalars(own.options(selectinload(Product.allowances))).all()
    rows = fetch(session, PROGRAMS, organization=books.organization_id)
    courses: dict[int, Course] = {row["product_id"]: (row["id"], row["steps"]) for row in rows}
    return {each.code: _product(each, courses.get(each.id, (None, 0)), books.timezone) for each in products}


def _product(product: Product, course: Course, timezone: str) -> CatalogProduct:
    program_id, steps = course
    lines = [Allowance(0, ServiceType.COURSE, 0, steps, STEP_MINUTES, None)] if steps else []
    lines += [
        Allowance(
            line.position, line.service_type, line.teacher_tier, line.credits, line.credit_unit_minutes, line.weight
        )
        for line in product.allowances
    ]
    values = {name: getattr(product, name) for name in SAME}
    return CatalogProduct(**values, timezone=timezone, program_id=program_id, allowances=tuple(lines))


def why_no_package(product: CatalogProduct | None) -> str | None:
    """Return why a product cannot be what an old package was; None if it can."""
    if product is None:
        return "there is no product of this code: apply a catalog that has it first"
    if product.product_type is ProductType.COURSE:
        return "it is a course: its package comes with the rows of course_progress that name it"
    if product.all_access_days or not product.allowances:
        return "it is a pass, and an old package had credits: hand the pass over at the desk"
    return None

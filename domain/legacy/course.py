"""Courses as they are today, which old progress is checked against."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from db.models import ProductType
from db.transaction import fetch
from domain.legacy.catalog import Catalog
from domain.legacy.tally import Books
from domain.purchase.products import CatalogProduct

STEPS = """
SELECT s.course_program_id AS program_id, s.id, s.label, s.is_required FROM course_steps s
 WHERE s.organization_id = %(organization)s AND s.deleted_at IS NULL ORDER BY s.course_program_id, s.position
"""
OPTIONS = """
SELECT x.id, x.course_step_id AS step_id, g.code
  FROM course_step_options x JOIN group_classes g ON g.id = x.group_class_id
 WHERE x.organization_id = %(organization)s AND x.active AND x.deleted_at IS NULL ORDER BY x.id
"""
COHORTS = """
SELECT id, course_program_id AS program_id, code FROM course_cohorts
 WHERE organization_id = %(organization)s AND deleted_at IS NULL
"""
CLASSES = "SELECT code FROM group_classes WHERE organization_id = %(organization)s"


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a course as it is today; `options` by the codes of their classes."""

    id: int
    label: str
    is_required: bool
    options: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Course:
    """A course as it is today: its steps by label, in their order, and its cohorts by code."""

    product: CatalogProduct
    program_id: int
    steps: dict[str, Step] = field(default_factory=dict)
    cohorts: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Courses:
    """What old progress is checked against."""

    by_code: dict[str, Course]
    classes: frozenset[str]


def read_courses(session: Session, books: Books, catalog: Catalog) -> Courses:
    """Return the courses of an organization, with four statements."""
    owner = {"organization": books.organization_id}
    found = {
        product.program_id: Course(product, product.program_id)
        for product in catalog.values()
        if product.product_type is ProductType.COURSE and product.program_id
    }
    steps: dict[int, Step] = {}
    for row in fetch(session, STEPS, **owner):
        step = steps[row["id"]] = Step(row["id"], row["label"], row["is_required"])
        found[row["program_id"]].steps[step.label] = step
    for row in fetch(session, OPTIONS, **owner):
        if row["step_id"] in steps:
            steps[row["step_id"]].options[row["code"]] = row["id"]
    for row in fetch(session, COHORTS, **owner):
        found[row["program_id"]].cohorts[row["code"]] = row["id"]
    classes = frozenset(row["code"] for row in fetch(session, CLASSES, **owner))
    return Courses({each.product.code: each for each in found.values()}, classes)

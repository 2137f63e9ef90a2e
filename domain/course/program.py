"""Courses on sale: made, changed and taken away, from a file or by a request. What was sold keeps its snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Select, select
from sqlalchemy.orm import Session, contains_eager, selectinload

from db.models import CourseProgram, CourseStep, Organization, Product, ProductType
from domain.catalog.changes import Changes, settle
from domain.catalog.shelf import TAKEN, Wanted, check_new, held_still, names_of, write
from domain.catalog.stripe_side import mark_due
from domain.constraint import told
from domain.course.entries import CourseTerms
from domain.errors import InvalidField, NotFound
from domain.inbox.waiting import take_up
from domain.listing import Part, oldest_first

# What a course says that stands on its product under the same name, and on its own row.
ON_PRODUCT = ("price", "validity_days", "validity_starts", "refund_policy", "stripe_product_id")
ON_PROGRAM = ("summary", "description", "image_url")


def courses(session: Session, organization_id: int, part: Part) -> list[CourseProgram]:
    """Return an organization's courses with their steps and options, as they were made."""
    own = _standing(organization_id).options(*_whole())
    return list(session.scalars(oldest_first(own, CourseProgram.id, part)))


def one(session: Session, organization_id: int, code: str) -> CourseProgram:
    """Return a course with its steps and options, as they stand now.

    Raises:
        NotFound: the organization has none of that code.

    """
    own = _standing(organization_id).where(Product.code == code).options(*_whole())
    return _there(session.scalar(own.execution_options(populate_existing=True)))


def held(session: Session, organization_id: int, code: str) -> CourseProgram:
    """Return a course, locked with its product: of two who change a course, its steps or its cohorts, one waits.

    Raises:
        NotFound: the organization has none of that code.

    """
    own = _standing(organization_id).where(Product.code == code)
    return _there(session.scalar(own.with_for_update(key_share=True)))


def create(session: Session, organization_id: int, terms: CourseTerms, *, at: datetime) -> CourseProgram:
    """Make a course that is not published, and take up what was parked for it.

    Raises:
        InvalidField: something else has its code, also what was deleted; or one of its Stripe ids.

    """
    organization = held_still(session, organization_id)
    check_new(session, organization_id, terms.code)
    return _put(session, organization, terms, at=at)


def change(
    session: Session, organization_id: int, code: str, values: Mapping[str, Any], *, at: datetime
) -> CourseProgram:
    """Change what is named of a course, by the rules of a file, and take up what was parked for it.

    Raises:
        NotFound: the organization has no such course.
        InvalidField: what it would be is impossible.

    """
    organization = held_still(session, organization_id)
    course = held(session, organization_id, code)
    return _put(session, organization, _checked(_said(course) | dict(values)), at=at)


def remove(session: Session, organization_id: int, code: str, *, at: datetime) -> CourseProgram:
    """Take a course off sale for good; its code stays its own, and whoever is enrolled stays so.

    Raises:
        NotFound: the organization has no such course.

    """
    course = held(session, organization_id, code)
    course.product.deleted_at, course.product.active = at, False
    mark_due(course.product, at=at)
    session.flush()
    return course


def put(
    session: Session, organization: Organization, terms: CourseTerms, changes: Changes, *, at: datetime
) -> CourseProgram:
    """Let a course of an organization, which its caller holds locked, say what its terms do, and return it.

    One that is new is not published; of one that exists this stays as it is.

    Raises:
        InvalidField: a package has its code, or another product one of its Stripe ids.

    """
    with told(session, TAKEN):
        product = write(session, organization, _wanted(organization, terms), changes, at=at)
    found = session.scalar(select(CourseProgram).where(CourseProgram.product_id == product.id))
    course = found or CourseProgram(organization_id=organization.id, product=product, created_at=at)
    if found is None:
        product.active = False
        product.sync_due_at = at if product.stripe_product_id else None
    elif found.summary != terms.summary:
        mark_due(product, at=at)
    own = {name: getattr(terms, name) for name in ON_PROGRAM} | {"timezone": terms.timezone or organization.timezone}
    settle(course, own, f"{organization.slug}/{terms.code}", changes, is_new=found is None)
    session.add(course)
    session.flush()
    return course


def names_for(course: CourseProgram, terms: CourseTerms) -> list[str]:
    """Return every name by which a parked purchase may wait for a course: also our own id of it."""
    return [*names_of(terms), str(course.id)]


def _wanted(organization: Organization, terms: CourseTerms) -> Wanted:
    """Return the product that a course is sold as."""
    lines = [line.model_dump() for line in terms.bundle_components]
    # What Stripe called it when it was told of it stays, unless it is named.
    unnamed = {"stripe_product_id"} - terms.model_fields_set
    values = {name: getattr(terms, name) for name in ON_PRODUCT if name not in unnamed} | {
        "name": terms.title,
        "currency": terms.currency or organization.currency,
    }
    return Wanted(terms.code, ProductType.COURSE, values, lines, terms.stripe_price_ids)


def _put(session: Session, organization: Organization, terms: CourseTerms, *, at: datetime) -> CourseProgram:
    course = put(session, organization, terms, Changes(), at=at)
    take_up(session, organization.id, names_for(course, terms), at=at)
    return course


def _standing(organization_id: int) -> Select[tuple[CourseProgram]]:
    return (
        select(CourseProgram)
        .join(CourseProgram.product)
        .options(contains_eager(CourseProgram.product))
        .where(CourseProgram.organization_id == organization_id, Product.deleted_at.is_(None))
    )


def _whole() -> tuple[Any, ...]:
    product = contains_eager(CourseProgram.product)
    return (
        selectinload(CourseProgram.steps).selectinload(CourseStep.options),
        product.selectinload(Product.allowances),
        product.selectinload(Product.prices),
    )


def _there(course: CourseProgram | None) -> CourseProgram:
    if course is None:
        raise NotFound("There is no course of this code.")
    return course


def _said(course: CourseProgram) -> dict[str, Any]:
    """Return a course as a file would say it."""
    product = course.product
    names = ("service_type", "credits", "credit_unit_minutes", "teacher_tier")
    return (
        {name: getattr(product, name) for name in ("code", "currency", *ON_PRODUCT)}
        | {name: getattr(course, name) for name in ("timezone", *ON_PROGRAM)}
        | {"title": product.name}
        | {"bundle_components": [{name: getattr(line, name) for name in names} for line in product.allowances]}
    )


def _checked(values: Mapping[str, Any]) -> CourseTerms:
    try:
        return CourseTerms.model_validate(values)
    except ValidationError as error:
        fault = error.errors()[0]
        words = fault["msg"].removeprefix("Value error, ")
        raise InvalidField(".".join(map(str, fault["loc"])), words) from error

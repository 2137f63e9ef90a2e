"""The packages on sale: made, changed and taken away, from a file or by a request. What was sold keeps its snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import Organization, Product, ProductType
from domain.catalog.changes import Changes
from domain.catalog.entries import ProductEntry
from domain.catalog.shelf import TAKEN, Wanted, check_new, held_still, names_of, write
from domain.catalog.stripe_side import mark_due
from domain.constraint import told
from domain.errors import InvalidField, NotFound
from domain.inbox.waiting import take_up

# What stands on rows of its own, or under another name.
APART = {"allowances", "schedule_later", "stripe_price_ids"}


def create(session: Session, organization_id: int, entry: ProductEntry, *, at: datetime) -> Product:
    """Put a package on sale, and take up what was parked for it.

    Raises:
        InvalidField: another product has its code, also one that was deleted; or one of its Stripe ids.

    """
    organization = held_still(session, organization_id)
    check_new(session, organization_id, entry.code)
    with told(session, TAKEN):
        product = put(session, organization, entry, Changes(), at=at)
    take_up(session, organization_id, names_of(entry), at=at)
    return product


def change(
    session: Session, organization_id: int, product_id: int, values: Mapping[str, Any], *, at: datetime
) -> Product:
    """Change what is named of a package, by the rules of a file, and take up what was parked for it.

    Raises:
        NotFound: the organization has no such package.
        InvalidField: what it would be is impossible.

    """
    organization = held_still(session, organization_id)
    product = one(session, organization_id, product_id)
    entry = _checked(_said(product) | _whole(values))
    with told(session, TAKEN):
        put(session, organization, entry, Changes(), at=at)
    take_up(session, organization_id, names_of(entry), at=at)
    return product


def remove(session: Session, organization_id: int, product_id: int, *, at: datetime) -> Product:
    """Take a package off sale for good; its code stays its own.

    Raises:
        NotFound: the organization has no such package.

    """
    product = one(session, organization_id, product_id)
    product.deleted_at = at
    mark_due(product, at=at)
    session.flush()
    return product


def one(session: Session, organization_id: int, product_id: int) -> Product:
    """Return a package, locked.

    Raises:
        NotFound: the organization has none of that id.

    """
    own = select(Product).where(
        Product.organization_id == organization_id,
        Product.id == product_id,
        Product.product_type == ProductType.PACKAGE,
        Product.deleted_at.is_(None),
    )
    product = session.scalar(own.with_for_update(key_share=True))
    if product is None:
        raise NotFound("There is no package of this id.")
    return product


def put(
    session: Session, organization: Organization, entry: ProductEntry, changes: Changes, *, at: datetime
) -> Product:
    """Let a package of an organization, which its caller holds locked, be what an entry says, and return it.

    Raises:
        InvalidField: a Stripe price sells another product, or the code is a course's.

    """
    later = entry.schedule_later
    values = entry.model_dump(exclude=APART) | {
        "currency": entry.currency or organization.currency,
        "all_access_services": [service.value for service in entry.all_access_services],
        "draft_service_type": later.service_type if later else None,
        "draft_minutes": later.minutes if later else None,
        "draft_teacher_tier": later.teacher_tier if later else None,
    }
    if "stripe_product_id" not in entry.model_fields_set:
        # What Stripe called it when it was told of it.
        del values["stripe_product_id"]
    lines = [line.model_dump() for line in entry.allowances]
    wanted = Wanted(entry.code, ProductType.PACKAGE, values, lines, entry.stripe_price_ids)
    return write(session, organization, wanted, changes, at=at)


def _said(product: Product) -> dict[str, Any]:
    """Return a product as a file would say it."""
    values = {name: getattr(product, name) for name in ProductEntry.model_fields.keys() - APART}
    minutes, service = product.draft_minutes, product.draft_service_type
    later = {"service_type": service, "minutes": minutes, "teacher_tier": product.draft_teacher_tier}
    names = ("service_type", "credits", "credit_unit_minutes", "teacher_tier", "weight")
    return values | {
        "allowances": [{name: getattr(line, name) for name in names} for line in product.allowances],
        "schedule_later": later if service else None,
    }


def _whole(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is to be different: what is no subscription any more has no period either."""
    ends = "billing_interval" in values and values["billing_interval"] is None
    return ({"billing_interval_count": 1} if ends else {}) | dict(values)


def _checked(values: Mapping[str, Any]) -> ProductEntry:
    try:
        return ProductEntry.model_validate(values)
    except ValidationError as error:
        fault = error.errors()[0]
        words = fault["msg"].removeprefix("Value error, ")
        raise InvalidField(".".join(map(str, fault["loc"])), words) from error

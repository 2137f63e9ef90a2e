"""A catalog as a document: checked whole, then made true; applying it twice changes nothing."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import Organization, PackageAllowance, Product, ProductType, StripePrice
from domain.calendar import file as calendar_file
from domain.catalog.changes import Changes, settle
from domain.catalog.entries import CatalogFile, OrganizationEntry, ProductEntry, check
from domain.errors import InvalidCatalog
from domain.inbox.waiting import take_up

__all__ = ["CatalogFile", "Changes", "apply", "check"]

CALENDAR = {"teachers", "classes", "sessions"}


def apply(session: Session, catalog: CatalogFile, *, at: datetime) -> Changes:
    """Create and update what a catalog names, and take up the events that were parked for it."""
    changes = Changes()
    _lock(session, catalog)
    for entry in catalog.organizations:
        organization = _organization(session, entry, changes, at=at)
        for product in entry.products:
            _product(session, organization, product, changes, at=at)
        calendar_file.apply(session, organization, entry, changes, at=at)
        names = [name for product in entry.products for name in _names(product)]
        changes.taken_up += take_up(session, organization.id, names, at=at)
    return changes


def _lock(session: Session, catalog: CatalogFile) -> None:
    """Lock every organization of the file in the order of their ids, as everybody does, whatever the file's is."""
    slugs = [entry.slug for entry in catalog.organizations]
    named = select(Organization.id).where(Organization.slug.in_(slugs)).order_by(Organization.id)
    session.execute(named.with_for_update(key_share=True)).all()


def _names(entry: ProductEntry) -> list[str]:
    """Return every name by which a parked purchase may wait for a product."""
    return [entry.code, *entry.stripe_price_ids, *filter(None, [entry.stripe_product_id])]


def _organization(session: Session, entry: OrganizationEntry, changes: Changes, *, at: datetime) -> Organization:
    values = entry.model_dump(exclude={"products"} | CALENDAR)
    found = session.scalar(select(Organization).where(Organization.slug == entry.slug).with_for_update(key_share=True))
    organization = found or Organization(created_at=at)
    _check_account(session, entry)
    settle(organization, values, entry.slug, changes, is_new=found is None)
    session.add(organization)
    session.flush()
    return organization


def _check_account(session: Session, entry: OrganizationEntry) -> None:
    others = select(Organization.slug).where(
        Organization.stripe_account_id == entry.stripe_account_id, Organization.slug != entry.slug
    )
    if entry.stripe_account_id and (owner := session.scalar(others)):
        raise InvalidCatalog(f"{entry.slug}.stripe_account_id: {entry.stripe_account_id} is {owner}'s already")


def _product(
    session: Session, organization: Organization, entry: ProductEntry, changes: Changes, *, at: datetime
) -> None:
    wanted = (Product.organization_id == organization.id, Product.code == entry.code)
    found = session.scalar(select(Product).where(*wanted).with_for_update(key_share=True))
    product = found or Product(created_at=at, organization_id=organization.id, allowances=[], prices=[])
    later = entry.schedule_later
    values = entry.model_dump(exclude={"allowances", "schedule_later", "stripe_price_ids"}) | {
        "product_type": ProductType.PACKAGE,
        "currency": entry.currency or organization.currency,
        "all_access_services": [service.value for service in entry.all_access_services],
        "draft_service_type": later.service_type if later else None,
        "draft_minutes": later.minutes if later else None,
        "draft_teacher_tier": later.teacher_tier if later else None,
        "deleted_at": None,
    }
    name = f"{organization.slug}/{entry.code}"
    settle(product, values, name, changes, is_new=found is None)
    session.add(product)
    session.flush()
    _lines(session, product, entry, name, changes)
    _prices(session, product, entry)


def _lines(session: Session, product: Product, entry: ProductEntry, name: str, changes: Changes) -> None:
    """Make the product's lines those of the entry; packages that were sold keep their own."""
    lines = [{"position": place} | line.model_dump() for place, line in enumerate(entry.allowances)]
    standing = [{key: getattr(line, key) for key in lines[0]} for line in product.allowances] if lines else []
    if standing == lines and len(product.allowances) == len(lines):
        return
    if product.allowances:
        changes.note(name, is_new=False)
        product.allowances.clear()
        session.flush()
    product.allowances = [PackageAllowance(**line) for line in lines]
    session.flush()


def _prices(session: Session, product: Product, entry: ProductEntry) -> None:
    """Add the entry's Stripe prices; earlier ones stay, late payments may name them."""
    known = {price.stripe_price_id for price in product.prices}
    for price_id in entry.stripe_price_ids:
        if price_id in known:
            continue
        taken = session.get(StripePrice, (product.organization_id, price_id))
        if taken is not None:
            raise InvalidCatalog(f"{entry.code}.stripe_price_ids: {price_id} sells another product already")
        product.prices.append(StripePrice(organization_id=product.organization_id, stripe_price_id=price_id))
    session.flush()

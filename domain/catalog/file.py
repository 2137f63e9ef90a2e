"""A catalog as a document: checked whole, then made true; applying it twice changes nothing."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import Organization
from domain.calendar import file as calendar_file
from domain.catalog.changes import Changes, settle
from domain.catalog.entries import CatalogFile, OrganizationEntry, ProductEntry, check
from domain.catalog.product import put
from domain.catalog.shelf import TAKEN, names_of
from domain.constraint import told
from domain.course import file as course_file
from domain.desk import coupon_file
from domain.errors import InvalidCatalog, InvalidField
from domain.inbox.waiting import take_up

__all__ = ["CatalogFile", "Changes", "apply", "check"]

# What stands on rows of its own.
APART = {"products", "coupons", "teachers", "classes", "sessions", "courses"}


def apply(session: Session, catalog: CatalogFile, *, at: datetime) -> Changes:
    """Create and update what a catalog names, and take up the events that were parked for it."""
    changes = Changes()
    _lock(session, catalog)
    owners = [(_shelf(session, entry, changes, at=at), entry) for entry in catalog.organizations]
    course_file.hold(session, [owner.id for owner, entry in owners if entry.courses])
    for owner, entry in owners:
        calendar_file.apply(session, owner, entry, changes, at=at)
        names = course_file.apply(session, owner, entry.courses, changes, at=at)
        names += [name for product in entry.products for name in names_of(product)]
        changes.taken_up += take_up(session, owner.id, names, at=at)
    return changes


def _shelf(session: Session, entry: OrganizationEntry, changes: Changes, *, at: datetime) -> Organization:
    """Return an organization that is what its entry says, with what it sells: all that is locked before any session."""
    organization = _organization(session, entry, changes, at=at)
    for product in entry.products:
        _product(session, organization, product, changes, at=at)
    coupon_file.apply(session, organization, entry.coupons, changes, at=at)
    return organization


def _lock(session: Session, catalog: CatalogFile) -> None:
    """Lock every organization of the file in the order of their ids, as everybody does, whatever the file's is."""
    slugs = [entry.slug for entry in catalog.organizations]
    named = select(Organization.id).where(Organization.slug.in_(slugs)).order_by(Organization.id)
    session.execute(named.with_for_update(key_share=True)).all()


def _organization(session: Session, entry: OrganizationEntry, changes: Changes, *, at: datetime) -> Organization:
    values = entry.model_dump(exclude=APART)
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
    try:
        with told(session, TAKEN):
            put(session, organization, entry, changes, at=at)
    except InvalidField as error:
        raise InvalidCatalog(f"{entry.code}.{error.field}: {error}") from error

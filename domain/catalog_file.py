"""A catalog as a document: checked whole, then made true; applying it twice changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import Organization, PackageAllowance, Product, ProductType, ServiceType, StripePrice, ValidityStart
from db.models.base import MAX_TEXT
from domain import bundle
from domain.errors import InvalidCatalog
from domain.waiting import take_up

# Ten years: longer than anybody sells a package for, shorter than what a date can hold.
MAX_DAYS = 3_660
MAX_CREDITS = 10_000
MAX_PRICE = 999_999_999_999


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is not an IANA time zone, such as Europe/Istanbul") from error
    return name


Name = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT, pattern=r"^[^\x00-\x1f]+$")]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Zone = Annotated[str, AfterValidator(_zone)]
# An address and nothing else: the name beside it is the organization's.
Sender = Annotated[str, StringConstraints(max_length=254, pattern=r"^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+$")]
Money = Annotated[int, Field(ge=0, le=MAX_PRICE, strict=True)]
Days = Annotated[int, Field(gt=0, le=MAX_DAYS, strict=True)]
Tier = Annotated[int, Field(ge=0, le=1_000, strict=True)]


class Part(BaseModel):
    """A part of the document; what it does not know it refuses."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class AllowanceEntry(Part):
    """One line of a bundle."""

    service_type: ServiceType
    credits: Annotated[int, Field(le=MAX_CREDITS, strict=True)]
    credit_unit_minutes: int
    teacher_tier: Tier = 0
    weight: Annotated[int, Field(gt=0, le=MAX_PRICE, strict=True)] | None = None


class ScheduleLater(Part):
    """The drafts that a purchase leaves: one per credit of the service type."""

    service_type: ServiceType
    minutes: Annotated[int, Field(gt=0, le=1_440, strict=True)]
    teacher_tier: Tier | None = None


class ProductEntry(Part):
    """A package on sale. `price` in minor units; the currency is the organization's unless named."""

    code: Code
    name: Name
    price: Money
    currency: Currency | None = None
    validity_days: Days
    validity_starts: ValidityStart = ValidityStart.PURCHASE
    bundle_description: Name | None = None
    allowances: tuple[AllowanceEntry, ...] = Field(default=(), max_length=20)
    all_access_days: Days | None = None
    friend_pass_days: Days | None = None
    elite_badge: bool = False
    schedule_later: ScheduleLater | None = None
    stripe_product_id: Name | None = None
    stripe_price_ids: tuple[Name, ...] = Field(default=(), max_length=100)
    active: bool = True

    @model_validator(mode="after")
    def _sellable(self) -> ProductEntry:
        """Refuse a product that would give nothing, or drafts without credits to pay for them."""
        try:
            bundle.check_lines(self.allowances)
        except InvalidCatalog as error:
            raise ValueError(str(error)) from error
        if not self.allowances and self.all_access_days is None:
            raise ValueError("gives nothing: name allowances or all_access_days")
        later = self.schedule_later
        if later and all(line.service_type is not later.service_type for line in self.allowances):
            raise ValueError(f"schedule_later.service_type {later.service_type} has no allowance that would pay for it")
        return self


class OrganizationEntry(Part):
    """A studio or a school with its products. `credit_price` in minor units."""

    slug: Slug
    name: Name
    timezone: Zone
    currency: Currency
    credit_price: Money
    stripe_account_id: Name | None = None
    email_sender: Sender | None = None
    products: tuple[ProductEntry, ...] = Field(default=(), max_length=1_000)

    @model_validator(mode="after")
    def _codes_differ(self) -> OrganizationEntry:
        codes = [product.code for product in self.products]
        if repeated := sorted({code for code in codes if codes.count(code) > 1}):
            raise ValueError(f"products with the same code: {', '.join(repeated)}")
        return self


class CatalogFile(Part):
    """The whole document."""

    organizations: tuple[OrganizationEntry, ...] = Field(min_length=1, max_length=100)

    @model_validator(mode="after")
    def _organizations_differ(self) -> CatalogFile:
        for column in ("slug", "stripe_account_id"):
            names = [name for entry in self.organizations if (name := getattr(entry, column))]
            if repeated := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"organizations with the same {column}: {', '.join(repeated)}")
        return self


@dataclass(slots=True)
class Changes:
    """What applying a document did: names of what is new or different, and how many events it took up."""

    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    taken_up: int = 0


def check(document: object) -> CatalogFile:
    """Return a document as a catalog.

    Raises:
        InvalidCatalog: a line for each field at fault, with where it stands.

    """
    try:
        return CatalogFile.model_validate(document)
    except ValidationError as error:
        lines = (f"{'.'.join(map(str, fault['loc'])) or 'document'}: {fault['msg']}" for fault in error.errors())
        raise InvalidCatalog("\n".join(lines)) from error


def apply(session: Session, catalog: CatalogFile, *, at: datetime) -> Changes:
    """Create and update what a catalog names, and take up the events that were parked for it."""
    changes = Changes()
    _lock(session, catalog)
    for entry in catalog.organizations:
        organization = _organization(session, entry, changes, at=at)
        for product in entry.products:
            _product(session, organization, product, changes, at=at)
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
    values = entry.model_dump(exclude={"products"})
    found = session.scalar(select(Organization).where(Organization.slug == entry.slug).with_for_update(key_share=True))
    organization = found or Organization(created_at=at)
    _check_account(session, entry)
    _set(organization, values, entry.slug, changes, is_new=found is None)
    session.add(organization)
    session.flush()
    return organization


def _check_account(session: Session, entry: OrganizationEntry) -> None:
    others = select(Organization.slug).where(
        Organization.stripe_account_id == entry.stripe_account_id, Organization.slug != entry.slug
    )
    if entry.stripe_account_id and (owner := session.scalar(others)):
        raise InvalidCatalog(f"{entry.slug}.stripe_account_id: {entry.stripe_account_id} is {owner}'s already")


def _set(row: Any, values: dict[str, Any], name: str, changes: Changes, *, is_new: bool) -> None:  # noqa: ANN401
    """Give a row its values; note whether it is new or different."""
    different = {key: value for key, value in values.items() if getattr(row, key) != value}
    for key, value in different.items():
        setattr(row, key, value)
    if is_new:
        changes.created.append(name)
    elif different and name not in changes.updated:
        changes.updated.append(name)


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
        "draft_service_type": later.service_type if later else None,
        "draft_minutes": later.minutes if later else None,
        "draft_teacher_tier": later.teacher_tier if later else None,
        "deleted_at": None,
    }
    name = f"{organization.slug}/{entry.code}"
    _set(product, values, name, changes, is_new=found is None)
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
        changes.updated += [] if name in changes.updated else [name]
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

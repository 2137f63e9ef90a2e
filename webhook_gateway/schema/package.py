"""Packages: on sale, and held."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AliasPath, Field, RootModel

from db.models import BillingInterval, RefundPolicy, ServiceType, ValidityStart
from domain.booking.fit import Fit
from domain.catalog.entries import (
    MAX_LINES,
    AllowanceEntry,
    DailyLimit,
    PassServices,
    PeriodCount,
    ProductEntry,
    ScheduleLater,
)
from domain.catalog.fields import Code, Currency, Days, Money, Name, Prices, Tier
from domain.holding.holding import FriendPassStatus
from domain.holding.package import PackageStatus
from webhook_gateway.path import MAX_ID
from webhook_gateway.schema.base import Input, Output, Page, PageQuery, optional
from webhook_gateway.schema.booking import Flag
from webhook_gateway.schema.change import kept


class PackageQuery(PageQuery):
    """Whose packages."""

    org: str | None = Field(default=None, max_length=63, description="The organization's slug, without a token")
    for_session: int | None = Field(default=None, ge=1, le=MAX_ID, description="Only what would pay for this session")
    include_inactive: bool = Field(default=False, description="Also what is not on sale, and all of each; by admins")


class PackagePath(Input):
    """Which package: on sale, or a student's."""

    package_id: int = Field(ge=1, le=MAX_ID, alias="package_id")


class AllowanceInput(AllowanceEntry, Input):
    """One line of a bundle: credits of one kind."""

    teacher_tier: Tier = Field(default=0, description="Teachers up to this tier; 0 is any teacher")


Lines = Annotated[tuple[AllowanceInput, ...], Field(max_length=MAX_LINES)]


class ScheduleLaterInput(ScheduleLater, Input):
    """What is scheduled later: a purchase leaves one draft per credit of the service type."""


class PackageRequest(ProductEntry, Input):
    """A new package, by the rules of a catalog file. Money in minor units."""

    code: Code = Field(description="Names the package in purchases and catalog files; it stays")
    currency: Currency | None = Field(default=None, description="The organization's, unless named")
    allowances: Lines = Field(default=(), validate_default=True)
    elite_badge: Flag = False
    schedule_later: ScheduleLaterInput | None = None
    active: Flag = True


class PackageChange(Input):
    """What is to be different; what is left out stays. What was sold stays as it was sold.

    Null takes away what need not be there. Stripe prices are added to those that there are.
    """

    name: Name = kept()
    price: Money = kept()
    currency: Currency = kept()
    validity_days: Days = kept()
    validity_starts: ValidityStart = kept()
    bundle_description: Name | None = None
    allowances: Lines = kept()
    all_access_days: Days | None = None
    all_access_services: Annotated[PassServices, Field(min_length=1, max_length=2)] = kept()
    all_access_daily_limit: DailyLimit = kept()
    friend_pass_days: Days | None = None
    elite_badge: Flag = kept()
    schedule_later: ScheduleLaterInput | None = None
    billing_interval: BillingInterval | None = None
    billing_interval_count: PeriodCount = kept()
    refund_policy: RefundPolicy = kept()
    stripe_product_id: Name | None = None
    stripe_price_ids: Prices = kept()
    active: Flag = kept()


class Allowance(Output):
    """One line of a bundle: credits of one kind."""

    service_type: ServiceType
    teacher_tier: int = Field(description="Teachers up to this tier; 0 is any teacher")
    credits: int
    credit_unit_minutes: int


class Package(Output):
    """A package on sale. Money in minor units; prices per credit are null where there are no credits."""

    id: int
    code: str
    name: str
    bundle_description: str
    allowances: list[Allowance]
    price: int
    currency: str
    base_price: int | None = Field(validation_alias=AliasPath("pricing", "base_price"))
    discount_amount: int | None = Field(validation_alias=AliasPath("pricing", "discount_amount"))
    discount_percentage: int | None = Field(validation_alias=AliasPath("pricing", "discount_percentage"))
    price_per_credit: int | None = Field(validation_alias=AliasPath("pricing", "price_per_credit"))
    active: bool
    validity_days: int
    all_access_days: int | None = optional("Days of one group session a day")
    friend_pass_days: int | None = optional("Days in which a friend may come along once")
    elite_badge: bool
    billing_interval: BillingInterval | None = optional("Of a subscription: the unit of a period, which the price pays")
    billing_interval_count: int | None = optional("How many units a period has")
    refund_policy: RefundPolicy = Field(description="What a refund gives back where something was consumed")
    fit: Literal[Fit.EXACT, Fit.HIGHER] | None = optional(
        "With `forSession`: HIGHER_TIER is worth more than the session asks for, and pays only when that is confirmed"
    )


class PackagePage(Page[Package]):
    """A page of packages on sale."""


class WeighedAllowance(Allowance):
    """A line with its share of the price."""

    weight: int | None = optional("Its share of the price per credit; left out, all credits share it equally")


class Later(Output):
    """What a credit is scheduled for later."""

    service_type: ServiceType
    minutes: int
    teacher_tier: int | None = optional("Of the teacher; left out, any")


class StripeProduct(Output):
    """What Stripe has of a product."""

    product_id: str | None
    price_id: str | None = Field(description="The price that sells it today; null until Stripe has one")
    sync_due_at: datetime | None = Field(description="Since when Stripe is to be told what it is; null if it knows")


class AdminPackage(Package):
    """A package with all that may be changed of it, also one that is not on sale."""

    allowances: list[WeighedAllowance]  # type: ignore[assignment] # narrower, and never written to
    validity_starts: ValidityStart
    all_access_services: list[ServiceType]
    all_access_daily_limit: int
    schedule_later: Later | None = optional()
    stripe_product_id: str | None = optional()
    stripe_price_ids: list[str]
    stripe: StripeProduct


class AdminPackagePage(Page[AdminPackage]):
    """A page of packages, on sale or not."""


class ShownPackage(RootModel[AdminPackage | Package]):
    """A package on sale; to admins all of it, also one that is not."""


class ShownPackagePage(RootModel[AdminPackagePage | PackagePage]):
    """A page of packages on sale; to admins who ask for it also of the others, and all of each."""


class Balance(Output):
    """What is left of one line."""

    allowance_id: int
    service_type: ServiceType
    teacher_tier: int
    credit_unit_minutes: int
    total: int
    used: int
    remaining: int


class AllAccess(Output):
    """A pass for so many sessions a day."""

    starts_at: datetime
    expires_at: datetime
    used_today: bool = Field(description="Whether the organization's today has as many sessions as the pass allows")


class FriendPass(Output):
    """One friend, once; a cancellation in time gives it back."""

    status: FriendPassStatus
    expires_at: datetime


class Holding(Output):
    """A package that a student holds; its end is null until its first use where the validity starts there."""

    id: int
    order_id: int
    product_code: str
    package_name: str
    bundle_description: str
    status: PackageStatus
    purchased_at: datetime
    starts_at: datetime | None
    expires_at: datetime | None
    balances: list[Balance]
    all_access: AllAccess | None = optional()
    friend_pass: FriendPass | None = optional()
    elite_badge: bool


class HoldingPage(Page[Holding]):
    """A page of packages held."""

"""Packages: on sale, and held."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import AliasPath, Field

from db.models import ServiceType
from domain.booking.fit import Fit
from domain.holding.holding import FriendPassStatus
from domain.holding.package import PackageStatus
from webhook_gateway.path import MAX_ID
from webhook_gateway.schema.base import Output, Page, PageQuery, optional


class PackageQuery(PageQuery):
    """Whose packages."""

    org: str | None = Field(default=None, max_length=63, description="The organization's slug, without a token")
    for_session: int | None = Field(default=None, ge=1, le=MAX_ID, description="Only what would pay for this session")


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
    fit: Literal[Fit.EXACT, Fit.HIGHER] | None = optional(
        "With `forSession`: HIGHER_TIER is worth more than the session asks for, and pays only when that is confirmed"
    )


class PackagePage(Page[Package]):
    """A page of packages on sale."""


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

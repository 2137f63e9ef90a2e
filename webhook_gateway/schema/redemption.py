"""Redemptions: packages as they were handed over at the desk, or bought."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from db.models import RedemptionType
from domain.catalog.fields import PLAIN
from domain.desk.coupon_terms import MAX_CODE
from domain.holding.package import PackageStatus
from webhook_gateway.path import MAX_ID
from webhook_gateway.schema.base import Input, Output, Page, PageQuery, optional
from webhook_gateway.schema.booking import Email, Id, Name, NewStudentId, Reason
from webhook_gateway.schema.package import AllAccess, Balance, FriendPass

# Whether there is such a coupon shows when it is redeemed.
TypedCode = Annotated[
    str, StringConstraints(strict=True, strip_whitespace=True, min_length=1, max_length=MAX_CODE, pattern=PLAIN)
]
MADE = "Where the receipt goes; with it, a member who is not known is made"


class RedeemRequest(Input):
    """A package for a member, as it is on sale or with a coupon."""

    member_id: NewStudentId = Field(description="As the frontend names them")
    email: Email | None = Field(default=None, description=MADE)
    name: Name | None = None
    package_id: Id | None = Field(default=None, description="May be left out where the coupon is for one package")
    coupon_code: TypedCode | None = Field(default=None, description="In capitals or not")
    notes: Reason | None = Field(default=None, description="For staff alone to see")


class OwnRedeemRequest(Input):
    """A coupon that costs nothing."""

    coupon_code: TypedCode = Field(description="In capitals or not")


class RedemptionQuery(PageQuery):
    """Which redemptions."""

    member_id: str | None = Field(default=None, max_length=255)
    coupon_code: str | None = Field(default=None, max_length=MAX_CODE)
    package_id: int | None = Field(default=None, ge=1, le=MAX_ID)
    redemption_type: RedemptionType | None = None


class RedemptionPath(Input):
    """Which redemption: the package held."""

    redemption_id: int = Field(ge=1, le=MAX_ID, alias="redemption_id")


class MemberPath(Input):
    """Which member, as the frontend names them."""

    member_id: str = Field(max_length=255, alias="member_id")


class Redemption(Output):
    """A package as it was handed over. Prices are its order's, in minor units."""

    id: int
    member_id: str | None = Field(description="As the frontend names them; null of a guest")
    package_id: int = Field(description="The package on sale")
    package_code: str
    package_name: str
    redemption_type: RedemptionType
    coupon_code: str | None = optional()
    list_price: int
    paid: int
    currency: str
    credits: int = Field(description="All that it gave, a bonus and corrections too")
    notes: str | None = optional("To staff, where redemptions are listed")
    status: PackageStatus
    redeemed_at: datetime
    redeemed_by: str | None = optional("The role and name of the token; to staff, where redemptions are listed")
    starts_at: datetime | None
    expires_at: datetime | None = Field(description="Null until the first use where the validity starts there")
    all_access: AllAccess | None = optional()
    friend_pass: FriendPass | None = optional()
    balances: list[Balance] = Field(description="What is left of each line")
    order_id: int
    student_package_id: int


class RedemptionPage(Page[Redemption]):
    """A page of redemptions, newest first."""


class Redeemed(Output):
    """What a command ended in."""

    redemption: Redemption


class DaySession(Output):
    """The session that a day was used for."""

    session_id: int
    group_class_name: str
    start_at: datetime


class DayUse(Output):
    """A local day of a pass that was used."""

    usage_date: date
    booking_id: int
    session: DaySession | None = Field(description="Null where the booking has none any more")
    was_no_show: bool
    freed: bool = Field(description="Given back: it may be used again")


class DayUsePage(Page[DayUse]):
    """A page of days, the last noted first."""

"""Two records of one person made one."""

from __future__ import annotations

from pydantic import Field

from webhook_gateway.schema.base import Input, Output
from webhook_gateway.schema.booking import NewStudentId, Reason


class MergeRequest(Input):
    """Who stays."""

    into_member_id: NewStudentId = Field(description="The frontend's own id of the student who takes over everything")
    reason: Reason | None = None


class Moved(Output):
    """How many of each went along."""

    orders: int
    packages: int
    bookings: int
    enrollments: int
    all_access_days: int
    waitlist_entries: int
    jobs: int
    notifications: int
    calendar_links: int
    customers: int = Field(description="Of Stripe's")
    coupon_uses: int


class Merged(Output):
    """What a merge did; the first student's names mean the second from now on."""

    merged_member_id: str | None = Field(description="Null for a guest, who has no id")
    member_id: str
    moved: Moved
    kept: int = Field(description="Uses of coupons that would have exceeded a limit per student: they stay")

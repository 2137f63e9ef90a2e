"""The ledger as people read it, and the corrections that staff make to it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from db.models import ServiceType, UseKind
from webhook_gateway.path import MAX_ID
from webhook_gateway.schema.base import Input, Output, Page, PageQuery, optional
from webhook_gateway.schema.booking import Id, Reason

# A larger slip of the pen would have to be made twice.
MOST_AT_ONCE = 1_000


def _not_zero(number: int) -> int:
    if not number:
        raise ValueError("Name how many to give, or below zero how many to take")
    return number


class LedgerQuery(PageQuery):
    """Which lines."""

    package_id: int | None = Field(default=None, ge=1, le=MAX_ID, description="Only of this package")


class LedgerLine(Output):
    """One line: what was spent is below zero, what came or came back above."""

    id: int
    created_at: datetime
    kind: UseKind
    credits: int
    balance_before: int = Field(description="Of the allowance")
    balance_after: int = Field(description="Of the allowance; `balanceBefore` and `credits` together")
    allowance_id: int
    service_type: ServiceType
    student_package_id: int
    package_name: str
    product_code: str
    booking_id: int | None = optional()
    session_id: int | None = optional()
    session_name: str | None = optional()
    start_at: datetime | None = optional()
    guest: str | None = optional("Whom it was booked for")
    refund_id: int | None = optional("The refund that took it back, or that failed")
    reason: str | None = optional("Why staff adjusted it")
    description: str = Field(description="One sentence, with the time in the organization's zone")


class LedgerPage(Page[LedgerLine]):
    """A page of the ledger, newest first."""


class MemberLedgerLine(LedgerLine):
    """A line as staff see it."""

    actor: str | None = optional("Who adjusted it: role and `sub` of their token")


class MemberLedgerPage(Page[MemberLedgerLine]):
    """A page of a student's ledger, newest first."""


class AdjustRequest(Input):
    """Credits given to a line, or taken from what is left of it."""

    allowance_id: Id
    credits: Annotated[int, Field(strict=True, ge=-MOST_AT_ONCE, le=MOST_AT_ONCE), AfterValidator(_not_zero)] = Field(
        description="Above zero is given, below zero taken"
    )
    reason: Reason = Field(description="It stays on the ledger, where the student reads it")


class Adjustment(Output):
    """What a correction did."""

    package_id: int
    allowance_id: int
    credits: int
    balance_before: int
    balance_after: int
    reason: str


class Adjusted(Output):
    """What an adjustment ended in."""

    adjustment: Adjustment

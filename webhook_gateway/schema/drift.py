"""What Stripe has otherwise than the catalog."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from webhook_gateway.path import MAX_ID
from webhook_gateway.schema.base import Input, Output, Page, optional

Value = str | int | bool | None


class DriftPath(Input):
    """Which product."""

    product_id: int = Field(ge=1, le=MAX_ID, alias="product_id")


class DriftDifference(Output):
    """One field of the Stripe product, or of one of its prices. Money in minor units."""

    stripe_id: str = Field(description="Stripe's id of the product or the price")
    field: str = Field(
        description="`name`, `active`, `product_code` or `deleted` of the product; `amount`, `currency`, `interval`,"
        " `interval_count`, `active` or `deleted` of a price; `price` is one that the catalog does not have"
    )
    ours: Value = Field(description="What the catalog says")
    theirs: Value = Field(description="What Stripe said last")


class DriftedProduct(Output):
    """A product that Stripe has otherwise than the catalog."""

    id: int
    code: str
    name: str
    stripe_product_id: str | None = optional()
    differences: list[DriftDifference]
    noticed_at: datetime = Field(description="When Stripe said something new of it the last time")
    sync_due_at: datetime | None = optional("Since when Stripe is to be told again what the catalog says")


class DriftPage(Page[DriftedProduct]):
    """A page of products that have drifted."""

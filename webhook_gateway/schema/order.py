"""Orders: what a student bought."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import AliasPath, Field

from db.models import OrderStatus, ProductType
from webhook_gateway.schema.base import Output, Page


class Order(Output):
    """A purchase. Money in minor units."""

    id: int
    order_type: ProductType
    status: OrderStatus
    product_code: str | None = Field(description="Null where several products were bought at once")
    list_price: int
    paid: int
    refunded: int = Field(description="What went back")
    currency: str
    price_mismatch: bool = Field(description="Less was paid than the list price")
    package_metadata: dict[str, Any]
    total_sessions: int
    scheduled_sessions: int = Field(validation_alias=AliasPath("sessions", "scheduled"))
    completed_sessions: int = Field(validation_alias=AliasPath("sessions", "completed"))
    unscheduled_sessions: int = Field(validation_alias=AliasPath("sessions", "unscheduled"))
    created_at: datetime


class OrderPage(Page[Order]):
    """A page of orders."""

"""What a student wants to buy through Stripe, as it stands in a job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

CHECKOUT = "checkout.create"


@dataclass(frozen=True, slots=True)
class Checkout:
    """A product for a student, with a coupon or a cohort if there is one; and where the browser goes afterwards."""

    job_id: int
    organization_id: int
    student_id: int
    due_at: datetime
    product_code: str
    coupon_code: str | None
    cohort_id: int | None
    success_url: str
    cancel_url: str


def read(job: Mapping[str, Any]) -> Checkout:
    """Return a job's command; its request was checked field by field before it was accepted."""
    said: dict[str, Any] = job["request"]
    order = (job["id"], job["organization_id"], job["student_id"], job["due_at"])
    what = (said["productCode"], said.get("couponCode"), said.get("cohortId"))
    return Checkout(*order, *what, said["successUrl"], said["cancelUrl"])

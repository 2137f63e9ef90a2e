"""What the desk, or a student with a coupon, asks for: a package without Stripe, as it stands in a job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

REDEEM = "package.redeem"


@dataclass(frozen=True, slots=True)
class Redeem:
    """A package for a student, who may be new where an address is named.

    `student_id` is None where nobody had the name `member_id` when it was accepted. A student redeems alone,
    and only what costs nothing.
    """

    job_id: int
    organization_id: int
    student_id: int | None
    caller: str
    due_at: datetime
    member_id: str | None
    email: str | None
    name: str | None
    package_id: int | None
    coupon_code: str | None
    notes: str | None

    @property
    def by_student(self) -> bool:
        """Whether a student asks, and not the desk."""
        return self.caller.startswith("STUDENT ")


def read(job: Mapping[str, Any]) -> Redeem:
    """Return a job's command; its request was checked field by field before it was accepted."""
    said: dict[str, Any] = job["request"]
    names = ("memberId", "email", "name", "packageId", "couponCode", "notes")
    order = (job["id"], job["organization_id"], job["student_id"], job["caller"], job["due_at"])
    return Redeem(*order, *(said.get(name) for name in names))

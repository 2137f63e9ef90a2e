"""Money back for an order, as the studio asks for it in a job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

REFUND = "order.refund"


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund of an order: of so many credits of lines, by allowance, or of its one line, or else of all that is left.

    `actor` is who asked, as in a job's `caller`.
    """

    job_id: int
    organization_id: int
    actor: str
    due_at: datetime
    order_id: int
    sessions: int | None
    lines: tuple[tuple[int, int], ...]
    reason: str

    @property
    def is_empty(self) -> bool:
        """Whether it names nothing, and so means all."""
        return self.sessions is None and not self.lines


def read(job: Mapping[str, Any]) -> Refund:
    """Return a job's command; its request was checked field by field before it was accepted."""
    said: dict[str, Any] = job["request"]
    lines = tuple((line["allowanceId"], line["credits"]) for line in said.get("lines") or ())
    order = (job["id"], job["organization_id"], job["caller"], job["due_at"], said["orderId"])
    return Refund(*order, said.get("sessions"), lines, said["reason"])

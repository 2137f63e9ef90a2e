"""A payment as Stripe tells of it: what went back of it, and whether it is disputed (PRODUCT.md §1, 2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

# In whatever order it is told: what was on its way has gone, and what failed has failed; a dispute ends.
REFUNDED = ("pending", "succeeded", "failed")
DISPUTED = ("OPEN", "WON", "LOST")
DISPUTE = "dispute"


@dataclass
class Refund:
    """Money that goes back; `ours` if the studio ordered it here."""

    status: str
    amount: int
    ours: bool = False

    @property
    def counts(self) -> bool:
        return self.status != "failed"


@dataclass(eq=False, repr=False)
class Payment:
    key: str
    amount: int
    refunds: dict[str, Refund] = field(default_factory=dict)  # by their Stripe ids
    dispute: str | None = None
    disputed_at: datetime | None = None

    @property
    def returned(self) -> int:
        return sum(each.amount for each in self.refunds.values() if each.counts)

    @property
    def standing(self) -> str:
        """What it says of what it bought."""
        if self.returned >= self.amount or self.dispute == "LOST":
            return "REVOKED"
        return "SUSPENDED" if self.dispute == "OPEN" else "ACTIVE"

    @property
    def order(self) -> str:
        if not self.returned:
            return "PAID"
        return "REFUNDED" if self.returned >= self.amount else "PARTIALLY_REFUNDED"

    @property
    def reviews(self) -> list[str]:
        """What staff must look at: parts that went back without credits, what failed, and the dispute."""
        failed = [f"REFUND_FAILED {name}" for name, each in self.refunds.items() if not each.counts]
        parts = [f"PARTIAL_REFUND {name}" for name, each in self.refunds.items() if each.counts and not each.ours]
        disputed = [f"DISPUTED {name_of_dispute(self.key)}"] if self.dispute else []
        return sorted([*failed, *disputed, *(parts if self.order == "PARTIALLY_REFUNDED" else [])])

    def hear(self, news: News) -> None:
        if news.about == DISPUTE:
            self.dispute = max(self.dispute or "OPEN", news.status, key=DISPUTED.index)
            return
        refund = self.refunds.setdefault(news.about, Refund(news.status, news.amount))
        refund.status = max(refund.status, news.status, key=REFUNDED.index)

    def __repr__(self) -> str:
        return f"<payment {self.key}: {self.order}, {self.dispute}>"


@dataclass(frozen=True)
class News:
    """What Stripe says of a refund, by its name, or of the dispute."""

    payment: Payment
    about: str
    status: str
    amount: int = 0

    def __repr__(self) -> str:
        return f"{self.payment.key}: {self.about} {self.status} {self.amount or ''}"


def name_of_dispute(key: str) -> str:
    return f"dp_of_{key}"

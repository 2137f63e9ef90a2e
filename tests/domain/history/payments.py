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
    """Money that goes back, as Stripe's answer tells it or an event, which says more."""

    status: str
    amount: int
    by_event: bool

    @property
    def counts(self) -> bool:
        return self.status != "failed"

    def hear(self, status: str, *, by_event: bool) -> bool:
        """Whether anything is known by it that was not."""
        before = (self.status, self.by_event)
        told = max(
            (self.status, self.by_event), (status, by_event), key=lambda said: (REFUNDED.index(said[0]), said[1])
        )
        self.status, self.by_event = told
        return told != before


@dataclass(eq=False, repr=False)
class Ordered:
    """A refund that the studio ordered: of so many credits by line, or of all that is left."""

    amount: int
    made_at: datetime
    taken: dict[int, int] = field(default_factory=dict)
    drafts: list[int | None] = field(default_factory=list)  # that it closed
    status: str = "REQUESTED"
    number: int = 0
    job: int = 0  # that waits for Stripe's answer

    @property
    def name(self) -> str:
        return f"re_ours_{self.number}"

    @property
    def is_whole(self) -> bool:
        return not self.taken

    def __repr__(self) -> str:
        return f"<refund {self.number}: {self.amount}, {self.taken or 'all'}, {self.status}>"


@dataclass(eq=False, repr=False)
class Payment:
    key: str
    amount: int
    refunds: dict[str, Refund] = field(default_factory=dict)  # by their Stripe ids
    dispute: str | None = None
    disputed_at: datetime | None = None
    ordered: list[Ordered] = field(default_factory=list)
    was_used: bool = False  # what it bought, and all of it went back, and a person decides

    @property
    def left(self) -> int:
        """What may still go back: neither back, nor asked for."""
        under_way = [o.amount for o in self.ordered if o.status == "REQUESTED" and o.name not in self.refunds]
        return self.amount - self.returned - sum(under_way)

    def taken(self, line: int) -> int:
        """How many credits of a line refunds took back."""
        return sum(each.taken.get(line, 0) for each in self.ordered if each.status != "FAILED")

    def ours(self, name: str) -> Ordered | None:
        """Which of the ordered refunds it is that Stripe calls so."""
        return next((each for each in self.ordered if each.name == name), None)

    @property
    def returned(self) -> int:
        return sum(each.amount for each in self.refunds.values() if each.counts)

    @property
    def standing(self) -> str:
        """What it says of what it bought."""
        wholes = [each for each in self.ordered if each.is_whole]
        is_done = any(each.name in self.refunds and self.refunds[each.name].counts for each in wholes)
        if self.returned >= self.amount or is_done or self.dispute == "LOST":
            return "REVOKED"
        is_under_way = any(each.status == "REQUESTED" and each.name not in self.refunds for each in wholes)
        return "SUSPENDED" if is_under_way or self.dispute == "OPEN" else "ACTIVE"

    @property
    def order(self) -> str:
        if not self.returned:
            return "PAID"
        return "REFUNDED" if self.returned >= self.amount else "PARTIALLY_REFUNDED"

    @property
    def reviews(self) -> list[str]:
        """What staff must look at: parts that went back without credits, what failed, and the dispute."""
        failed = [f"REFUND_FAILED {name}" for name, each in self.refunds.items() if not each.counts]
        # What had taken credits back, and Stripe would not do.
        refused = [o for o in self.ordered if o.status == "FAILED" and not o.is_whole and o.name not in self.refunds]
        failed += [f"REFUND_FAILED refund:{each.number}" for each in refused]
        standing = {each.name for each in self.ordered if each.status != "FAILED"}
        parts = [f"PARTIAL_REFUND {n}" for n, each in self.refunds.items() if each.counts and n not in standing]
        disputed = [f"DISPUTED {name_of_dispute(self.key)}"] if self.dispute else []
        used = [f"CONSUMED {self.key}"] if self.was_used else []
        return sorted([*failed, *disputed, *used, *(parts if self.order == "PARTIALLY_REFUNDED" else [])])

    def hear(self, news: News) -> bool:
        """Whether anything is known by it that was not."""
        if news.about == DISPUTE:
            before = self.dispute
            self.dispute = max(self.dispute or "OPEN", news.status, key=DISPUTED.index)
            return self.dispute != before
        if known := self.refunds.get(news.about):
            return known.hear(news.status, by_event=not news.is_answer)
        self.refunds[news.about] = Refund(news.status, news.amount, not news.is_answer)
        return True

    def __repr__(self) -> str:
        return f"<payment {self.key}: {self.order}, {self.dispute}>"


@dataclass(frozen=True)
class News:
    """What Stripe says of a refund, by its name, or of the dispute."""

    payment: Payment
    about: str
    status: str
    amount: int = 0
    is_answer: bool = False  # to what the studio asked for, and no event

    def __repr__(self) -> str:
        return f"{self.payment.key}: {self.about} {self.status} {self.amount or ''}"


def name_of_dispute(key: str) -> str:
    return f"dp_of_{key}"

"""Two lists of what was paid, refunded and disputed, Stripe's and ours, held against each other; touches nothing."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import blake2b

from db.models import DisputeStatus, PaymentStatus
from domain.purchase.fact import DisputeFact, Fact, PurchaseFact, RefundFact

# More than anybody reads; what is beyond is counted.
MOST_SHOWN = 5_000


class Kind(StrEnum):
    """How Stripe and we disagree."""

    MISSING = "MISSING"
    DIFFERENT = "DIFFERENT"
    ONLY_HERE = "ONLY HERE"
    STUCK = "STUCK"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not agree: of what kind, what it is, by whose word what, and what to do."""

    kind: Kind
    what: str
    id: str
    organization: str | None
    made_at: datetime
    ours: str | None
    theirs: str | None
    advice: str

    @property
    def key(self) -> tuple[str, ...]:
        """What makes it the same finding, when both sides are looked at again."""
        return self.kind, self.what, self.id


@dataclass(frozen=True, slots=True)
class Claim:
    """What one of Stripe's objects says of a payment, a refund or a dispute, and when Stripe made the object."""

    id: str
    fact: Fact
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """What we know of a payment, by whichever of its names. Money in minor units of `currency`.

    Of each refund its status and amount, as `succeeded 500`, in the currency of the charge; of each dispute what it did
    to the money. One that `is_part` is another name of the payment that the rest tells of.
    """

    organization: str
    status: str
    received: int
    currency: str
    refunds: Mapping[str, str]
    disputes: Mapping[str, str]
    is_part: bool = False


@dataclass
class Report:
    """What a comparison found; equal findings count once.

    `not_asked` are payments of ours that Stripe's lists do not have, beyond those that it is asked for one by one.
    """

    findings: dict[tuple[str, ...], Finding] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    compared: Counter[str] = field(default_factory=Counter)
    not_ours: int = 0
    not_asked: int = 0

    def add(self, finding: Finding) -> None:
        """Take a finding in; beyond what anybody reads it is only counted."""
        if finding.key in self.findings:
            return
        self.counts[finding.kind] += 1
        if len(self.findings) < MOST_SHOWN:
            self.findings[finding.key] = finding

    @property
    def agrees(self) -> bool:
        """Whether nothing was found."""
        return not self.counts


class Seen:
    """Which of Stripe's payments went by: eight bytes of each, so that a month of them fits."""

    def __init__(self) -> None:
        self._digests = array("Q")
        self._sorted = True

    def add(self, key: str) -> None:
        """Note that one went by."""
        self._digests.append(_digest(key))
        self._sorted = False

    def __contains__(self, key: str) -> bool:
        """Say whether it went by."""
        if not self._sorted:
            self._digests, self._sorted = array("Q", sorted(self._digests)), True
        place = bisect_left(self._digests, _digest(key))
        return place < len(self._digests) and self._digests[place] == _digest(key)


def _digest(key: str) -> int:
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest())


REPLAY = "something of it was never heard: run this with --apply; if it stays, see `punchcard events list`"


def compare(claims: Iterable[Claim], known: Mapping[str, Known]) -> Iterator[Finding]:
    """Yield where what Stripe says of payments that we know is not what we say.

    Args:
        claims: Stripe's word on payments, refunds and disputes, in any order.
        known: Our word, by each name of a payment; what is not in it is not compared.

    """
    for claim in claims:
        if ours := known.get(claim.fact.key):
            yield from _differences(claim, ours)


def _differences(claim: Claim, ours: Known) -> Iterator[Finding]:
    match claim.fact:
        case PurchaseFact() as fact if fact.status == PaymentStatus.SUCCEEDED and not ours.is_part:
            yield from _of_purchase(claim, fact, ours)
        case RefundFact() as fact:
            yield from _of_part(claim, "refund", f"{fact.status} {fact.amount}", ours.refunds.get(claim.id), ours)
        case DisputeFact() as fact:
            yield from _of_part(claim, "dispute", fact.status, ours.disputes.get(claim.id), ours)


def _of_purchase(claim: Claim, fact: PurchaseFact, ours: Known) -> Iterator[Finding]:
    said = f"{ours.status} {ours.received} {ours.currency}"
    # The card may have been charged in another currency than the Checkout's, whose word counts here.
    differs = ours.currency == fact.currency and ours.received != fact.amount
    if ours.status != fact.status or differs:
        yield _finding(claim, "payment", said, f"{fact.status} {fact.amount} {fact.currency}", ours)


def _of_part(claim: Claim, what: str, theirs: str, said: str | None, ours: Known) -> Iterator[Finding]:
    # A dispute that was won changes nothing where nobody knew of it.
    if said != theirs and (said is not None or theirs != DisputeStatus.WON):
        yield _finding(claim, what, said, theirs, ours)


def _finding(claim: Claim, what: str, said: str | None, theirs: str, known: Known) -> Finding:
    kind = Kind.MISSING if said is None else Kind.DIFFERENT
    return Finding(kind, what, claim.id, known.organization, claim.made_at, said, theirs, REPLAY)

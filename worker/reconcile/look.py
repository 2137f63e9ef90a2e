"""What a comparison with Stripe has at hand: whom it asks, about what time, and where it notes what it finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Engine

from worker.reconcile.compare import Finding, Report, Seen
from worker.reconcile.judge import Missing
from worker.reconcile.stripe import Account, Page, made_at
from worker.stripe_field import Json

# Stripe gives events out for so long.
EVENTS_KEPT = timedelta(days=30)

# Told what is looked at, and how much of the time that is asked about is behind, from 0 to 1.
Tell = Callable[[str, float], None]
# Given events that the inbox does not have, with the account that they are of.
Feed = Callable[[str | None, list[Json]], None]


def untold(_what: str, _done: float) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is compared: what happened in [since, at), of one organization if it is named."""

    since: datetime
    at: datetime
    slug: str | None = None

    @property
    def events_since(self) -> datetime:
        """Since when events are compared: Stripe does not keep those before."""
        return max(self.since, self.at - EVENTS_KEPT)

    def concerns(self, slug: str | None) -> bool:
        """Say whether it is about an organization."""
        return self.slug is None or self.slug == slug


@dataclass(slots=True)
class Look:
    """One comparison under way; `account` is the one that is asked now."""

    engine: Engine
    wanted: Wanted
    report: Report
    tell: Tell = untold
    seen: Seen = field(default_factory=Seen)
    missing: Missing = field(default_factory=Missing)

    def found(self, finding: Finding) -> None:
        """Note a finding, if it is about the organization that is asked about."""
        if self.wanted.concerns(finding.organization):
            self.report.add(finding)

    def told(self, what: str, account: Account, page: Page) -> None:
        """Count a page, and tell how far it is: pages go back in time."""
        self.report.compared[what] += len(page)
        whole = (self.wanted.at - self.wanted.since) / timedelta(seconds=1) or 1
        behind = (self.wanted.at - made_at(page[-1])) / timedelta(seconds=1)
        self.tell(f"{what} of {account.id}" if account.id else what, min(max(behind / whole, 0.0), 1.0))

"""What Stripe says about a subscription, as a set of facts: neither their order nor their number can matter."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import orjson

Facts = dict[str, dict[str, Any]]

# In Stripe's words: over for good, and behind with a payment.
ENDED = frozenset({"canceled", "incomplete_expired"})
BEHIND = frozenset({"past_due", "unpaid"})


@dataclass(frozen=True, slots=True)
class SubscriptionFact:
    """What one event says of a subscription; times in seconds of Unix time, `said_at` is when Stripe said it."""

    key: str
    status: str
    period_start: int | None
    cancels_at: int | None
    ended_at: int | None
    said_at: int

    @property
    def source(self) -> str:
        """What it states; said again, it is the same statement."""
        return f"{self.status}:{self.period_start}:{self.cancels_at}:{self.ended_at}"


def merge(facts: Facts, new: Iterable[SubscriptionFact]) -> Facts:
    """Return the set of facts with new ones in it; of a statement that was made twice the later time counts."""
    merged = dict(facts)
    for fact in new:
        said = orjson.loads(orjson.dumps(fact))
        known = merged.get(fact.source)
        merged[fact.source] = said if known is None else max(known, said, key=lambda each: int(each["said_at"]))
    return merged


@dataclass(frozen=True)
class Subscription:
    """A subscription as the set of its facts tells it."""

    facts: Facts

    @cached_property
    def ended_at(self) -> datetime | None:
        """When it ended, which nothing undoes; the earliest of what was said."""
        ends = [said["ended_at"] or said["said_at"] for said in self.facts.values() if said["status"] in ENDED]
        return datetime.fromtimestamp(min(ends), UTC) if ends else None

    @cached_property
    def behind(self) -> frozenset[int]:
        """The beginnings of the periods for which it was behind with a payment."""
        told = (said for said in self.facts.values() if said["status"] in BEHIND)
        return frozenset(said["period_start"] for said in told if said["period_start"] is not None)

    @property
    def status(self) -> str | None:
        """Stripe's own word, the last one as far as its seconds tell; for whoever looks, no rule depends on it."""
        if self.ended_at:
            return "canceled"
        return str(self._last["status"]) if self._last else None

    @property
    def cancels_at(self) -> datetime | None:
        """When it will end, if it will: the last word, as far as Stripe's seconds tell."""
        at = self._last and self._last["cancels_at"]
        return datetime.fromtimestamp(at, UTC) if at else None

    @cached_property
    def _last(self) -> dict[str, Any] | None:
        said = self.facts.values()
        return max(said, key=lambda each: (each["said_at"], orjson.dumps(each)), default=None)

"""What was sold in one currency and charged to the card in another, perhaps: what of the one is what of the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain.money import share
from domain.purchase.fact import OUR_ID

# A statement of a refund, as it stands in the set of a payment's facts.
Said = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Charge:
    """What the card was charged: `amount` of `currency`, for `paid` of `sold_in`; all in minor units.

    Stripe pays back in the currency of the charge, whatever the order was sold in.
    """

    amount: int
    currency: str
    paid: int
    sold_in: str

    @property
    def is_foreign(self) -> bool:
        """Whether the card was charged in another currency."""
        return self.currency != self.sold_in

    def of_order(self, amount: int) -> int:
        """Return what so much of the order is of the charge, rounded half up: all of the one is all of the other."""
        return share(self.amount * amount, self.paid) if self.is_foreign and self.paid else amount

    def returned(self, back: Sequence[Said]) -> int:
        """Return how much of the charge some refunds are, in its currency, never more than it was."""
        if not self.is_foreign:
            return self.refunded(back)
        own = sum(int(said["amount"]) for said in back if self._is_of_charge(said))
        others = sum(int(said["amount"]) for said in back if not self._is_of_charge(said))
        return min(own + self.of_order(others), self.amount)

    def refunded(self, back: Sequence[Said]) -> int:
        """Return how much of the order some refunds are, never more than was paid.

        It is all of it when all of the charge went back, and not before: roundings decide nothing.
        """
        if not self.is_foreign:
            return min(sum(int(said["amount"]) for said in back), self.paid)
        if self.returned(back) >= self.amount:
            return self.paid
        known = sum(worth for said in back if (worth := self._known(said)) is not None)
        rest = sum(int(said["amount"]) for said in back if self._known(said) is None)
        return min(known + self._of_charge(rest), max(self.paid - 1, 0))

    def worth(self, said: Said) -> int:
        """Return what a refund is of the order, alone: what was ordered here, or what it is of the charge."""
        known = self._known(said)
        return self._of_charge(int(said["amount"])) if known is None else known

    def _of_charge(self, amount: int) -> int:
        return share(self.paid * min(amount, self.amount), self.amount)

    def _known(self, said: Said) -> int | None:
        """Return what a refund is of the order by what is said of it; None where that follows from the charge."""
        if not self._is_of_charge(said):
            return int(said["amount"])
        named = said.get("worth")
        return int(named) if self.is_foreign and named and OUR_ID.fullmatch(named) else None

    def _is_of_charge(self, said: Said) -> bool:
        return self.is_foreign and said.get("currency") == self.currency

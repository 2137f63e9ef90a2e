"""The call to Stripe that pays back: which payment, how much, and by which of our refunds it is known again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from db.models import CallKind
from domain.errors import NothingToRefund, NotRefundable
from domain.outward.call import Wanted, want
from domain.refund.facts import Held

# The metadata by which a refund of Stripe's says that it is one of ours.
OURS = "punchcard_refund"
# And what of the order it pays back, where the card was charged in another currency.
WORTH = "punchcard_worth"
# Whoever ordered it has looked after it by then: what Stripe did not do in three days is ordered anew.
GIVE_UP_AFTER = timedelta(days=3)
CHARGE, INTENT = "charge:", "pi_"


@dataclass(frozen=True, slots=True)
class Ordered:
    """A refund that stands: how much is to be paid back, in minor units, and the command that waits for it."""

    id: int
    amount: int
    job_id: int


def ask(session: Session, held: Held, ordered: Ordered, *, at: datetime) -> None:
    """Want Stripe to pay an order back.

    Raises:
        NotRefundable: no name is known under which Stripe would pay it back.
        NothingToRefund: it is nothing in the currency that the card was charged in.

    """
    params = target(held) | {
        "amount": _of_charge(held, ordered.amount),
        "reason": "requested_by_customer",
        "metadata": {"org": held.slug, OURS: str(ordered.id)} | _worth(held, ordered.amount),
    }
    wanted = Wanted(
        organization_id=held.organization_id,
        kind=CallKind.REFUND_CREATE,
        params=params,
        job_id=ordered.job_id,
        refund_id=ordered.id,
        give_up_at=at + GIVE_UP_AFTER,
    )
    want(session, wanted, at=at)


def _of_charge(held: Held, amount: int) -> int:
    """Return what Stripe is to pay back: in the currency of the charge, whatever the order was sold in."""
    asked = held.of_charge(amount)
    if asked <= 0:
        raise NothingToRefund("It is worth nothing in the currency that the card was charged in: name more of it.")
    return asked


def _worth(held: Held, amount: int) -> dict[str, str]:
    return {WORTH: str(amount)} if held.purchase and held.purchase.charge.is_foreign else {}


def target(held: Held) -> dict[str, str]:
    """Return what is paid back, as Stripe's parameters name it: a PaymentIntent, or a charge that has none."""
    key = held.names[0] if held.names else held.purchase.key if held.purchase else ""
    if key.startswith(CHARGE):
        return {"charge": key.removeprefix(CHARGE)}
    if key.startswith(INTENT):
        return {"payment_intent": key}
    raise NotRefundable(
        f"Stripe has not said by which payment {key} was paid: wait for its events, or refund it in Stripe's dashboard."
    )


def payment_key(params: dict[str, str]) -> str:
    """Return by which key the payment is known that a call pays back."""
    return params.get("payment_intent") or CHARGE + params["charge"]

"""Give money back: at once, later, not after all; and what of a charge is left."""

from __future__ import annotations

from fake_stripe.error import Refused
from fake_stripe.fake import Fake
from fake_stripe.nouns.refund import refund as built
from fake_stripe.store import Json

STATUSES = ("succeeded", "pending", "requires_action", "failed")
MOVES_NOTHING = {"failed", "canceled"}


def refund(
    fake: Fake,
    charge: Json,
    amount: int | None,
    *,
    reason: str | None = None,
    metadata: Json | None = None,
    status: str = "succeeded",
) -> Json:
    """Refund a charge in part, or what is left of it; one that is to fail succeeds first.

    Raises:
        Refused: there is nothing to refund, or not so much.

    """
    amount = _checked(charge, amount)
    first = "succeeded" if status == "failed" else status
    made = built(charge, amount, first, reason=reason, metadata=metadata or {}, at=fake.now())
    fake.store.put("refund", made)
    _follow(fake, charge)
    fake.emit("refund.created", made)
    fake.emit("charge.refunded", charge)
    return fail(fake, made["id"]) if status == "failed" else made


def succeed(fake: Fake, key: str) -> Json:
    """Let a pending refund arrive."""
    return _become(fake, _pending(fake, key), "succeeded")


def fail(fake: Fake, key: str) -> Json:
    """Let a refund fail, even days after it succeeded: the money is the account's again."""
    found = fake.store.get("refund", key)
    if found["status"] in MOVES_NOTHING:
        raise Refused(f"This refund is {found['status']}.")
    found |= {"failure_reason": "lost_or_stolen_card", "failure_balance_transaction": found["balance_transaction"]}
    failed = _become(fake, found, "failed")
    fake.emit("refund.failed", failed)
    return failed


def cancel(fake: Fake, key: str) -> Json:
    """Take back a refund that waits for the customer."""
    found = fake.store.get("refund", key)
    if found["status"] != "requires_action":
        raise Refused("You can only cancel refunds that require action.", kept=True)
    return _become(fake, found, "canceled")


def _pending(fake: Fake, key: str) -> Json:
    found = fake.store.get("refund", key)
    if found["status"] not in {"pending", "requires_action"}:
        raise Refused(f"This refund is {found['status']}.")
    return found


def _become(fake: Fake, found: Json, status: str) -> Json:
    before = {"status": found["status"]}
    found["status"] = status
    fake.store.put("refund", found)
    _follow(fake, fake.store.get("charge", found["charge"]))
    fake.emit("refund.updated", found, before)
    fake.emit("charge.refund.updated", found, before)
    return found


def _follow(fake: Fake, charge: Json) -> None:
    """Write down how much of a charge was refunded."""
    refunds = fake.store.where("refund", "charge", charge["id"])
    charge["amount_refunded"] = sum(each["amount"] for each in refunds if each["status"] not in MOVES_NOTHING)
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    fake.store.put("charge", charge)


def _checked(charge: Json, amount: int | None) -> int:
    left: int = charge["amount_captured"] - charge["amount_refunded"]
    if charge["status"] != "succeeded":
        raise Refused(f"Charge {charge['id']} has not succeeded, so that it cannot be refunded.", kept=True)
    if charge["disputed"] and not charge.get("_refundable", True):
        raise Refused(
            f"Charge {charge['id']} has been charged back; cannot issue a refund.", code="charge_disputed", kept=True
        )
    if not left:
        raise Refused(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded", kept=True)
    if amount is not None and amount > left:
        said = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"
        raise Refused(said, param="amount", kept=True)
    return left if amount is None else amount

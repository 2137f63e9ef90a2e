"""A customer asks the bank for the money back: asked, taken, won, lost."""

from __future__ import annotations

from fake_stripe.error import Refused
from fake_stripe.fake import Fake
from fake_stripe.nouns.refund import dispute as built
from fake_stripe.nouns.refund import withdrawn
from fake_stripe.store import Json

CLOSED = {"won", "lost", "warning_closed"}


def dispute(
    fake: Fake, key: str, *, inquiry: bool = False, amount: int | None = None, reason: str = "fraudulent"
) -> Json:
    """Dispute a charge; an inquiry moves no money yet."""
    charge = fake.store.get("charge", key)
    if charge["disputed"]:
        raise Refused(f"Charge {key} is disputed already.")
    if charge["status"] != "succeeded":
        raise Refused(f"Charge {key} has not succeeded.")
    made = built(charge, amount or charge["amount"], inquiry=inquiry, reason=reason, at=fake.now())
    fake.store.put("dispute", made)
    _mark(fake, charge, refundable=inquiry)
    fake.emit("charge.dispute.created", made)
    if not inquiry:
        fake.emit("charge.dispute.funds_withdrawn", made)
    return made


def escalate(fake: Fake, key: str) -> Json:
    """Turn an inquiry into a dispute: now the money is taken."""
    found = _open(fake, key)
    if not found["status"].startswith("warning"):
        raise Refused("This dispute is no inquiry.")
    before = {"status": found["status"]}
    found |= {"status": "needs_response", "is_charge_refundable": False}
    found["payment_method_details"]["card"]["case_type"] = "chargeback"
    found["balance_transactions"].append(withdrawn(found["amount"], found["currency"], at=fake.now()))
    fake.store.put("dispute", found)
    _mark(fake, fake.store.get("charge", found["charge"]), refundable=False)
    fake.emit("charge.dispute.updated", found, before)
    fake.emit("charge.dispute.funds_withdrawn", found)
    return found


def win(fake: Fake, key: str) -> Json:
    """Close a dispute for the account: the money comes back, if it was taken."""
    found = _open(fake, key)
    inquiry = found["status"].startswith("warning")
    if not inquiry:
        found["balance_transactions"].append(withdrawn(-found["amount"], found["currency"], at=fake.now()))
    _close(fake, found, "warning_closed" if inquiry else "won")
    if not inquiry:
        fake.emit("charge.dispute.funds_reinstated", found)
    return found


def lose(fake: Fake, key: str) -> Json:
    """Close a dispute for the customer; one that is accepted is lost."""
    found = _open(fake, key)
    if found["status"].startswith("warning"):
        raise Refused("An inquiry is not lost: it is closed, or becomes a dispute.")
    return _close(fake, found, "lost")


def _close(fake: Fake, found: Json, status: str) -> Json:
    found["status"] = status
    fake.emit("charge.dispute.closed", fake.store.put("dispute", found))
    if status != "lost":
        _mark(fake, fake.store.get("charge", found["charge"]), refundable=True)
    return found


def _open(fake: Fake, key: str) -> Json:
    found = fake.store.get("dispute", key)
    if found["status"] in CLOSED:
        raise Refused(f"This dispute is closed: {found['status']}.", kept=True)
    return found


def _mark(fake: Fake, charge: Json, *, refundable: bool) -> None:
    fake.store.put("charge", charge | {"disputed": True, "_refundable": refundable})

"""Take the money of a PaymentIntent: at once, later, or not at all."""

from __future__ import annotations

from dataclasses import dataclass

from fake_stripe.fake import Fake
from fake_stripe.ids import fresh
from fake_stripe.nouns import payment
from fake_stripe.store import Json


@dataclass(frozen=True)
class Payer:
    """Who pays, as far as the page was told."""

    email: str | None
    name: str | None
    customer: str | None = None


def begin(fake: Fake, amount: int, currency: str, payer: Payer, metadata: Json) -> Json:
    """Make a PaymentIntent."""
    intent = payment.payment_intent(amount, currency, payer.customer, metadata, at=fake.now())
    fake.store.put("payment_intent", intent)
    fake.emit("payment_intent.created", intent)
    return intent


def succeed(fake: Fake, intent: Json, payer: Payer) -> Json:
    """Charge a card, and return the PaymentIntent that succeeded."""
    charge = _charge(fake, intent, payer, "succeeded", debit=False)
    fake.emit("charge.succeeded", charge)
    return _succeeded(fake, intent, charge)


def decline(fake: Fake, intent: Json, payer: Payer) -> Json:
    """Charge a card that is declined; the PaymentIntent waits for another."""
    charge = _charge(fake, intent, payer, "failed", debit=False)
    fake.emit("charge.failed", charge)
    return _failed(fake, intent, charge)


def debit(fake: Fake, intent: Json, payer: Payer) -> Json:
    """Ask a bank for the money, which takes days; return the PaymentIntent that is processing."""
    intent["payment_method_types"] = ["sepa_debit"]
    charge = _charge(fake, intent, payer, "pending", debit=True)
    fake.emit("charge.pending", charge)
    intent |= {"status": "processing", "latest_charge": charge["id"], "payment_method": charge["payment_method"]}
    fake.emit("payment_intent.processing", fake.store.put("payment_intent", intent))
    return intent


def settle(fake: Fake, intent: Json, *, paid: bool) -> Json:
    """Say what the bank said of a PaymentIntent that is processing."""
    charge = fake.store.get("charge", intent["latest_charge"])
    charge["status"], charge["outcome"] = _ended(paid=paid)
    if paid:
        charge |= {"paid": True, "captured": True, "amount_captured": charge["amount"]}
        charge["balance_transaction"] = fresh("balance_transaction")
    else:
        charge |= {"failure_code": "insufficient_funds", "failure_message": "The account has insufficient funds."}
    fake.emit("charge.succeeded" if paid else "charge.failed", fake.store.put("charge", charge))
    return _succeeded(fake, intent, charge) if paid else _failed(fake, intent, charge)


def _ended(*, paid: bool) -> tuple[str, Json]:
    status = "succeeded" if paid else "failed"
    return status, payment.outcome(status)


def _charge(fake: Fake, intent: Json, payer: Payer, status: str, *, debit: bool) -> Json:
    charge = payment.charge(intent, status, email=payer.email, name=payer.name, debit=debit, at=fake.now())
    return fake.store.put("charge", charge)


def _succeeded(fake: Fake, intent: Json, charge: Json) -> Json:
    intent |= {"status": "succeeded", "amount_received": intent["amount"], "last_payment_error": None}
    intent |= {"latest_charge": charge["id"], "payment_method": charge["payment_method"]}
    intent["receipt_email"] = charge["receipt_email"]
    fake.emit("payment_intent.succeeded", fake.store.put("payment_intent", intent))
    return intent


def _failed(fake: Fake, intent: Json, charge: Json) -> Json:
    intent |= {"status": "requires_payment_method", "last_payment_error": payment.declined(charge)}
    intent |= {"latest_charge": charge["id"], "payment_method": None}
    fake.emit("payment_intent.payment_failed", fake.store.put("payment_intent", intent))
    return intent

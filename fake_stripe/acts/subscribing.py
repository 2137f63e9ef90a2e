"""What happens to a subscription: it starts, is paid again, is not paid, is paid after all, and ends."""

from __future__ import annotations

from copy import deepcopy

from fake_stripe.acts import charging
from fake_stripe.acts.charging import Payer
from fake_stripe.error import Refused
from fake_stripe.fake import Fake
from fake_stripe.nouns import invoice as invoices
from fake_stripe.nouns.subscription import after, subscription
from fake_stripe.store import Json


def start(fake: Fake, lines: list[Json], payer: Payer, metadata: Json, intent: Json | None, *, discount: int) -> Json:
    """Begin a subscription, its first period paid by a PaymentIntent, or by nothing where it costs nothing."""
    made = subscription(str(payer.customer), lines, dict(metadata), at=fake.now())
    invoice = _bill(fake, made, "subscription_create", discount=discount)
    fake.emit("customer.subscription.created", fake.store.put("subscription", made))
    _told_of(fake, invoice)
    _collect(fake, invoice, intent, payer)
    return made


def renew(fake: Fake, key: str) -> Json:
    """Begin the next period and have it paid; where it was to end with this one, it ends."""
    found = _alive(fake, key)
    if found["cancel_at_period_end"]:
        return end(fake, key)
    invoice, before = _next_period(fake, found)
    found["status"] = "active"
    _changed(fake, found, before)
    _pay(fake, invoice)
    return found


def fail(fake: Fake, key: str) -> Json:
    """Begin the next period without its money: past due, the invoice open."""
    found = _alive(fake, key)
    invoice, before = _next_period(fake, found)
    payer, intent = _asked(fake, invoice)
    if intent is None:
        raise Refused("It costs nothing, so that nothing can fail.")
    charging.decline(fake, intent, payer)
    invoice |= {"attempted": True, "attempt_count": 1, "next_payment_attempt": fake.now() + 3 * 24 * 60 * 60}
    fake.store.put("invoice_payment", invoices.invoice_payment(invoice, intent, at=fake.now()))
    fake.emit("invoice.payment_failed", fake.store.put("invoice", invoice))
    found["status"] = "past_due"
    _changed(fake, found, before)
    return found


def recover(fake: Fake, key: str) -> Json:
    """Pay the invoice that was left open."""
    found = _alive(fake, key)
    invoice = fake.store.get("invoice", found["latest_invoice"])
    if invoice["status"] != "open":
        raise Refused("No invoice of this subscription is open.")
    _pay(fake, invoice)
    before = {"status": found["status"]}
    found["status"] = "active"
    _changed(fake, found, before)
    return found


def cancel_at_end(fake: Fake, found: Json, *, wanted: bool) -> Json:
    """Have a subscription end with its period, or not."""
    names = ("cancel_at", "cancel_at_period_end", "canceled_at", "cancellation_details")
    before = {name: deepcopy(found[name]) for name in names}
    found["cancel_at_period_end"] = wanted
    found["cancel_at"] = found["items"]["data"][0]["current_period_end"] if wanted else None
    found["canceled_at"] = fake.now() if wanted else None
    found["cancellation_details"]["reason"] = "cancellation_requested" if wanted else None
    changed = {name: value for name, value in before.items() if value != found[name]}
    return _changed(fake, found, changed) if changed else found


def cancel(fake: Fake, key: str) -> Json:
    """End a subscription at once."""
    found = _alive(fake, key)
    return _ended(fake, found, canceled=fake.now(), at=fake.now())


def end(fake: Fake, key: str) -> Json:
    """End a subscription as its period does."""
    found = _alive(fake, key)
    at = found["items"]["data"][0]["current_period_end"]
    return _ended(fake, found, canceled=found["canceled_at"] or fake.now(), at=at)


def _ended(fake: Fake, found: Json, *, canceled: int, at: int) -> Json:
    found |= {"status": "canceled", "canceled_at": canceled, "ended_at": at}
    found["cancellation_details"]["reason"] = "cancellation_requested"
    fake.emit("customer.subscription.deleted", fake.store.put("subscription", found))
    return found


def _alive(fake: Fake, key: str) -> Json:
    found = fake.store.get("subscription", key)
    if found["status"] == "canceled":
        raise Refused(f"No such subscription: '{key}'", status=404, code="resource_missing", param="id")
    return found


def _changed(fake: Fake, found: Json, before: Json) -> Json:
    fake.emit("customer.subscription.updated", fake.store.put("subscription", found), before)
    return found


def _next_period(fake: Fake, found: Json) -> tuple[Json, Json]:
    """Advance the items' period and bill it; return the invoice and what stood before."""
    before = {name: deepcopy(found[name]) for name in ("items", "latest_invoice", "status")}
    for item in found["items"]["data"]:
        start = item["current_period_end"]
        recurring = item["price"]["recurring"]
        item["current_period_start"] = start
        item["current_period_end"] = after(start, recurring, anchor=found["billing_cycle_anchor"])
    invoice = _bill(fake, found, "subscription_cycle", discount=0)
    _told_of(fake, invoice)
    return invoice, before


def _bill(fake: Fake, found: Json, reason: str, *, discount: int) -> Json:
    customer = fake.store.get("customer", found["customer"])
    number = f"{customer['invoice_prefix']}-{customer['next_invoice_sequence']:04}"
    customer["next_invoice_sequence"] += 1
    fake.store.put("customer", customer)
    invoice = invoices.invoice(found, reason, number, discount=discount, customer=customer, at=fake.now())
    found["latest_invoice"] = invoice["id"]
    return fake.store.put("invoice", invoice)


def _told_of(fake: Fake, invoice: Json) -> None:
    fake.emit("invoice.created", invoice)
    fake.emit("invoice.finalized", invoice)


def _pay(fake: Fake, invoice: Json) -> None:
    payer, intent = _asked(fake, invoice)
    _collect(fake, invoice, intent, payer)


def _asked(fake: Fake, invoice: Json) -> tuple[Payer, Json | None]:
    """Return who pays an invoice, and the PaymentIntent; none where there is nothing to pay."""
    payer = Payer(invoice["customer_email"], invoice["customer_name"], invoice["customer"])
    if not invoice["amount_due"]:
        return payer, None
    if tried := fake.store.where("invoice_payment", "invoice", invoice["id"]):
        return payer, fake.store.get("payment_intent", tried[0]["payment"]["payment_intent"])
    return payer, charging.begin(fake, invoice["amount_due"], invoice["currency"], payer, {})


def _collect(fake: Fake, invoice: Json, intent: Json | None, payer: Payer) -> None:
    """Take an invoice's money and say so."""
    bond = None
    if intent is not None:
        charging.succeed(fake, intent, payer)
        bond = _bound(fake, invoice, intent)
    invoice |= {"status": "paid", "amount_paid": invoice["amount_due"], "amount_remaining": 0, "attempted": True}
    invoice |= {"attempt_count": invoice["attempt_count"] + 1, "next_payment_attempt": None, "auto_advance": False}
    invoice["status_transitions"]["paid_at"] = fake.now()
    fake.emit("invoice.paid", fake.store.put("invoice", invoice))
    fake.emit("invoice.payment_succeeded", invoice)
    if bond is not None:
        fake.emit("invoice_payment.paid", bond)


def _bound(fake: Fake, invoice: Json, intent: Json) -> Json:
    """Write down which PaymentIntent has paid an invoice; a try that failed had its row already."""
    made = invoices.invoice_payment(invoice, intent, at=fake.now())
    for tried in fake.store.where("invoice_payment", "invoice", invoice["id"]):
        made |= {name: tried[name] for name in ("id", "created")}
    return fake.store.put("invoice_payment", made)

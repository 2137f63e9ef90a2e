"""Stories of subscriptions, and the shape in which they are told."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import stripe

from fake_stripe.nouns.subscription import after
from tests.fake_stripe import shop
from tests.fakestripe import FakeStripe

METADATA = {"org": "lumen", "product_code": "ALL-ACCESS-30"}
MONTH = {"interval": "month", "interval_count": 1}


def test_a_subscription_begins_with_a_paid_invoice(fake: FakeStripe) -> None:
    key = shop.checkout(fake, mode="subscription", metadata=METADATA, subscription_data={"metadata": METADATA})

    fake.pay(key, email="ada@example.com")

    session, invoice = shop.told(fake, "checkout.session.completed"), shop.told(fake, "invoice.paid")
    subscription = shop.told(fake, "customer.subscription.created")
    assert (session["subscription"], session["invoice"]) == (subscription["id"], invoice["id"])
    assert (session["payment_intent"], session["payment_status"]) == (None, "paid")
    assert session["customer"] == subscription["customer"] == invoice["customer"]
    assert subscription["metadata"] == METADATA
    assert shop.told(fake, "payment_intent.succeeded")["metadata"] == {}
    assert invoice["parent"]["subscription_details"] == {"metadata": METADATA, "subscription": subscription["id"]}
    (line,) = invoice["lines"]["data"]
    (item,) = subscription["items"]["data"]
    assert line["period"] == {"start": item["current_period_start"], "end": item["current_period_end"]}
    assert line["pricing"]["price_details"] == {"price": item["price"]["id"], "product": item["price"]["product"]}
    assert not shop.INVOICE_HAS_NOT.intersection(invoice)
    assert "current_period_end" not in subscription


def test_what_paid_an_invoice_is_found_both_ways(fake: FakeStripe) -> None:
    client = fake.client()
    shop.subscribed(fake)
    invoice = client.v1.invoices.list().data[0].id
    intent = shop.told(fake, "payment_intent.succeeded")["id"]

    by_invoice = client.v1.invoice_payments.list({"invoice": invoice}).data
    by_payment = client.v1.invoice_payments.list({"payment": {"type": "payment_intent", "payment_intent": intent}}).data
    expanded = client.v1.invoices.retrieve(invoice, {"expand": ["payments"]})

    assert [each.id for each in by_invoice] == [each.id for each in by_payment]
    assert by_invoice[0].payment.payment_intent == intent
    assert expanded.payments
    assert [each.id for each in expanded.payments.data] == [each.id for each in by_invoice]
    assert shop.told(fake, "invoice_payment.paid")["invoice"] == invoice


def test_a_renewal_begins_where_the_last_period_ended(fake: FakeStripe) -> None:
    key = shop.subscribed(fake)
    before = fake.found(f"subscriptions/{key}")["items"]["data"][0]

    fake.renew(key)

    updated = shop.told(fake, "customer.subscription.updated")["items"]["data"][0]
    invoice = shop.told(fake, "invoice.paid")
    assert updated["current_period_start"] == before["current_period_end"]
    assert updated["current_period_end"] == after(before["current_period_end"], MONTH, anchor=before["created"])
    assert invoice["lines"]["data"][0]["period"]["start"] == before["current_period_end"]
    assert invoice["billing_reason"] == "subscription_cycle"
    assert len(fake.events("invoice.paid")) == len(fake.events("invoice_payment.paid")) == 2


def test_a_renewal_that_fails_is_past_due_until_it_is_paid(fake: FakeStripe) -> None:
    key = shop.subscribed(fake)

    failed = fake.fail_renewal(key)
    told = shop.told(fake, "invoice.payment_failed")
    recovered = fake.recover(key)

    assert (failed["status"], told["status"], told["attempt_count"]) == ("past_due", "open", 1)
    assert recovered["status"] == "active"
    assert shop.told(fake, "invoice.paid")["id"] == told["id"]
    assert shop.told(fake, "payment_intent.succeeded")["id"] == shop.told(fake, "payment_intent.payment_failed")["id"]


def test_a_cancellation_at_the_end_can_be_taken_back(fake: FakeStripe) -> None:
    key = shop.subscribed(fake)
    client = fake.client()

    ending = client.v1.subscriptions.update(key, {"cancel_at_period_end": True})
    kept = client.v1.subscriptions.update(key, {"cancel_at_period_end": False})

    assert (ending.cancel_at_period_end, ending.status) == (True, "active")
    assert ending.cancel_at == ending["items"].data[0].current_period_end
    assert (kept.cancel_at, kept.canceled_at) == (None, None)
    before = fake.events("customer.subscription.updated")[0]["data"]["previous_attributes"]
    assert before["cancel_at_period_end"] is False


def test_a_subscription_ends_with_its_period_or_at_once(fake: FakeStripe) -> None:
    later, now = shop.subscribed(fake), shop.subscribed(fake)

    fake.cancel(later, at_end=True)
    ended = fake.renew(later)
    fake.client().v1.subscriptions.cancel(now)

    gone = [each["data"]["object"] for each in fake.events("customer.subscription.deleted")]
    assert [each["id"] for each in gone] == [later, now]
    assert ended["ended_at"] == ended["items"]["data"][0]["current_period_end"]
    assert gone[1]["ended_at"] == gone[1]["canceled_at"] < gone[0]["ended_at"]
    assert len(fake.events("invoice.paid")) == 2
    with pytest.raises(stripe.InvalidRequestError):
        fake.client().v1.subscriptions.cancel(now)
    assert fake.client().v1.subscriptions.list().data == []
    assert len(fake.client().v1.subscriptions.list({"status": "all"}).data) == 2


def test_a_coupon_lowers_the_first_invoice_only(fake: FakeStripe) -> None:
    fake.client().v1.coupons.create({"id": "HALF", "percent_off": 50, "duration": "once"})

    key = shop.subscribed(fake, discounts=[{"coupon": "HALF"}])
    fake.renew(key)

    assert [each["data"]["object"]["amount_paid"] for each in fake.events("invoice.paid")] == [45_000, 90_000]


@pytest.mark.parametrize(
    ("start", "anchor", "end"), [("2027-01-31", 31, "2027-02-28"), ("2027-02-28", 31, "2027-03-31")]
)
def test_a_month_ends_on_the_day_on_which_it_began_or_the_last_one(start: str, anchor: int, end: str) -> None:
    def at(day: str) -> int:
        return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())

    assert after(at(start), MONTH, anchor=at(f"2027-01-{anchor}")) == at(end)

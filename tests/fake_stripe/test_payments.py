"""Stories of payments: what is told, in which order, in which shape."""

from __future__ import annotations

import time
from typing import Any

import pytest
import stripe

from tests.fake_stripe import shop
from tests.fakestripe import FakeStripe

METADATA = {"org": "lumen", "product_code": "EXPLORER-5"}


def after(fake: FakeStripe, number: int) -> list[str]:
    """The types of the events after the first so many."""
    return fake.event_types()[number:]


def test_a_card_that_pays(fake: FakeStripe) -> None:
    key = shop.checkout(fake, metadata=METADATA, payment_intent_data={"metadata": METADATA}, client_reference_id="ada")
    before = len(fake.events())

    fake.pay(key, email="ada@example.com")

    assert after(fake, before) == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
    ]
    session, intent = shop.told(fake, "checkout.session.completed"), shop.told(fake, "payment_intent.succeeded")
    assert (session["payment_status"], session["status"], session["amount_total"]) == ("paid", "complete", 500_000)
    assert (session["payment_intent"], session["client_reference_id"]) == (intent["id"], "ada")
    assert session["customer_details"]["email"] == "ada@example.com"
    assert session["metadata"] == intent["metadata"] == METADATA
    assert "line_items" not in session
    assert intent["amount_received"] == 500_000


def test_a_card_that_is_declined_may_be_followed_by_one_that_pays(fake: FakeStripe) -> None:
    key = shop.checkout(fake)

    declined = fake.pay(key, "declined")
    failed = shop.told(fake, "payment_intent.payment_failed")
    paid = fake.pay(key)

    assert (declined["status"], failed["last_payment_error"]["code"]) == ("open", "card_declined")
    assert (paid["status"], paid["payment_intent"]) == ("complete", failed["id"])
    assert len(fake.events("payment_intent.created")) == 1


@pytest.mark.parametrize("arrives", [True, False])
def test_a_bank_takes_its_time(fake: FakeStripe, *, arrives: bool) -> None:
    key = shop.checkout(fake)

    fake.pay(key, "async")
    completed = shop.told(fake, "checkout.session.completed")
    before = len(fake.events())
    fake.settle(key, paid=arrives)

    assert (completed["payment_status"], completed["status"]) == ("unpaid", "complete")
    if arrives:
        said = ["charge.succeeded", "payment_intent.succeeded", "checkout.session.async_payment_succeeded"]
    else:
        said = ["charge.failed", "payment_intent.payment_failed", "checkout.session.async_payment_failed"]
    assert after(fake, before) == said
    with pytest.raises(AssertionError, match="checkout_not_processing" if arrives else "400|404|charge"):
        fake.settle(key) if arrives else fake.refund(str(completed["payment_intent"]))


def test_nothing_to_pay_makes_no_payment(fake: FakeStripe) -> None:
    fake.client().v1.coupons.create({"id": "FREE", "percent_off": 100, "duration": "once", "max_redemptions": 1})
    key = shop.checkout(fake, discounts=[{"coupon": "FREE"}])

    fake.pay(key)

    session = shop.told(fake, "checkout.session.completed")
    assert (session["payment_status"], session["payment_intent"]) == ("no_payment_required", None)
    assert session["total_details"]["amount_discount"] == session["amount_subtotal"] == 500_000
    with pytest.raises(stripe.InvalidRequestError) as used:
        shop.checkout(fake, discounts=[{"coupon": "FREE"}])
    assert used.value.code == "coupon_expired"


def test_a_discount_is_as_large_as_its_coupon_says(fake: FakeStripe) -> None:
    coupons = fake.client().v1.coupons
    coupons.create({"id": "PART", "percent_off": 12.5, "duration": "once"})
    coupons.create({"id": "SUM", "amount_off": 1_234, "currency": "try", "duration": "once"})
    coupons.create({"id": "DOLLARS", "amount_off": 1_234, "currency": "usd", "duration": "once"})
    sold = shop.price(fake, 999)

    part, whole = (fake.pay(shop.checkout(fake, sold, discounts=[{"coupon": each}])) for each in ("PART", "SUM"))

    assert (part["amount_total"], whole["amount_total"]) == (874, 0)
    with pytest.raises(stripe.InvalidRequestError):
        shop.checkout(fake, sold, discounts=[{"coupon": "DOLLARS"}])


def test_a_checkout_expires_when_its_time_has_come(fake: FakeStripe) -> None:
    key = shop.checkout(fake, expires_at=int(time.time()) + 31 * 60)
    other = shop.checkout(fake)

    fake.expire(other)
    fake.post("/_fake/clock", at=int(time.time()) + 32 * 60)

    assert [each["data"]["object"]["id"] for each in fake.events("checkout.session.expired")] == [other, key]
    with pytest.raises(AssertionError, match="checkout_not_open"):
        fake.pay(key)


@pytest.mark.parametrize("minutes", [29, 24 * 60 + 1])
def test_a_checkout_is_open_for_half_an_hour_to_a_day(fake: FakeStripe, minutes: int) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        shop.checkout(fake, expires_at=int(time.time()) + minutes * 60)

    assert refused.value.param == "expires_at"


@pytest.mark.parametrize(
    "wrong",
    [
        {"mode": "subscription", "payment_intent_data": {"metadata": METADATA}},
        {"subscription_data": {"metadata": METADATA}},
        {"success_url": "javascript:alert(1)"},
        {"line_items": []},
        {"customer": "cus_none"},
    ],
)
def test_a_checkout_that_makes_no_sense_is_refused(fake: FakeStripe, wrong: dict[str, Any]) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        shop.checkout(fake, **wrong)


@pytest.mark.parametrize("status", ["expired", "complete"])
def test_a_checkout_that_is_not_open_is_not_closed_in_stripes_own_words(fake: FakeStripe, status: str) -> None:
    key = shop.checkout(fake)
    if status == "expired":
        fake.expire(key)
    else:
        fake.pay(key)

    with pytest.raises(stripe.InvalidRequestError) as refused:
        fake.client().v1.checkout.sessions.expire(key)

    said = 'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of'
    assert (refused.value.user_message, refused.value.code) == (f"{said} `{status}`.", None)


def test_what_is_archived_is_not_sold(fake: FakeStripe) -> None:
    sold = shop.price(fake)
    fake.client().v1.prices.update(sold, {"active": False})

    with pytest.raises(stripe.InvalidRequestError) as refused:
        shop.checkout(fake, sold)

    assert refused.value.param == "line_items[0][price]"


def test_line_items_name_the_price(fake: FakeStripe) -> None:
    sold = shop.price(fake)
    key = shop.checkout(fake, sold)

    lines = fake.client().v1.checkout.sessions.line_items.list(key)

    assert [(line.price and line.price.id, line.quantity) for line in lines.data] == [(sold, 1)]


def test_refunds_add_up(fake: FakeStripe) -> None:
    payment = shop.paid(fake)
    refunds = fake.client().v1.refunds

    refunds.create({"payment_intent": payment, "amount": 200_000, "metadata": {"punchcard_refund": "1"}})
    fake.refund(payment)

    told = [each["data"]["object"] for each in fake.events("charge.refunded")]
    assert [(each["amount_refunded"], each["refunded"]) for each in told] == [(200_000, False), (500_000, True)]
    assert all("refunds" not in each for each in told)
    assert fake.events("refund.created")[0]["data"]["object"]["metadata"] == {"punchcard_refund": "1"}
    assert [each.amount for each in refunds.list({"payment_intent": payment}).data] == [300_000, 200_000]
    with pytest.raises(stripe.InvalidRequestError) as again:
        refunds.create({"payment_intent": payment})
    assert again.value.code == "charge_already_refunded"


def test_more_than_what_is_left_is_not_refunded(fake: FakeStripe) -> None:
    payment = shop.paid(fake)
    fake.refund(payment, 200_000)

    with pytest.raises(stripe.InvalidRequestError) as refused:
        fake.client().v1.refunds.create({"payment_intent": payment, "amount": 300_001})

    assert refused.value.param == "amount"


def test_a_pending_refund_arrives_and_one_that_succeeded_may_fail(fake: FakeStripe) -> None:
    fake.refunds_become("pending")
    refund = fake.client().v1.refunds.create({"payment_intent": shop.paid(fake)})
    before = len(fake.events())

    arrived = fake.succeed_refund(refund.id)
    failed = fake.fail_refund(refund.id)

    assert (refund.status, arrived["status"], failed["status"]) == ("pending", "succeeded", "failed")
    assert after(fake, before) == [
        "refund.updated",
        "charge.refund.updated",
        "refund.updated",
        "charge.refund.updated",
        "refund.failed",
    ]
    assert fake.listed("/v1/charges")[0]["amount_refunded"] == 0


def test_a_dispute_takes_the_money_and_gives_it_back(fake: FakeStripe) -> None:
    payment = shop.paid(fake)
    before = len(fake.events())

    dispute = fake.dispute(payment)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        fake.client().v1.refunds.create({"payment_intent": payment})
    won = fake.win(dispute["id"])

    assert (dispute["status"], won["status"], refused.value.code) == ("needs_response", "won", "charge_disputed")
    assert after(fake, before) == [
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.closed",
        "charge.dispute.funds_reinstated",
    ]
    assert fake.refund(payment)["status"] == "succeeded"


def test_an_inquiry_moves_nothing_until_it_becomes_a_dispute(fake: FakeStripe) -> None:
    before = len(fake.event_types()) + 3

    inquiry = fake.dispute(shop.paid(fake), inquiry=True)
    asked = fake.event_types()
    fake.escalate(inquiry["id"])
    lost = fake.client().v1.disputes.close(inquiry["id"])

    assert inquiry["status"] == "warning_needs_response"
    assert "charge.dispute.funds_withdrawn" not in asked
    assert after(fake, before)[-3:] == [
        "charge.dispute.updated",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.closed",
    ]
    assert lost.status == "lost"

"""Every order of every story of Stripe's, with repetitions and crashes in between, ends the same: row by row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from freezegun import freeze_time

from tests.stories import finals, orders, tell, telling
from tests.stripe_objects import (
    MONTHS,
    Event,
    charge,
    checkout,
    dispute,
    intent,
    invoice,
    invoice_payment,
    refund,
    subscribed,
    subscription,
)
from tests.studio import Studio

# In the middle of the first month of a subscription.
AT = "2027-03-10T09:00:00+00:00"

SUBSCRIPTION = """
INSERT INTO products (organization_id, code, name, product_type, price, currency, validity_days, validity_starts,
                      all_access_days, billing_interval, created_at)
SELECT organization_id, 'PASS-MONTHLY', 'Monthly pass', product_type, 1800000, currency, 30, validity_starts,
       30, 'MONTH', created_at
  FROM products WHERE code = 'ALL-ACCESS-30'
UNION ALL
SELECT organization_id, 'RIDES-MONTHLY', 'Ten rides a month', product_type, 900000, currency, 45, validity_starts,
       NULL, 'MONTH', created_at
  FROM products WHERE code = 'CORE-10'
"""
RIDES = """
INSERT INTO package_allowances (product_id, position, service_type, teacher_tier, credits, credit_unit_minutes)
SELECT id, 0, 'GROUP', 0, 10, 60 FROM products WHERE code = 'RIDES-MONTHLY'
"""

COURSE: dict[str, Any] = {"org": "thrive", "currency": "usd", "amount": 49_900}

STORIES: dict[str, list[Event]] = {
    "the intent names the product, the checkout the student": [
        checkout(None, student="ada"),
        intent(product_code="EXPLORER-5", org="lumen", email="ada@example.com"),
    ],
    "never paid": [checkout(paid="unpaid"), checkout(paid="unpaid", kind="checkout.session.async_payment_failed")],
    "failed, then paid after all": [
        checkout(paid="unpaid"),
        checkout(paid="unpaid", kind="checkout.session.async_payment_failed"),
        checkout(kind="checkout.session.async_payment_succeeded"),
    ],
    "a Checkout that expired": [checkout(paid="unpaid", kind="checkout.session.expired")],
    "paid less than the Checkout said": [checkout(amount=500_000), intent(amount=450_000)],
    "a purchase by two events, refunded in two parts": [
        checkout(),
        intent(),
        refund(amount=200_000),
        refund(amount=300_000, refund_id="re_2"),
        charge(refunded=500_000),
    ],
    "a refund that is pending, succeeds and fails": [
        checkout(),
        intent(),
        refund(status="pending"),
        refund(status="succeeded", kind="refund.updated"),
        refund(status="failed", kind="refund.failed"),
    ],
    "a refund in parts of which one fails": [
        checkout(),
        intent(),
        refund(amount=200_000),
        refund(amount=300_000, refund_id="re_2"),
        refund(amount=300_000, refund_id="re_2", status="failed", kind="refund.failed"),
    ],
    "a dispute that is won": [
        checkout("ELITE-30", amount=1_800_000),
        intent(amount=1_800_000),
        dispute(),
        dispute(status="under_review", kind="charge.dispute.funds_withdrawn"),
        dispute(status="won", kind="charge.dispute.closed"),
        dispute(status="won", kind="charge.dispute.funds_reinstated"),
    ],
    "a dispute that is lost, of what was refunded in part": [
        checkout(),
        intent(),
        refund(amount=200_000),
        dispute(),
        dispute(status="lost", kind="charge.dispute.closed"),
    ],
    "paid by debit, refunded in part, disputed and won": [
        checkout(paid="unpaid"),
        checkout(kind="checkout.session.async_payment_succeeded"),
        intent(),
        refund(amount=200_000),
        dispute(),
        dispute(status="won", kind="charge.dispute.closed"),
    ],
    "an inquiry that becomes a dispute": [
        checkout(),
        dispute(status="warning_needs_response"),
        dispute(),
        dispute(status="lost", kind="charge.dispute.closed"),
    ],
    "a course that is refunded": [
        checkout("SFZ", **COURSE),
        intent(amount=49_900, currency="usd"),
        refund(amount=49_900),
    ],
    "a course whose refund fails": [
        checkout("SFZ", **COURSE),
        intent(amount=49_900, currency="usd"),
        refund(amount=49_900),
        refund(amount=49_900, status="failed", kind="refund.failed"),
    ],
    "rides that are scheduled later, refunded": [
        checkout("WELLNESS-3", org="thrive", currency="usd", amount=50_000),
        intent(amount=50_000, currency="usd"),
        refund(amount=50_000),
        refund(amount=50_000, status="failed", kind="refund.failed"),
    ],
    "paid by debit, and refunded": [
        checkout(paid="unpaid"),
        checkout(kind="checkout.session.async_payment_succeeded"),
        intent(),
        refund(),
    ],
    "a subscription by its first events": [
        subscribed(),
        invoice(),
        invoice_payment(),
        intent("pi_of_in_1", amount=1_800_000, customer="cus_1"),
        subscription(),
    ],
    "a subscription that is renewed, and refunded once": [
        subscribed(),
        invoice(),
        invoice("in_2", 1),
        invoice_payment("in_2", "pi_of_in_2"),
        intent("pi_of_in_2", amount=1_800_000, customer="cus_1"),
        refund("pi_of_in_2", amount=1_800_000),
    ],
    "a subscription of rides, disputed, in the older shape": [
        subscribed(product="RIDES-MONTHLY"),
        invoice(product="RIDES-MONTHLY", amount=900_000, old=True, intent="pi_of_in_1"),
        intent("pi_of_in_1", amount=900_000, customer="cus_1"),
        dispute("pi_of_in_1"),
        dispute("pi_of_in_1", status="won", kind="charge.dispute.closed"),
        subscription(old=True),
    ],
    "a subscription that falls behind, pays, and ends with its period": [
        subscribed(),
        invoice(),
        invoice("in_2", 1, kind="invoice.payment_failed"),
        subscription(status="past_due", month=1),
        invoice("in_2", 1),
        subscription(status="canceled", month=1, kind="customer.subscription.deleted", ended_at=MONTHS[2]),
    ],
    "a subscription that is cancelled at once": [
        subscribed(),
        invoice(),
        invoice("in_2", 1),
        subscription(month=1, at_period_end=True),
        subscription(status="canceled", month=1, kind="customer.subscription.deleted", ended_at=MONTHS[1] + 5 * 86_400),
    ],
    "a subscription that falls behind and is given up": [
        subscribed(),
        invoice(),
        invoice("in_2", 1, kind="invoice.payment_failed"),
        subscription(status="past_due", month=1),
        subscription(status="canceled", month=1, kind="customer.subscription.deleted", ended_at=MONTHS[1] + 86_400),
    ],
}


@pytest.fixture
def studio(studio: Studio) -> Iterator[Studio]:
    with freeze_time(AT, ignore=["_pytest", "pytest"]):
        studio.rows(SUBSCRIPTION)
        studio.rows(RIDES)
        yield studio


@pytest.mark.parametrize("at_once", [False, True], ids=["one by one", "all at once"])
@pytest.mark.parametrize("story", STORIES)
def test_every_order_of_a_story_ends_the_same(studio: Studio, story: str, *, at_once: bool) -> None:
    told = [telling(order, number) for number, order in enumerate(orders(STORIES[story], twice=2))]

    tell(studio, told, at_once=at_once)

    outcomes = finals(studio)
    first = outcomes.pop("-t000")
    differing = {mark: outcome for mark, outcome in outcomes.items() if outcome != first}
    assert len(outcomes) == len(told) - 1
    assert not differing, f"\n{first}\n---\n" + "\n".join(next(iter(differing.items())))
    assert studio.audit() == []
    assert studio.count("stripe_events WHERE status <> 'PROCESSED'") == 0

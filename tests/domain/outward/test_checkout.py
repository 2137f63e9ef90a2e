"""What a Checkout asks Stripe for: the product, its price with a coupon, and all that fulfilment needs to know."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.outward import Outward
from tests.outward import fake as fake  # noqa: PLC0414 - fixtures
from tests.outward import outward as outward  # noqa: PLC0414
from worker import clock

HALF: dict[str, Any] = {"discount_type": "PERCENTAGE", "discount_value": 50}


def test_a_package_is_sold_by_a_page_that_says_all(outward: Outward) -> None:
    outcome = outward.checkout()

    page, sent = outward.page(outcome), outward.sent(outcome)
    tags = {"org": "lumen", "product_code": "EXPLORER-5", "lines": "1", "student_id": "ada"}
    assert outcome.result == {
        "url": page["url"],
        "id": page["id"],
        "expiresAt": outcome.result and outcome.result["expiresAt"],
        "amountTotal": 500_000,
        "currency": "TRY",
    }
    assert (page["mode"], page["metadata"], page["client_reference_id"]) == ("payment", tags, "ada")
    assert sent["payment_intent_data"]["metadata"] == tags
    assert sent["line_items"][0]["price_data"]["product_data"]["name"]
    assert (page["success_url"], page["cancel_url"]) == ("https://lumen.example/thanks", "https://lumen.example/")
    left = page["expires_at"] - clock.now().timestamp()
    assert 30 * 60 < left <= 31 * 60


def test_what_was_paid_is_fulfilled_without_another_call(outward: Outward) -> None:
    outcome = outward.checkout()
    assert outcome.result

    outward.fake.pay(outcome.result["id"], email="ada@example.com")
    outward.studio.deliver(*outward.fake.events("checkout.session.completed", "payment_intent.succeeded"))

    assert outward.studio.packages() == [("EXPLORER-5", "ada")]
    assert outward.studio.one("SELECT price_mismatch FROM orders") == {"price_mismatch": False}


def test_a_price_that_stripe_has_is_named(outward: Outward) -> None:
    outward.change("EXPLORER-5", price=510_000)
    outward.sync()

    outcome = outward.checkout()

    (price,) = outward.prices("EXPLORER-5")
    assert outward.sent(outcome)["line_items"][0]["price"] == price["stripe_price_id"]
    assert outward.page(outcome)["amount_total"] == 510_000


def test_a_discount_is_a_coupon_of_stripes_of_the_same_value(outward: Outward) -> None:
    outward.timetable.coupon("HALF", "DISCOUNT", **HALF)

    outcome = outward.checkout(couponCode="half")

    page, use = outward.page(outcome), outward.studio.one("SELECT * FROM coupon_uses")
    (coupon,) = outward.fake.listed("/v1/coupons")
    assert (page["amount_subtotal"], page["amount_total"]) == (500_000, 250_000)
    assert (coupon["amount_off"], coupon["currency"], coupon["duration"]) == (250_000, "try", "once")
    assert (coupon["max_redemptions"], coupon["name"]) == (1, "HALF")
    assert (page["metadata"]["coupon_code"], page["metadata"]["coupon_use"]) == ("HALF", str(use["id"]))
    assert (use["status"], use["held_until"] - use["created_at"]) == ("HELD", timedelta(minutes=30))


def test_a_coupon_that_makes_it_free_is_paid_with_nothing(outward: Outward) -> None:
    outward.timetable.coupon("GIFT", "PACKAGE", package="EXPLORER-5", custom_price=0)

    outcome = outward.checkout(couponCode="GIFT")

    assert outcome.result
    assert outcome.result["amountTotal"] == 0


def test_a_coupon_that_makes_it_dearer_is_spelled_out(outward: Outward) -> None:
    outward.timetable.coupon("GALA", "PACKAGE", package="EXPLORER-5", custom_price=600_000)

    outcome = outward.checkout(couponCode="GALA")

    assert outward.page(outcome)["amount_total"] == 600_000
    assert outward.fake.listed("/v1/coupons") == []


def test_a_subscription_is_one_at_stripe(outward: Outward) -> None:
    outward.timetable.coupon("HALF", "DISCOUNT", **HALF)
    outward.timetable.coupon("MORE", "CREDIT_BONUS", bonus_credits=1)
    outward.change("EXPLORER-5", billing_interval="MONTH")

    outcome = outward.checkout(couponCode="HALF")
    refused = outward.checkout("grace", couponCode="MORE")

    sent = outward.sent(outcome)
    assert outward.page(outcome)["mode"] == "subscription"
    assert sent["line_items"][0]["price_data"]["recurring"]["interval"] == "month"
    assert sent["subscription_data"]["metadata"] == {"org": "lumen", "product_code": "EXPLORER-5", "student_id": "ada"}
    assert "payment_intent_data" not in sent
    assert refused.code == "coupon_invalid"


def test_a_customer_who_is_known_is_named_and_another_by_address(outward: Outward) -> None:
    made = outward.fake.client().v1.customers.create({"email": "ada@example.com"})
    for name, email in (("ada", "ada@example.com"), ("grace", "grace@example.com"), ("odd", "no address")):
        student = outward.timetable.student(name)
        outward.studio.rows("UPDATE students SET email = %(e)s WHERE id = %(id)s", e=email, id=student)
    link = "INSERT INTO stripe_customers SELECT organization_id, %(c)s, id FROM students WHERE external_id = 'ada'"
    outward.studio.rows(link, c=made.id)

    ada, grace, odd = (outward.sent(outward.checkout(name)) for name in ("ada", "grace", "odd"))

    assert (ada.get("customer"), ada.get("customer_email")) == (made.id, None)
    assert (grace.get("customer"), grace.get("customer_email")) == (None, "grace@example.com")
    assert (odd.get("customer"), odd.get("customer_email")) == (None, None)


def test_a_customer_whom_stripe_has_lost_does_not_keep_anybody_from_buying(outward: Outward) -> None:
    student = outward.timetable.student("ada")
    outward.studio.rows("UPDATE students SET email = 'ada@example.com' WHERE id = %(id)s", id=student)
    outward.studio.rows("INSERT INTO stripe_customers SELECT organization_id, 'cus_gone', id FROM students")

    outcome = outward.checkout()

    assert outward.sent(outcome)["customer_email"] == "ada@example.com"
    assert [each["status"] for each in outward.calls()] == ["PARKED", "SENT"]


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"code": "NOTHING"}, "not_found"),
        ({"code": "BUNDLE-5P-3G"}, "not_found"),
        ({"couponCode": "NOTHING"}, "coupon_invalid"),
        ({"couponCode": "OFF"}, "coupon_invalid"),
        ({"couponCode": "OTHER"}, "coupon_invalid"),
        ({"couponCode": "RIDE"}, "coupon_invalid"),
        ({"cohortId": 1}, "validation_failed"),
    ],
)
def test_what_cannot_be_bought_is_refused_and_leaves_nothing(outward: Outward, said: dict[str, Any], code: str) -> None:
    outward.timetable.coupon("OFF", "DISCOUNT", active=False, **HALF)
    outward.timetable.coupon("OTHER", "DISCOUNT", applicable_packages=["CORE-10"], **HALF)
    outward.timetable.coupon("RIDE", "PACKAGE", package="SINGLE-RIDE", custom_price=1)

    outcome = outward.checkout(**said)

    assert (outcome.status, outcome.code) == ("FAILED", code)
    assert outward.studio.count("coupon_uses") == outward.studio.count("stripe_calls") == 0
    assert outward.fake.calls() == []


def test_what_is_off_sale_is_not_sold(outward: Outward) -> None:
    outward.change("EXPLORER-5", active=False)
    outward.studio.rows("UPDATE products SET deleted_at = created_at WHERE code = 'CORE-10'")

    assert [outward.checkout(code=code).code for code in ("EXPLORER-5", "CORE-10")] == ["not_found"] * 2


def test_a_refusal_by_stripe_gives_the_coupon_back(outward: Outward) -> None:
    outward.timetable.coupon("HALF", "DISCOUNT", **HALF)
    outward.price("EXPLORER-5", "price_of_nobody", 500_000)

    outcome = outward.checkout(couponCode="HALF")

    assert outcome.code == "stripe_refused"
    assert outward.studio.one("SELECT status FROM coupon_uses") == {"status": "RELEASED"}


def test_a_hold_that_nobody_paid_lapses(outward: Outward) -> None:
    outward.timetable.coupon("ONCE", "DISCOUNT", max_redemptions=1, **HALF)
    first = outward.checkout(couponCode="ONCE")
    refused = outward.checkout("grace", couponCode="ONCE")
    outward.studio.rows("UPDATE coupon_uses SET held_until = held_until - interval '31 minutes'")

    second = outward.checkout("grace", couponCode="ONCE")

    assert (first.code, refused.code, second.code) == ("done", "coupon_exhausted", "done")


def test_a_student_of_a_long_name_is_known_by_the_metadata(outward: Outward) -> None:
    name = "a" * 255

    page = outward.page(outward.checkout(name))

    assert (page["client_reference_id"], page["metadata"]["student_id"]) == (None, name)


def test_another_command_of_the_student_does_not_wait_for_stripe(outward: Outward) -> None:
    job = outward.ask()

    outward.timetable.coupon("FREE", "PACKAGE", package="SINGLE-RIDE", custom_price=0)
    redeemed = outward.timetable.redeem_own("ada", "FREE")

    assert (redeemed.code, outward.timetable.outcome(job).status) == ("done", "RUNNING")
    outward.call()
    assert outward.timetable.outcome(job).code == "done"

"""What a Checkout asks Stripe for: the product, its price with a coupon, and all that fulfilment needs to know."""

from __future__ import annotations

from typing import Any

import pytest

from db.transaction import transaction
from domain.desk.merge import Merge, merge
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
    assert (use["status"], use["held_until"].timestamp()) == ("HELD", page["expires_at"])


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
    use = outward.studio.one("SELECT id::text FROM coupon_uses")["id"]
    named = {"org": "lumen", "product_code": "EXPLORER-5", "student_id": "ada", "coupon_use": use}
    assert sent["subscription_data"]["metadata"] == named
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
    outward.refuse()

    outcome = outward.checkout(couponCode="HALF")

    assert outcome.code == "stripe_refused"
    assert outward.studio.one("SELECT status FROM coupon_uses") == {"status": "RELEASED"}


def test_a_hold_that_nobody_paid_lapses(outward: Outward) -> None:
    outward.timetable.coupon("ONCE", "DISCOUNT", max_redemptions=1, **HALF)
    first = outward.checkout(couponCode="ONCE")
    refused = outward.checkout("grace", couponCode="ONCE")
    outward.studio.rows("UPDATE coupon_uses SET held_until = held_until - interval '32 minutes'")

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


@pytest.mark.parametrize("is_there", [False, True])
def test_what_stripe_does_not_sell_by_its_price_is_spelled_out_and_stripe_told_again(
    outward: Outward, *, is_there: bool
) -> None:
    prices = outward.fake.client().v1.prices
    made = prices.create({"currency": "try", "unit_amount": 500_000, "product_data": {"name": "Explorer"}})
    prices.update(made.id, {"active": False})
    outward.price("EXPLORER-5", made.id if is_there else "price_of_nobody", 500_000)
    outward.timetable.coupon("HALF", "DISCOUNT", **HALF)

    outcome = outward.checkout(couponCode="HALF")
    due = outward.product("EXPLORER-5")["sync_due_at"]
    outward.sync()
    second = outward.checkout("grace")

    assert outward.page(outcome)["amount_total"] == 250_000
    assert due is not None
    assert [each["active"] for each in outward.prices("EXPLORER-5")].count(True) == 1
    assert outward.sent(second)["line_items"][0]["price"] != "price_of_nobody"


def test_what_stripe_does_not_sell_as_its_product_is_off_is_spelled_out_and_put_on_again(outward: Outward) -> None:
    outward.change("EXPLORER-5", price=510_000)
    outward.sync()
    known = outward.product("EXPLORER-5")["stripe_product_id"]
    outward.fake.client().v1.products.update(known, {"active": False})

    outcome = outward.checkout()
    outward.sync()

    assert outward.page(outcome)["amount_total"] == 510_000
    assert outward.fake.found(f"products/{known}")["active"]
    assert [each["active"] for each in outward.prices("EXPLORER-5")] == [True]


def test_a_student_who_comes_back_has_the_coupon_from_the_page_that_they_left(outward: Outward) -> None:
    outward.timetable.coupon("ONCE", "DISCOUNT", max_redemptions=1, **HALF)
    first = outward.checkout(couponCode="ONCE")

    second = outward.checkout(code="CORE-10", couponCode="ONCE")
    outward.studio.deliver(*outward.fake.events("checkout.session.expired"))

    assert (outward.page(first)["status"], outward.page(second)["status"]) == ("expired", "open")
    assert outward.page(second)["amount_total"] < outward.page(second)["amount_subtotal"]
    assert [row["status"] for row in outward.studio.rows("SELECT status FROM coupon_uses ORDER BY id")] == [
        "RELEASED",
        "HELD",
    ]


@pytest.mark.parametrize("method", ["card", "async"])
def test_a_page_that_was_paid_keeps_its_coupon(outward: Outward, method: str) -> None:
    outward.timetable.coupon("ONCE", "DISCOUNT", **HALF)
    first = outward.checkout(couponCode="ONCE")
    assert first.result
    outward.fake.pay(first.result["id"], method, email="ada@example.com")

    second = outward.checkout(couponCode="ONCE")
    outward.studio.deliver(*outward.fake.events("checkout.session.completed"))

    assert (second.code, "was paid" in str(second.problem)) == ("coupon_exhausted", True)
    (use,) = outward.studio.rows("SELECT status FROM coupon_uses")
    assert use["status"] == ("USED" if method == "card" else "HELD")
    assert len(outward.fake.listed("/v1/checkout/sessions")) == 1


def test_a_page_that_was_closed_without_our_hearing_of_it_keeps_no_coupon(outward: Outward) -> None:
    outward.timetable.coupon("ONCE", "DISCOUNT", **HALF)
    first = outward.checkout(couponCode="ONCE")
    assert first.result
    outward.fake.expire(first.result["id"])

    second = outward.checkout(couponCode="ONCE")
    outward.studio.deliver(*outward.fake.events("checkout.session.expired"))

    assert second.code == "done", second.problem
    uses = outward.studio.rows("SELECT status FROM coupon_uses ORDER BY id")
    assert [use["status"] for use in uses] == ["RELEASED", "HELD"]


def test_who_is_merged_while_an_earlier_page_is_closed_has_one_page_with_the_coupon(outward: Outward) -> None:
    outward.timetable.coupon("ONCE", "DISCOUNT", **HALF)
    outward.timetable.buy("grace")
    outward.checkout("ada", couponCode="ONCE")
    job = outward.ask("ada", couponCode="ONCE")

    with transaction(outward.studio.engine) as session:
        merge(session, outward.timetable.organization("lumen"), Merge("ada", "grace", "STAFF desk"), at=clock.now())
    outward.call()
    again = outward.checkout("grace", couponCode="ONCE")

    ended = outward.timetable.outcome(job)
    assert (ended.code, again.code) == ("done", "done"), (ended.problem, again.problem)
    assert [outward.page(each)["status"] for each in (ended, again)] == ["expired", "open"]
    holders = "SELECT s.external_id FROM coupon_uses u JOIN students s ON s.id = u.student_id WHERE u.status = 'HELD'"
    assert outward.studio.rows(holders) == [{"external_id": "grace"}]


def test_a_page_that_stripe_does_not_have_holds_nobody_up(outward: Outward) -> None:
    outward.timetable.coupon("ONCE", "DISCOUNT", **HALF)
    outward.checkout(couponCode="ONCE")
    outward.studio.rows(
        "UPDATE stripe_calls SET response = '{\"id\": \"cs_of_nobody\"}' WHERE kind = 'CHECKOUT_CREATE'"
    )

    assert outward.checkout(couponCode="ONCE").code == "done"


def test_a_page_that_cannot_be_closed_now_keeps_its_coupon(outward: Outward) -> None:
    outward.timetable.coupon("ONCE", "DISCOUNT", **HALF)
    outward.checkout(couponCode="ONCE")
    job = outward.ask(couponCode="ONCE")
    outward.studio.rows("UPDATE stripe_calls SET give_up_at = created_at WHERE status = 'PENDING'")

    outward.call()

    assert outward.timetable.outcome(job).code == "stripe_unavailable"
    assert outward.studio.rows("SELECT status FROM coupon_uses") == [{"status": "HELD"}]


def test_who_may_use_a_coupon_twice_keeps_both_pages(outward: Outward) -> None:
    outward.timetable.coupon("TWICE", "DISCOUNT", **HALF)
    outward.studio.rows("UPDATE coupons SET max_redemptions_per_student = 2")

    pages = [outward.checkout(couponCode="TWICE") for _ in range(3)]

    assert [outward.page(each)["status"] for each in pages] == ["expired", "open", "open"]

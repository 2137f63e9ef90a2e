"""One payment, one fulfilment: whatever arrives, in any order, any number of times."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import psycopg
import pytest

from tests import stripe_objects
from tests.stripe_objects import Event, checkout, dispute, intent, refund
from tests.studio import Studio


def test_an_event_delivered_a_hundred_times_is_stored_and_acted_on_once(studio: Studio) -> None:
    event = checkout()

    stored = studio.receive(*[event] * 100)
    studio.drain()

    assert stored.count(True) == 1
    assert studio.packages() == [("EXPLORER-5", "ada")]


def test_another_event_of_the_same_fact_changes_nothing(studio: Studio) -> None:
    studio.deliver(checkout(), checkout())

    studio.deliver(checkout())

    assert studio.packages() == [("EXPLORER-5", "ada")]
    assert studio.count("notifications") == 1
    assert studio.count("domain_events") == 1


def test_a_replayed_event_changes_nothing(studio: Studio) -> None:
    studio.deliver(checkout())

    studio.rows("UPDATE stripe_events SET status = 'RECEIVED', finished_at = NULL")
    studio.drain()

    assert studio.packages() == [("EXPLORER-5", "ada")]
    assert studio.one("SELECT status FROM stripe_events")["status"] == "PROCESSED"


def test_a_free_checkout_is_fulfilled_by_its_own_id(studio: Studio) -> None:
    free = checkout("SINGLE-RIDE", payment=None, amount=0, paid="no_payment_required")

    studio.deliver(free)

    assert studio.one("SELECT stripe_key FROM payments")["stripe_key"] == free["data"]["object"]["id"]
    assert studio.one("SELECT * FROM orders")["price_mismatch"]
    assert studio.packages() == [("SINGLE-RIDE", "ada")]


def test_an_unpaid_checkout_leaves_a_pending_order_and_no_package(studio: Studio) -> None:
    studio.deliver(checkout(paid="unpaid"))

    assert studio.one("SELECT status, paid FROM orders") == {"status": "PENDING", "paid": 0}
    assert studio.count("student_packages") == 0


def test_an_abandoned_checkout_leaves_no_order_and_no_student(studio: Studio) -> None:
    studio.deliver(checkout(payment=None, paid="unpaid", kind="checkout.session.expired"))

    assert studio.one("SELECT status FROM payments")["status"] == "EXPIRED"
    assert studio.count("orders") == 0
    assert studio.count("students") == 0


def test_less_than_the_list_price_is_fulfilled_and_flagged(studio: Studio) -> None:
    studio.deliver(checkout(amount=450_000))

    order = studio.one("SELECT * FROM orders")
    assert (order["status"], order["paid"], order["list_price"]) == ("PAID", 450_000, 500_000)
    assert order["price_mismatch"]
    assert order["package_metadata"]["session_value_cents"] == 90_000


def test_another_currency_is_parked(studio: Studio) -> None:
    event = checkout(currency="usd")

    studio.deliver(event)

    parked = studio.event(event)
    assert (parked["status"], parked["error_code"]) == ("FAILED", "currency_mismatch")
    assert "USD" in parked["last_error"]
    assert studio.count("student_packages") == 0


def test_an_unknown_product_is_parked_and_taken_up_when_the_catalog_gains_it(studio: Studio) -> None:
    event = checkout("LATE-1", amount=10_000)
    studio.deliver(event)
    parked = studio.event(event)

    changes = studio.apply(
        {
            "organizations": [
                {
                    "slug": "lumen",
                    "name": "Lumen Spin",
                    "timezone": "Europe/Istanbul",
                    "currency": "TRY",
                    "credit_price": 150_000,
                    "products": [
                        {
                            "code": "LATE-1",
                            "name": "Late",
                            "price": 10_000,
                            "validity_days": 10,
                            "allowances": [{"service_type": "GROUP", "credits": 1, "credit_unit_minutes": 60}],
                        }
                    ],
                }
            ]
        }
    )
    studio.drain()

    assert (parked["status"], parked["error_code"]) == ("FAILED", "unknown_product")
    assert "LATE-1" in parked["last_error"]
    assert changes.taken_up == 1
    assert studio.event(event)["status"] == "PROCESSED"
    assert studio.packages() == [("LATE-1", "ada")]


def test_a_purchase_that_names_nothing_is_parked_with_what_to_do(studio: Studio) -> None:
    event = checkout(None)

    studio.deliver(event)

    parked = studio.event(event)
    assert (parked["status"], parked["error_code"]) == ("FAILED", "unrecognised_purchase")
    assert "STRIPE_API_KEY" in parked["last_error"]


@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        ({"price_id": "price_old_world"}, "EXPLORER-5"),
        ({"product_id": "prod_old_world"}, "EXPLORER-5"),
        ({"product_code": "CORE-10", "price_id": "price_old_world"}, "CORE-10"),
    ],
)
def test_the_metadata_of_the_older_systems_is_understood(studio: Studio, metadata: dict[str, str], code: str) -> None:
    studio.rows("UPDATE products SET stripe_product_id = 'prod_old_world' WHERE code = 'EXPLORER-5'")
    studio.rows(
        "INSERT INTO stripe_prices (organization_id, stripe_price_id, product_id)"
        " SELECT organization_id, 'price_old_world', id FROM products WHERE code = 'EXPLORER-5'"
    )

    studio.deliver(intent(amount=800_000, student_id="ada", org="lumen", **metadata))

    assert studio.packages() == [(code, "ada")]


def test_a_course_that_the_catalog_does_not_have_yet_is_parked(studio: Studio) -> None:
    event = intent(org="lumen", product_type="course_program", course_program_id="7", student_id="ada")

    studio.deliver(event)

    assert studio.event(event)["error_code"] == "unknown_product"
    assert studio.count("orders") == 0


def test_a_refund_that_comes_first_waits_for_its_purchase(studio: Studio) -> None:
    early = refund(amount=200_000)
    studio.deliver(early)
    waiting = studio.event(early)

    studio.deliver(checkout())

    assert (waiting["status"], waiting["waits_for"]) == ("RECEIVED", "payment:pi_1")
    assert studio.event(early)["status"] == "PROCESSED"
    assert studio.one("SELECT status FROM orders")["status"] == "PARTIALLY_REFUNDED"


def test_a_full_refund_takes_the_badge_and_the_pass(studio: Studio) -> None:
    studio.deliver(
        checkout("ELITE-30", payment="pi_1", amount=1_800_000),
        checkout("ALL-ACCESS-30", payment="pi_2", amount=2_100_000),
    )

    studio.deliver(refund("pi_1", amount=1_800_000), refund("pi_2", amount=2_100_000, refund_id="re_2"))

    student = studio.one("SELECT * FROM students")
    assert not student["is_elite_member"]
    assert not student["has_all_access"]
    assert student["all_access_expires_at"] is None
    assert studio.audit() == []


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE products SET currency = 'USD' WHERE code = 'ELITE-30'",
        "UPDATE products SET elite_badge = FALSE WHERE code = 'ELITE-30'",
        "UPDATE products SET code = 'RENAMED' WHERE code = 'ELITE-30'",
        "UPDATE products SET price = 1 WHERE code = 'ELITE-30'",
    ],
)
def test_a_refund_is_for_what_was_sold_whatever_the_catalog_says_now(studio: Studio, change: str) -> None:
    studio.deliver(checkout("ELITE-30", amount=1_800_000))
    studio.rows(change)

    studio.deliver(refund(amount=1_800_000))

    order = studio.one("SELECT status, list_price FROM orders")
    assert (order["status"], order["list_price"]) == ("REFUNDED", 1_800_000)
    assert not studio.one("SELECT is_elite_member FROM students")["is_elite_member"]
    assert studio.audit() == []


def test_a_parked_checkout_is_taken_up_once_its_intent_was_fulfilled(studio: Studio) -> None:
    nameless = checkout(None)
    studio.deliver(nameless)
    parked = studio.event(nameless)["status"]

    studio.deliver(intent(product_code="EXPLORER-5", org="lumen", student_id="ada"))

    assert parked == "FAILED"
    assert studio.event(nameless)["status"] == "PROCESSED"
    assert studio.packages() == [("EXPLORER-5", "ada")]


def test_an_event_that_names_another_product_than_was_granted_is_put_before_a_person(studio: Studio) -> None:
    studio.deliver(checkout("EXPLORER-5"))
    other = intent(product_code="SINGLE-RIDE", org="lumen")

    studio.deliver(other)

    assert studio.event(other)["error_code"] == "contradictory_purchase"
    assert studio.packages() == [("EXPLORER-5", "ada")]


def test_a_card_charged_in_another_currency_changes_nothing(studio: Studio) -> None:
    for order in permutations([checkout(), intent(amount=1_234, currency="usd")]):
        studio.empty()
        studio.deliver(*order)

        assert studio.one("SELECT paid, currency FROM orders") == {"paid": 500_000, "currency": "TRY"}
        assert studio.audit() == []


def test_of_two_statements_the_fuller_one_counts(studio: Studio) -> None:
    studio.deliver(checkout(), checkout(email=None, student=None))

    assert studio.packages() == [("EXPLORER-5", "ada")]


def test_a_badge_and_a_pass_rest_while_money_is_disputed(studio: Studio) -> None:
    studio.deliver(checkout("ELITE-30", amount=1_800_000))

    studio.deliver(dispute())
    during = studio.one("SELECT is_elite_member FROM students")["is_elite_member"]
    studio.deliver(dispute(status="won", kind="charge.dispute.closed"))

    assert not during
    assert studio.one("SELECT is_elite_member FROM students")["is_elite_member"]


def test_what_says_nothing_about_a_purchase_costs_no_statement_beside_it(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    execute = psycopg.Cursor.execute

    def recorded(self: psycopg.Cursor[Any], query: Any, *rest: Any, **options: Any) -> Any:
        said.append(str(query))
        return execute(self, query, *rest, **options)

    def cost(payment: str, *more: Event) -> int:
        studio.receive(checkout(payment=payment), intent(payment), *more)
        said.clear()
        studio.drain()
        return len(said)

    monkeypatch.setattr(psycopg.Cursor, "execute", recorded)
    cost("pi_first")

    alone = cost("pi_alone")
    charge = stripe_objects.event("charge.updated", {"object": "charge", "payment_intent": "pi_beside"})
    beside = cost("pi_beside", charge, intent("pi_beside", kind="payment_intent.payment_failed"))

    assert beside == alone > 0
    assert studio.event(charge)["status"] == "IGNORED"

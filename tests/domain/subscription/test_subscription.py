"""A subscription as its student has it: begun, renewed, behind, cancelled."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from freezegun import freeze_time
from freezegun.api import FrozenDateTimeFactory

from tests.domain.clock.hours import events, written
from tests.domain.purchase.test_stories import RIDES, SUBSCRIPTION
from tests.stories import finals, orders, tell, telling
from tests.stripe_objects import (
    MONTHS,
    Event,
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
from tests.timetable import Timetable
from worker import clock
from worker.upkeep import expire_passes, warn

FIRST, SECOND, THIRD = (datetime.fromtimestamp(each, UTC) for each in MONTHS[:3])
DAY = timedelta(days=1)
PACKAGES = """
SELECT k.id, k.product_code, k.starts_at, k.expires_at, k.all_access_expires_at, s.external_id, o.price_mismatch
  FROM student_packages k JOIN students s ON s.id = k.student_id JOIN orders o ON o.id = k.order_id ORDER BY k.id
"""


@pytest.fixture
def begun(timetable: Timetable, now: FrozenDateTimeFactory) -> Timetable:
    now.move_to(FIRST)
    timetable.studio.rows(SUBSCRIPTION)
    timetable.studio.rows(RIDES)
    return timetable


def held(timetable: Timetable) -> list[dict[str, Any]]:
    return [dict(row) for row in timetable.studio.rows(PACKAGES)]


def test_a_checkout_alone_links_and_grants_nothing(begun: Timetable) -> None:
    begun.studio.deliver(subscribed())

    assert held(begun) == []
    assert begun.studio.count("orders") == 0


def test_each_paid_invoice_grants_its_period_to_whom_the_checkout_named(begun: Timetable) -> None:
    begun.studio.deliver(invoice())
    before = [each["external_id"] for each in held(begun)]
    begun.studio.deliver(subscribed())
    begun.studio.deliver(invoice("in_2", 1))

    assert before == [None]
    assert [(each["external_id"], each["starts_at"]) for each in held(begun)] == [("ada", FIRST), ("ada", SECOND)]
    assert begun.studio.count("orders") == 2


def test_a_renewal_is_found_by_the_price_of_its_line(begun: Timetable) -> None:
    begun.studio.rows(
        "INSERT INTO stripe_prices (organization_id, stripe_price_id, product_id)"
        " SELECT organization_id, 'price_1', id FROM products WHERE code = 'RIDES-MONTHLY'"
    )

    begun.studio.deliver(subscribed(product=None), invoice(product=None, price="price_1", amount=900_000))

    (package,) = held(begun)
    assert (package["product_code"], begun.left(package["id"])) == ("RIDES-MONTHLY", [10])


@pytest.mark.parametrize("old", [False, True], ids=["today's shape", "the older shape"])
def test_an_invoice_that_names_nothing_waits_for_a_person(begun: Timetable, *, old: bool) -> None:
    told = invoice(product=None, old=old)

    begun.studio.deliver(told)

    assert (begun.studio.event(told)["status"], begun.studio.event(told)["error_code"]) == (
        "FAILED",
        "unrecognised_purchase",
    )


def test_an_unknown_price_is_taken_up_when_the_catalog_gains_it(begun: Timetable) -> None:
    told = invoice(product=None, price="price_new")
    begun.studio.deliver(told)
    parked = begun.studio.event(told)["error_code"]

    begun.studio.apply(
        {
            "organizations": [
                {
                    "slug": "lumen",
                    "name": "Lumen",
                    "timezone": "Europe/Istanbul",
                    "currency": "TRY",
                    "credit_price": 150_000,
                    "products": [
                        {
                            "code": "NEW-PASS",
                            "name": "New",
                            "price": 1_800_000,
                            "validity_days": 30,
                            "all_access_days": 30,
                            "billing_interval": "MONTH",
                            "stripe_price_ids": ["price_new"],
                        }
                    ],
                }
            ]
        }
    )
    begun.studio.drain()

    assert parked == "unknown_product"
    assert [each["product_code"] for each in held(begun)] == ["NEW-PASS"]


def test_a_line_of_which_nothing_was_used_sells_nothing(begun: Timetable) -> None:
    told = invoice(student="ada")
    lines = told["data"]["object"]["lines"]["data"]
    metered = {"price_details": {"price": "price_metered", "product": "prod_2"}, "type": "price_details"}
    lines.append(lines[0] | {"id": "il_metered", "quantity": 0, "amount": 0, "pricing": metered})

    begun.studio.deliver(told)

    assert begun.studio.event(told)["status"] == "PROCESSED"
    assert [each["product_code"] for each in held(begun)] == ["PASS-MONTHLY"]


@pytest.mark.parametrize("before", [[subscribed()], [invoice(student="ada", kind="invoice.payment_failed")]])
def test_what_pays_an_invoice_grants_nothing_before_the_invoice_says_that_it_is_paid(
    begun: Timetable, before: list[Event]
) -> None:
    for told in (*before, invoice_payment(amount=100), intent("pi_of_in_1", amount=100, customer="cus_1")):
        begun.studio.deliver(told)

    assert held(begun) == []
    assert begun.studio.count("orders") == 0


def test_a_period_that_is_paid_before_its_invoice_is_heard_of_is_the_periods_all_the_same(begun: Timetable) -> None:
    begun.buy("ada", "ALL-ACCESS-30")
    told = [subscribed(), invoice_payment(), invoice()]

    for each in told:
        begun.studio.deliver(each)

    assert [begun.studio.event(each)["status"] for each in told] == ["PROCESSED"] * 3
    assert [each["starts_at"] for each in held(begun)][1:] == [FIRST]


def test_who_is_behind_keeps_the_pass_for_three_days_and_is_told_once(begun: Timetable) -> None:
    begun.studio.deliver(subscribed(), invoice())
    usual = held(begun)[0]["all_access_expires_at"]

    begun.studio.deliver(invoice("in_2", 1, kind="invoice.payment_failed"))
    begun.studio.deliver(invoice("in_2", 1, kind="invoice.payment_failed"), subscription(status="past_due", month=1))

    (package,) = held(begun)
    assert package["all_access_expires_at"] - usual == 3 * DAY == package["expires_at"] - usual
    assert written(begun, "subscription.payment_failed") == ["invoice:in_2"]


def test_the_first_payment_that_fails_is_told_by_the_checkout_alone(begun: Timetable) -> None:
    begun.studio.deliver(subscribed(), invoice(kind="invoice.payment_failed"))

    assert (held(begun), written(begun, "subscription.payment_failed")) == ([], [])


def test_a_cancellation_at_once_gives_up_what_is_booked_beyond_it(begun: Timetable) -> None:
    begun.studio.deliver(subscribed(), invoice())
    soon, later = begun.session(FIRST + 2 * DAY), begun.session(FIRST + 20 * DAY)
    begun.book("ada", soon)
    begun.book("ada", later)
    ended = int((FIRST + 10 * DAY).timestamp())

    begun.studio.deliver(subscription(status="canceled", kind="customer.subscription.deleted", ended_at=ended))

    assert (begun.who(soon), begun.who(later)) == (["ada"], [])
    assert held(begun)[0]["all_access_expires_at"] == FIRST + 10 * DAY
    assert begun.studio.count("all_access_daily_usages WHERE freed_at IS NULL") == 1


def test_a_cancellation_at_the_end_of_the_period_changes_nothing_before_it(begun: Timetable) -> None:
    begun.studio.deliver(subscribed(), invoice())
    before = held(begun)

    begun.studio.deliver(subscription(at_period_end=True), subscription(cancel_at=MONTHS[1]))
    begun.studio.deliver(subscription(status="canceled", kind="customer.subscription.deleted", ended_at=MONTHS[1]))

    assert held(begun) == before
    row = begun.studio.one("SELECT status, cancels_at, ended_at FROM subscriptions")
    assert (row["status"], row["ended_at"]) == ("canceled", SECOND)


def test_nobody_is_warned_of_the_end_of_what_renews_itself(begun: Timetable, now: FrozenDateTimeFactory) -> None:
    begun.studio.deliver(subscribed(), invoice())
    begun.studio.deliver(subscribed("in_9", subscription="sub_9", student="bea", customer="cus_9"))
    begun.studio.deliver(invoice("in_9", subscription="sub_9", customer="cus_9"))
    begun.studio.deliver(subscription("sub_9", at_period_end=True))
    warn(begun.engine, at=clock.now())

    now.move_to(SECOND - 6 * DAY)
    warn(begun.engine, at=clock.now())

    told = begun.studio.rows(
        "SELECT s.external_id FROM notifications n JOIN students s ON s.id = n.student_id"
        " WHERE n.kind = 'package.expiring'"
    )
    assert [row["external_id"] for row in told] == ["bea"]


def test_a_pass_that_is_renewed_goes_on_without_a_day_between(begun: Timetable, now: FrozenDateTimeFactory) -> None:
    begun.studio.deliver(subscribed(), invoice())
    now.move_to(SECOND + timedelta(hours=1))
    begun.studio.deliver(invoice("in_2", 1))
    expire_passes(begun.engine, at=clock.now())
    sessions = [begun.session(SECOND + timedelta(hours=3)), begun.session(SECOND + 2 * DAY)]

    booked = [begun.book("ada", each).status for each in sessions]

    assert booked == ["SUCCEEDED", "SUCCEEDED"]
    assert begun.studio.count("all_access_daily_usages") == 2


def test_a_refund_of_one_invoice_revokes_its_period_alone(begun: Timetable) -> None:
    begun.studio.deliver(subscribed(), invoice(), invoice("in_2", 1))

    begun.studio.deliver(refund("pi_of_in_2", amount=1_800_000))
    waiting = begun.studio.count("stripe_events WHERE status = 'RECEIVED'")
    begun.studio.deliver(invoice_payment("in_2", "pi_of_in_2"))

    second = held(begun)[1]["id"]
    assert waiting == 1
    assert events(begun, "package.revoked") == [f"package/{second}"]
    assert begun.studio.count("stripe_events WHERE status = 'RECEIVED'") == 0


def test_a_payment_of_an_invoice_that_was_heard_of_first_is_no_payment_of_its_own(begun: Timetable) -> None:
    begun.studio.deliver(intent("pi_of_in_1", amount=1_800_000, customer="cus_1"))

    begun.studio.deliver(invoice_payment(), invoice(), subscribed())

    rows = begun.studio.rows("SELECT stripe_key, part_of IS NULL AS whole, amount_received FROM payments ORDER BY 1")
    assert [tuple(row.values()) for row in rows] == [("in_1", True, 1_800_000), ("pi_of_in_1", False, 0)]


def test_an_invoice_of_no_subscription_is_recorded_only(begun: Timetable) -> None:
    told = invoice()
    told["data"]["object"]["parent"] = None
    told["data"]["object"]["lines"] = {"data": []}

    begun.studio.deliver(told)

    assert begun.studio.event(told)["status"] == "PROCESSED"
    assert begun.studio.count("payments") == 0


def test_another_studios_subscription_of_the_same_name_is_its_own(begun: Timetable) -> None:
    begun.studio.deliver(subscribed(), invoice())

    begun.studio.receive(
        subscription(status="canceled", kind="customer.subscription.deleted", ended_at=MONTHS[0] + 60),
        organization=begun.organization("thrive"),
    )
    begun.studio.drain()

    assert held(begun)[0]["all_access_expires_at"] > SECOND
    assert begun.studio.count("subscriptions") == 2


def test_what_is_said_of_a_subscription_before_anybody_knows_whose_it_is_is_kept_until_then(begun: Timetable) -> None:
    ended = int((FIRST + 10 * DAY).timestamp())
    told = subscription(status="canceled", kind="customer.subscription.deleted", ended_at=ended)
    del told["data"]["object"]["metadata"]
    begun.studio.deliver(told)
    waiting = begun.studio.event(told)["status"]

    begun.studio.deliver(subscribed(), invoice())
    begun.studio.rows("UPDATE stripe_events SET due_at = received_at WHERE status = 'RECEIVED'")
    begun.studio.drain()

    assert waiting == "RECEIVED"
    assert held(begun)[0]["all_access_expires_at"] == FIRST + 10 * DAY


FAMILY = [
    subscribed("in_a", subscription="sub_a", student="ada", customer="cus_1"),
    invoice("in_a", subscription="sub_a", customer="cus_1"),
    subscribed("in_b", subscription="sub_b", student="grace", customer="cus_1"),
    invoice("in_b", subscription="sub_b", customer="cus_1"),
    invoice("in_b2", 1, subscription="sub_b", customer="cus_1"),
]


def test_of_two_students_whom_one_customer_pays_for_each_gets_the_renewals_of_their_own(studio: Studio) -> None:
    with freeze_time(FIRST, ignore=["_pytest", "pytest"]):
        studio.rows(SUBSCRIPTION)
        studio.rows(RIDES)
        tell(studio, [telling(order, number) for number, order in enumerate(orders(FAMILY, twice=2))])

        assert len(set(finals(studio).values())) == 1
        assert studio.audit() == []
    rows = studio.rows(
        "SELECT p.stripe_key, s.external_id FROM orders o JOIN payments p ON p.id = o.payment_id"
        " JOIN students s ON s.id = o.student_id WHERE p.stripe_key LIKE '%%-t000' ORDER BY 1"
    )
    assert [row["external_id"] for row in rows] == ["ada-t000", "grace-t000", "grace-t000"]


def test_what_is_paid_for_a_change_in_the_middle_grants_no_period(begun: Timetable) -> None:
    begun.studio.deliver(subscribed(), invoice())
    told = invoice("in_2", amount=100)
    for line in told["data"]["object"]["lines"]["data"]:
        line["parent"]["subscription_item_details"]["proration"] = True

    begun.studio.deliver(told)

    assert len(held(begun)) == 1
    assert begun.studio.event(told)["error_code"] == "unrecognised_purchase"


def test_the_invoice_of_a_single_purchase_is_no_payment_of_its_own(begun: Timetable) -> None:
    told = invoice_payment("in_9", "pi_1", amount=500_000)
    begun.studio.receive(told, organization=begun.organization("lumen"))
    begun.studio.drain()
    waiting = begun.studio.event(told)["status"]

    begun.studio.deliver(checkout(invoice="in_9"))
    begun.studio.rows("UPDATE stripe_events SET due_at = received_at WHERE status = 'RECEIVED'")
    begun.studio.drain()

    assert (waiting, begun.studio.event(told)["status"]) == ("RECEIVED", "PROCESSED")
    assert [row["stripe_key"] for row in begun.studio.rows("SELECT stripe_key FROM payments")] == ["pi_1"]


def test_days_that_a_dispute_took_are_there_after_a_renewal_too(begun: Timetable, now: FrozenDateTimeFactory) -> None:
    begun.studio.deliver(subscribed(), invoice(), invoice_payment())
    begun.studio.deliver(dispute("pi_of_in_1"))
    now.tick(10 * DAY)
    begun.studio.deliver(dispute("pi_of_in_1", status="won", kind="charge.dispute.closed"))

    begun.studio.deliver(invoice("in_2", 1), invoice("in_3", 2))

    ends = [each["all_access_expires_at"] for each in held(begun)]
    usual = [datetime.fromtimestamp(each, UTC).replace(hour=21) for each in MONTHS[1:4]]
    assert ends == [each + 10 * DAY for each in usual]


def test_who_cancels_at_once_keeps_no_day_that_was_given_back(begun: Timetable, now: FrozenDateTimeFactory) -> None:
    begun.studio.deliver(subscribed(), invoice(), invoice_payment(), dispute("pi_of_in_1"))
    now.tick(2 * DAY)
    begun.studio.deliver(dispute("pi_of_in_1", status="won", kind="charge.dispute.closed"))
    ended = int((FIRST + 4 * DAY).timestamp())

    begun.studio.deliver(subscription(status="canceled", kind="customer.subscription.deleted", ended_at=ended))

    assert held(begun)[0]["all_access_expires_at"] == FIRST + 4 * DAY


def test_a_renewal_that_fails_closes_nobodys_wait(begun: Timetable) -> None:
    begun.studio.deliver(subscribed(), invoice())
    full = begun.session(FIRST + 60 * DAY, capacity=1)
    begun.buy("bea", "CORE-10")
    begun.book("bea", full)
    begun.join("ada", full)

    begun.studio.deliver(invoice("in_2", 1, kind="invoice.payment_failed"))

    assert begun.line(full) == [("ada", "WAITING", None)]


def test_whose_subscription_it_is_another_studio_cannot_make_doubtful(begun: Timetable) -> None:
    begun.studio.deliver(subscribed(), invoice())
    begun.studio.receive(subscription(), organization=begun.organization("thrive"))
    begun.studio.drain()
    ended = int((FIRST + 10 * DAY).timestamp())
    told = subscription(status="canceled", kind="customer.subscription.deleted", ended_at=ended)
    del told["data"]["object"]["metadata"]

    begun.studio.deliver(told)

    assert held(begun)[0]["all_access_expires_at"] == FIRST + 10 * DAY

"""Orders that nobody paid: given up after a month, and paid after all if they are."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory

from tests.domain.clock.hours import run, side_by_side, written
from tests.stripe_objects import checkout
from tests.timetable import Timetable
from worker import clock
from worker.upkeep import give_up_orders

PAID = "checkout.session.async_payment_succeeded"


def begun(timetable: Timetable, number: int = 1) -> None:
    """Have Stripe say that a purchase will be paid later."""
    more: dict[str, Any] = {"payment": f"pi_later_{number}", "student": f"student-{number}"}
    timetable.studio.deliver(checkout(paid="unpaid", **more))


def statuses(timetable: Timetable) -> list[tuple[str, str]]:
    rows = timetable.studio.rows(
        "SELECT o.status, p.status AS payment FROM orders o JOIN payments p ON p.id = o.payment_id ORDER BY o.id"
    )
    return [(row["status"], row["payment"]) for row in rows]


def test_what_nobody_paid_for_a_month_is_given_up_and_its_student_told(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    begun(timetable)
    now.tick(timedelta(days=30) - timedelta(seconds=1))
    early = run(give_up_orders, timetable)
    now.tick(timedelta(seconds=1))

    counts = run(give_up_orders, timetable), run(give_up_orders, timetable)

    assert (early, counts) == (0, (1, 0))
    assert statuses(timetable) == [("EXPIRED", "EXPIRED")]
    (payment,) = timetable.studio.rows("SELECT id FROM payments")
    assert written(timetable, "payment.failed") == [f"payment:{payment['id']}:failed"]


def test_what_is_paid_after_all_is_fulfilled(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    begun(timetable)
    now.tick(timedelta(days=31))
    run(give_up_orders, timetable)

    timetable.studio.deliver(checkout(kind=PAID, payment="pi_later_1", student="student-1"))

    assert statuses(timetable) == [("PAID", "SUCCEEDED")]
    assert timetable.studio.packages() == [("EXPLORER-5", "student-1")]
    assert run(give_up_orders, timetable) == 0


def test_what_was_paid_or_failed_before_stays_as_it_is(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    begun(timetable, 1)
    begun(timetable, 2)
    timetable.studio.deliver(
        checkout(kind=PAID, payment="pi_later_1", student="student-1"),
        checkout(
            paid="unpaid",
            kind="checkout.session.async_payment_failed",
            payment="pi_later_2",
            student="student-2",
        ),
    )
    now.tick(timedelta(days=40))

    assert run(give_up_orders, timetable) == 0
    assert statuses(timetable) == [("PAID", "SUCCEEDED"), ("FAILED", "FAILED")]
    assert len(written(timetable, "payment.failed")) == 1


def test_many_at_once_give_each_up_once(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    for number in range(6):
        begun(timetable, number)
    now.tick(timedelta(days=31))

    side_by_side(give_up_orders, timetable.engine, clock.now())

    assert set(statuses(timetable)) == {("EXPIRED", "EXPIRED")}
    assert len(set(written(timetable, "payment.failed"))) == len(written(timetable, "payment.failed")) == 6


def test_what_the_catalog_would_not_sell_any_more_is_given_up_too(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    begun(timetable)
    timetable.studio.rows("UPDATE products SET currency = 'EUR' WHERE code = 'EXPLORER-5'")
    now.tick(timedelta(days=31))

    assert run(give_up_orders, timetable) == 1
    assert statuses(timetable) == [("EXPIRED", "EXPIRED")]
    assert len(written(timetable, "payment.failed")) == 1

"""What a charge says went back in all is held against the refunds that are known by id (PRODUCT.md §2.2)."""

from __future__ import annotations

from datetime import timedelta

from freezegun.api import FrozenDateTimeFactory

from tests.stripe_objects import Event, charge, checkout, intent, invoice, invoice_payment, refund, subscribed
from tests.studio import Studio

Now = FrozenDateTimeFactory


def standing(studio: Studio, told: Event) -> tuple[str, str | None]:
    row = studio.event(told)
    return row["status"], row["error_code"]


def test_a_total_that_its_refunds_come_to_is_done(studio: Studio) -> None:
    total = charge(refunded=500_000)

    studio.deliver(checkout(), refund(amount=200_000), refund(amount=300_000, refund_id="re_2"), total)

    assert standing(studio, total) == ("PROCESSED", None)


def test_a_total_that_comes_first_waits_for_its_refund_and_no_longer(studio: Studio) -> None:
    total = charge(refunded=200_000)
    studio.deliver(checkout(), total)
    waiting = standing(studio, total)

    studio.deliver(refund(amount=200_000))

    assert waiting == ("RECEIVED", "unknown_refund")
    assert standing(studio, total) == ("PROCESSED", None)


def test_a_total_of_a_payment_that_was_not_seen_waits_for_both(studio: Studio) -> None:
    total = charge(refunded=200_000)
    studio.deliver(total)
    waiting = standing(studio, total)

    studio.deliver(checkout())
    short = standing(studio, total)
    studio.deliver(refund(amount=200_000))

    assert waiting == ("RECEIVED", "unknown_organization")
    assert short == ("RECEIVED", "unknown_refund")
    assert standing(studio, total) == ("PROCESSED", None)


def test_a_refund_that_was_lost_on_its_way_is_put_before_a_person_after_an_hour(studio: Studio, now: Now) -> None:
    total = charge(refunded=500_000)
    studio.deliver(checkout(), refund(amount=200_000), total)

    for _ in range(3):
        now.tick(timedelta(minutes=31))
        studio.drain()

    row = studio.event(total)
    assert (row["status"], row["error_code"]) == ("FAILED", "unknown_refund")
    assert row["last_error"] == (
        "500000 TRY of ch_of_pi_1 went back, and refunds of 200000 are known: run `punchcard stripe reconcile --apply`"
    )
    assert studio.one("SELECT amount_refunded FROM payments") == {"amount_refunded": 200_000}


def test_the_lost_refund_takes_up_the_total_that_missed_it(studio: Studio, now: Now) -> None:
    total = charge(refunded=500_000)
    studio.deliver(checkout(), refund(amount=200_000), total)
    now.tick(timedelta(hours=2))
    studio.drain()
    parked = standing(studio, total)

    studio.deliver(refund(amount=300_000, refund_id="re_2"))

    assert parked == ("FAILED", "unknown_refund")
    assert standing(studio, total) == ("PROCESSED", None)
    assert studio.one("SELECT status FROM orders") == {"status": "REFUNDED"}


def test_a_refund_that_failed_since_is_in_the_total_that_was_said_before(studio: Studio) -> None:
    total = charge(refunded=500_000)

    studio.deliver(checkout(), refund(status="failed", kind="refund.failed"), total)

    assert standing(studio, total) == ("PROCESSED", None)
    assert studio.one("SELECT status FROM orders") == {"status": "PAID"}


def test_a_total_is_compared_in_the_currency_that_the_card_was_charged_in(studio: Studio) -> None:
    total = charge(refunded=1_000, currency="eur")

    studio.deliver(checkout(), intent(amount=10_000, currency="eur"), refund(amount=2_000, currency="try"), total)

    assert standing(studio, total) == ("RECEIVED", "unknown_refund")


def test_a_total_of_an_invoice_is_held_against_refunds_under_either_name(studio: Studio) -> None:
    total = charge("pi_of_in_1", refunded=1_800_000)

    studio.deliver(subscribed(product="EXPLORER-5"), invoice(product="EXPLORER-5"), invoice_payment())
    studio.deliver(total)
    waiting = standing(studio, total)
    studio.deliver(refund("pi_of_in_1", amount=1_800_000))

    assert waiting == ("RECEIVED", "unknown_refund")
    assert standing(studio, total) == ("PROCESSED", None)

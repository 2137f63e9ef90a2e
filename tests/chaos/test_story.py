"""A payment's whole story, told in any order and some of it twice, ends in one state."""

from __future__ import annotations

import random

from tests.domain.purchase.test_fulfillment import empty, final
from tests.stripe_objects import checkout, dispute, intent, refund
from tests.studio import Studio

TELLINGS = 40


def test_a_story_of_six_events_ends_the_same_in_any_order_with_any_repetitions(studio: Studio) -> None:
    story = [
        checkout(paid="unpaid"),
        checkout(kind="checkout.session.async_payment_succeeded"),
        intent(),
        refund(amount=200_000),
        dispute(),
        dispute(status="won", kind="charge.dispute.closed"),
    ]
    chance, outcomes = random.Random(22), []

    for _ in range(TELLINGS):
        empty(studio)
        told = story + chance.choices(story, k=chance.randrange(4))
        chance.shuffle(told)
        for event in told:
            studio.receive(event)
            if chance.random() < 0.5:
                studio.drain()
        studio.rows("UPDATE stripe_events SET due_at = received_at WHERE status = 'RECEIVED'")
        studio.drain()
        outcomes.append(final(studio))
        assert studio.audit() == []

    assert all(outcome == outcomes[0] for outcome in outcomes)
    assert outcomes[0][0]["order_status"] == "PARTIALLY_REFUNDED"

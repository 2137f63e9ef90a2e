"""What the audit says of subscriptions, and of money that went back."""

from __future__ import annotations

import pytest

from tests.domain.purchase.test_stories import SUBSCRIPTION
from tests.domain.subscription.breaks import BREAKS_OF_SUBSCRIPTIONS
from tests.stripe_objects import checkout, invoice, invoice_payment, refund, subscribed
from tests.studio import Studio


@pytest.fixture
def renewing(studio: Studio) -> Studio:
    studio.rows(SUBSCRIPTION)
    studio.deliver(
        subscribed(),
        invoice(),
        invoice_payment(),
        checkout("WELLNESS-3", payment="pi_2", org="thrive", amount=50_000, currency="usd"),
        refund("pi_2", amount=50_000),
    )
    return studio


def test_a_studio_as_it_should_be_violates_nothing(renewing: Studio) -> None:
    assert renewing.audit() == []


@pytest.mark.parametrize("name", BREAKS_OF_SUBSCRIPTIONS)
def test_what_is_broken_is_named(renewing: Studio, name: str) -> None:
    for statement in BREAKS_OF_SUBSCRIPTIONS[name]:
        renewing.rows(statement)

    assert name in {violation.split(":")[0] for violation in renewing.audit()}

"""A refund is held against Stripe's in the currency that Stripe tells it in, whatever the order was sold in."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from domain.purchase.fact import CHECKOUT, INTENT, PurchaseFact, RefundFact, merge
from worker.reconcile.compare import Claim, compare
from worker.reconcile.payments import read_known

AT = datetime(2026, 10, 5, tzinfo=UTC)


@pytest.mark.parametrize(("amount", "differs"), [(1_000_000, False), (200_000, True)])
def test_a_refund_of_a_charge_in_another_currency_is_compared_in_it(amount: int, *, differs: bool) -> None:
    sold = PurchaseFact(CHECKOUT, "pi_1", "SUCCEEDED", 500_000, "TRY")
    charged = PurchaseFact(INTENT, "pi_1", "SUCCEEDED", 2_500_000, "JPY")
    ours = RefundFact("refund:re_1", "pi_1", "succeeded", 1_000_000, "7", "JPY", "200000")
    row = {"slug": "lumen", "status": "SUCCEEDED", "amount_received": 500_000, "currency": "TRY", "is_part": False}
    known = read_known({"pi_1": row | {"facts": merge({}, [sold, charged, ours])}})

    theirs = RefundFact("refund:re_1", "pi_1", "succeeded", amount, "7", "JPY", "200000")
    found = list(compare([Claim("re_1", theirs, AT)], known))

    assert bool(found) is differs

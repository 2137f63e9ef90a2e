from __future__ import annotations

import pytest

from domain.catalog.offer import Pricing, pricing


@pytest.mark.parametrize(
    ("price", "credits", "single", "expected"),
    [
        (150_000, 1, 150_000, Pricing(150_000, 0, 0, 150_000)),
        (800_000, 10, 150_000, Pricing(1_500_000, 700_000, 47, 80_000)),
        (400_00, 8, 50_00, Pricing(400_00, 0, 0, 50_00)),
        (500_00, 3, 50_00, Pricing(150_00, 0, 0, 166_67)),
        (199, 2, 100, Pricing(200, 1, 1, 100)),
        (0, 2, 100, Pricing(200, 200, 100, 0)),
        (100, 2, 0, Pricing(0, 0, 0, 50)),
        (100, 0, 100, Pricing()),
        (100, 2, None, Pricing(price_per_credit=50)),
    ],
)
def test_a_price_is_compared_with_single_credits_rounded_half_up(
    price: int, credits: int, single: int | None, expected: Pricing
) -> None:
    assert pricing(price, credits, single) == expected

"""Whole minor units, rounded half up."""

from __future__ import annotations

import pytest

from domain.money import share, written


@pytest.mark.parametrize(("amount", "parts", "one"), [(50_000, 3, 16_667), (10, 4, 3), (9, 4, 2), (0, 3, 0), (7, 1, 7)])
def test_a_share_is_rounded_half_up(amount: int, parts: int, one: int) -> None:
    assert share(amount, parts) == one


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [(800_000, "TRY", "8\u00a0000.00 TRY"), (5, "USD", "0.05 USD"), (1_500, "JPY", "1\u00a0500 JPY")],
)
def test_money_is_written_as_people_read_it(amount: int, currency: str, text: str) -> None:
    assert written(amount, currency) == text

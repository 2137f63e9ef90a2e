"""What parts of an order are worth: together they are the whole, whatever they are and in whatever order they go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.refund.share import Part, share, units

# Prices of zero-decimal currencies are small numbers, those of others large ones.
PAID = st.integers(1, 20) | st.integers(1, 10_000_000)


@given(
    PAID, st.lists(st.tuples(st.integers(1, 30), st.integers(1, 500) | st.none()), min_size=1, max_size=6), st.data()
)
def test_parts_add_up_to_the_whole_in_every_order(
    paid: int, lines: list[tuple[int, int | None]], data: st.DataObject
) -> None:
    sold = [(number, weight) for number, (count, weight) in enumerate(lines) for _ in range(count)]
    total = units(Part(count, weight) for count, weight in lines)
    order = data.draw(st.permutations(sold))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(order)), max_size=5)))

    amounts, taken = [], 0
    for start, end in zip([0, *cuts], [*cuts, len(order)], strict=True):
        more = units(Part(1, weight) for _, weight in order[start:end])
        amounts.append(share(paid, total, taken, more))
        taken += more

    assert taken == total
    assert sum(amounts) == paid
    assert min(amounts) >= 0


@pytest.mark.parametrize(
    ("paid", "total", "taken", "more", "amount"),
    [
        (500_000, 5, 0, 2, 200_000),
        # A third of 100 is 33, the second third 34, since both together are 67.
        (100, 3, 0, 1, 33),
        (100, 3, 1, 1, 34),
        (100, 3, 2, 1, 33),
        # Half a unit is rounded up.
        (1, 2, 0, 1, 1),
        (1, 2, 1, 1, 0),
        # Beyond what was sold there is nothing.
        (100, 2, 1, 5, 50),
        (100, 2, 2, 1, 0),
        (100, 0, 0, 1, 0),
    ],
)
def test_a_share_is_rounded_half_up_together_with_those_before_it(
    paid: int, total: int, taken: int, more: int, amount: int
) -> None:
    assert share(paid, total, taken, more) == amount


def test_a_line_without_a_weight_counts_one_for_each_credit() -> None:
    assert units([Part(5, None), Part(3, 2)]) == 11

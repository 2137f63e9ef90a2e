"""Credits that the studio gave for nothing are worth nothing in money, whatever else was used or taken back."""

from __future__ import annotations

import pytest
from freezegun.api import FrozenDateTimeFactory
from hypothesis import given
from hypothesis import strategies as st

from db.models import PaymentStatus, RefundPolicy, ServiceType
from domain.errors import NothingToRefund
from domain.purchase.fact import INTENT, PurchaseFact, merge
from domain.purchase.payment import Purchase
from domain.refund.decide import parts
from domain.refund.facts import Held, Line, Requested
from domain.refund.share import Part, units
from tests.domain.booking.test_book import soon
from tests.refunding import Till
from tests.timetable import Timetable


@pytest.fixture
def till(timetable: Timetable, now: FrozenDateTimeFactory) -> Till:
    return Till(timetable)


def attend(till: Till, now: FrozenDateTimeFactory, times: int) -> None:
    """Let a student go to sessions that are over by now."""
    for day in range(times):
        assert till.timetable.book("ada", till.timetable.session(soon(1 + 2 * day))).code == "done"
        now.move_to(soon(2 + 2 * day))


def test_what_was_given_does_not_pay_for_what_was_used(till: Till, now: FrozenDateTimeFactory) -> None:
    package = till.timetable.buy("ada")
    attend(till, now, 2)
    till.timetable.adjust("ada", till.timetable.lines(package)[0], 2)

    till.refund(package)

    assert (till.refunds(), till.taken()) == ([(300_000, "REQUESTED", False)], [5])


def test_what_is_booked_ahead_was_not_used(till: Till) -> None:
    package = till.timetable.buy("ada")
    till.timetable.adjust("ada", till.timetable.lines(package)[0], 2)
    assert till.timetable.book("ada", till.timetable.session(soon(3))).code == "done"

    till.refund(package, sessions=5)

    assert till.refunds() == [(500_000, "REQUESTED", False)]


def test_what_was_taken_by_hand_makes_the_rest_worth_no_more(till: Till, now: FrozenDateTimeFactory) -> None:
    package = till.timetable.buy("ada")
    attend(till, now, 1)
    till.timetable.adjust("ada", till.timetable.lines(package)[0], -2)

    till.refund(package)

    assert (till.refunds(), till.taken()) == ([(200_000, "REQUESTED", False)], [2])


def test_what_was_given_on_one_line_takes_nothing_from_another(till: Till) -> None:
    package = till.timetable.buy("ada", "BUNDLE-5P-3G")
    private, group = till.timetable.lines(package)
    till.timetable.adjust("ada", private, 3, org="thrive")

    till.answer(till.take(package, 8, 0).job)
    till.answer(till.take(package, 0, 3).job)

    assert group != private
    assert [amount for amount, *_ in till.refunds()] == [25_000, 15_000]


# What happens to a line of an order: sold and weight, then what was consumed, given and asked back, in turn.
LINE = st.tuples(st.integers(1, 10), st.integers(1, 50) | st.none())
STEP = st.tuples(st.sampled_from(["use", "give", "take"]), st.integers(0, 3), st.integers(1, 12))


@given(st.integers(1, 1_000_000), st.lists(LINE, min_size=1, max_size=4), st.lists(STEP, max_size=12))
def test_no_more_goes_back_than_what_was_sold_and_not_used(
    paid: int, sold: list[tuple[int, int | None]], steps: list[tuple[str, int, int]]
) -> None:
    lines = [line(number, count, weight) for number, (count, weight) in enumerate(sold)]
    total, back = units(Part(each.sold, each.weight) for each in lines), list[int]()

    for step, place, asked in steps:
        number = place % len(lines)
        one = lines[number]
        if step == "give":
            lines[number] = after(one, left=one.remaining + asked)
            continue
        count = min(asked, one.remaining)
        if step == "use":
            lines[number] = after(one, left=one.remaining - count, used=one.consumed + count)
            continue
        amount = worth(paid, back, lines, {number: count})
        unused = max(0, min(count, one.sold - one.consumed - one.taken))
        # Rounded half up at both ends of what goes back.
        assert abs(amount * total - paid * units([Part(unused, one.weight)])) <= total
        assert amount == 0 if not unused else True
        if amount:
            back.append(amount)
            lines[number] = after(one, left=one.remaining - count, taken=one.taken + count)

    assert sum(back) <= paid


def line(number: int, sold: int, weight: int | None) -> Line:
    return Line(
        id=number,
        package_id=1,
        package="Bundle",
        service=ServiceType.GROUP,
        weight=weight,
        sold=sold,
        consumed=0,
        remaining=sold,
        taken=0,
        bound=0,
    )


def after(line: Line, *, left: int, used: int | None = None, taken: int | None = None) -> Line:
    consumed = line.consumed if used is None else used
    back = line.taken if taken is None else taken
    head = (line.id, line.package_id, line.package, line.service, line.weight, line.sold)
    return Line(*head, consumed, left, back, line.bound)


def worth(paid: int, back: list[int], lines: list[Line], chosen: dict[int, int]) -> int:
    """Return what credits are worth in an order of which so much was asked back before."""
    fact = PurchaseFact(INTENT, "pi_1", PaymentStatus.SUCCEEDED.value, paid, "TRY")
    held = Held(
        order_id=1,
        organization_id=1,
        slug="lumen",
        student_id=1,
        external_id="ada",
        payment_id=1,
        purchase=Purchase(1, "pi_1", merge({}, [fact])),
        names=(),
        lines=lines,
        requested=[Requested(number, amount, is_whole=False, asked=amount) for number, amount in enumerate(back, 1)],
        packages=[1],
        is_divisible=True,
        policy=RefundPolicy.UNUSED_ONLY,
        is_consumed=False,
    )
    try:
        return parts(held, lines, chosen).amount
    except NothingToRefund:
        return 0

"""Checkouts that race for the uses of a coupon, and relays that race for calls: limits hold, and each is made once."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.outward import PAGE, Outward
from tests.outward import fake as fake  # noqa: PLC0414 - fixtures
from tests.outward import outward as outward  # noqa: PLC0414
from tests.races.bookings import OUT_OF_TURN, SINGLY
from worker.job_inbox import JOBS
from worker.stripe_calls import make_calls

INBOXES = pytest.mark.parametrize("inbox", [JOBS, SINGLY, OUT_OF_TURN], ids=["batches", "singly", "out of turn"])
HALF: dict[str, Any] = {"discount_type": "PERCENTAGE", "discount_value": 50}


def ask_all(outward: Outward, number: int, **more: Any) -> list[int]:
    said = {"productCode": "EXPLORER-5"} | PAGE | more
    return [outward.timetable.ask("checkout.create", f"student-{each}", **said) for each in range(number)]


def relays(outward: Outward, number: int = 3) -> None:
    with ThreadPoolExecutor(number) as pool:
        for each in [pool.submit(make_calls, outward.studio.engine) for _ in range(number)]:
            each.result()


@INBOXES
def test_the_last_use_of_a_coupon_is_held_by_one_of_twelve_checkouts(outward: Outward, inbox: Any) -> None:
    outward.timetable.coupon("ONCE", "DISCOUNT", max_redemptions=1, **HALF)
    jobs = ask_all(outward, 12, couponCode="ONCE")

    assert outward.timetable.crowd(inbox, workers=4) == []
    relays(outward)
    outward.call()

    assert Counter(outward.timetable.codes(jobs)) == {"done": 1, "coupon_exhausted": 11}
    assert len(outward.fake.listed("/v1/coupons")) == len(outward.fake.listed("/v1/checkout/sessions")) == 1


def test_a_checkout_and_a_desk_share_the_uses_of_a_coupon(outward: Outward) -> None:
    outward.timetable.coupon("TWO", "DISCOUNT", max_redemptions=2, **HALF)
    package = outward.timetable.product("EXPLORER-5")
    bought = ask_all(outward, 6, couponCode="TWO")
    handed = [
        outward.timetable.ask_to_redeem(f"member-{each}", couponCode="TWO", packageId=package) for each in range(6)
    ]

    assert outward.timetable.crowd(SINGLY, workers=4) == []
    relays(outward)
    outward.call()

    assert Counter(outward.timetable.codes(bought + handed)) == {"done": 2, "coupon_exhausted": 10}
    assert outward.studio.audit() == []


def test_a_student_who_asks_many_times_at_once_holds_one_use(outward: Outward) -> None:
    outward.timetable.coupon("EACH", "DISCOUNT", **HALF)
    said = {"productCode": "EXPLORER-5", "couponCode": "EACH"} | PAGE
    jobs = [outward.timetable.ask("checkout.create", "ada", **said) for _ in range(6)]

    assert outward.timetable.crowd(OUT_OF_TURN, workers=4) == []
    outward.call()

    assert Counter(outward.timetable.codes(jobs)) == {"done": 1, "coupon_exhausted": 5}


def test_calls_that_many_relays_make_are_each_made_once(outward: Outward) -> None:
    jobs = ask_all(outward, 20)
    outward.timetable.work()

    while outward.studio.rows("SELECT 1 FROM stripe_calls WHERE status = 'PENDING'"):
        relays(outward, 4)

    assert set(outward.timetable.codes(jobs)) == {"done"}
    assert len(outward.fake.listed("/v1/checkout/sessions")) == len(outward.fake.calls("/v1/checkout", "POST")) == 20

"""An order of which the card was charged in another currency: Stripe pays back in the charge's, we count in ours."""

from __future__ import annotations

from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from hypothesis import given
from hypothesis import strategies as st

from db.models import RefundPolicy
from domain.purchase.fact import CHECKOUT, INTENT, Facts, PurchaseFact, RefundFact, merge
from domain.purchase.payment import Purchase
from domain.refund.facts import Held, Requested
from tests.domain.booking.test_book import soon
from tests.refunding import Till
from tests.stripe_objects import charge, checkout, intent, refund
from tests.timetable import Outcome, Timetable

Now = FrozenDateTimeFactory


@pytest.fixture
def till(timetable: Timetable, now: Now) -> Till:
    return Till(timetable)


def abroad(till: Till, amount: int = 2_500_000, currency: str = "jpy") -> int:
    """Buy five credits for 5,000.00 TRY with a card that is charged in another currency; return the package."""
    till.timetable.studio.deliver(
        checkout(payment="pi_abroad", student="ada"), intent("pi_abroad", amount=amount, currency=currency)
    )
    return int(till.timetable.studio.one("SELECT id FROM student_packages")["id"])


def asked(till: Till, waiting: Outcome) -> int:
    """Return how much Stripe is asked to pay back."""
    return int(till.call(waiting.job)["params"]["amount"])


def state(till: Till, package: int) -> tuple[object, ...]:
    """Return all that must be the same whatever came first."""
    payment = till.timetable.studio.one("SELECT facts, amount_refunded FROM payments")
    return tuple(payment.values()), till.refunds(), till.status(package), till.timetable.left(package), till.reviews()


def back(till: Till) -> int:
    return int(till.timetable.studio.one("SELECT amount_refunded FROM payments")["amount_refunded"])


def sound(till: Till) -> bool:
    """Say whether the audit finds nothing."""
    return [each for each in till.timetable.studio.audit() if not each.startswith("inbox.alive")] == []


# What Stripe is asked for.


def test_a_part_is_asked_for_in_the_currency_of_the_charge(till: Till) -> None:
    package = abroad(till)

    waiting = till.refund(package, sessions=2)

    params = till.call(waiting.job)["params"]
    assert params["amount"] == 1_000_000
    assert params["metadata"]["punchcard_worth"] == "200000"
    assert till.refunds() == [(200_000, "REQUESTED", False)]
    event = till.timetable.studio.one("SELECT data FROM domain_events WHERE type = 'order.refund_requested'")
    assert (event["data"]["amount"], event["data"]["currency"]) == (200_000, "TRY")
    assert sound(till)


def test_a_part_of_a_charge_of_fewer_units_is_rounded_half_up(till: Till) -> None:
    package = abroad(till, 10_003, "usd")

    waiting = till.refund(package, sessions=2)

    assert asked(till, waiting) == 4_001


def test_what_is_charged_in_the_currency_of_the_order_is_asked_for_as_it_is(till: Till) -> None:
    package = abroad(till, 500_000, "try")

    waiting = till.refund(package, sessions=2)

    params = till.call(waiting.job)["params"]
    assert (params["amount"], "punchcard_worth" in params["metadata"]) == (200_000, False)


def test_a_whole_refund_asks_for_all_of_the_charge(till: Till) -> None:
    package = abroad(till, 10_003, "usd")
    ahead = till.timetable.book("ada", till.timetable.session(soon(3)))

    waiting = till.refund(package)
    ended = till.answer(waiting.job)

    assert ended.result
    assert (asked(till, waiting), ended.result["refund"]["amount"]) == (10_003, 500_000)
    assert (till.refunds(), till.status(package)) == ([(500_000, "SUCCEEDED", True)], "REFUNDED")
    assert till.timetable.booking(ahead.id)["status"] == "CANCELLED"
    assert till.reviews() == []
    assert sound(till)


@pytest.mark.parametrize("is_answered", [True, False])
def test_parts_add_up_to_the_charge_and_to_the_order(till: Till, *, is_answered: bool) -> None:
    package, parts = abroad(till, 10_003, "usd"), list[Outcome]()

    for _ in range(5):
        parts.append(till.refund(package, sessions=1))
        if is_answered:
            till.answer(parts[-1].job)
    for part in [] if is_answered else parts:
        till.answer(part.job)

    assert [asked(till, part) for part in parts] == [2_001, 2_000, 2_001, 2_000, 2_001]
    assert till.refunds() == [(100_000, "SUCCEEDED", False)] * 5
    assert (back(till), till.status(package)) == (500_000, "REFUNDED")
    assert sound(till)


@pytest.mark.parametrize("is_answered", [True, False])
def test_all_after_a_part_asks_for_what_is_left_of_the_charge(till: Till, *, is_answered: bool) -> None:
    package = abroad(till, 10_003, "usd")
    part = till.refund(package, sessions=2)
    if is_answered:
        till.answer(part.job)

    whole = till.refund(package)

    assert (asked(till, part), asked(till, whole)) == (4_001, 6_002)
    assert [amount for amount, *_ in till.refunds()] == [200_000, 300_000]
    assert sound(till)


def test_what_went_back_in_the_dashboard_counts_in_both_currencies(till: Till) -> None:
    package = abroad(till, 10_003, "usd")
    till.timetable.studio.deliver(refund("pi_abroad", amount=5_000, currency="usd", refund_id="re_dash"))

    whole = till.refund(package)
    till.answer(whole.job)

    assert asked(till, whole) == 5_003
    assert till.refunds() == [(250_075, "SUCCEEDED", True)]
    assert (back(till), till.status(package)) == (500_000, "REFUNDED")


def test_what_failed_is_asked_for_again_as_before(till: Till) -> None:
    package = abroad(till, 10_003, "usd")
    first = till.refund(package, sessions=2)
    till.answer(first.job)
    till.timetable.studio.deliver(till.told(first.job, "failed", "refund.failed"))
    refused = till.refund(package, sessions=2)
    till.refuse(refused.job)

    again = till.refund(package, sessions=2)
    whole = till.refund(package)

    assert [asked(till, each) for each in (first, refused, again, whole)] == [4_001, 4_001, 4_001, 6_002]
    assert [amount for amount, *_ in till.refunds()] == [200_000, 200_000, 200_000, 300_000]
    assert sound(till)


def test_what_is_nothing_in_the_currency_of_the_charge_is_not_taken(till: Till) -> None:
    package = abroad(till, 2, "usd")

    ended = till.refund(package, sessions=1)

    assert (ended.code, till.refunds(), till.timetable.left(package)) == ("nothing_to_refund", [], [5])


# The answer and the webhook.


@pytest.mark.parametrize("said", [{"sessions": 2}, {}])
def test_the_answer_and_the_webhook_say_the_same_in_either_order(till: Till, said: dict[str, Any]) -> None:
    package, ends = abroad(till, 10_003, "usd"), list[object]()
    waiting = till.refund(package, **said)
    told = till.told(waiting.job)

    till.timetable.studio.deliver(told)
    ends.append(state(till, package))
    till.answer(waiting.job)
    ends.append(state(till, package))
    till.timetable.studio.rows("UPDATE payments SET facts = facts - %(ours)s", ours=f"refund:{re_of(till, waiting)}")
    till.answer(waiting.job)
    ends.append(state(till, package))
    till.timetable.studio.deliver(told, charge("pi_abroad", refunded=asked(till, waiting), currency="usd"))
    ends.append(state(till, package))

    assert ends == [ends[0]] * 4
    assert back(till) == (200_000 if said else 500_000)


def re_of(till: Till, waiting: Outcome) -> str:
    return f"re_ours_{till.call(waiting.job)['refund_id']}"


def test_all_but_a_unit_of_the_charge_is_not_all(till: Till) -> None:
    package = abroad(till)

    till.timetable.studio.deliver(refund("pi_abroad", amount=2_499_999, currency="jpy"))

    assert (back(till), till.status(package)) == (499_999, "PARTIALLY_REFUNDED")
    assert asked(till, till.refund(package)) == 1


def test_staff_and_the_student_see_the_currency_of_the_order(till: Till) -> None:
    package = abroad(till, 10_003, "usd")

    till.answer(till.refund(package, sessions=2).job)
    till.timetable.studio.deliver(refund("pi_abroad", amount=1_000, currency="usd", refund_id="re_dash"))

    facts = till.timetable.studio.one("SELECT facts FROM payments")["facts"]
    seen = {each.id: (each.amount, each.charged) for each in Purchase(1, "pi_abroad", facts).refunds}
    assert sorted(seen.values()) == [(49_985, 1_000), (200_000, 4_001)]
    assert back(till) == 249_985


# Two refunds of Stripe's that both name one of ours.


@pytest.mark.parametrize("names", [("re_a", "re_b"), ("re_b", "re_a")])
def test_of_two_refunds_of_stripes_the_one_that_went_back_is_ours(till: Till, names: tuple[str, str]) -> None:
    package = till.timetable.buy("ada")
    job = till.refund(package, sessions=2).job
    done, failed = till.told(job), till.told(job, "failed", "refund.failed")
    done["data"]["object"]["id"], failed["data"]["object"]["id"] = names

    till.timetable.studio.deliver(done)
    till.timetable.studio.deliver(failed)

    assert (till.refunds(), till.taken()) == ([(200_000, "SUCCEEDED", False)], [2])
    assert till.reviews() == [("REFUND_FAILED", names[1], True)]
    assert till.timetable.studio.one("SELECT stripe_refund_id AS id FROM refunds")["id"] == names[0]


# In plain Python: whatever is charged, and in whatever parts it goes.

STEP = st.tuples(st.sampled_from(["ours", "under way", "dashboard"]), st.integers(1, 1_000_000))


@given(st.integers(1, 1_000_000), st.integers(1, 1_000_000), st.lists(STEP, max_size=8))
def test_whatever_went_before_all_the_rest_is_all_of_the_charge(
    paid: int, charged: int, steps: list[tuple[str, int]]
) -> None:
    facts, requested, done = bought(paid, charged), list[Requested](), 0
    for number, (how, some) in enumerate(steps):
        held = order(facts, requested)
        amount = min(some, held.left)
        told = held.of_charge(amount)
        if how == "dashboard":
            left = charged - Purchase(1, "pi_1", facts).returned - sum(each.asked for each in requested)
            told = min(some, left)
        if amount <= 0 or told <= 0:
            continue
        if how == "under way":
            requested.append(Requested(number, amount, is_whole=False, asked=told))
        else:
            worth = str(amount) if how == "ours" else None
            done += amount if worth else 0
            said = RefundFact(f"refund:{number}", "pi_1", "succeeded", told, None, "USD", worth)
            facts = merge(facts, [said])

    held, before = order(facts, requested), Purchase(1, "pi_1", facts)
    gone = before.returned + sum(each.asked for each in requested)

    assert done <= before.refunded <= paid
    assert (before.refunded == paid) == (before.returned == charged)
    assert gone <= charged
    assert held.of_charge(held.left) == charged - gone


def bought(paid: int, charged: int) -> Facts:
    done = [PurchaseFact(CHECKOUT, "pi_1", "SUCCEEDED", paid, "TRY")]
    return merge({}, [*done, PurchaseFact(INTENT, "pi_1", "SUCCEEDED", charged, "USD")])


def order(facts: Facts, requested: list[Requested]) -> Held:
    return Held(
        order_id=1,
        organization_id=1,
        slug="lumen",
        student_id=1,
        external_id="ada",
        payment_id=1,
        purchase=Purchase(1, "pi_1", facts),
        names=(),
        lines=(),
        requested=requested,
        packages=[1],
        is_divisible=True,
        policy=RefundPolicy.UNUSED_ONLY,
        is_consumed=False,
    )

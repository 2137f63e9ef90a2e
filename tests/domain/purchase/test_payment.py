"""A payment is the set of its facts: neither order nor repetition matters."""

from __future__ import annotations

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from db.models import DisputeStatus, OrderStatus, PaymentStatus
from domain.purchase.fact import CHECKOUT, INTENT, DisputeFact, Fact, PurchaseFact, RefundFact, erase, merge
from domain.purchase.payment import Purchase

FACTS: tuple[Fact, ...] = (
    PurchaseFact(CHECKOUT, "pi_1", "PENDING", 1_000, "TRY", client_reference_id="ada"),
    PurchaseFact(CHECKOUT, "pi_1", "FAILED", 1_000, "TRY", client_reference_id="ada"),
    PurchaseFact(CHECKOUT, "pi_1", "SUCCEEDED", 1_000, "TRY", client_reference_id="ada"),
    PurchaseFact(INTENT, "pi_1", "SUCCEEDED", 1_000, "TRY", email="ada@example.com"),
    RefundFact("refund:re_1", "pi_1", "succeeded", 300),
    RefundFact("refund:re_1", "pi_1", "failed", 300),
    RefundFact("refund:re_2", "pi_1", "pending", 200),
    DisputeFact("dispute:dp_1", "pi_1", "OPEN"),
    DisputeFact("dispute:dp_1", "pi_1", "WON"),
)
PURCHASES = FACTS[:4]
# Statements of one source that say more of the person, or of what was bought.
RIVALS: tuple[Fact, ...] = (
    PurchaseFact(CHECKOUT, "pi_1", "SUCCEEDED", 1_000, "TRY", "cus_1", "ada", "ada", "ada@example.com", "Ada"),
    PurchaseFact(CHECKOUT, "pi_1", "SUCCEEDED", 900, "TRY", "cus_1", product_code="EXPLORER-5"),
    PurchaseFact(CHECKOUT, "pi_1", "SUCCEEDED", 900, "TRY", price_id="price_1", product_code="EXPLORER-5"),
)


def purchase(*facts: Fact) -> Purchase:
    return Purchase(1, "pi_1", merge({}, facts))


@given(
    st.lists(st.sampled_from(FACTS), max_size=12).flatmap(
        lambda facts: st.tuples(st.just(facts), st.permutations(facts))
    )
)
def test_the_set_is_the_same_in_every_order_and_batch(pair: tuple[list[Fact], list[Fact]]) -> None:
    facts, shuffled = pair

    one_by_one: dict[str, dict[str, object]] = {}
    for fact in shuffled:
        one_by_one = merge(one_by_one, [fact])

    assert one_by_one == merge({}, facts) == merge(merge({}, facts), shuffled)


def test_a_success_wins_over_any_failure() -> None:
    for order in permutations(PURCHASES):
        assert purchase(*order).status is PaymentStatus.SUCCEEDED
        assert purchase(*order).received == 1_000


def test_a_failed_refund_is_undone_and_a_pending_one_counts() -> None:
    both = purchase(*FACTS)

    assert both.refunded == 200
    assert both.order_status is OrderStatus.PARTIALLY_REFUNDED


def test_refunds_never_exceed_what_was_paid() -> None:
    twice = [RefundFact(f"refund:{number}", "pi_1", "succeeded", 700) for number in (1, 2)]

    refunded = purchase(*PURCHASES, *twice)

    assert refunded.refunded == 1_000
    assert refunded.order_status is OrderStatus.REFUNDED


def test_a_dispute_ends_as_stripe_says() -> None:
    assert purchase(*PURCHASES, FACTS[7]).dispute is DisputeStatus.OPEN
    assert purchase(*PURCHASES, FACTS[8], FACTS[7]).dispute is DisputeStatus.WON
    assert purchase(*PURCHASES).dispute is None


def test_the_checkout_knows_more_than_the_intent() -> None:
    named = purchase(*PURCHASES)

    assert named.external_id == "ada"
    assert named.email == "ada@example.com"


def test_an_abandoned_checkout_never_became_an_order() -> None:
    expired = PurchaseFact(CHECKOUT, "cs_1", "EXPIRED", 1_000, "TRY")

    assert not purchase(expired).begun
    assert purchase(expired, FACTS[0]).begun


@given(st.lists(st.sampled_from(FACTS + RIVALS), max_size=12), st.integers(0, 12))
def test_a_person_is_erased_from_the_set_whenever_that_is(facts: list[Fact], when: int) -> None:
    early = merge(erase(merge({}, facts[:when])), facts[when:])

    late = erase(merge({}, facts))

    assert early == late == erase(late)
    said = {str(value) for fact in late.values() for value in fact.values()}
    assert not said & {"ada", "cus_1", "ada@example.com", "Ada"}
    if facts and isinstance(facts[0], PurchaseFact):
        before, after = Purchase(1, "pi_1", merge({}, facts)), Purchase(1, "pi_1", late)
        assert (before.received, before.refunded, before.dispute) == (after.received, after.refunded, after.dispute)
        assert (before.order_status, before.product_code) == (after.order_status, after.product_code)
        assert (after.is_erased, after.external_id, after.customer, after.email) == (True, None, None, None)

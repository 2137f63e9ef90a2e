"""Reading Stripe's events: every type that is handled, in old and new shapes, and whatever else JSON can say."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.purchase.fact import CHECKOUT, INTENT, DisputeFact, Fact, PurchaseFact, RefundFact, RefundTotal, SoldLine
from tests.stripe_objects import body, checkout, dispute, event, intent, refund
from worker.stripe_event import READERS, Statement, Unsupported, parse, payment_key, read
from worker.stripe_field import MAX_QUANTITY, Unreadable

CHECKOUTS = [kind for kind in READERS if kind.startswith("checkout.")]
REFUNDS = ["refund.created", "refund.updated", "refund.failed"]
DISPUTES = [kind for kind in READERS if kind.startswith("charge.dispute.")]


def said(told: dict[str, Any], line_items: dict[str, Any] | None = None) -> Fact:
    """Return the one fact that an event tells."""
    (fact,) = read(body(told), line_items).facts
    return fact


def purchase(told: dict[str, Any], line_items: dict[str, Any] | None = None) -> PurchaseFact:
    fact = said(told, line_items)
    assert isinstance(fact, PurchaseFact)
    return fact


def charge(**members: Any) -> dict[str, Any]:
    obj = {"id": "ch_1", "object": "charge", "amount": 500, "amount_refunded": 200, "currency": "try", "metadata": {}}
    return event("charge.refunded", obj | members)


def listed(refund_id: str, **members: Any) -> dict[str, Any]:
    return {"id": refund_id, "object": "refund", "amount": 100, "status": "succeeded", "charge": "ch_1"} | members


def test_a_paid_checkout_says_who_bought_what() -> None:
    told = checkout("CORE-10", payment="pi_7", amount=800_000, customer="cus_1")

    statement = read(body(told))

    assert statement == Statement(
        facts=(
            PurchaseFact(
                teller=CHECKOUT,
                key="pi_7",
                status="SUCCEEDED",
                amount=800_000,
                currency="TRY",
                customer="cus_1",
                client_reference_id="ada",
                email="ada@example.com",
                name="Ada Example",
                product_code="CORE-10",
            ),
        ),
        payments=("pi_7",),
        organization="lumen",
        customer="cus_1",
    )


@pytest.mark.parametrize(
    ("kind", "paid", "status"),
    [
        ("checkout.session.completed", "paid", "SUCCEEDED"),
        ("checkout.session.completed", "no_payment_required", "SUCCEEDED"),
        ("checkout.session.completed", "unpaid", "PENDING"),
        ("checkout.session.async_payment_succeeded", "paid", "SUCCEEDED"),
        ("checkout.session.async_payment_failed", "unpaid", "FAILED"),
        ("checkout.session.expired", "unpaid", "EXPIRED"),
    ],
)
def test_how_far_a_checkout_got(kind: str, paid: str, status: str) -> None:
    told = checkout(kind=kind, paid=paid)

    assert purchase(told).status == status


def test_a_free_checkout_is_known_by_its_own_id() -> None:
    told = checkout(payment=None, amount=0, paid="no_payment_required", id="cs_free")

    assert (purchase(told).key, purchase(told).amount) == ("cs_free", 0)


def test_a_checkout_of_an_old_api_version_has_the_email_elsewhere_and_no_mode() -> None:
    told = checkout(customer_details=None, customer_email="old@example.com")
    del told["data"]["object"]["mode"]

    assert purchase(told).email == "old@example.com"


def test_expanded_objects_are_read_as_their_ids() -> None:
    bought = checkout(payment_intent={"id": "pi_9", "object": "payment_intent"})
    bought["data"]["object"]["customer"] = {"id": "cus_9", "object": "customer"}
    sent_back = refund() | {}
    sent_back["data"]["object"] |= {"payment_intent": {"id": "pi_9"}, "charge": {"id": "ch_9"}}

    assert (purchase(bought).key, purchase(bought).customer) == ("pi_9", "cus_9")
    assert said(sent_back).key == "pi_9"


def test_an_intent_says_what_was_received() -> None:
    told = intent("pi_3", amount=1_234, email="ada@example.com", product_code="CORE-10", org="lumen")

    statement = read(body(told))

    fact = PurchaseFact(INTENT, "pi_3", "SUCCEEDED", 1_234, "TRY", email="ada@example.com", product_code="CORE-10")
    assert statement == Statement((fact,), organization="lumen", payments=("pi_3",))


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"product_code": "CORE-10"}, {"product_code": "CORE-10", "names_something": True}),
        ({"price_id": "price_1"}, {"price_id": "price_1", "names_something": True}),
        ({"product_id": "prod_1"}, {"product_id": "prod_1", "names_something": True}),
        ({"student_id": "ada"}, {"student_id": "ada", "names_something": False}),
        ({"product_type": "course_program", "course_program_id": "SFZ"}, {"course": "SFZ", "names_something": True}),
        ({"product_type": "course_enrollment", "course_program_id": "SFZ"}, {"course": "SFZ"}),
        ({"product_type": "course_program"}, {"course": "unnamed", "names_something": True}),
        ({"product_type": "package", "course_program_id": "SFZ"}, {"course": None, "names_something": False}),
        ({"product_code": ""}, {"product_code": None, "names_something": False}),
    ],
)
def test_the_metadata_of_older_systems_is_understood(metadata: dict[str, str], expected: dict[str, Any]) -> None:
    of_intent = purchase(event("payment_intent.succeeded", intent()["data"]["object"] | {"metadata": metadata}))
    of_checkout = purchase(checkout(metadata=metadata))

    for fact in (of_intent, of_checkout):
        assert {name: getattr(fact, name) for name in expected} == expected


@pytest.mark.parametrize("metadata", [None, [], "text", 7])
def test_metadata_that_is_no_object_names_nothing(metadata: Any) -> None:
    told = checkout(metadata=metadata)

    statement = read(body(told))

    assert statement.organization is None
    assert not purchase(told).names_something


def test_line_items_say_what_a_checkout_sold() -> None:
    lines = {"data": [{"price": {"id": "price_1"}, "quantity": 2}, {"price": {"id": "price_2"}, "quantity": 1}]}

    fact = purchase(checkout(None), lines)

    assert fact.lines == (SoldLine("price_1", 2), SoldLine("price_2", 1))


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ({"price": None, "quantity": 1}, "price"),
        ({"price": {"id": None}, "quantity": 1}, "id"),
        ({"price": {"id": "price_1"}, "quantity": None}, "quantity"),
        ({"price": {"id": "price_1"}, "quantity": 0}, "quantity"),
        ({"price": {"id": "price_1"}, "quantity": MAX_QUANTITY + 1}, "quantity"),
    ],
)
def test_a_line_that_says_nothing_usable_is_unreadable(line: dict[str, Any], field: str) -> None:
    with pytest.raises(Unreadable, match=rf"^{field} "):
        read(body(checkout(None)), {"data": [line]})


@pytest.mark.parametrize("kind", REFUNDS)
@pytest.mark.parametrize("status", ["requires_action", "pending", "succeeded", "canceled", "failed"])
def test_a_refund_says_how_much_of_which_payment(kind: str, status: str) -> None:
    told = refund("pi_4", amount=300, refund_id="re_4", status=status, kind=kind)

    assert said(told) == RefundFact("refund:re_4", "pi_4", status, 300, currency="TRY")


def test_a_refund_says_which_of_ours_it_is_and_what_of_the_order_it_is_worth() -> None:
    told = refund("pi_4", amount=300, currency="jpy", punchcard_refund="7", punchcard_worth="60")

    assert said(told) == RefundFact("refund:re_1", "pi_4", "succeeded", 300, "7", "JPY", "60")


def test_a_refund_of_a_charge_without_intent_is_known_by_the_charge() -> None:
    told = refund()
    told["data"]["object"]["payment_intent"] = None

    assert said(told).key == "charge:ch_of_pi_1"


def test_a_refund_of_which_stripe_says_no_status_is_pending() -> None:
    told = refund("pi_4", refund_id="re_4")
    told["data"]["object"]["status"] = None

    assert said(told).status == "pending"


def test_old_api_versions_list_the_refunds_in_the_charge() -> None:
    refunds = {"object": "list", "data": [listed("re_1"), listed("re_2", status="pending")]}

    statement = read(body(charge(payment_intent="pi_1", refunds=refunds)))

    assert statement.facts == (
        RefundFact("refund:re_1", "pi_1", "succeeded", 100),
        RefundFact("refund:re_2", "pi_1", "pending", 100),
    )


@pytest.mark.parametrize("refunds", [None, {"object": "list", "data": []}, {"object": "list"}])
def test_newer_api_versions_list_none_there(refunds: Any) -> None:
    told = charge(payment_intent="pi_1", refunds=refunds)

    assert read(body(told)) == Statement(payments=("pi_1",), total=RefundTotal("ch_1", "pi_1", 200, "TRY"))


@pytest.mark.parametrize("kind", DISPUTES)
@pytest.mark.parametrize(
    ("status", "expected"), [("won", "WON"), ("lost", "LOST"), ("needs_response", "OPEN"), ("under_review", "OPEN")]
)
def test_a_dispute_says_how_it_stands(kind: str, status: str, expected: str) -> None:
    told = dispute("pi_5", status=status, kind=kind)

    assert said(told) == DisputeFact("dispute:dp_of_pi_5", "pi_5", expected)


@pytest.mark.parametrize("status", ["warning_needs_response", "warning_under_review", "warning_closed"])
def test_an_inquiry_that_moved_no_money_says_nothing(status: str) -> None:
    told = dispute(status=status)

    assert read(body(told)) == Statement(payments=("pi_1",))


def test_a_card_that_was_declined_is_recorded_only() -> None:
    told = intent(kind="payment_intent.payment_failed")

    assert read(body(told)) == Statement(payments=("pi_1",))


def test_a_checkout_that_only_sets_up_a_card_says_nothing() -> None:
    told = checkout(mode="setup", payment_status="no_payment_required", amount_total=None)

    assert read(body(told)).facts == ()


def test_a_thin_event_is_refused_with_advice() -> None:
    thin: dict[str, Any] = {
        "id": "evt_thin",
        "object": "v2.core.event",
        "type": "v1.billing.meter.no_meter_found",
        "related_object": None,
        "data": {},
    }

    with pytest.raises(Unsupported, match="snapshot events"):
        read(body(thin))


@pytest.mark.parametrize("kind", ["customer.created", "v1.something", "checkout.session.completed.not", "CHECKOUT"])
def test_any_other_type_is_not_handled(kind: str) -> None:
    told = event(kind, {"id": "obj_1"})

    assert read(body(told)) == Statement(handled=False)


@pytest.mark.parametrize(
    ("member", "value", "field"),
    [
        ("amount_total", "500000", "amount_total"),
        ("amount_total", 5e5, "amount_total"),
        ("amount_total", True, "amount_total"),
        ("amount_total", -1, "amount_total"),
        ("amount_total", 10**12, "amount_total"),
        ("amount_total", float("nan"), "amount_total"),
        ("currency", None, "currency"),
        ("currency", "t\u0000y", "currency"),
        ("currency", "euro", "currency"),
        ("currency", 7, "currency"),
        ("payment_intent", ["pi_1"], "payment_intent"),
        ("payment_intent", {"id": 7}, "payment_intent"),
        ("customer", {"id": "\ud800"}, "customer"),
        ("client_reference_id", "ada\u0000", "client_reference_id"),
        ("client_reference_id", "a" * 501, "client_reference_id"),
        ("client_reference_id", "\ud800", "client_reference_id"),
        ("customer_details", {"email": 7}, "email"),
        ("customer_details", {"name": "\u0000"}, "name"),
        ("metadata", {"product_code": 7}, "product_code"),
        ("metadata", {"org": []}, "org"),
        ("mode", 7, "mode"),
        ("payment_status", {}, "payment_status"),
    ],
)
def test_a_field_that_is_not_what_stripe_sends_is_named(member: str, value: Any, field: str) -> None:
    told = checkout()
    told["data"]["object"][member] = value

    with pytest.raises(Unreadable, match=rf"^{field} "):
        read(body(told))


@pytest.mark.parametrize(
    ("told", "field"),
    [
        (refund(status="lost"), "status"),
        (refund(amount=-1), "amount"),
        (event("refund.created", {"id": "re_1", "status": "succeeded", "amount": 1}), "payment_intent and charge"),
        (event("charge.dispute.created", {"id": "dp_1", "status": "lost"}), "payment_intent and charge"),
        (event("charge.dispute.created", {"status": "lost", "charge": "ch_1"}), "id"),
        (event("payment_intent.succeeded", {"id": "pi_1", "currency": "try"}), "amount_received"),
        (charge(payment_intent="pi_1", refunds={"data": [listed("re_1", amount=None)]}), "amount"),
        ({"id": "evt_1", "type": "refund.created"}, "data"),
        ({"id": "evt_1", "type": "refund.created", "data": {"object": []}}, "object"),
        ({"id": "evt_1"}, "type"),
    ],
)
def test_a_field_that_is_missing_is_named(told: dict[str, Any], field: str) -> None:
    with pytest.raises(Unreadable, match=rf"^{field} "):
        read(body(told))


@pytest.mark.parametrize("payload", [b"[]", b'"text"', b"7", b"null"])
def test_a_body_that_is_no_object_is_unreadable(payload: bytes) -> None:
    with pytest.raises(Unreadable, match="not an object"):
        read(payload)


def test_of_two_members_with_the_same_name_the_last_counts() -> None:
    payload = body(checkout("CORE-10")).replace(b'{"id"', b'{"type": "customer.created", "id"', 1)

    assert read(payload).facts[0].key == "pi_1"


@pytest.mark.parametrize("number", [b"9" * 20, b"9" * 5_000, b"-" + b"9" * 5_000, b"1e999"])
def test_numbers_too_large_for_python_are_read_all_the_same(number: bytes) -> None:
    value = parse(b'{"id": "evt_1", "n": %s}' % number)

    assert isinstance(value, dict)
    assert value["id"] == "evt_1"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
MEMBERS = st.sampled_from(
    [
        "amount",
        "amount_received",
        "amount_total",
        "charge",
        "client_reference_id",
        "currency",
        "customer",
        "customer_details",
        "id",
        "metadata",
        "mode",
        "payment_intent",
        "payment_status",
        "refunds",
        "status",
    ]
)
PLAUSIBLE = st.sampled_from(
    ["succeeded", "paid", "try", "pi_1", "payment", 7, {"id": "x"}, {"data": [{"id": "re_1"}, 7]}]
)


@settings(deadline=None)
@given(
    kind=st.sampled_from([*READERS, "customer.created"]) | JSON,
    obj=st.dictionaries(MEMBERS, PLAUSIBLE | JSON) | JSON,
    envelope=st.dictionaries(st.sampled_from(["object", "data", "account"]), JSON, max_size=1),
)
def test_whatever_json_says_it_is_refused_or_can_be_stored(kind: Any, obj: Any, envelope: Any) -> None:
    payload = json.dumps({"id": "evt_1", "type": kind, "data": {"object": obj}} | envelope).encode()

    facts = read_or_refused(payload)

    texts = [value for fact in facts for value in asdict(fact).values() if isinstance(value, str)]
    numbers = [value for fact in facts for value in asdict(fact).values() if isinstance(value, int)]
    assert b"\0" not in "".join(texts).encode()
    assert all(0 <= number < 2**63 for number in numbers)


def read_or_refused(payload: bytes) -> tuple[Fact, ...]:
    """Return what an event says, nothing where it was refused; any other exception is a bug."""
    with suppress(Unreadable, Unsupported):
        return read(payload).facts
    return ()


@pytest.mark.parametrize(
    ("told", "key"),
    [
        (checkout(payment="pi_7"), "pi_7"),
        (intent("pi_7"), "pi_7"),
        (checkout(payment=None), None),
        (checkout() | {"data": {"object": {"object": "checkout.session", "payment_intent": {"id": "pi_8"}}}}, "pi_8"),
        ({"data": {"object": {"payment_intent": ["pi_1"]}}}, None),
        ({"data": {"object": {"payment_intent": "pi\0"}}}, None),
        ({"data": {"object": {"payment_intent": "p" * 256}}}, None),
        ({"data": {"object": {"object": "payment_intent", "id": 7}}}, None),
        ({"data": {"object": []}}, None),
        ({"data": "pi_1"}, None),
        ({}, None),
    ],
)
def test_the_payment_is_seen_at_first_sight_or_not_at_all(told: dict[str, Any], key: str | None) -> None:
    assert payment_key(told) == key

"""A coupon in a Checkout of ours: what it makes of the purchase, and what becomes of the use that it held."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations
from typing import Any

import psycopg
import pytest
from freezegun.api import FrozenDateTimeFactory

from db.transaction import transaction
from domain.desk import coupon_use
from tests.domain.purchase.test_stories import RIDES, SUBSCRIPTION
from tests.stripe_objects import Event, checkout, intent, invoice, subscribed
from tests.timetable import Timetable
from worker import clock

pytestmark = pytest.mark.usefixtures("now")

SOLD = """
SELECT o.list_price, o.discount, o.paid, o.price_mismatch, (o.package_metadata ->> 'total_sessions')::int AS sessions,
       k.redemption_type, c.code, u.status, u.student_package_id = k.id AS is_for_it
  FROM orders o JOIN student_packages k ON k.order_id = o.id LEFT JOIN coupons c ON c.id = k.coupon_id
  LEFT JOIN coupon_uses u ON u.student_package_id = k.id ORDER BY o.id
"""


def hold(timetable: Timetable, coupon: int, student: str = "ada") -> str:
    """Hold a use of a coupon as a Checkout does; return what its metadata say."""
    with transaction(timetable.engine) as session:
        return str(coupon_use.hold(session, coupon, timetable.student(student), at=clock.now()))


def sold(timetable: Timetable) -> list[dict[str, Any]]:
    return [dict(row) for row in timetable.studio.rows(SOLD)]


def with_use(event: Event, use: str) -> Event:
    event["data"]["object"]["metadata"] |= {"coupon_use": use}
    return event


def test_a_discount_is_no_mismatch_and_its_use_is_used_whichever_event_comes_first(timetable: Timetable) -> None:
    coupon = timetable.coupon("LESS", "DISCOUNT", discount_type="PERCENTAGE", discount_value=20, max_redemptions=9)
    told = [with_use(checkout(amount=400_000), "0"), with_use(intent(amount=400_000), "0")]
    for number, order in enumerate(permutations(told)):
        use = hold(timetable, coupon, f"student-{number}")
        for event in order:
            event["data"]["object"]["metadata"]["coupon_use"] = use
            renamed = event | {"id": f"{event['id']}-{number}"}
            timetable.studio.deliver(_of(renamed, number))

    expected: dict[str, Any] = {"list_price": 500_000, "discount": 100_000, "paid": 400_000, "sessions": 5}
    expected |= {"price_mismatch": False}
    expected |= {"redemption_type": "COUPON_DISCOUNT", "code": "LESS", "status": "USED", "is_for_it": True}
    assert sold(timetable) == [expected, expected]


def _of(event: Event, number: int) -> Event:
    """Return an event of a payment and a student of its own."""
    obj = event["data"]["object"]
    key = "id" if obj["object"] == "payment_intent" else "payment_intent"
    own = obj | {key: f"pi_{number}"}
    if "client_reference_id" in obj:
        own |= {"client_reference_id": f"student-{number}", "id": f"cs_{number}"}
    return event | {"data": {"object": own}}


def test_credits_on_top_are_on_the_ledger_and_in_what_the_order_counts(timetable: Timetable) -> None:
    coupon = timetable.coupon("MORE", "CREDIT_BONUS", bonus_credits=2)

    timetable.studio.deliver(with_use(checkout(), hold(timetable, coupon)))

    (row,) = sold(timetable)
    package = timetable.studio.one("SELECT id FROM student_packages")["id"]
    assert (row["sessions"], row["discount"], row["redemption_type"]) == (7, 0, "COUPON_BONUS")
    assert timetable.left(package) == [7]


def test_a_checkout_that_expires_gives_its_use_back(timetable: Timetable) -> None:
    coupon = timetable.coupon("LESS", "DISCOUNT", discount_type="PERCENTAGE", discount_value=20, max_redemptions=1)
    use = hold(timetable, coupon)

    timetable.studio.deliver(with_use(checkout(paid="unpaid", kind="checkout.session.expired"), use))

    assert timetable.studio.one("SELECT status FROM coupon_uses")["status"] == "RELEASED"
    assert hold(timetable, coupon, "bea")


def test_what_is_paid_when_nothing_is_left_of_the_coupon_stands_and_is_put_before_staff(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    coupon = timetable.coupon("LESS", "DISCOUNT", discount_type="PERCENTAGE", discount_value=20, max_redemptions=1)
    use = hold(timetable, coupon)
    now.tick(timedelta(minutes=31))
    hold(timetable, coupon, "bea")

    timetable.studio.deliver(with_use(checkout(amount=400_000), use))

    (row,) = sold(timetable)
    assert (row["discount"], row["price_mismatch"], row["status"]) == (100_000, False, None)
    review = timetable.studio.one("SELECT kind, about FROM order_reviews")
    assert (review["kind"], review["about"]) == ("COUPON_EXHAUSTED", f"coupon_use:{use}")
    assert timetable.studio.count("domain_events WHERE type = 'order.needs_review'") == 1


def test_one_that_is_not_for_the_product_or_of_another_studio_makes_nothing_of_it(timetable: Timetable) -> None:
    other = timetable.coupon("OTHER", "CREDIT_BONUS", bonus_credits=2, applicable_packages=["CORE-10"])
    use = hold(timetable, other)

    timetable.studio.deliver(with_use(checkout(), use))
    timetable.studio.deliver(
        with_use(checkout("PREMIUM-3", payment="pi_2", org="thrive", currency="usd", amount=24_000), use)
    )

    assert [(row["sessions"], row["code"], row["status"]) for row in sold(timetable)] == [
        (5, None, None),
        (3, None, None),
    ]


def test_a_coupon_is_for_the_first_period_of_a_subscription_alone(timetable: Timetable) -> None:
    timetable.studio.rows(SUBSCRIPTION)
    timetable.studio.rows(RIDES)
    coupon = timetable.coupon("LESS", "DISCOUNT", discount_type="PERCENTAGE", discount_value=50, max_redemptions=9)
    use = hold(timetable, coupon)

    timetable.studio.deliver(subscribed(), invoice("in_2", 1, coupon_use=use), invoice(amount=900_000, coupon_use=use))

    rows = [(row["paid"], row["discount"], row["price_mismatch"], row["code"]) for row in sold(timetable)]
    assert sorted(rows) == [(900_000, 900_000, False, "LESS"), (1_800_000, 0, False, None)]


def noted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the statements that are sent from now on, also those that SQLAlchemy does not see."""
    statements: list[str] = []
    execute = psycopg.Cursor.execute

    def note(self: Any, query: Any, *values: Any, **more: Any) -> Any:
        statements.append(str(query))
        return execute(self, query, *values, **more)

    monkeypatch.setattr(psycopg.Cursor, "execute", note)
    return statements


@pytest.mark.parametrize("expires", [False, True])
def test_many_purchases_with_coupons_cost_no_more_statements_than_few(
    timetable: Timetable, monkeypatch: pytest.MonkeyPatch, *, expires: bool
) -> None:
    coupon = timetable.coupon("LESS", "DISCOUNT", discount_type="PERCENTAGE", discount_value=20, max_redemptions=90)
    ends: dict[str, Any] = {"paid": "unpaid", "kind": "checkout.session.expired"} if expires else {}
    costs = []
    for count in (2, 12):
        names = [f"student-{count}-{number}" for number in range(count)]
        uses = {name: hold(timetable, coupon, name) for name in names}
        told = [checkout(payment=f"pi_{name}", student=name, email=None, amount=400_000, **ends) for name in names]
        timetable.studio.receive(*(with_use(each, uses[name]) for each, name in zip(told, names, strict=True)))
        with monkeypatch.context() as patched:
            statements = noted(patched)
            timetable.studio.drain()
        costs.append(len(statements))

    assert costs[1] == costs[0]
    states = {row["status"] for row in timetable.studio.rows("SELECT status FROM coupon_uses")}
    assert states == {"RELEASED" if expires else "USED"}

"""A purchase that is given to its buyer late: what of it goes along, and what stays where it was."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory

from tests.domain.booking.world import give_back
from tests.domain.purchase.test_coupon_deal import hold, with_use
from tests.domain.purchase.turning import in_days
from tests.stripe_objects import checkout, intent
from tests.timetable import Timetable

pytestmark = pytest.mark.usefixtures("now")

PASS = {"amount": 2_100_000}
BOOKED = """
SELECT s.external_id AS of, b.status FROM bookings b JOIN students s ON s.id = b.student_id
  JOIN orders o ON o.id = b.order_id JOIN payments p ON p.id = o.payment_id WHERE p.stripe_key = 'pi_late'
"""
USED = """
SELECT s.external_id AS of, u.slot, u.freed_at IS NOT NULL AS freed FROM all_access_daily_usages u
  JOIN students s ON s.id = u.student_id ORDER BY u.id
"""


def buy_for_grace(timetable: Timetable, product: str = "EXPLORER-5", **more: Any) -> None:
    """Have a PaymentIntent give to grace what its Checkout will give to ada."""
    about: dict[str, Any] = {"product_code": product, "org": "lumen", "email": "g@example.com", "student_id": "grace"}
    timetable.studio.deliver(intent("pi_late", **(about | more)))


def tell_the_buyer(timetable: Timetable, product: str = "EXPLORER-5", **more: Any) -> str:
    """Deliver the Checkout that names ada, and return what became of it."""
    event = checkout(product, payment="pi_late", student="ada", **more)
    timetable.studio.deliver(event)
    return str(timetable.studio.event(event)["status"])


def booked(timetable: Timetable) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in timetable.studio.rows(BOOKED)]


def broken(timetable: Timetable) -> list[str]:
    """Return what the audit finds, but for what nobody has sent in the days that passed."""
    return [each for each in timetable.studio.audit() if not each.startswith("inbox.alive")]


def used(timetable: Timetable) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in timetable.studio.rows(USED)]


@pytest.mark.parametrize("status", ["CONFIRMED", "COMPLETED", "NO_SHOW"])
@pytest.mark.parametrize("product", ["EXPLORER-5", "ALL-ACCESS-30"])
def test_what_both_attended_stays_with_each(
    timetable: Timetable, now: FrozenDateTimeFactory, product: str, status: str
) -> None:
    price = PASS if product == "ALL-ACCESS-30" else {"amount": 500_000}
    buy_for_grace(timetable, product, **price)
    timetable.buy("ada", product)
    session = timetable.session(in_days(1))
    assert [timetable.book(name, session).code for name in ("grace", "ada")] == ["done", "done"]
    now.tick(timedelta(days=2))
    timetable.studio.rows(f"UPDATE bookings SET status = '{status}'")

    assert tell_the_buyer(timetable, product, **price) == "PROCESSED"

    assert booked(timetable) == [("grace", status)]
    assert {code for code, owner in timetable.studio.packages() if owner == "ada"} == {product}
    assert broken(timetable) == []


@pytest.mark.parametrize("over", [True, False])
def test_days_of_a_pass_go_along(timetable: Timetable, now: FrozenDateTimeFactory, *, over: bool) -> None:
    buy_for_grace(timetable, "ALL-ACCESS-30", **PASS)
    assert timetable.book("grace", timetable.session(in_days(1))).code == "done"
    if over:
        now.tick(timedelta(days=2))

    assert tell_the_buyer(timetable, "ALL-ACCESS-30", **PASS) == "PROCESSED"

    assert booked(timetable) == [("ada", "CONFIRMED")]
    assert used(timetable) == [("ada", 1, False)]
    assert broken(timetable) == []


@pytest.mark.parametrize(
    ("limit", "over", "booking", "day"),
    [
        (1, True, ("grace", "CONFIRMED"), ("grace", 1, False)),
        (1, False, ("ada", "CANCELLED"), ("grace", 1, True)),
        (2, True, ("ada", "CONFIRMED"), ("ada", 2, False)),
        (2, False, ("ada", "CONFIRMED"), ("ada", 2, False)),
    ],
)
def test_a_day_on_which_both_used_a_pass(
    timetable: Timetable,
    now: FrozenDateTimeFactory,
    *,
    limit: int,
    over: bool,
    booking: tuple[str, str],
    day: tuple[str, int, bool],
) -> None:
    buy_for_grace(timetable, "ALL-ACCESS-30", **PASS)
    timetable.buy("ada", "ALL-ACCESS-30")
    timetable.studio.rows(f"UPDATE student_packages SET all_access_daily_limit = {limit}")
    assert timetable.book("grace", timetable.session(in_days(1, 9))).code == "done"
    assert timetable.book("ada", timetable.session(in_days(1, 15))).code == "done"
    if over:
        now.tick(timedelta(days=2))

    assert tell_the_buyer(timetable, "ALL-ACCESS-30", **PASS) == "PROCESSED"

    assert booked(timetable) == [booking]
    assert used(timetable)[0] == day
    assert broken(timetable) == []


@pytest.mark.parametrize(("most", "owner"), [(2, "ada"), (1, "grace")])
def test_the_use_of_a_coupon_goes_with_its_package_as_far_as_one_may_use_it(
    timetable: Timetable, most: int, owner: str
) -> None:
    coupon = timetable.coupon(
        "LESS", "DISCOUNT", discount_type="PERCENTAGE", discount_value=20, max_redemptions_per_member=most
    )
    theirs, hers = hold(timetable, coupon, "grace"), hold(timetable, coupon, "ada")
    timetable.studio.deliver(with_use(checkout(payment="pi_hers", amount=400_000), hers))
    buy_for_grace(timetable, amount=400_000, coupon_use=theirs)

    assert tell_the_buyer(timetable, amount=400_000) == "PROCESSED"

    use = timetable.studio.one(
        "SELECT s.external_id, u.status FROM coupon_uses u JOIN students s ON s.id = u.student_id"
        f" WHERE u.id = {theirs}"
    )
    assert dict(use) == {"external_id": owner, "status": "USED"}
    noted = [row["about"] for row in timetable.studio.rows("SELECT about FROM order_reviews")]
    assert noted == ([] if owner == "ada" else [f"coupon_use:{theirs}"])
    assert broken(timetable) == []


# Guests.

FRIEND = {"name": "Zoe", "email": "zoe@example.com"}
ELITE = {"amount": 1_800_000}
PARTY = """
SELECT s.external_id AS of, b.status, b.guest_of IS NOT NULL AS guest FROM bookings b
  JOIN students s ON s.id = b.student_id WHERE b.session_id = %(id)s ORDER BY b.id
"""


def party(timetable: Timetable, session: int) -> list[tuple[Any, ...]]:
    """Return who is, or was, in a session: whose booking, its status, whether a guest's."""
    return [tuple(row.values()) for row in timetable.studio.rows(PARTY, id=session)]


def bring(timetable: Timetable, session: int, **more: Any) -> None:
    """Have grace come with a guest."""
    assert timetable.book("grace", session, friend=FRIEND, **more).code == "done"


def late_package(timetable: Timetable) -> int:
    row = timetable.studio.one(
        "SELECT k.id FROM student_packages k JOIN orders o ON o.id = k.order_id JOIN payments p ON p.id = o.payment_id"
        " WHERE p.stripe_key = 'pi_late'"
    )
    return int(row["id"])


def test_a_guest_goes_along_with_the_host(timetable: Timetable) -> None:
    buy_for_grace(timetable, "ELITE-30", **ELITE)
    session = timetable.session(in_days(3), capacity=2)
    bring(timetable, session)

    assert tell_the_buyer(timetable, "ELITE-30", **ELITE) == "PROCESSED"

    assert party(timetable, session) == [("ada", "CONFIRMED", False), ("ada", "CONFIRMED", True)]
    again = timetable.book("ada", timetable.session(in_days(4)), friend=FRIEND)
    assert again.code == "friend_pass_unavailable"
    assert broken(timetable) == []


def test_a_guest_goes_with_the_host_who_clashes(timetable: Timetable) -> None:
    buy_for_grace(timetable, "ELITE-30", **ELITE)
    session = timetable.session(in_days(3), capacity=2)
    bring(timetable, session)
    timetable.buy("ada")
    timetable.book("ada", timetable.session(in_days(3)))
    waiting = timetable.students(1)[0]
    timetable.join(waiting, session)

    tell_the_buyer(timetable, "ELITE-30", **ELITE)
    timetable.work()

    assert timetable.who(session) == [waiting]
    assert timetable.left(late_package(timetable)) == [30]
    # One for the host, one for the guest.
    assert timetable.kinds("grace").count("booking.cancelled") == 2
    assert timetable.book("ada", timetable.session(in_days(4)), friend=FRIEND).code == "done"
    assert broken(timetable) == []


@pytest.mark.parametrize(
    ("late", "own", "hosted"), [("ELITE-30", "EXPLORER-5", "grace"), ("EXPLORER-5", "ELITE-30", "ada")]
)
def test_a_guest_whom_another_order_brings_than_the_hosts_is_given_up_where_it_is_ahead(
    timetable: Timetable, late: str, own: str, hosted: str
) -> None:
    price = ELITE if late == "ELITE-30" else {"amount": 500_000}
    buy_for_grace(timetable, late, **price)
    kept = timetable.buy("grace", own)
    session = timetable.session(in_days(3), capacity=2)
    bring(timetable, session, packageId=kept if own == "EXPLORER-5" else late_package(timetable))
    waiting = timetable.students(1)[0]
    timetable.join(waiting, session)

    tell_the_buyer(timetable, late, **price)
    timetable.work()

    assert timetable.who(session) == sorted([hosted, waiting])
    assert [(status, guest) for _, status, guest in party(timetable, session)][:2] == [
        ("CONFIRMED", False),
        ("CANCELLED", True),
    ]
    # The pass brings somebody else, by whoever holds it now.
    holder = "ada" if late == "ELITE-30" else "grace"
    assert timetable.book(holder, timetable.session(in_days(4)), friend=FRIEND).code == "done"
    assert broken(timetable) == []


@pytest.mark.parametrize(
    ("late", "own", "hosted"), [("ELITE-30", "EXPLORER-5", "grace"), ("EXPLORER-5", "ELITE-30", "ada")]
)
def test_a_guest_who_came_stays_with_the_host(
    timetable: Timetable, now: FrozenDateTimeFactory, late: str, own: str, hosted: str
) -> None:
    price = ELITE if late == "ELITE-30" else {"amount": 500_000}
    buy_for_grace(timetable, late, **price)
    kept = timetable.buy("grace", own)
    session = timetable.session(in_days(1), capacity=2)
    bring(timetable, session, packageId=kept if own == "EXPLORER-5" else late_package(timetable))
    now.tick(timedelta(days=2))
    timetable.studio.rows("UPDATE bookings SET status = 'COMPLETED'")

    assert tell_the_buyer(timetable, late, **price) == "PROCESSED"

    assert party(timetable, session) == [(hosted, "COMPLETED", False), (hosted, "COMPLETED", True)]
    assert broken(timetable) == []


def test_guests_go_with_the_money_of_what_was_given_to_its_buyer(timetable: Timetable) -> None:
    buy_for_grace(timetable, "ELITE-30", **ELITE)
    session = timetable.session(in_days(3), capacity=2)
    bring(timetable, session)
    tell_the_buyer(timetable, "ELITE-30", **ELITE)

    give_back(timetable, late_package(timetable))

    assert party(timetable, session) == [("ada", "CANCELLED", False), ("ada", "CANCELLED", True)]
    assert (timetable.kinds("ada").count("booking.cancelled"), "booking.cancelled" in timetable.kinds("grace")) == (
        2,
        False,
    )
    assert broken(timetable) == []

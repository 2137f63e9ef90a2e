"""Uses of a coupon: taken, held for half an hour, settled, given back; never more than there are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from db.transaction import transaction
from domain.desk import coupon_use
from domain.errors import CouponExhausted, CouponInvalid
from tests.timetable import Timetable

AT = datetime(2026, 10, 5, 8, tzinfo=UTC)
HALF_AN_HOUR = timedelta(minutes=30)
Act = Callable[..., Any]


@pytest.fixture
def do(timetable: Timetable) -> Act:
    """Do something in a transaction of its own."""

    def act(function: Callable[..., Any], *args: Any, **more: Any) -> Any:
        with transaction(timetable.engine) as session:
            return function(session, *args, **more)

    return act


def take(session: Session, coupon: int, student: int, *, at: datetime = AT) -> int:
    return coupon_use.take(session, coupon_use.lock(session, [coupon])[coupon], student, at=at)


def uses(timetable: Timetable) -> list[tuple[str, int | None, int | None]]:
    rows = timetable.studio.rows("SELECT status, number, student_number FROM coupon_uses ORDER BY id")
    return [(row["status"], row["number"], row["student_number"]) for row in rows]


def test_a_hold_counts_for_half_an_hour(timetable: Timetable, do: Act) -> None:
    coupon = timetable.coupon("ONCE", "DISCOUNT", discount_type="PERCENTAGE", discount_value=10, max_redemptions=1)
    ada, eve = timetable.student("ada"), timetable.student("eve")
    do(coupon_use.hold, coupon, ada, at=AT)

    with pytest.raises(CouponExhausted):
        do(coupon_use.hold, coupon, eve, at=AT + HALF_AN_HOUR - timedelta(seconds=1))
    do(coupon_use.hold, coupon, eve, at=AT + HALF_AN_HOUR)

    assert uses(timetable) == [("RELEASED", None, None), ("HELD", 1, 1)]


def test_a_hold_that_is_paid_is_a_use(timetable: Timetable, do: Act) -> None:
    coupon, ada = timetable.coupon("PLUS2", "CREDIT_BONUS", bonus_credits=2), timetable.student("ada")
    package = timetable.buy("ada")
    use = do(coupon_use.hold, coupon, ada, at=AT)

    do(coupon_use.settle, use, package, at=AT + timedelta(minutes=5))
    do(coupon_use.settle, use, package, at=AT + timedelta(minutes=6))

    assert uses(timetable) == [("USED", 1, 1)]
    assert timetable.studio.one("SELECT student_package_id AS k FROM coupon_uses")["k"] == package
    assert do(coupon_use.release, use) is False
    assert uses(timetable) == [("USED", 1, 1)]


def test_a_hold_that_lapsed_still_counts_if_there_is_room(timetable: Timetable, do: Act) -> None:
    coupon = timetable.coupon("TWICE", "CREDIT_BONUS", bonus_credits=2, max_redemptions=2)
    ada, eve = timetable.student("ada"), timetable.student("eve")
    package = timetable.buy("ada")
    use = do(coupon_use.hold, coupon, ada, at=AT)
    later = AT + 2 * HALF_AN_HOUR
    do(take, coupon, eve, at=later)

    do(coupon_use.settle, use, package, at=later)

    assert uses(timetable) == [("USED", 2, 1), ("USED", 1, 1)]


def test_a_hold_that_nobody_took_over_is_still_its_own(timetable: Timetable, do: Act) -> None:
    coupon = timetable.coupon("ONCE", "CREDIT_BONUS", bonus_credits=2, max_redemptions=1)
    package = timetable.buy("ada")
    use = do(coupon_use.hold, coupon, timetable.student("ada"), at=AT)

    do(coupon_use.settle, use, package, at=AT + timedelta(days=3))

    assert uses(timetable) == [("USED", 1, 1)]


def test_a_hold_that_lapsed_and_was_taken_over_is_refused(timetable: Timetable, do: Act) -> None:
    coupon = timetable.coupon("ONCE", "CREDIT_BONUS", bonus_credits=2, max_redemptions=1)
    package = timetable.buy("ada")
    use = do(coupon_use.hold, coupon, timetable.student("ada"), at=AT)
    later = AT + 2 * HALF_AN_HOUR
    do(take, coupon, timetable.student("eve"), at=later)

    with pytest.raises(CouponExhausted):
        do(coupon_use.settle, use, package, at=later)

    assert uses(timetable) == [("RELEASED", None, None), ("USED", 1, 1)]


def test_what_is_given_back_is_there_for_the_next(timetable: Timetable, do: Act) -> None:
    coupon = timetable.coupon("TWICE", "CREDIT_BONUS", bonus_credits=2, max_redemptions=2)
    ada, eve, hal = (timetable.student(name) for name in ("ada", "eve", "hal"))
    first = do(coupon_use.hold, coupon, ada, at=AT)
    do(take, coupon, eve)

    assert do(coupon_use.release, first) is True
    assert do(coupon_use.release, first) is False
    do(take, coupon, hal)

    assert uses(timetable) == [("RELEASED", None, None), ("USED", 2, 1), ("USED", 1, 1)]
    with pytest.raises(CouponExhausted):
        do(take, coupon, ada)


def test_a_gap_in_the_middle_is_found(timetable: Timetable, do: Act) -> None:
    coupon = timetable.coupon("THRICE", "CREDIT_BONUS", bonus_credits=2, max_redemptions=3)
    students = [timetable.student(f"student-{number}") for number in range(5)]
    do(take, coupon, students[0])
    held = do(coupon_use.hold, coupon, students[1], at=AT)
    do(take, coupon, students[2])
    do(coupon_use.release, held)

    do(take, coupon, students[3])

    assert uses(timetable)[-1] == ("USED", 2, 1)
    with pytest.raises(CouponExhausted):
        do(take, coupon, students[4])


def test_a_student_uses_a_coupon_as_often_as_one_may(timetable: Timetable, do: Act) -> None:
    coupon = timetable.coupon("MORE", "CREDIT_BONUS", bonus_credits=2, max_redemptions_per_member=3)
    ada, eve = timetable.student("ada"), timetable.student("eve")
    do(take, coupon, ada)
    held = do(coupon_use.hold, coupon, ada, at=AT)
    do(take, coupon, ada)

    with pytest.raises(CouponExhausted):
        do(take, coupon, ada)
    do(coupon_use.release, held)
    do(take, coupon, eve)
    do(take, coupon, ada)

    assert uses(timetable) == [("USED", 1, 1), ("RELEASED", None, None), ("USED", 3, 3), ("USED", 4, 1), ("USED", 5, 2)]


def test_nobody_holds_a_coupon_that_is_not_there(do: Act, timetable: Timetable) -> None:
    with pytest.raises(CouponInvalid):
        do(coupon_use.hold, 999_999, timetable.student("ada"), at=AT)

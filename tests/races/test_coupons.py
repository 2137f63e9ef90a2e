"""Desks and Checkouts that race for the uses of a coupon, on real connections: never more than there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from threading import Thread
from time import sleep
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from db.transaction import transaction
from domain.desk import coupon_book, coupon_use
from domain.errors import CouponExhausted, InvalidField
from tests.domain.purchase.test_coupon_deal import hold, with_use
from tests.races.bookings import OUT_OF_TURN, SINGLY
from tests.stripe_objects import checkout
from tests.timetable import Timetable
from worker import clock
from worker.job_inbox import JOBS

INBOXES = pytest.mark.parametrize("inbox", [JOBS, SINGLY, OUT_OF_TURN], ids=["batches", "singly", "out of turn"])


def members(timetable: Timetable, number: int, *, first: int = 0) -> list[str]:
    names = [f"member-{first + each}" for each in range(number)]
    for name in names:
        timetable.student(name)
    return names


def redeem_all(timetable: Timetable, names: list[str], code: str, **more: Any) -> list[int]:
    package = timetable.product("CORE-10")
    return [timetable.ask_to_redeem(name, couponCode=code, packageId=package, **more) for name in names]


def numbers(timetable: Timetable) -> list[int]:
    rows = timetable.studio.rows("SELECT number FROM coupon_uses WHERE number IS NOT NULL ORDER BY number")
    return [int(row["number"]) for row in rows]


@INBOXES
def test_one_use_goes_to_one_of_twenty_desks(timetable: Timetable, inbox: Any) -> None:
    timetable.coupon("ONCE", "CREDIT_BONUS", bonus_credits=2, max_redemptions=1)
    jobs = redeem_all(timetable, members(timetable, 20), "ONCE")

    assert timetable.crowd(inbox) == []

    assert Counter(timetable.codes(jobs)) == {"done": 1, "coupon_exhausted": 19}
    assert len(timetable.studio.packages()) == 1
    assert timetable.studio.audit() == []


def test_seven_uses_go_to_seven_of_forty(timetable: Timetable) -> None:
    timetable.coupon("SEVEN", "CREDIT_BONUS", bonus_credits=2, max_redemptions=7)
    jobs = redeem_all(timetable, members(timetable, 40), "SEVEN")

    assert timetable.crowd(SINGLY) == []

    assert Counter(timetable.codes(jobs)) == {"done": 7, "coupon_exhausted": 33}
    assert numbers(timetable) == list(range(1, 8))
    assert timetable.studio.audit() == []


@INBOXES
def test_a_student_at_many_desks_uses_a_coupon_as_often_as_one_may(timetable: Timetable, inbox: Any) -> None:
    timetable.coupon("TWICE", "CREDIT_BONUS", bonus_credits=2, max_redemptions_per_member=2)
    jobs = redeem_all(timetable, members(timetable, 1) * 20, "TWICE")

    assert timetable.crowd(inbox) == []

    assert Counter(timetable.codes(jobs)) == {"done": 2, "coupon_exhausted": 18}
    assert timetable.studio.audit() == []


def test_a_coupon_of_ten_uses_by_five_students_who_may_twice(timetable: Timetable) -> None:
    timetable.coupon("BOTH", "CREDIT_BONUS", bonus_credits=2, max_redemptions=9, max_redemptions_per_member=2)
    jobs = redeem_all(timetable, members(timetable, 5) * 6, "BOTH")

    assert timetable.crowd(OUT_OF_TURN) == []

    assert Counter(timetable.codes(jobs)) == {"done": 9, "coupon_exhausted": 21}
    assert timetable.studio.audit() == []


def test_checkouts_that_hold_and_desks_that_redeem_never_use_more_than_there_are(timetable: Timetable) -> None:
    coupon = timetable.coupon("FIVE", "CREDIT_BONUS", bonus_credits=2, max_redemptions=5)
    jobs = redeem_all(timetable, members(timetable, 10), "FIVE")
    held: list[int] = []

    def check_out(name: str) -> Callable[[], None]:
        student = timetable.student(name)

        def hold() -> None:
            try:
                with transaction(timetable.engine) as session:
                    held.append(coupon_use.hold(session, coupon, student, at=clock.now()))
            except CouponExhausted:
                return

        return hold

    checkouts = [check_out(name) for name in members(timetable, 6, first=10)]
    assert timetable.crowd(SINGLY, workers=4, meanwhile=checkouts) == []

    assert timetable.codes(jobs).count("done") + len(held) == 5
    assert numbers(timetable) == [1, 2, 3, 4, 5]
    assert timetable.studio.audit() == []


def test_of_a_hold_that_lapsed_and_the_desks_after_it_one_has_the_use(timetable: Timetable) -> None:
    for each in range(6):
        code = f"ONCE-{each}"
        coupon = timetable.coupon(code, "CREDIT_BONUS", bonus_credits=2, max_redemptions=1)
        ada = timetable.student("ada")
        with transaction(timetable.engine) as session:
            use = coupon_use.hold(session, coupon, ada, at=clock.now() - timedelta(hours=1))
        jobs = redeem_all(timetable, members(timetable, 4), code)
        settled: list[bool] = []

        def settle(use: int = use, settled: list[bool] = settled) -> None:
            package = timetable.buy("ada")
            try:
                with transaction(timetable.engine) as session:
                    coupon_use.settle(session, use, package, at=clock.now())
                settled.append(True)
            except CouponExhausted:
                settled.append(False)

        assert timetable.crowd(SINGLY, workers=4, meanwhile=[settle]) == []

        assert timetable.codes(jobs).count("done") + settled.count(True) == 1
        row = timetable.studio.one(
            "SELECT count(*) AS n FROM coupon_uses WHERE number IS NOT NULL AND coupon_id = %(id)s", id=coupon
        )
        assert row["n"] == 1


@pytest.mark.parametrize("expires", [True, False])
def test_a_desk_that_holds_the_student_gets_the_coupon_while_a_checkout_of_theirs_waits(
    timetable: Timetable, *, expires: bool
) -> None:
    coupon = timetable.coupon("LESS", "DISCOUNT", discount_type="PERCENTAGE", discount_value=20, max_redemptions=9)
    ada, ended = timetable.student("ada"), {"paid": "unpaid", "kind": "checkout.session.expired"}
    use = hold(timetable, coupon)
    more: dict[str, Any] = ended if expires else {"amount": 400_000}
    told = with_use(checkout(payment="pi_1", email=None, **more), use)
    timetable.studio.receive(told, checkout(payment="pi_2", email=None))

    with timetable.engine.connect() as desk:
        desk.execute(text("SELECT 1 FROM students WHERE id = :id FOR NO KEY UPDATE"), {"id": ada})
        worker = Thread(target=timetable.studio.drain)
        worker.start()
        await_a_waiter(timetable)
        desk.execute(text("SELECT 1 FROM coupons WHERE id = :id FOR NO KEY UPDATE NOWAIT"), {"id": coupon})
        desk.rollback()
    worker.join()

    assert {row["status"] for row in timetable.studio.rows("SELECT status FROM stripe_events")} == {"PROCESSED"}
    (row,) = timetable.studio.rows("SELECT status FROM coupon_uses")
    assert row["status"] == ("RELEASED" if expires else "USED")


def test_whoever_buys_a_course_with_a_coupon_waits_for_the_coupon_before_the_cohort(timetable: Timetable) -> None:
    terms = {"discount_type": "PERCENTAGE", "discount_value": 20, "max_redemptions": 9}
    coupon, ada = timetable.coupon("LESS", "DISCOUNT", org="thrive", **terms), timetable.student("ada", "thrive")
    with transaction(timetable.engine) as session:
        use = coupon_use.hold(session, coupon, ada, at=clock.now())
    cohort = timetable.studio.one(
        "INSERT INTO course_cohorts (organization_id, course_program_id, code, name, capacity, enrollment_deadline,"
        " created_at) SELECT organization_id, id, 'SPRING', 'Spring', 5, %(at)s + interval '30 days', %(at)s"
        " FROM course_programs LIMIT 1 RETURNING id",
        at=clock.now(),
    )["id"]
    told = checkout("SFZ", email=None, amount=39_920, org="thrive", currency="usd")
    told["data"]["object"]["metadata"]["cohort_id"] = str(cohort)
    timetable.studio.receive(with_use(told, str(use)))

    with timetable.engine.connect() as desk:
        desk.execute(text("SELECT 1 FROM coupons WHERE id = :id FOR NO KEY UPDATE"), {"id": coupon})
        worker = Thread(target=timetable.studio.drain)
        worker.start()
        await_a_waiter(timetable)
        desk.execute(text("SELECT 1 FROM course_cohorts WHERE id = :id FOR NO KEY UPDATE NOWAIT"), {"id": cohort})
        desk.rollback()
    worker.join()

    enrolled = timetable.studio.one("SELECT cohort_id, status FROM student_course_enrollments")
    assert dict(enrolled) == {"cohort_id": cohort, "status": "ACTIVE"}
    assert timetable.studio.one("SELECT status FROM coupon_uses")["status"] == "USED"


def await_a_waiter(timetable: Timetable) -> None:
    """Return as soon as somebody waits for a lock in this database."""
    waiting = (
        "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    for _ in range(1000):
        if timetable.studio.one(waiting)["n"]:
            return
        sleep(0.01)
    pytest.fail("nobody waits")


def test_a_limit_that_is_lowered_meanwhile_holds(timetable: Timetable) -> None:
    coupon = timetable.coupon("MANY", "CREDIT_BONUS", bonus_credits=2, max_redemptions=20)
    jobs = redeem_all(timetable, members(timetable, 20), "MANY")
    lowered: list[bool] = []

    def lower() -> None:
        try:
            with transaction(timetable.engine) as session:
                organization = timetable.organization("lumen")
                coupon_book.change(session, organization, coupon, {"max_redemptions": 10}, at=clock.now())
            lowered.append(True)
        except InvalidField:
            lowered.append(False)

    assert timetable.crowd(SINGLY, meanwhile=[lower]) == []

    codes = Counter(timetable.codes(jobs))
    assert codes["done"] == (10 if lowered == [True] else 20)
    assert timetable.studio.audit() == []


def test_a_member_whom_several_desks_make_at_once_is_one(timetable: Timetable) -> None:
    package = timetable.product("CORE-10")
    told: dict[str, Any] = {"email": "new@example.com", "known": False, "packageId": package}
    jobs = [timetable.ask_to_redeem(f"new-{each % 3}", **told) for each in range(18)]

    assert timetable.crowd(SINGLY) == []

    assert Counter(timetable.codes(jobs)) == {"done": 18}
    assert timetable.studio.count("students") == 3
    assert timetable.studio.audit() == []


def test_passes_that_are_handed_over_at_once_follow_each_other(timetable: Timetable) -> None:
    package = timetable.product("ALL-ACCESS-30")
    for _ in range(8):
        timetable.ask_to_redeem("ada", packageId=package)

    assert timetable.crowd(OUT_OF_TURN) == []

    rows = timetable.studio.rows("SELECT * FROM student_packages ORDER BY all_access_starts_at")
    assert len(rows) == 8
    ends = [row["all_access_expires_at"] for row in rows]
    assert [row["all_access_starts_at"] for row in rows[1:]] == ends[:-1]
    assert timetable.studio.audit() == []


# The database alone.


class Till:
    """A coupon with uses of Ada and of Eve, and a package of Ada's with it."""

    def __init__(self, timetable: Timetable) -> None:
        self.timetable, self.studio = timetable, timetable.studio
        more: dict[str, Any] = {"bonus_credits": 1, "max_redemptions": 3, "max_redemptions_per_member": 2}
        self.coupon = timetable.coupon("THREE", "CREDIT_BONUS", **more)
        timetable.redeem("ada", "CORE-10", couponCode="THREE")
        timetable.redeem("eve", "CORE-10", couponCode="THREE")

    def use(self, student: str, number: int | None, own: int | None, status: str = "USED", **more: Any) -> None:
        """Write another use."""
        values = {"most": 3, "own_most": 2, "package": None, "until": None} | more
        self.studio.rows(
            "INSERT INTO coupon_uses (organization_id, coupon_id, student_id, max_redemptions,"
            " max_redemptions_per_student, number, student_number, status, held_until, student_package_id, created_at)"
            " SELECT organization_id, id, %(student)s, %(most)s, %(own_most)s, %(number)s, %(own)s, %(status)s,"
            " %(until)s, %(package)s, created_at FROM coupons WHERE id = %(coupon)s",
            student=self.timetable.student(student),
            number=number,
            own=own,
            status=status,
            coupon=self.coupon,
            **values,
        )


def number_twice(till: Till) -> None:
    till.use("hal", 1, 1)


def number_of_a_student_twice(till: Till) -> None:
    till.use("ada", 3, 1)


def above_the_limit(till: Till) -> None:
    till.use("hal", 4, 1)


def above_the_limit_of_a_student(till: Till) -> None:
    till.use("hal", 3, 3)


def a_limit_that_the_coupon_has_not(till: Till) -> None:
    till.use("hal", 4, 1, most=4)


def a_limit_below_what_was_used(till: Till) -> None:
    till.studio.rows("UPDATE coupons SET max_redemptions = 1 WHERE id = %(id)s", id=till.coupon)


def without_numbers(till: Till) -> None:
    till.use("hal", None, None)


def half_a_number(till: Till) -> None:
    till.use("hal", 3, None)


def released_with_numbers(till: Till) -> None:
    till.use("hal", 3, 1, "RELEASED")


def held_without_an_end(till: Till) -> None:
    till.use("hal", 3, 1, "HELD")


def a_package_twice(till: Till) -> None:
    till.use("hal", 3, 1, package=1)


def code_twice(till: Till) -> None:
    till.studio.rows(
        "INSERT INTO coupons (organization_id, code, name, coupon_type, bonus_credits, created_at)"
        " SELECT organization_id, code, name, coupon_type, bonus_credits, created_at FROM coupons WHERE id = %(id)s",
        id=till.coupon,
    )


def code_in_small_letters(till: Till) -> None:
    till.studio.rows("UPDATE coupons SET code = 'three' WHERE id = %(id)s", id=till.coupon)


def another_studios_student(till: Till) -> None:
    till.studio.rows(
        "UPDATE coupon_uses SET student_id = %(id)s WHERE number = 2", id=till.timetable.student("ada", "thrive")
    )


REFUSED = {
    number_twice: "uq_coupon_uses_number",
    number_of_a_student_twice: "uq_coupon_uses_student_number",
    above_the_limit: "ck_coupon_uses_within_limit",
    above_the_limit_of_a_student: "ck_coupon_uses_within_limit_of_student",
    a_limit_that_the_coupon_has_not: "fk_coupon_uses_limits",
    a_limit_below_what_was_used: "ck_coupon_uses_within_limit",
    without_numbers: "ck_coupon_uses_counts_or_released",
    half_a_number: "ck_coupon_uses_numbers_whole",
    released_with_numbers: "ck_coupon_uses_counts_or_released",
    held_without_an_end: "ck_coupon_uses_held_until_when",
    a_package_twice: "uq_coupon_uses_package",
    code_twice: "uq_coupons_code",
    code_in_small_letters: "ck_coupons_code_in_capitals",
    another_studios_student: "fk_coupon_uses_student_id",
}


@pytest.mark.parametrize(("wrong", "constraint"), REFUSED.items(), ids=[each.__name__ for each in REFUSED])
def test_the_database_refuses(timetable: Timetable, wrong: Any, constraint: str) -> None:
    till = Till(timetable)

    with pytest.raises(psycopg.errors.IntegrityError) as refused:
        wrong(till)

    assert refused.value.diag.constraint_name == constraint


def test_the_database_takes_what_breaks_no_rule(timetable: Timetable) -> None:
    till = Till(timetable)

    till.use("ada", 3, 2, "HELD", until=clock.now())
    till.use("hal", None, None, "RELEASED")
    till.studio.rows("UPDATE coupons SET max_redemptions = 4 WHERE id = %(id)s", id=till.coupon)
    till.use("hal", 4, 1, most=4)

    assert numbers(timetable) == [1, 2, 3, 4]

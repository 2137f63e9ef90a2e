"""Redeeming at the desk: the path of a purchase, without Stripe."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from freezegun import freeze_time

from tests.domain.booking.world import line, nothing_written, organization
from tests.timetable import Outcome, Timetable
from worker import clock

NOON = "2026-11-21T09:00:00Z"
NAMES = {"memberId", "packageId", "packageCode", "packageName", "listPrice", "paid", "currency", "credits", "status"}
NAMES |= {"balances", "redeemedAt", "startsAt", "expiresAt", "orderId", "studentPackageId", "id", "redemptionType"}


def refused(timetable: Timetable, member: str, product: str | None = None, **more: Any) -> Outcome:
    """Redeem what must be refused without a trace; return what the desk is told."""
    org = more.pop("org", "lumen")
    named = {"packageId": timetable.product(product, org)} if product else {}
    job = timetable.ask_to_redeem(member, org=org, **named | more)
    with nothing_written(timetable):
        timetable.work()
    return timetable.outcome(job)


def sells(timetable: Timetable, code: str, *lines: dict[str, Any], **product: Any) -> None:
    """Put a product on sale."""
    entry = {"code": code, "name": code.title(), "price": 100_000, "validity_days": 90, "allowances": list(lines)}
    timetable.studio.apply({"organizations": [organization() | {"products": [entry | product]}]})


@freeze_time(NOON)
def test_a_package_is_handed_over_as_if_it_were_bought(timetable: Timetable) -> None:
    done = timetable.redeem("ada", "CORE-10", notes="paid in cash")

    order = timetable.studio.one("SELECT * FROM orders")
    package = timetable.studio.one("SELECT * FROM student_packages")
    assert (order["status"], order["paid"], order["list_price"], order["currency"]) == ("PAID", 800_000, 800_000, "TRY")
    assert (order["payment_id"], order["price_mismatch"]) == (None, False)
    assert order["package_metadata"] == {"total_sessions": 10, "session_value_cents": 80_000}
    assert (package["redemption_type"], package["coupon_id"]) == ("PACKAGE_DIRECT", None)
    assert (package["notes"], package["redeemed_by"]) == ("paid in cash", "STAFF desk")
    assert package["expires_at"] == datetime(2027, 5, 20, 21, tzinfo=UTC)
    assert timetable.left(package["id"]) == [10]
    kinds = [row["kind"] for row in timetable.studio.rows("SELECT kind FROM notifications")]
    event = timetable.studio.one("SELECT type, sequence, data FROM domain_events")
    assert kinds == ["purchase.receipt"]
    assert (event["type"], event["sequence"], event["data"]["productCode"]) == ("package.fulfilled", 1, "CORE-10")
    # The student may read the job: what the desk noted is not in it.
    assert done.redemption.keys() == NAMES
    assert timetable.studio.audit() == []


def test_what_was_redeemed_pays_for_sessions(timetable: Timetable) -> None:
    package = timetable.redeem("ada", "EXPLORER-5").redemption["studentPackageId"]
    session = timetable.session(clock.now() + timedelta(days=3))

    assert timetable.book("ada", session).booking["studentPackageId"] == package
    assert timetable.left(package) == [4]
    assert timetable.studio.audit() == []


@freeze_time(NOON)
def test_a_second_pass_starts_when_the_first_ends_whoever_was_paid(timetable: Timetable) -> None:
    timetable.buy("ada", "ALL-ACCESS-30")

    second = timetable.redeem("ada", "ALL-ACCESS-30").redemption
    timetable.buy("ada", "ALL-ACCESS-30")

    windows = [
        (row["all_access_starts_at"], row["all_access_expires_at"])
        for row in timetable.studio.rows("SELECT * FROM student_packages ORDER BY id")
    ]
    assert windows[1][0] == windows[0][1]
    assert windows[2][0] == windows[1][1]
    assert second["allAccess"]["startsAt"] == windows[1][0].isoformat().replace("+00:00", "Z")
    assert timetable.studio.one("SELECT * FROM students")["has_all_access"]
    assert timetable.studio.audit() == []


def test_benefits_come_with_it(timetable: Timetable) -> None:
    done = timetable.redeem("ada", "ELITE-30").redemption

    assert done["friendPass"]["status"] == "AVAILABLE"
    assert timetable.studio.one("SELECT * FROM students")["is_elite_member"]
    assert timetable.studio.audit() == []


@pytest.mark.parametrize(
    ("coupon", "paid", "left", "words"),
    [
        (("DISCOUNT", {"discount_type": "PERCENTAGE", "discount_value": 15}), 680_000, 10, "10 Group (60 min)"),
        (("DISCOUNT", {"discount_type": "FIXED_AMOUNT", "discount_value": 900_000}), 0, 10, "10 Group (60 min)"),
        (("PACKAGE", {"package": "CORE-10", "custom_price": 100, "custom_credits": 4}), 100, 4, "4 Group (60 min)"),
        (("PACKAGE", {"package": "CORE-10"}), 800_000, 10, "10 Group (60 min)"),
        (("CREDIT_BONUS", {"bonus_credits": 3}), 800_000, 13, "10 Group (60 min) + 3 bonus"),
    ],
)
def test_a_coupon_changes_the_price_or_the_credits(
    timetable: Timetable, coupon: tuple[str, dict[str, Any]], paid: int, left: int, words: str
) -> None:
    kind, said = coupon
    number = timetable.coupon("SPECIAL", kind, **said)

    done = timetable.redeem("ada", "CORE-10", couponCode=" special ").redemption

    assert (done["paid"], done["listPrice"], done["credits"], done["couponCode"]) == (paid, 800_000, left, "SPECIAL")
    assert timetable.left(done["studentPackageId"]) == [left]
    order = timetable.studio.one("SELECT * FROM orders")
    assert order["package_metadata"] == {"total_sessions": left, "session_value_cents": round(paid / left)}
    package = timetable.studio.one("SELECT * FROM student_packages")
    assert (package["coupon_id"], package["bundle_description"]) == (number, words)
    use = timetable.studio.one("SELECT * FROM coupon_uses")
    assert (use["status"], use["student_package_id"]) == ("USED", package["id"])
    bonus = timetable.studio.rows("SELECT credits FROM package_uses WHERE kind = 'BONUS'")
    assert [row["credits"] for row in bonus] == ([-3] if kind == "CREDIT_BONUS" else [])
    assert timetable.studio.audit() == []


@pytest.mark.parametrize(
    ("kind", "said", "drafts"),
    [("PACKAGE", {"package": "WELLNESS-3", "custom_credits": 5}, 5), ("CREDIT_BONUS", {"bonus_credits": 2}, 5)],
)
def test_there_is_a_draft_for_each_credit_of_a_coupon_too(
    timetable: Timetable, kind: str, said: dict[str, Any], drafts: int
) -> None:
    timetable.coupon("MORE", kind, org="thrive", **said)

    done = timetable.redeem("ada", "WELLNESS-3", org="thrive", couponCode="MORE").redemption

    assert timetable.studio.one("SELECT count(*) AS n FROM bookings WHERE status = 'DRAFT'")["n"] == drafts
    assert timetable.left(done["studentPackageId"]) == [drafts]
    assert timetable.studio.audit() == []


# Which package.


def test_a_coupon_may_name_the_package(timetable: Timetable) -> None:
    timetable.coupon("ONLY", "CREDIT_BONUS", bonus_credits=1, applicable_packages=["EXPLORER-5"])

    assert timetable.redeem("ada", couponCode="FREERIDE").redemption["packageCode"] == "SINGLE-RIDE"
    assert timetable.redeem("ada", couponCode="ONLY").redemption["packageCode"] == "EXPLORER-5"


def test_one_of_several_must_be_named(timetable: Timetable) -> None:
    timetable.coupon("BOTH", "CREDIT_BONUS", bonus_credits=1, applicable_packages=["EXPLORER-5", "CORE-10"])

    told = refused(timetable, "ada", couponCode="BOTH")

    assert told.code == "validation_failed"
    assert told.problem
    assert "EXPLORER-5 or CORE-10" in told.problem["detail"]
    assert refused(timetable, "ada").code == "validation_failed"


def test_a_package_must_be_on_sale(timetable: Timetable) -> None:
    number = timetable.product("CORE-10")
    timetable.studio.rows("UPDATE products SET active = false WHERE id = %(id)s", id=number)

    assert refused(timetable, "ada", packageId=number).code == "not_found"
    assert refused(timetable, "ada", packageId=999_999).code == "not_found"
    assert refused(timetable, "ada", packageId=timetable.product("PREMIUM-3", "thrive")).code == "not_found"
    assert refused(timetable, "ada", couponCode="PLUS2").code == "coupon_invalid"


def test_a_coupon_whose_package_is_gone_is_for_nothing(timetable: Timetable) -> None:
    timetable.studio.rows("UPDATE products SET deleted_at = created_at WHERE code = 'SINGLE-RIDE'")

    assert refused(timetable, "ada", couponCode="FREERIDE").code == "coupon_invalid"


# Which coupon.


@pytest.mark.parametrize(
    "said",
    [
        "active = false",
        "deleted_at = created_at",
        "valid_from = '2200-01-01Z'",
        "valid_until = '2000-01-01Z'",
        "code = 'OTHER'",
        "organization_id = (SELECT id FROM organizations WHERE slug = 'thrive')",
    ],
)
def test_a_coupon_that_is_not_valid_is_refused(timetable: Timetable, said: str) -> None:
    timetable.studio.rows(f"UPDATE coupons SET {said} WHERE code = 'WELCOME10'")

    assert refused(timetable, "ada", "CORE-10", couponCode="WELCOME10").code == "coupon_invalid"


@freeze_time(NOON)
def test_a_coupon_is_valid_from_its_first_instant_to_before_its_last(timetable: Timetable) -> None:
    less: dict[str, Any] = {"discount_type": "PERCENTAGE", "discount_value": 1}
    timetable.coupon("NOW", "DISCOUNT", valid_from="2026-11-21T09:00Z", valid_until="2026-11-21T09:01Z", **less)
    timetable.coupon("OVER", "DISCOUNT", valid_until="2026-11-21T12:00", **less)

    assert timetable.redeem("ada", "CORE-10", couponCode="NOW").code == "done"
    # Noon in Istanbul is this instant.
    assert refused(timetable, "ada", "CORE-10", couponCode="OVER").code == "coupon_invalid"


@pytest.mark.parametrize(
    ("product", "code"), [("EXPLORER-5", "PLUS2"), ("ALL-ACCESS-30", "MORE"), ("CORE-10", "FREERIDE")]
)
def test_a_coupon_that_is_for_something_else_is_refused(timetable: Timetable, product: str, code: str) -> None:
    timetable.coupon("MORE", "CREDIT_BONUS", bonus_credits=2)

    assert refused(timetable, "ada", product, couponCode=code).code == "coupon_invalid"


def test_a_coupon_is_used_up(timetable: Timetable) -> None:
    timetable.coupon("ONCE", "CREDIT_BONUS", bonus_credits=2, max_redemptions=1)
    timetable.redeem("ada", "CORE-10", couponCode="ONCE")
    timetable.redeem("ada", "CORE-10", couponCode="WELCOME10")

    assert refused(timetable, "eve", "CORE-10", couponCode="ONCE").code == "coupon_exhausted"
    assert refused(timetable, "ada", "CORE-10", couponCode="WELCOME10").code == "coupon_exhausted"
    assert timetable.redeem("eve", "CORE-10", couponCode="WELCOME10").code == "done"
    assert timetable.studio.audit() == []


def test_what_became_of_a_product_is_judged_when_its_coupon_is_used(timetable: Timetable) -> None:
    sells(timetable, "BUNDLE", line())
    timetable.coupon("THREE", "PACKAGE", package="BUNDLE", custom_credits=3)
    sells(timetable, "BUNDLE", line(), line(service="PRIVATE"))

    assert refused(timetable, "ada", couponCode="THREE").code == "coupon_invalid"


# Which student.


def test_a_member_whom_nobody_knows_is_made_with_the_redemption(timetable: Timetable) -> None:
    done = timetable.redeem("new", "CORE-10", known=False, email="new@example.com", name="New")

    student = timetable.studio.one("SELECT * FROM students")
    assert (student["external_id"], student["email"], student["name"]) == ("new", "new@example.com", "New")
    assert done.redemption["memberId"] == "new"
    assert timetable.studio.audit() == []


def test_nobody_is_made_for_a_redemption_that_is_refused(timetable: Timetable) -> None:
    told: dict[str, Any] = {"known": False, "email": "new@example.com"}

    assert refused(timetable, "new", "CORE-10", couponCode="NONE", **told).code == "coupon_invalid"
    assert refused(timetable, "new", "CORE-10", known=False).code == "not_found"
    assert timetable.studio.count("students") == 0


def test_a_member_who_came_meanwhile_is_that_one(timetable: Timetable) -> None:
    jobs = [
        timetable.ask_to_redeem("new", known=False, email="new@example.com", packageId=timetable.product("CORE-10"))
        for _ in range(2)
    ]
    timetable.work()

    assert timetable.codes(jobs) == ["done", "done"]
    assert timetable.studio.packages() == [("CORE-10", "new")] * 2


def test_an_address_that_the_desk_knows_is_added_where_there_is_none(timetable: Timetable) -> None:
    timetable.redeem("ada", "SINGLE-RIDE")
    timetable.studio.relay()
    assert timetable.studio.one("SELECT status FROM notifications")["status"] == "PARKED"

    timetable.redeem("ada", "CORE-10", email="ada@example.com", name="Ada")
    timetable.redeem("ada", "CORE-10", email="other@example.com", name="Other")
    timetable.studio.relay()

    student = timetable.studio.one("SELECT * FROM students")
    assert (student["email"], student["name"]) == ("ada@example.com", "Ada")
    assert len(timetable.studio.mails()) == 3


def test_a_guest_is_not_taken_for_who_has_the_same_address(timetable: Timetable) -> None:
    timetable.studio.rows(
        "INSERT INTO students (organization_id, email, created_at) SELECT id, 'new@example.com', now()"
        " FROM organizations WHERE slug = 'lumen'"
    )

    timetable.redeem("new", "CORE-10", known=False, email="new@example.com")

    assert [row["external_id"] for row in timetable.studio.rows("SELECT * FROM students ORDER BY id")] == [None, "new"]


# By whom, and when.


def test_a_student_redeems_what_costs_nothing(timetable: Timetable) -> None:
    done = timetable.redeem_own("ada", "freeride")

    assert done.redemption["paid"] == 0
    assert timetable.studio.one("SELECT redeemed_by FROM student_packages")["redeemed_by"] == "STUDENT ada"
    assert timetable.studio.audit() == []


@pytest.mark.parametrize("code", ["PLUS2", "WELCOME10", "NONE"])
def test_a_student_redeems_nothing_that_costs_something(timetable: Timetable, code: str) -> None:
    job = timetable.ask("package.redeem", "ada", couponCode=code)
    with nothing_written(timetable):
        timetable.work()

    assert timetable.outcome(job).code == "coupon_invalid"


def test_a_student_is_told_what_it_would_cost_and_where_to_pay(timetable: Timetable) -> None:
    told = timetable.redeem_own("ada", "PLUS2")

    assert told.problem
    assert told.problem["detail"] == "Pay at the desk: with this coupon Core 10 costs 8\N{NO-BREAK SPACE}000.00 TRY."


def test_a_redemption_that_was_not_begun_in_time_is_not_made(timetable: Timetable) -> None:
    with freeze_time(NOON, tick=False) as now:
        job = timetable.ask_to_redeem("ada", packageId=timetable.product("CORE-10"))
        now.tick(timedelta(minutes=15, seconds=1))
        timetable.work()

        assert timetable.outcome(job).code == "too_late"
    assert timetable.studio.packages() == []


def test_the_receipt_says_what_was_paid_and_with_which_coupon(timetable: Timetable) -> None:
    timetable.redeem("ada", "CORE-10", couponCode="WELCOME10", email="ada@example.com", notes="a friend of mine")

    timetable.studio.relay()

    (mail,) = timetable.studio.mails()
    text = mail.read_text()
    assert "Paid: 7\N{NO-BREAK SPACE}200.00 TRY\nCoupon: WELCOME10\n" in text
    assert "a friend of mine" not in text


def test_a_purchase_has_no_coupon_on_its_receipt(timetable: Timetable) -> None:
    timetable.buy("ada", "CORE-10")
    timetable.studio.rows("UPDATE students SET email = 'ada@example.com'")

    timetable.studio.relay()

    assert "Coupon" not in timetable.studio.mails()[0].read_text()


def test_a_student_is_told_that_a_coupon_is_used_up_and_not_what_it_would_cost(timetable: Timetable) -> None:
    timetable.coupon(
        "TENTH", "DISCOUNT", discount_type="PERCENTAGE", discount_value=10, applicable_packages=["CORE-10"]
    )
    timetable.redeem("ada", couponCode="TENTH")

    assert timetable.redeem_own("ada", "TENTH").code == "coupon_exhausted"
    assert timetable.redeem_own("bea", "TENTH").code == "coupon_invalid"

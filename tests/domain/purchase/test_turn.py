"""What becomes of what was bought when its money goes back, or comes back after all."""

from __future__ import annotations

from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory

from tests.domain.booking.world import give_back
from tests.domain.clock.hours import events
from tests.domain.purchase.turning import DAY, in_days, package, statuses
from tests.school import School
from tests.stripe_objects import checkout, intent, refund
from tests.timetable import Timetable
from worker import clock
from worker.upkeep import expire_packages

pytestmark = pytest.mark.usefixtures("now")

Now = FrozenDateTimeFactory


def test_a_refund_cancels_what_is_ahead_and_leaves_what_has_begun(timetable: Timetable, now: Now) -> None:
    bought = timetable.buy("ada")
    over, ahead = timetable.session(in_days(1)), timetable.session(in_days(3))
    timetable.book("ada", over)
    timetable.book("ada", ahead)
    now.tick(2 * DAY)

    give_back(timetable, bought)

    assert (timetable.who(over), timetable.who(ahead)) == (["ada"], [])
    assert statuses(timetable, bought) == ["CONFIRMED", "CANCELLED"]
    assert timetable.left(bought) == [4]
    assert events(timetable, "package.revoked") == [f"package/{bought}"]
    assert timetable.kinds("ada").count("booking.cancelled") == 1
    assert timetable.kinds("ada").count("refund.done") == 1


def test_a_guest_goes_with_the_host_and_one_whose_pass_is_worth_nothing_goes_alone(timetable: Timetable) -> None:
    lent = timetable.buy("ada", "ELITE-30")
    paying = timetable.buy("ada", "EXPLORER-5")
    friend = {"name": "Grace", "email": "grace@example.com"}
    timetable.studio.rows(
        "UPDATE student_packages SET expires_at = expires_at + interval '2 years' WHERE id = %(id)s", id=lent
    )
    session = timetable.session(in_days(3))
    timetable.book("ada", session, packageId=paying, friend=friend)

    give_back(timetable, lent)

    hosts = timetable.studio.rows("SELECT guest_of, status FROM bookings ORDER BY id")
    assert [(row["guest_of"] is None, row["status"]) for row in hosts] == [(True, "CONFIRMED"), (False, "CANCELLED")]
    assert timetable.who(session) == ["ada"]


def test_drafts_are_closed_and_open_again_where_the_refund_fails_and_nothing_is_booked_anew(
    timetable: Timetable,
) -> None:
    bought = timetable.buy("ada", "WELLNESS-3")
    teacher = timetable.teacher("thrive")
    lesson = timetable.session(in_days(4), org="thrive", service="PRIVATE", minutes=60, capacity=1)
    drafts = [row["id"] for row in timetable.studio.rows("SELECT id FROM bookings ORDER BY id")]
    timetable.do("booking.schedule", "ada", org="thrive", bookingId=drafts[0], sessionId=lesson)
    assert teacher

    give_back(timetable, bought)
    gone = statuses(timetable, bought)
    give_back(timetable, bought, "failed")

    assert gone == ["CANCELLED"] * 3
    assert statuses(timetable, bought) == ["DRAFT"] * 3
    assert timetable.active(lesson) == 0
    assert events(timetable, "package.reinstated") == [f"package/{bought}"]
    assert timetable.kinds("ada").count("package.reinstated") == 1


def test_what_went_back_before_it_was_granted_has_no_open_draft(timetable: Timetable) -> None:
    told: dict[str, Any] = {"payment": "pi_both", "org": "thrive", "currency": "usd", "amount": 50_000}

    timetable.studio.deliver(refund("pi_both", amount=50_000), checkout("WELLNESS-3", **told))

    (bought,) = (row["id"] for row in timetable.studio.rows("SELECT id FROM student_packages"))
    assert statuses(timetable, bought) == ["CANCELLED"] * 3
    assert events(timetable, "package.revoked") == [f"package/{bought}"]


def test_drafts_that_had_ended_with_their_package_stay_closed_where_a_refund_of_it_fails(
    timetable: Timetable, now: Now
) -> None:
    bought = timetable.buy("ada", "WELLNESS-3")
    now.tick(400 * DAY)
    expire_packages(timetable.engine, at=clock.now())

    give_back(timetable, bought)
    give_back(timetable, bought, "failed")

    assert statuses(timetable, bought) == ["CANCELLED"] * 3


def test_what_comes_back_to_a_package_that_was_paid_back_opens_no_draft(timetable: Timetable, now: Now) -> None:
    bought = timetable.buy("ada", "WELLNESS-3")
    timetable.teacher("thrive")
    lesson = timetable.session(in_days(1), org="thrive", service="PRIVATE", minutes=60, capacity=1)
    draft = timetable.studio.rows("SELECT min(id) AS id FROM bookings")[0]["id"]
    timetable.do("booking.schedule", "ada", org="thrive", bookingId=draft, sessionId=lesson)
    now.tick(2 * DAY)
    give_back(timetable, bought)

    timetable.call_off(lesson)

    assert statuses(timetable, bought) == ["CANCELLED"] * 3


def test_what_has_one_option_is_booked_for_a_second_purchase_once_the_first_went_back(school: School) -> None:
    first, second = school.enroll("ada"), school.enroll("ada")

    give_back(school.timetable, first)

    assert school.enrollment(second)["status"] == "ACTIVE"
    assert school.progress(second)["SFZ-4"] == "BOOKED"


def test_a_pass_that_was_to_follow_one_that_went_back_begins_at_once(timetable: Timetable, now: Now) -> None:
    first, second = timetable.buy("ada", "ALL-ACCESS-30"), timetable.buy("ada", "ALL-ACCESS-30")
    third = timetable.buy("ada", "ALL-ACCESS-30")
    now.tick(2 * DAY)

    give_back(timetable, first)

    windows = [package(timetable, each) for each in (second, third)]
    assert windows[0]["all_access_starts_at"] == clock.now()
    assert (
        windows[0]["all_access_expires_at"] == windows[1]["all_access_starts_at"] == in_days(30, 21).replace(minute=0)
    )
    assert windows[1]["all_access_expires_at"] - windows[1]["all_access_starts_at"] == 31 * DAY
    assert timetable.book("ada", timetable.session(in_days(1))).status == "SUCCEEDED"


def test_one_that_has_something_booked_behind_its_new_end_stays_where_it_is(timetable: Timetable) -> None:
    first, second = timetable.buy("ada", "ALL-ACCESS-30"), timetable.buy("ada", "ALL-ACCESS-30")
    before = package(timetable, second)["all_access_starts_at"]
    late = timetable.session(in_days(50))
    timetable.book("ada", late)

    give_back(timetable, first)

    assert package(timetable, second)["all_access_starts_at"] == before
    assert timetable.who(late) == ["ada"]


def test_drafts_of_a_package_that_ended_meanwhile_stay_closed_when_its_refund_fails(
    timetable: Timetable, now: Now
) -> None:
    bought = timetable.buy("ada", "WELLNESS-3")
    give_back(timetable, bought)
    now.tick(400 * DAY)

    give_back(timetable, bought, "failed")

    assert statuses(timetable, bought) == ["CANCELLED"] * 3


def test_of_a_charge_in_another_currency_as_much_goes_back_as_of_what_was_charged(timetable: Timetable) -> None:
    told: dict[str, Any] = {"payment": "pi_abroad", "student": "ada"}
    timetable.studio.deliver(checkout(**told), intent("pi_abroad", amount=15_000, currency="eur"))

    back = refund("pi_abroad", amount=5_000)
    back["data"]["object"]["currency"] = "eur"
    timetable.studio.deliver(back)
    part = timetable.studio.one("SELECT amount_refunded FROM payments")["amount_refunded"]
    rest = refund("pi_abroad", amount=10_000, refund_id="re_2")
    rest["data"]["object"]["currency"] = "eur"
    timetable.studio.deliver(rest)

    assert part == 166_667
    assert timetable.studio.one("SELECT status FROM orders")["status"] == "REFUNDED"

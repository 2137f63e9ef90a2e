"""What becomes of what was bought when its money goes back, is disputed, or comes back after all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory

from tests.domain.booking.world import contest, sell
from tests.domain.clock.hours import events
from tests.school import School
from tests.stripe_objects import checkout, dispute, intent, refund
from tests.timetable import Timetable
from worker import clock
from worker.upkeep import expire_packages

DAY = timedelta(days=1)
PAYMENT = """
SELECT p.stripe_key, p.amount_received FROM student_packages k JOIN orders o ON o.id = k.order_id
  JOIN payments p ON p.id = o.payment_id WHERE k.id = %(package)s
"""


@pytest.fixture(autouse=True)
def monday(now: FrozenDateTimeFactory) -> FrozenDateTimeFactory:
    return now


@pytest.fixture
def school(timetable: Timetable, monday: FrozenDateTimeFactory) -> School:
    del monday
    school = School(timetable)
    school.plan()
    return school


def give_back(timetable: Timetable, package: int, status: str = "succeeded") -> None:
    """Have Stripe say that all the money of a package went back, or that it did not after all."""
    paid = timetable.studio.one(PAYMENT, package=package)
    kind = "refund.failed" if status == "failed" else "refund.created"
    key, amount = paid["stripe_key"], paid["amount_received"]
    timetable.studio.deliver(refund(key, refund_id=f"re_of_{key}", amount=amount, status=status, kind=kind))


def package(timetable: Timetable, package_id: int) -> dict[str, Any]:
    return timetable.studio.one("SELECT * FROM student_packages WHERE id = %(id)s", id=package_id)


def statuses(timetable: Timetable, package_id: int) -> list[str]:
    rows = timetable.studio.rows(
        "SELECT status FROM bookings WHERE student_package_id = %(id)s ORDER BY id", id=package_id
    )
    return [row["status"] for row in rows]


def in_days(number: int, hour: int = 12) -> datetime:
    return (clock.now() + number * DAY).replace(hour=hour)


def test_a_refund_cancels_what_is_ahead_and_leaves_what_has_begun(timetable: Timetable, monday: Any) -> None:
    bought = timetable.buy("ada")
    over, ahead = timetable.session(in_days(1)), timetable.session(in_days(3))
    timetable.book("ada", over)
    timetable.book("ada", ahead)
    monday.tick(2 * DAY)

    give_back(timetable, bought)

    assert (timetable.who(over), timetable.who(ahead)) == (["ada"], [])
    assert statuses(timetable, bought) == ["CONFIRMED", "CANCELLED"]
    assert timetable.left(bought) == [4]
    assert events(timetable, "package.revoked") == [f"package/{bought}"]
    assert timetable.kinds("ada").count("booking.cancelled") == 1
    assert timetable.kinds("ada").count("refund.done") == 1


def test_its_seats_are_offered_to_who_waits(timetable: Timetable) -> None:
    bought = timetable.buy("ada")
    timetable.buy("bea")
    full = timetable.session(in_days(3), capacity=1)
    timetable.book("ada", full)
    timetable.join("bea", full)

    give_back(timetable, bought)
    timetable.work()

    assert timetable.who(full) == ["bea"]


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


def test_waits_are_closed_that_nothing_else_would_pay(timetable: Timetable) -> None:
    poor, rich = timetable.buy("ada"), timetable.buy("bea")
    timetable.buy("bea", "CORE-10")
    full = timetable.session(in_days(3), capacity=1)
    timetable.book(timetable.students(1)[0], full)
    timetable.join("ada", full)
    timetable.join("bea", full)

    give_back(timetable, poor)
    give_back(timetable, rich)

    assert timetable.line(full) == [("ada", "CLOSED", "package_revoked"), ("bea", "WAITING", None)]
    assert timetable.kinds("ada").count("waitlist.closed") == 1


def test_while_it_is_disputed_what_is_booked_stands_and_nothing_new_is(timetable: Timetable) -> None:
    bought = timetable.buy("ada")
    booked, wanted = timetable.session(in_days(3)), timetable.session(in_days(4))
    timetable.book("ada", booked)

    contest(timetable, bought)

    assert timetable.who(booked) == ["ada"]
    assert timetable.book("ada", wanted).code == "package_suspended"
    assert events(timetable, "package.suspended") == [f"package/{bought}"]


def test_a_dispute_that_is_won_gives_back_its_days(timetable: Timetable, monday: Any) -> None:
    credits_, lent, run = (timetable.buy("ada", code) for code in ("EXPLORER-5", "ELITE-30", "ALL-ACCESS-30"))
    before = {each: package(timetable, each) for each in (credits_, lent, run)}
    for each in before:
        contest(timetable, each)

    monday.tick(10 * DAY)
    for each in before:
        contest(timetable, each, "won")

    after = {each: package(timetable, each) for each in before}
    gained = {each: after[each]["expires_at"] - before[each]["expires_at"] for each in before}
    assert gained == dict.fromkeys(before, 10 * DAY)
    assert after[run]["all_access_expires_at"] - before[run]["all_access_expires_at"] == 10 * DAY
    assert after[lent]["friend_pass_expires_at"] - before[lent]["friend_pass_expires_at"] == 10 * DAY
    assert timetable.studio.count("payments WHERE suspended_at IS NOT NULL") == 0


def test_days_of_a_pass_are_added_behind_the_one_that_follows_it(timetable: Timetable, monday: Any) -> None:
    first, second = timetable.buy("ada", "ALL-ACCESS-30"), timetable.buy("ada", "ALL-ACCESS-30")
    before = package(timetable, first), package(timetable, second)
    contest(timetable, first)

    monday.tick(7 * DAY)
    contest(timetable, first, "won")

    after = package(timetable, first), package(timetable, second)
    assert after[0]["all_access_expires_at"] == before[0]["all_access_expires_at"]
    assert after[1]["all_access_expires_at"] == before[1]["all_access_expires_at"] + 7 * DAY
    assert after[1]["all_access_starts_at"] == before[1]["all_access_starts_at"]


def test_a_dispute_of_hours_on_one_day_costs_no_day(timetable: Timetable, monday: Any) -> None:
    bought = timetable.buy("ada")
    before = package(timetable, bought)["expires_at"]
    contest(timetable, bought)

    monday.tick(timedelta(hours=5))
    contest(timetable, bought, "won")

    assert package(timetable, bought)["expires_at"] == before


def test_days_are_local_ones_also_where_clocks_change(timetable: Timetable, monday: Any) -> None:
    monday.move_to(datetime(2026, 10, 30, 12, tzinfo=UTC))
    bought = timetable.buy("ada", "PREMIUM-3")
    before = package(timetable, bought)["expires_at"]
    contest(timetable, bought)

    monday.tick(5 * DAY)
    contest(timetable, bought, "won")

    after = package(timetable, bought)["expires_at"]
    assert after - before == 5 * DAY
    assert after.hour in {4, 5}


def test_a_dispute_that_is_lost_cancels_and_tells_once_also_of_money_that_was_refunded(timetable: Timetable) -> None:
    bought = timetable.buy("ada")
    booked = timetable.session(in_days(3))
    timetable.book("ada", booked)
    contest(timetable, bought)

    contest(timetable, bought, "lost")
    give_back(timetable, bought)

    assert timetable.who(booked) == []
    assert events(timetable, "package.revoked") == [f"package/{bought}"]
    assert timetable.kinds("ada").count("package.revoked") == 1


def test_what_went_back_before_it_was_granted_has_no_open_draft(timetable: Timetable) -> None:
    told: dict[str, Any] = {"payment": "pi_both", "org": "thrive", "currency": "usd", "amount": 50_000}

    timetable.studio.deliver(refund("pi_both", amount=50_000), checkout("WELLNESS-3", **told))

    (bought,) = (row["id"] for row in timetable.studio.rows("SELECT id FROM student_packages"))
    assert statuses(timetable, bought) == ["CANCELLED"] * 3
    assert events(timetable, "package.revoked") == [f"package/{bought}"]


def test_drafts_that_had_ended_with_their_package_stay_closed_where_a_refund_of_it_fails(
    timetable: Timetable, monday: Any
) -> None:
    bought = timetable.buy("ada", "WELLNESS-3")
    monday.tick(400 * DAY)
    expire_packages(timetable.engine, at=clock.now())

    give_back(timetable, bought)
    give_back(timetable, bought, "failed")

    assert statuses(timetable, bought) == ["CANCELLED"] * 3


def test_what_comes_back_to_a_package_that_was_paid_back_opens_no_draft(timetable: Timetable, monday: Any) -> None:
    bought = timetable.buy("ada", "WELLNESS-3")
    timetable.teacher("thrive")
    lesson = timetable.session(in_days(1), org="thrive", service="PRIVATE", minutes=60, capacity=1)
    draft = timetable.studio.rows("SELECT min(id) AS id FROM bookings")[0]["id"]
    timetable.do("booking.schedule", "ada", org="thrive", bookingId=draft, sessionId=lesson)
    monday.tick(2 * DAY)
    give_back(timetable, bought)

    timetable.call_off(lesson)

    assert statuses(timetable, bought) == ["CANCELLED"] * 3


def test_a_wait_that_the_package_would_never_have_paid_stays(timetable: Timetable) -> None:
    lessons = timetable.buy("ada", "PREMIUM-3")
    full = timetable.session(in_days(3), org="thrive", service="GROUP", minutes=60, capacity=1, tier=30)
    timetable.buy("bea", "BUNDLE-5P-3G")
    timetable.do("booking.book", "bea", org="thrive", sessionId=full)
    timetable.do("waitlist.join", "ada", org="thrive", sessionId=full)

    give_back(timetable, lessons)

    assert timetable.line(full) == [("ada", "WAITING", None)]


def test_a_wait_for_a_step_stays_that_another_course_pays_once_its_dispute_is_won(school: School) -> None:
    timetable = school.timetable
    one, other = school.enroll("ada"), school.enroll("ada")
    school.assign(other, None)
    full = school.meet("SFZ-1-DAY", in_days(20), capacity=1)
    school.book("bea", school.enroll("bea"), "SFZ-1-DAY", full)
    timetable.do("waitlist.join", "ada", org="thrive", sessionId=full)
    contest(timetable, other)

    give_back(timetable, one)

    assert timetable.line(full) == [("ada", "WAITING", None)]


def test_a_wait_for_a_step_ends_with_its_course_also_where_somebody_elses_steps_are_given_up_at_once(
    school: School,
) -> None:
    timetable = school.timetable
    mine, hers = school.enroll("ada"), school.enroll("cleo")
    school.cancel("ada", mine, "SFZ-4")
    full = school.meet("SFZ-1-DAY", in_days(20), capacity=1)
    school.book("bea", school.enroll("bea"), "SFZ-1-DAY", full)
    timetable.do("waitlist.join", "ada", org="thrive", sessionId=full)
    paid = [timetable.studio.one(PAYMENT, package=each) for each in (mine, hers)]

    timetable.studio.deliver(
        *(refund(p["stripe_key"], refund_id=f"re_{p['stripe_key']}", amount=p["amount_received"]) for p in paid)
    )

    assert timetable.line(full) == [("ada", "CLOSED", "package_revoked")]


def test_a_wait_for_what_is_no_step_of_the_course_that_went_back_stays(school: School) -> None:
    timetable = school.timetable
    course = school.enroll("ada")
    full = timetable.session(in_days(3), org="thrive", minutes=90, capacity=1)
    timetable.buy("bea", "BUNDLE-5P-3G")
    timetable.do("booking.book", "bea", org="thrive", sessionId=full)
    timetable.do("waitlist.join", "ada", org="thrive", sessionId=full)

    give_back(timetable, course)

    assert timetable.line(full) == [("ada", "WAITING", None)]


def test_a_wait_for_a_session_beyond_the_end_of_what_went_back_stays(timetable: Timetable) -> None:
    bought = timetable.buy("ada")
    timetable.buy("bea", "ELITE-30")
    full = timetable.session(in_days(100), capacity=1)
    timetable.book("bea", full)
    timetable.join("ada", full)

    give_back(timetable, bought)

    assert timetable.line(full) == [("ada", "WAITING", None)]


def test_a_pass_that_ends_while_it_is_disputed_gives_the_one_that_follows_no_more_days_than_were_lost(
    timetable: Timetable, monday: Any
) -> None:
    first, second = timetable.buy("ada", "ALL-ACCESS-30"), timetable.buy("ada", "ALL-ACCESS-30")
    ends = package(timetable, first)["all_access_expires_at"], package(timetable, second)["all_access_expires_at"]
    monday.move_to(ends[0] - 2 * DAY)
    contest(timetable, first)

    monday.move_to(ends[0] + 7 * DAY)
    contest(timetable, first, "won")

    assert package(timetable, second)["all_access_expires_at"] == ends[1] + 2 * DAY


def test_a_friend_pass_gets_its_days_back_also_where_those_of_the_package_have_not_begun(
    timetable: Timetable, monday: Any
) -> None:
    bought = sell(timetable, "ada", friend_pass_days=30, validity_starts="FIRST_USE", validity_days=10)
    timetable.book("ada", timetable.session(in_days(20)))
    before = package(timetable, bought)
    contest(timetable, bought)

    monday.tick(5 * DAY)
    contest(timetable, bought, "won")

    after = package(timetable, bought)
    assert after["expires_at"] == before["expires_at"]
    assert after["friend_pass_expires_at"] == before["friend_pass_expires_at"] + 5 * DAY


def test_what_has_one_option_is_booked_for_a_second_purchase_once_the_first_went_back(school: School) -> None:
    first, second = school.enroll("ada"), school.enroll("ada")

    give_back(school.timetable, first)

    assert school.enrollment(second)["status"] == "ACTIVE"
    assert school.progress(second)["SFZ-4"] == "BOOKED"


def test_drafts_are_open_again_where_a_refund_fails_as_a_dispute_is_won_whose_days_go_beyond_the_end(
    timetable: Timetable, monday: Any
) -> None:
    bought = timetable.buy("ada", "WELLNESS-3")
    key = timetable.studio.one(PAYMENT, package=bought)["stripe_key"]
    monday.tick(360 * DAY)
    contest(timetable, bought)
    give_back(timetable, bought)

    monday.tick(10 * DAY)
    failed = refund(key, refund_id=f"re_of_{key}", amount=50_000, status="failed", kind="refund.failed")
    timetable.studio.deliver(failed, dispute(key, status="won", kind="charge.dispute.closed"))

    assert package(timetable, bought)["expires_at"] > clock.now()
    assert statuses(timetable, bought) == ["DRAFT"] * 3


def test_a_pass_that_was_to_follow_one_that_went_back_begins_at_once(timetable: Timetable, monday: Any) -> None:
    first, second = timetable.buy("ada", "ALL-ACCESS-30"), timetable.buy("ada", "ALL-ACCESS-30")
    third = timetable.buy("ada", "ALL-ACCESS-30")
    monday.tick(2 * DAY)

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


def test_days_of_a_dispute_are_there_also_when_a_refund_fails_only_later(timetable: Timetable, monday: Any) -> None:
    bought = timetable.buy("ada")
    before = package(timetable, bought)["expires_at"]
    contest(timetable, bought)
    monday.tick(5 * DAY)
    give_back(timetable, bought)
    monday.tick(5 * DAY)
    contest(timetable, bought, "won")

    give_back(timetable, bought, "failed")

    assert package(timetable, bought)["expires_at"] == before + 10 * DAY
    assert events(timetable, "package.revoked") == events(timetable, "package.reinstated") == [f"package/{bought}"]


def test_drafts_of_a_package_that_ended_meanwhile_stay_closed_when_its_refund_fails(
    timetable: Timetable, monday: Any
) -> None:
    bought = timetable.buy("ada", "WELLNESS-3")
    give_back(timetable, bought)
    monday.tick(400 * DAY)

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

"""What becomes of what was bought when its money goes back, is disputed, or comes back after all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory

from tests.domain.booking.world import contest
from tests.domain.clock.hours import events
from tests.stripe_objects import checkout, refund
from tests.timetable import Timetable
from worker import clock

DAY = timedelta(days=1)
PAYMENT = """
SELECT p.stripe_key, p.amount_received FROM student_packages k JOIN orders o ON o.id = k.order_id
  JOIN payments p ON p.id = o.payment_id WHERE k.id = %(package)s
"""


@pytest.fixture(autouse=True)
def monday(now: FrozenDateTimeFactory) -> FrozenDateTimeFactory:
    return now


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

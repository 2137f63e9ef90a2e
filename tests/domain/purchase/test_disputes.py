"""What a dispute does to what was bought, and the days that it takes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from freezegun.api import FrozenDateTimeFactory

from tests.domain.booking.world import PAYMENT, contest, give_back, sell
from tests.domain.clock.hours import events
from tests.domain.purchase.turning import DAY, in_days, package, statuses
from tests.stripe_objects import dispute, refund
from tests.timetable import Timetable
from worker import clock

pytestmark = pytest.mark.usefixtures("now")

Now = FrozenDateTimeFactory


def test_while_it_is_disputed_what_is_booked_stands_and_nothing_new_is(timetable: Timetable) -> None:
    bought = timetable.buy("ada")
    booked, wanted = timetable.session(in_days(3)), timetable.session(in_days(4))
    timetable.book("ada", booked)

    contest(timetable, bought)

    assert timetable.who(booked) == ["ada"]
    assert timetable.book("ada", wanted).code == "package_suspended"
    assert events(timetable, "package.suspended") == [f"package/{bought}"]


def test_a_dispute_that_is_won_gives_back_its_days(timetable: Timetable, now: Now) -> None:
    credits_, lent, run = (timetable.buy("ada", code) for code in ("EXPLORER-5", "ELITE-30", "ALL-ACCESS-30"))
    before = {each: package(timetable, each) for each in (credits_, lent, run)}
    for each in before:
        contest(timetable, each)

    now.tick(10 * DAY)
    for each in before:
        contest(timetable, each, "won")

    after = {each: package(timetable, each) for each in before}
    gained = {each: after[each]["expires_at"] - before[each]["expires_at"] for each in before}
    assert gained == dict.fromkeys(before, 10 * DAY)
    assert after[run]["all_access_expires_at"] - before[run]["all_access_expires_at"] == 10 * DAY
    assert after[lent]["friend_pass_expires_at"] - before[lent]["friend_pass_expires_at"] == 10 * DAY
    assert timetable.studio.count("payments WHERE suspended_at IS NOT NULL") == 0


def test_days_of_a_pass_are_added_behind_the_one_that_follows_it(timetable: Timetable, now: Now) -> None:
    first, second = timetable.buy("ada", "ALL-ACCESS-30"), timetable.buy("ada", "ALL-ACCESS-30")
    before = package(timetable, first), package(timetable, second)
    contest(timetable, first)

    now.tick(7 * DAY)
    contest(timetable, first, "won")

    after = package(timetable, first), package(timetable, second)
    assert after[0]["all_access_expires_at"] == before[0]["all_access_expires_at"]
    assert after[1]["all_access_expires_at"] == before[1]["all_access_expires_at"] + 7 * DAY
    assert after[1]["all_access_starts_at"] == before[1]["all_access_starts_at"]


def test_a_dispute_of_hours_on_one_day_costs_no_day(timetable: Timetable, now: Now) -> None:
    bought = timetable.buy("ada")
    before = package(timetable, bought)["expires_at"]
    contest(timetable, bought)

    now.tick(timedelta(hours=5))
    contest(timetable, bought, "won")

    assert package(timetable, bought)["expires_at"] == before


def test_days_are_local_ones_also_where_clocks_change(timetable: Timetable, now: Now) -> None:
    now.move_to(datetime(2026, 10, 30, 12, tzinfo=UTC))
    bought = timetable.buy("ada", "PREMIUM-3")
    before = package(timetable, bought)["expires_at"]
    contest(timetable, bought)

    now.tick(5 * DAY)
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


def test_a_pass_that_ends_while_it_is_disputed_gives_the_one_that_follows_no_more_days_than_were_lost(
    timetable: Timetable, now: Now
) -> None:
    first, second = timetable.buy("ada", "ALL-ACCESS-30"), timetable.buy("ada", "ALL-ACCESS-30")
    ends = package(timetable, first)["all_access_expires_at"], package(timetable, second)["all_access_expires_at"]
    now.move_to(ends[0] - 2 * DAY)
    contest(timetable, first)

    now.move_to(ends[0] + 7 * DAY)
    contest(timetable, first, "won")

    assert package(timetable, second)["all_access_expires_at"] == ends[1] + 2 * DAY


def test_a_friend_pass_gets_its_days_back_also_where_those_of_the_package_have_not_begun(
    timetable: Timetable, now: Now
) -> None:
    bought = sell(timetable, "ada", friend_pass_days=30, validity_starts="FIRST_USE", validity_days=10)
    timetable.book("ada", timetable.session(in_days(20)))
    before = package(timetable, bought)
    contest(timetable, bought)

    now.tick(5 * DAY)
    contest(timetable, bought, "won")

    after = package(timetable, bought)
    assert after["expires_at"] == before["expires_at"]
    assert after["friend_pass_expires_at"] == before["friend_pass_expires_at"] + 5 * DAY


def test_drafts_are_open_again_where_a_refund_fails_as_a_dispute_is_won_whose_days_go_beyond_the_end(
    timetable: Timetable, now: Now
) -> None:
    bought = timetable.buy("ada", "WELLNESS-3")
    key = timetable.studio.one(PAYMENT, package=bought)["stripe_key"]
    now.tick(360 * DAY)
    contest(timetable, bought)
    give_back(timetable, bought)

    now.tick(10 * DAY)
    failed = refund(key, refund_id=f"re_of_{key}", amount=50_000, status="failed", kind="refund.failed")
    timetable.studio.deliver(failed, dispute(key, status="won", kind="charge.dispute.closed"))

    assert package(timetable, bought)["expires_at"] > clock.now()
    assert statuses(timetable, bought) == ["DRAFT"] * 3


def test_days_of_a_dispute_are_there_also_when_a_refund_fails_only_later(timetable: Timetable, now: Now) -> None:
    bought = timetable.buy("ada")
    before = package(timetable, bought)["expires_at"]
    contest(timetable, bought)
    now.tick(5 * DAY)
    give_back(timetable, bought)
    now.tick(5 * DAY)
    contest(timetable, bought, "won")

    give_back(timetable, bought, "failed")

    assert package(timetable, bought)["expires_at"] == before + 10 * DAY
    assert events(timetable, "package.revoked") == events(timetable, "package.reinstated") == [f"package/{bought}"]

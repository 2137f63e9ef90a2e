"""Passes behind one whose money went back, where that refund fails after all: their days are there again."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations

import pytest
from freezegun.api import FrozenDateTimeFactory

from tests.domain.booking.world import contest, give_back, line, sell
from tests.domain.purchase.test_stories import SUBSCRIPTION
from tests.domain.purchase.turning import DAY, in_days, package, statuses
from tests.stripe_objects import invoice
from tests.timetable import Timetable
from worker import clock
from worker.upkeep import expire_packages

pytestmark = pytest.mark.usefixtures("now")

Now = FrozenDateTimeFactory
PASS = "ALL-ACCESS-30"
Window = tuple[datetime, datetime]


def window(timetable: Timetable, bought: int) -> Window:
    row = package(timetable, bought)
    assert (row["starts_at"], row["expires_at"]) == (row["all_access_starts_at"], row["all_access_expires_at"])
    return row["starts_at"], row["expires_at"]


def windows(timetable: Timetable, bought: list[int]) -> list[Window]:
    return [window(timetable, each) for each in bought]


def three(timetable: Timetable) -> tuple[list[int], list[Window]]:
    """Three passes, each behind the one before it, and their windows."""
    bought = [timetable.buy("ada", PASS) for _ in range(3)]
    return bought, windows(timetable, bought)


def days(each: Window) -> int:
    return round((each[1] - each[0]) / DAY)


def test_passes_that_moved_up_run_behind_it_again_also_those_that_have_begun(timetable: Timetable, now: Now) -> None:
    bought, before = three(timetable)
    now.tick(2 * DAY)
    give_back(timetable, bought[0])
    moved = windows(timetable, bought)

    now.tick(3 * DAY)
    give_back(timetable, bought[0], "failed")

    assert moved[1][0] < before[1][0]
    assert windows(timetable, bought) == before
    assert timetable.book("ada", timetable.session(in_days(1))).status == "SUCCEEDED"


def test_the_order_in_which_a_refund_and_its_failure_are_heard_does_not_show(timetable: Timetable) -> None:
    bought, before = three(timetable)

    for order in (("succeeded", "failed"), ("failed", "succeeded")):
        for status in order:
            give_back(timetable, bought[0], status)

        assert windows(timetable, bought) == before


@pytest.mark.parametrize("failing", list(permutations(range(3))))
@pytest.mark.parametrize("gone", [(0, 1, 2), (1, 2, 0)])
def test_of_several_refunds_that_fail_the_order_does_not_show(
    timetable: Timetable, gone: tuple[int, ...], failing: tuple[int, ...]
) -> None:
    bought, before = three(timetable)
    for each in gone:
        give_back(timetable, bought[each])

    for each in failing:
        give_back(timetable, bought[each], "failed")

    assert windows(timetable, bought) == before


def test_a_pass_that_comes_back_alone_takes_its_turn_before_one_that_has_not_begun(
    timetable: Timetable, now: Now
) -> None:
    bought, before = three(timetable)
    give_back(timetable, bought[1])
    now.tick(2 * DAY)
    give_back(timetable, bought[0])

    give_back(timetable, bought[1], "failed")

    second, third = windows(timetable, bought[1:])
    assert second == (clock.now(), before[0][1] + 2 * DAY)
    assert (third[0], days(third)) == (second[1], 31)


def test_a_pass_that_comes_back_alone_waits_for_one_that_has_begun_and_loses_nothing_by_that(
    timetable: Timetable, now: Now
) -> None:
    bought, before = three(timetable)
    give_back(timetable, bought[1])
    give_back(timetable, bought[0])
    now.tick(2 * DAY)

    give_back(timetable, bought[1], "failed")

    assert windows(timetable, bought[1:]) == [before[1], before[0]]


def test_one_that_was_bought_meanwhile_runs_behind_it_too(timetable: Timetable, now: Now) -> None:
    first = timetable.buy("ada", PASS)
    give_back(timetable, first)
    now.tick(DAY)
    second = timetable.buy("ada", PASS)

    give_back(timetable, first, "failed")

    assert window(timetable, second)[0] == window(timetable, first)[1]
    assert days(window(timetable, second)) == 31


def test_one_that_pays_for_something_begins_on_the_day_of_that_and_what_is_behind_it_follows(
    timetable: Timetable, now: Now
) -> None:
    bought, before = three(timetable)
    give_back(timetable, bought[0])
    booked = timetable.session(in_days(10))
    timetable.book("ada", booked)
    now.tick(2 * DAY)

    give_back(timetable, bought[0], "failed")

    first, second, third = windows(timetable, bought)
    assert timetable.who(booked) == ["ada"]
    assert first == before[0]
    assert second[0] == (in_days(7, 21)).replace(minute=0)
    assert (days(second), third[0], days(third)) == (31, second[1], 31)


def test_one_that_paid_on_its_first_day_stays_where_it_is(timetable: Timetable, now: Now) -> None:
    bought, _ = three(timetable)
    give_back(timetable, bought[0])
    timetable.book("ada", timetable.session(in_days(0)))
    moved = window(timetable, bought[1])
    now.tick(2 * DAY)

    give_back(timetable, bought[0], "failed")

    assert window(timetable, bought[1]) == moved


def test_a_day_that_it_got_meanwhile_stays_with_it(timetable: Timetable) -> None:
    bought, before = three(timetable)
    give_back(timetable, bought[0])
    session = timetable.session(in_days(3))
    timetable.book("ada", session)
    timetable.call_off(session)

    give_back(timetable, bought[0], "failed")

    third = window(timetable, bought[2])
    assert (third[0], third[1]) == (before[2][0], before[2][1] + DAY)


def test_one_that_ended_before_the_refund_failed_runs_again_with_its_drafts(timetable: Timetable, now: Now) -> None:
    later = {"service_type": "PRIVATE", "minutes": 60, "teacher_tier": 0}
    lessons = line(2, "PRIVATE")
    first = timetable.buy("ada", PASS)
    second = sell(timetable, "ada", lessons, all_access_days=10, validity_days=10, schedule_later=later)
    before = window(timetable, second)
    give_back(timetable, first)
    now.tick(20 * DAY)
    expire_packages(timetable.engine, at=clock.now())
    gone = statuses(timetable, second)

    give_back(timetable, first, "failed")

    assert window(timetable, second) == before
    assert (gone, statuses(timetable, second)) == (["CANCELLED"] * 2, ["DRAFT"] * 2)


def test_what_would_have_ended_long_ago_stays_as_it_was(timetable: Timetable, now: Now) -> None:
    first, second = timetable.buy("ada", PASS), timetable.buy("ada", PASS)
    give_back(timetable, first)
    moved = window(timetable, second)
    now.tick(100 * DAY)

    give_back(timetable, first, "failed")

    assert window(timetable, second) == moved


def test_a_pass_behind_a_disputed_one_runs_behind_it_again_where_its_refund_fails(
    timetable: Timetable, now: Now
) -> None:
    bought, before = three(timetable)
    contest(timetable, bought[0])
    give_back(timetable, bought[0])
    now.tick(5 * DAY)
    give_back(timetable, bought[0], "failed")
    behind = windows(timetable, bought)

    contest(timetable, bought[0], "won")

    assert behind == before
    assert window(timetable, bought[2]) == (before[2][0], before[2][1] + 5 * DAY)


def test_periods_of_a_subscription_stay_where_they_are(timetable: Timetable, now: Now) -> None:
    now.move_to(datetime(2027, 2, 20, 8, tzinfo=UTC))
    timetable.studio.rows(SUBSCRIPTION)
    first = timetable.buy("ada", PASS)
    give_back(timetable, first)
    timetable.studio.deliver(invoice(student="ada"))
    period = timetable.studio.one("SELECT max(id) AS id FROM student_packages")["id"]
    before = window(timetable, period)

    give_back(timetable, first, "failed")

    assert before[0] < window(timetable, first)[1]
    assert window(timetable, period) == before

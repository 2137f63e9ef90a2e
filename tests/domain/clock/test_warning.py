"""What ends soon: told a week and a day before, while anything is left of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from freezegun.api import FrozenDateTimeFactory

from domain.clock import warning
from tests.domain.booking.world import contest, give_back, line, sell, soon
from tests.domain.clock.hours import addressed, run, side_by_side, written
from tests.domain.clock.test_ending import end_of
from tests.timetable import Timetable
from worker import clock
from worker.upkeep import warn

KIND = "package.expiring"
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


def key(timetable: Timetable, package: int, days: int, column: str = "expires_at") -> str:
    return f"package:{package}:{days}:{int(end_of(timetable, package, column).timestamp())}"


def test_a_week_and_a_day_before_and_not_a_second_earlier(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    package = sell(timetable, "ada", validity_days=30)
    addressed(timetable)
    end = end_of(timetable, package)
    counts = []

    for moment in (end - 7 * DAY - SECOND, end - 7 * DAY, end - 3 * DAY, end - DAY - SECOND, end - DAY, end):
        now.move_to(moment)
        counts.append((run(warn, timetable), run(warn, timetable)))

    assert counts == [(0, 0), (1, 0), (0, 0), (0, 0), (1, 0), (0, 0)]
    assert written(timetable, KIND) == [key(timetable, package, 7), key(timetable, package, 1)]


@pytest.mark.parametrize(
    ("org", "end"),
    [("thrive", "2026-11-05"), ("thrive", "2027-03-18"), ("lumen", "2026-10-29"), ("lumen", "2028-03-01")],
)
def test_days_are_local_ones_also_in_a_week_in_which_clocks_change(
    timetable: Timetable, now: FrozenDateTimeFactory, org: str, end: str
) -> None:
    zone = ZoneInfo({"lumen": "Europe/Istanbul", "thrive": "America/New_York"}[org])
    midnight = datetime.fromisoformat(end).replace(tzinfo=zone)
    package = sell(timetable, "ada", org=org)
    addressed(timetable)
    timetable.studio.rows("UPDATE student_packages SET expires_at = %(at)s", at=midnight)
    moment = (datetime.fromisoformat(end) - 7 * DAY).replace(tzinfo=zone).astimezone(UTC)
    now.move_to(moment - SECOND)
    early = run(warn, timetable)
    now.move_to(moment)

    assert (early, run(warn, timetable)) == (0, 1)
    assert written(timetable, KIND) == [key(timetable, package, 7)]


def test_nothing_left_is_nothing_to_tell(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    used = sell(timetable, "ada", line(1), validity_days=30)
    timetable.book("ada", timetable.session(soon()))
    assert timetable.left(used) == [0]
    left = sell(timetable, "bob", line(1), validity_days=30)
    addressed(timetable)

    now.move_to(end_of(timetable, left) - DAY)

    assert run(warn, timetable) == 1
    assert written(timetable, KIND) == [key(timetable, left, 1)]


def test_a_pass_is_left_until_it_ends(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    package = sell(timetable, "ada", all_access_days=30)
    addressed(timetable)

    now.move_to(end_of(timetable, package) - 7 * DAY)

    assert run(warn, timetable) == 1
    assert written(timetable, KIND) == [key(timetable, package, 7)]


def test_who_buys_it_later_than_the_moment_is_not_told(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    package = sell(timetable, "ada", validity_days=4)
    addressed(timetable)
    at_once = run(warn, timetable)
    now.move_to(end_of(timetable, package) - DAY)

    assert (at_once, run(warn, timetable)) == (0, 1)
    assert written(timetable, KIND) == [key(timetable, package, 1)]


@pytest.mark.parametrize("happened", [give_back, contest])
def test_nobody_is_told_of_what_is_revoked_or_disputed(
    timetable: Timetable, now: FrozenDateTimeFactory, happened: object
) -> None:
    package = sell(timetable, "ada", validity_days=30)
    addressed(timetable)
    assert callable(happened)
    happened(timetable, package)

    now.move_to(end_of(timetable, package) - DAY)

    assert run(warn, timetable) == 0


def test_after_a_week_of_downtime_the_last_warning_tells_it_all(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    soonest, next_week, over = (sell(timetable, name, validity_days=d) for name, d in (("a", 20), ("b", 25), ("c", 18)))
    addressed(timetable)
    now.move_to(end_of(timetable, soonest) - 8 * DAY)
    run(warn, timetable)

    now.move_to(end_of(timetable, soonest) - DAY / 2)
    caught_up = run(warn, timetable), run(warn, timetable)

    assert caught_up == (2, 0)
    told = [each for each in written(timetable, KIND) if not each.startswith(f"package:{over}:")]
    assert told == [key(timetable, soonest, 1), key(timetable, next_week, 7)]


def test_what_begins_with_its_first_session_is_told_once_it_has_an_end(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    package = sell(timetable, "ada", line(5), validity_days=10, validity_starts="FIRST_USE")
    addressed(timetable)
    undated = run(warn, timetable)
    timetable.book("ada", timetable.session(soon(2)))

    now.move_to(end_of(timetable, package) - 7 * DAY)

    assert (undated, run(warn, timetable)) == (0, 1)
    assert written(timetable, KIND) == [key(timetable, package, 7)]


def test_what_the_studio_made_longer_is_told_of_again(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    package = sell(timetable, "ada", validity_days=10)
    session = timetable.session(soon(10))
    timetable.book("ada", session)
    addressed(timetable)
    now.move_to(end_of(timetable, package) - DAY)
    run(warn, timetable)
    assert timetable.move(session, soon(20)).code == "done"
    end = end_of(timetable, package)

    now.move_to(end - DAY)

    assert run(warn, timetable) == 1
    assert written(timetable, KIND)[-1] == key(timetable, package, 1)


def test_many_at_once_in_small_batches_tell_each_once(
    timetable: Timetable, now: FrozenDateTimeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warning, "PASSES", warning.PASSES.replace(f"LIMIT {warning.MOST}", "LIMIT 2"))
    timetable.students(7, "ALL-ACCESS-30")
    addressed(timetable)
    now.move_to(timetable.studio.rows("SELECT expires_at AS at FROM student_packages")[0]["at"] - DAY)

    together = side_by_side(warn, timetable.engine, clock.now())

    assert together == 7
    assert len(set(written(timetable, KIND))) == 7


def test_a_bundle_is_warned_of_once_where_its_ends_are_one_and_of_each_where_they_are_not(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    one = sell(timetable, "ada", line(3), all_access_days=10)
    two = sell(timetable, "bob", line(3), all_access_days=10)
    session = timetable.session(soon(10))
    timetable.book("bob", session, paymentType="CREDIT")
    addressed(timetable)
    assert timetable.move(session, soon(20)).code == "done"

    for package, column in ((one, "expires_at"), (two, "expires_at")):
        now.move_to(end_of(timetable, package, column) - DAY)
        run(warn, timetable)

    told = [each for each in written(timetable, KIND) if each.split(":")[2] == "1"]
    assert told == [
        key(timetable, one, 1),
        key(timetable, two, 1, "all_access_expires_at"),
        key(timetable, two, 1),
    ]


def test_an_end_that_moves_with_the_first_session_is_warned_of_where_it_is(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    package = sell(timetable, "ada", line(5), validity_days=5, validity_starts="FIRST_USE")
    addressed(timetable)
    booked = timetable.book("ada", timetable.session(soon(3))).id
    now.move_to(end_of(timetable, package) - 7 * DAY)
    run(warn, timetable)
    first = key(timetable, package, 7)

    later = timetable.session(clock.now() + 3 * DAY)
    assert timetable.change("ada", booked, sessionId=later, acceptForfeit=True).code == "done"
    now.move_to(end_of(timetable, package) - 7 * DAY)
    run(warn, timetable)

    assert written(timetable, KIND) == [first, key(timetable, package, 7)]

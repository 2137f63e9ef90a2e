"""What ends by itself: noted once for each of its ends, and told while it is news."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from freezegun.api import FrozenDateTimeFactory

from db.transaction import fetch, transaction
from domain.clock import ending
from tests.domain.booking.world import GRACE, contest, give_back, line, sell, soon
from tests.domain.clock.hours import addressed, events, run, side_by_side, written
from tests.timetable import Timetable
from worker import clock
from worker.upkeep import expire_packages, expire_passes

LATER: dict[str, Any] = {"schedule_later": {"service_type": "GROUP", "minutes": 60}}
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


def end_of(timetable: Timetable, package: int, column: str = "expires_at") -> datetime:
    row = timetable.studio.one(f"SELECT {column} AS at FROM student_packages WHERE id = %(id)s", id=package)
    at: datetime = row["at"]
    return at


def flags(timetable: Timetable, student: str) -> tuple[bool, bool, datetime | None]:
    row = timetable.studio.one(
        "SELECT is_elite_member, has_all_access, all_access_expires_at FROM students WHERE external_id = %(name)s",
        name=student,
    )
    return row["is_elite_member"], row["has_all_access"], row["all_access_expires_at"]


def test_a_pass_ends_at_its_midnight_with_its_flag_an_event_and_a_mail(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    package = sell(timetable, "ada", all_access_days=30)
    addressed(timetable)
    end = end_of(timetable, package)
    now.move_to(end - SECOND)
    early, before = run(expire_passes, timetable), flags(timetable, "ada")

    now.move_to(end)
    counts = run(expire_passes, timetable), run(expire_passes, timetable), run(expire_packages, timetable)

    # Noted as a package too, of which there is nothing to tell.
    assert (early, counts) == (0, (1, 0, 1))
    assert (before, flags(timetable, "ada")) == ((False, True, end), (False, False, None))
    assert events(timetable, "pass.expired") == [f"package/{package}"]
    assert written(timetable, "pass.expired") == [f"package:{package}:{int(end.timestamp())}"]
    said = timetable.studio.one("SELECT data FROM domain_events WHERE type = 'pass.expired'")["data"]
    assert said["expiredAt"] == end.isoformat().replace("+00:00", "Z")
    assert (said["packageId"], said["studentId"]) == (package, "ada")


@pytest.mark.parametrize(
    ("org", "bought", "last_day"),
    [
        ("thrive", datetime(2026, 10, 2, 12, tzinfo=UTC), "2026-11-01"),
        ("thrive", datetime(2027, 2, 12, 12, tzinfo=UTC), "2027-03-14"),
        ("lumen", datetime(2026, 10, 25, 23, tzinfo=UTC), "2026-11-25"),
        ("lumen", datetime(2028, 1, 30, 12, tzinfo=UTC), "2028-02-29"),
        ("thrive", datetime(2027, 1, 29, 12, tzinfo=UTC), "2027-02-28"),
        ("lumen", datetime(2026, 12, 1, 12, tzinfo=UTC), "2026-12-31"),
    ],
)
def test_a_pass_of_thirty_days_ends_with_a_local_day_however_many_hours_it_has(
    timetable: Timetable, now: FrozenDateTimeFactory, org: str, bought: datetime, last_day: str
) -> None:
    now.move_to(bought)
    zone = ZoneInfo({"lumen": "Europe/Istanbul", "thrive": "America/New_York"}[org])
    sell(timetable, "ada", org=org, all_access_days=30)
    end = (datetime.fromisoformat(last_day) + DAY).replace(tzinfo=zone)

    now.move_to(end.astimezone(UTC) - SECOND)
    early = run(expire_passes, timetable)
    now.move_to(end.astimezone(UTC))

    assert (early, run(expire_passes, timetable)) == (0, 1)


def test_a_package_ends_with_its_badge_and_its_drafts(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    package = sell(timetable, "ada", line(3), elite_badge=True, **LATER)
    addressed(timetable)
    now.move_to(end_of(timetable, package))

    counts = run(expire_packages, timetable), run(expire_packages, timetable), run(expire_passes, timetable)

    assert counts == (1, 0, 0)
    assert flags(timetable, "ada") == (False, False, None)
    assert events(timetable, "package.expired") == [f"package/{package}"]
    assert timetable.studio.rows("SELECT FROM bookings WHERE status = 'DRAFT'") == []
    assert timetable.studio.rows("SELECT FROM notifications WHERE kind = 'pass.expired'") == []


def test_a_badge_stays_with_another_package_that_has_one(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    package = sell(timetable, "ada", elite_badge=True, validity_days=30)
    sell(timetable, "ada", elite_badge=True, validity_days=60)

    now.move_to(end_of(timetable, package))
    run(expire_packages, timetable)

    assert flags(timetable, "ada")[0]


@pytest.mark.parametrize("used", [True, False])
def test_a_friend_pass_is_told_if_nobody_came_by_it(
    timetable: Timetable, now: FrozenDateTimeFactory, *, used: bool
) -> None:
    package = timetable.buy("eve", "ELITE-30")
    addressed(timetable)
    if used:
        assert timetable.book("eve", timetable.session(soon()), friend=GRACE).code == "done"
    now.move_to(end_of(timetable, package, "friend_pass_expires_at"))

    counts = run(expire_passes, timetable), run(expire_passes, timetable)

    assert counts == (1, 0)
    assert events(timetable, "friend_pass.expired") == ([] if used else [f"package/{package}"])
    assert flags(timetable, "eve")[0]


def test_several_ends_of_one_student_are_numbered_in_their_order(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    late, early = (sell(timetable, "ada", validity_days=days) for days in (20, 10))
    now.tick(timedelta(days=40))

    assert run(expire_packages, timetable) == 2
    assert events(timetable, "package.expired") == [f"package/{early}", f"package/{late}"]


def test_what_the_studio_made_longer_after_its_end_ends_again(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    package = sell(timetable, "ada", validity_days=4)
    session = timetable.session(soon(4))
    timetable.book("ada", session)
    now.move_to(soon(6))
    first = run(expire_packages, timetable)
    timetable.call_off(session)
    end = end_of(timetable, package)
    at_once = run(expire_packages, timetable)
    now.move_to(end)

    assert (first, at_once, run(expire_packages, timetable)) == (1, 0, 1)
    assert events(timetable, "package.expired") == [f"package/{package}"] * 2


def test_a_week_late_the_event_is_told_and_the_mail_is_not_news_any_more(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    package = sell(timetable, "ada", all_access_days=3)
    addressed(timetable)
    now.move_to(end_of(timetable, package) + 7 * DAY)

    assert run(expire_passes, timetable) == 1
    assert events(timetable, "pass.expired") == [f"package/{package}"]
    assert written(timetable, "pass.expired") == []


@pytest.mark.parametrize("happened", [give_back, contest])
def test_nobody_is_told_while_the_payment_is_away(
    timetable: Timetable, now: FrozenDateTimeFactory, happened: Any
) -> None:
    package = sell(timetable, "ada", all_access_days=3)
    addressed(timetable)
    happened(timetable, package)
    now.move_to(end_of(timetable, package))

    counts = run(expire_passes, timetable), run(expire_passes, timetable)

    assert counts == (1, 0)
    assert (events(timetable, "pass.expired"), written(timetable, "pass.expired")) == ([], [])


def test_who_is_held_by_somebody_has_the_next_turn(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    ada, bob = (sell(timetable, name, validity_days=3) for name in ("ada", "bob"))
    now.tick(timedelta(days=9))
    with transaction(timetable.engine) as session:
        fetch(session, "SELECT FROM students WHERE external_id = 'ada' FOR NO KEY UPDATE")
        meanwhile = run(expire_packages, timetable)
        told = events(timetable, "package.expired")

    assert (meanwhile, told) == (1, [f"package/{bob}"])
    assert run(expire_packages, timetable) == 1
    assert events(timetable, "package.expired") == [f"package/{bob}", f"package/{ada}"]


def test_many_at_once_end_each_once(
    timetable: Timetable, now: FrozenDateTimeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ending, "MOST", 3)
    timetable.students(10, "ALL-ACCESS-30")
    addressed(timetable)
    now.tick(timedelta(days=32))

    together = side_by_side(expire_passes, timetable.engine, clock.now())
    rest = run(expire_passes, timetable)

    assert together + rest == 10
    assert len(events(timetable, "pass.expired")) == len(set(written(timetable, "pass.expired"))) == 10


def test_who_has_no_address_gets_no_mail_and_still_an_event(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    package = sell(timetable, "ada", all_access_days=3)
    now.move_to(end_of(timetable, package))
    run(expire_passes, timetable)

    assert (len(events(timetable, "pass.expired")), written(timetable, "pass.expired")) == (1, [])


def test_a_bundle_of_a_pass_and_credits_has_an_end_of_each(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    package = sell(timetable, "ada", line(3), all_access_days=5)
    session = timetable.session(soon(5))
    timetable.book("ada", session, paymentType="CREDIT")
    addressed(timetable)
    assert timetable.move(session, soon(9)).code == "done"
    pass_end, end = end_of(timetable, package, "all_access_expires_at"), end_of(timetable, package)
    now.move_to(pass_end)
    run(expire_passes, timetable)
    run(expire_packages, timetable)
    at_the_first = (events(timetable, "pass.expired"), events(timetable, "package.expired"), flags(timetable, "ada"))

    now.move_to(end)
    run(expire_passes, timetable)
    run(expire_packages, timetable)

    assert pass_end < end
    assert at_the_first == ([f"package/{package}"], [], (False, False, None))
    assert events(timetable, "pass.expired") == events(timetable, "package.expired") == [f"package/{package}"]
    assert len(written(timetable, "pass.expired")) == 1


def test_a_pass_that_is_nothing_else_ends_as_no_package_too(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    package = sell(timetable, "ada", all_access_days=3)
    now.move_to(end_of(timetable, package))
    run(expire_packages, timetable)
    run(expire_passes, timetable)

    assert (events(timetable, "package.expired"), len(events(timetable, "pass.expired"))) == ([], 1)


@pytest.mark.parametrize("task", [expire_passes, expire_packages])
def test_what_ended_while_its_payment_was_disputed_gets_its_days_back_and_is_told_at_their_end(
    timetable: Timetable, now: FrozenDateTimeFactory, task: Any
) -> None:
    package = timetable.buy("eve", "ELITE-30")
    contest(timetable, package)
    now.tick(timedelta(days=400))
    while_it_is_open = run(task, timetable), run(task, timetable)

    contest(timetable, package, "won")
    once_it_is_won = run(task, timetable)
    now.tick(timedelta(days=400))
    at_its_end = run(task, timetable), run(task, timetable)

    kind = "friend_pass.expired" if task is expire_passes else "package.expired"
    assert (while_it_is_open, once_it_is_won, at_its_end) == ((1, 0), 0, (1, 0))
    assert events(timetable, kind) == [f"package/{package}"]


def test_a_dispute_that_is_won_tells_nothing_again_that_was_told_before(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    package = timetable.buy("eve", "ELITE-30")
    now.move_to(end_of(timetable, package, "friend_pass_expires_at"))
    run(expire_passes, timetable)
    contest(timetable, package)
    now.move_to(end_of(timetable, package))
    run(expire_packages, timetable)

    contest(timetable, package, "won")
    run(expire_passes, timetable)
    run(expire_packages, timetable)
    once_it_is_won = events(timetable, "package.expired")
    now.move_to(end_of(timetable, package))
    run(expire_passes, timetable)
    run(expire_packages, timetable)

    assert once_it_is_won == []
    assert events(timetable, "friend_pass.expired") == events(timetable, "package.expired") == [f"package/{package}"]

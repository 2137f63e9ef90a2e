"""What the clock does: whoever was not marked counts as having come, and drafts end with their package."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory

from domain.studio import completion
from tests.domain.booking.world import GRACE, contest, give_back, line, sell, soon, told
from tests.timetable import Timetable
from worker import clock
from worker.upkeep import complete_bookings, expire_packages

LATER: dict[str, Any] = {"schedule_later": {"service_type": "PRIVATE", "minutes": 60, "teacher_tier": 0}}
SUBJECTS = "SELECT type, subject, data FROM domain_events WHERE type = 'package.expired' ORDER BY id"


def complete(timetable: Timetable) -> int:
    return complete_bookings(timetable.engine, at=clock.now())


def expire(timetable: Timetable) -> int:
    return expire_packages(timetable.engine, at=clock.now())


def statuses(timetable: Timetable) -> list[str]:
    return [row["status"] for row in timetable.studio.rows("SELECT status FROM bookings ORDER BY id")]


def drafts(timetable: Timetable, package: int) -> int:
    statement = "SELECT count(*) AS n FROM bookings WHERE student_package_id = %(id)s AND status = 'DRAFT'"
    return int(timetable.studio.one(statement, id=package)["n"])


def test_whoever_was_not_marked_counts_as_having_come(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    ada, eve, bob = timetable.students(3, "EXPLORER-5")
    timetable.buy("cy", "ELITE-30")
    session, other = timetable.session(soon()), timetable.session(soon(hour=7))
    timetable.book("cy", session, friend=GRACE)
    bookings = [timetable.book(name, session).id for name in (ada, eve, bob)]
    timetable.cancel(bob, bookings[2])
    timetable.book(eve, other)
    now.move_to(soon())
    timetable.attend(session, (bookings[1], "NO_SHOW"))
    now.move_to(soon(0, 18))

    first, again = complete(timetable), complete(timetable)

    assert (first, again) == (2, 0)
    assert statuses(timetable) == ["COMPLETED"] * 3 + ["NO_SHOW", "CANCELLED", "COMPLETED"]
    assert told(timetable, "cy") == ["booking.confirmed"] * 2 + ["booking.completed"] * 2
    assert told(timetable, eve)[2:] == ["booking.no_show", "booking.completed"]
    completed = timetable.studio.rows("SELECT DISTINCT completed_at AS at FROM class_sessions")
    assert completed == [{"at": clock.now()}]


@pytest.mark.parametrize(("org", "minutes"), [("lumen", 240), ("thrive", 240), ("lumen", 0), ("lumen", 3_000)])
@pytest.mark.parametrize("start", ["2026-11-01T05:30", "2027-03-14T06:30"])
def test_it_is_so_many_minutes_after_the_end_whatever_the_clocks_on_the_wall_do(
    timetable: Timetable, now: FrozenDateTimeFactory, org: str, minutes: int, start: str
) -> None:
    sell(timetable, "ada", org=org, validity_days=300)
    delay = "UPDATE organizations SET completion_delay_minutes = %(minutes)s WHERE slug = %(org)s"
    timetable.studio.rows(delay, minutes=minutes, org=org)
    begins = datetime.fromisoformat(f"{start}:00+00:00")
    timetable.book("ada", timetable.session(begins, org=org, minutes=60), org=org)
    over = begins + timedelta(minutes=60 + minutes)

    now.move_to(over - timedelta(seconds=1))
    early = complete(timetable)
    now.move_to(over)

    assert (early, complete(timetable)) == (0, 1)
    assert statuses(timetable) == ["COMPLETED"]


def test_a_mark_is_corrected_after_the_clock_too(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    timetable.buy("ada")
    session = timetable.session(soon())
    booked = timetable.book("ada", session).id
    now.move_to(soon(4))
    complete(timetable)

    assert timetable.attend(session, (booked, "NO_SHOW")).code == "done"

    assert complete(timetable) == 0
    assert statuses(timetable) == ["NO_SHOW"]


def test_what_was_called_off_and_what_nobody_came_to(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    timetable.buy("ada")
    called_off, _ = timetable.session(soon()), timetable.session(soon(2))
    timetable.book("ada", called_off)
    timetable.call_off(called_off)
    now.move_to(soon(4))

    assert complete(timetable) == 1
    assert statuses(timetable) == ["CANCELLED"]


def test_a_backlog_is_done_in_batches(
    timetable: Timetable, now: FrozenDateTimeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(completion, "MOST", 2)
    timetable.buy("ada")
    for hour in range(6, 11):
        timetable.book("ada", timetable.session(soon(hour=hour)))
    now.move_to(soon(30))

    assert complete(timetable) == 5
    assert statuses(timetable) == ["COMPLETED"] * 5


# Drafts end with their package.


def test_open_drafts_of_what_has_ended_are_cancelled_once_and_other_systems_are_told(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    package = sell(timetable, "ada", line(3, "PRIVATE"), validity_days=3, **LATER)
    lasting = sell(timetable, "ada", line(2, "PRIVATE"), validity_days=90, **LATER)
    timetable.book("ada", timetable.session(soon(2), service="PRIVATE"))
    now.move_to("2026-10-08T20:59:59Z")
    early = expire(timetable)
    now.move_to("2026-10-08T21:00:00Z")

    late, again = expire(timetable), expire(timetable)

    assert (early, late, again) == (0, 1, 0)
    rows = timetable.studio.rows(
        "SELECT status, metadata, start_at FROM bookings WHERE student_package_id = %(id)s ORDER BY id", id=package
    )
    assert [row["status"] for row in rows] == ["CONFIRMED", "CANCELLED", "CANCELLED"]
    assert [row["metadata"] for row in rows[1:]] == [{"expired": True}] * 2
    (event,) = timetable.studio.rows(SUBJECTS)
    assert (event["subject"], event["data"]["packageId"], event["data"]["studentId"]) == (
        f"package/{package}",
        package,
        "ada",
    )
    open_drafts = timetable.studio.one(
        "SELECT count(*) AS n FROM bookings WHERE student_package_id = %(id)s AND status = 'DRAFT'", id=lasting
    )
    assert open_drafts["n"] == 2


@pytest.mark.parametrize(("happened", "kept"), [(give_back, 0), (contest, 3)])
def test_of_what_was_refunded_or_is_disputed_no_end_is_told_and_drafts_are_frozen_or_gone(
    timetable: Timetable, now: FrozenDateTimeFactory, happened: Any, kept: int
) -> None:
    package = sell(timetable, "ada", line(3, "PRIVATE"), validity_days=3, **LATER)
    happened(timetable, package)
    now.move_to(soon(10))

    assert expire(timetable) == 1

    assert drafts(timetable, package) == kept
    assert "package.expired" not in [row["type"] for row in timetable.studio.rows("SELECT type FROM domain_events")]


def test_a_package_that_ended_while_its_payment_was_disputed_ends_once_its_days_are_over(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    package = sell(timetable, "ada", line(3, "PRIVATE"), validity_days=3, **LATER)
    contest(timetable, package)
    now.move_to(soon(10))
    while_it_is_open = (expire(timetable), expire(timetable))

    contest(timetable, package, "won")
    once_it_is_won = (expire(timetable), drafts(timetable, package))
    now.move_to(soon(20))
    at_its_end = (expire(timetable), expire(timetable))

    assert (while_it_is_open, once_it_is_won, at_its_end) == ((1, 0), (0, 3), (1, 0))
    assert [row["subject"] for row in timetable.studio.rows(SUBJECTS)] == [f"package/{package}"]
    assert drafts(timetable, package) == 0


def test_once_a_dispute_is_won_its_drafts_end_with_the_days_that_came_back(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    package = sell(timetable, "ada", line(3, "PRIVATE"), validity_days=3, **LATER)
    contest(timetable, package)
    now.move_to(soon(10))
    contest(timetable, package, "won")
    now.move_to(soon(20))

    assert expire(timetable) == 1
    assert statuses(timetable) == ["CANCELLED"] * 3

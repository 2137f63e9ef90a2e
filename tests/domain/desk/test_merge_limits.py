"""What cannot be made one is refused or settled, and what is under way goes on."""

from __future__ import annotations

from datetime import timedelta

import pytest
from psycopg.types.json import Jsonb

from domain.errors import AllAccessUsedToday, TimeConflict
from tests.domain.booking.world import sell, soon
from tests.domain.desk.merging import coupon, joined, joined_into_new, refused, use_coupon, wait
from tests.timetable import Timetable
from worker import clock
from worker.inbox import drain_batch
from worker.job_inbox import JOBS

pytestmark = pytest.mark.usefixtures("now")


def test_two_places_at_once_are_named_and_nothing_is_merged(timetable: Timetable) -> None:
    for name in ("ada", "old"):
        timetable.buy(name)
    one = timetable.book("old", timetable.session(soon(3), minutes=60)).id
    other = timetable.book("ada", timetable.session(soon(3) + timedelta(minutes=30))).id

    said = refused(timetable, "old", "ada", TimeConflict)
    timetable.cancel("old", one)

    assert f"{one} and {other}" in said
    assert joined(timetable, "old", "ada").moved["bookings"] == 1


def test_two_places_in_the_same_session_are_one_too_many(timetable: Timetable) -> None:
    session = timetable.session(soon(3))
    for name in ("ada", "old"):
        timetable.buy(name)
        timetable.book(name, session)

    refused(timetable, "old", "ada", TimeConflict)


def test_one_who_comes_after_the_other_is_in_nobodys_way(timetable: Timetable) -> None:
    for name in ("ada", "old"):
        timetable.buy(name)
    timetable.book("old", timetable.session(soon(3), minutes=60))
    timetable.book("ada", timetable.session(soon(3) + timedelta(minutes=60)))

    assert joined(timetable, "old", "ada").moved["bookings"] == 1


def test_of_two_places_in_one_line_the_first_stays(timetable: Timetable) -> None:
    full, other = timetable.session(soon(3)), timetable.session(soon(4))
    first, second = wait(timetable, "old", full), wait(timetable, "ada", full)
    alone = wait(timetable, "old", other)

    joined_into_new(timetable)

    rows = timetable.studio.rows("SELECT id, student_id, status, reason FROM waitlist_entries ORDER BY id")
    ada = timetable.student("ada")
    assert [tuple(row.values()) for row in rows] == [
        (first, ada, "WAITING", None),
        (second, ada, "CLOSED", "merged"),
        (alone, ada, "WAITING", None),
    ]


def test_nobody_waits_for_a_session_in_which_they_are(timetable: Timetable) -> None:
    timetable.buy("ada")
    timetable.buy("old")
    session, other = timetable.session(soon(3)), timetable.session(soon(4))
    timetable.book("ada", session)
    timetable.book("old", other)
    wait(timetable, "old", session)
    wait(timetable, "ada", other)

    joined(timetable, "old", "ada")

    rows = timetable.studio.rows("SELECT status, reason FROM waitlist_entries ORDER BY id")
    assert [tuple(row.values()) for row in rows] == [("CLOSED", "booked")] * 2


def test_a_day_that_two_passes_paid_for_one_student_is_one_too_many(timetable: Timetable) -> None:
    for number, name in enumerate(("ada", "old")):
        timetable.buy(name, "ALL-ACCESS-30")
        timetable.book(name, timetable.session(soon(3, 6 + 3 * number)))

    assert "2026-10-08" in refused(timetable, "old", "ada", AllAccessUsedToday)


def test_days_are_numbered_anew_as_far_as_passes_allow(timetable: Timetable) -> None:
    sell(timetable, "ada", all_access_days=30, all_access_daily_limit=2)
    timetable.buy("old", "ALL-ACCESS-30")
    for hour, name in ((6, "ada"), (9, "old")):
        timetable.book(name, timetable.session(soon(3, hour)))
    timetable.book("old", timetable.session(soon(4)))

    joined(timetable, "old", "ada")

    rows = timetable.studio.rows(
        "SELECT u.usage_date, u.slot, k.all_access_daily_limit AS most FROM all_access_daily_usages u"
        " JOIN student_packages k ON k.id = u.student_package_id ORDER BY 1, 2"
    )
    assert [(str(row["usage_date"]), row["slot"], row["most"]) for row in rows] == [
        ("2026-10-08", 1, 1),
        ("2026-10-08", 2, 2),
        ("2026-10-09", 1, 1),
    ]


def test_uses_of_a_coupon_above_the_limit_of_one_stay(timetable: Timetable) -> None:
    used = coupon(timetable, 3)
    for number, name in enumerate(("ada", "ada", "old", "old"), start=1):
        use_coupon(timetable, used, name, number, number if number < 3 else number - 2)
    use_coupon(timetable, used, "old", None, None)

    done = joined(timetable, "old", "ada")

    rows = timetable.studio.rows(
        "SELECT s.external_id AS name, u.student_number AS number FROM coupon_uses u"
        " JOIN students s ON s.id = u.student_id ORDER BY u.id"
    )
    said = [("ada", 1), ("ada", 2), ("ada", 3), ("old", 2), ("ada", None)]
    assert [(row["name"], row["number"]) for row in rows] == said
    assert (done.moved["coupon_uses"], done.kept) == (2, 1)


# What is under way.


def test_commands_that_wait_keep_their_order(timetable: Timetable) -> None:
    package = timetable.buy("old", "SINGLE-RIDE")
    timetable.student("ada")
    asked = [
        timetable.ask(f"booking.{what}", name, sessionId=timetable.session(soon(days)))
        for what, name, days in (("book", "old", 3), ("book", "ada", 4), ("book", "old", 5))
    ]

    joined(timetable, "old", "ada")
    timetable.work()

    assert timetable.codes(asked) == ["done", "insufficient_credits", "insufficient_credits"]
    assert timetable.left(package) == [0]


def test_a_command_that_came_in_while_they_were_merged_is_done_for_the_other(timetable: Timetable) -> None:
    package = timetable.buy("old")
    booked = timetable.book("old", timetable.session(soon(3)))
    joined_into_new(timetable)
    # As its insert found them a moment before.
    job = timetable.studio.one(
        "INSERT INTO jobs (organization_id, student_id, caller, kind, request, due_at, received_at)"
        " SELECT organization_id, id, 'STUDENT old', 'booking.cancel', %(said)s, %(at)s, %(at)s FROM students"
        " WHERE external_id = 'old' RETURNING id",
        said=Jsonb({"bookingId": booked.id}),
        at=clock.now(),
    )["id"]

    drain_batch(JOBS, timetable.engine)

    assert timetable.outcome(job).code == "done"
    assert timetable.left(package) == [5]
    row = timetable.studio.one("SELECT student_id FROM jobs WHERE id = %(id)s", id=job)
    assert row["student_id"] == timetable.student("ada")


def test_mails_that_were_told_before_stay_apart_from_those_that_follow(timetable: Timetable) -> None:
    timetable.buy("old", "WELLNESS-3")
    session = timetable.session(soon(3), org="thrive", service="PRIVATE", minutes=60)
    booked = timetable.book("old", session, org="thrive")
    timetable.student("ada", "thrive")
    joined(timetable, "old", "ada", org="thrive")

    # Of the same booking, with numbers that begin anew: the second confirmation is Ada's third event.
    timetable.cancel("ada", booked.id, org="thrive")
    again = timetable.book("ada", session, org="thrive")
    timetable.cancel("ada", booked.id, org="thrive")

    assert (again.code, again.id) == ("done", booked.id)
    rows = timetable.studio.rows("SELECT kind, dedupe_key FROM notifications WHERE booking_id IS NOT NULL ORDER BY id")
    assert [row["kind"].partition(".")[2] for row in rows] == ["confirmed", "cancelled", "confirmed", "cancelled"]
    assert len({row["dedupe_key"] for row in rows}) == 4


def test_a_change_after_the_merge_may_have_the_number_that_one_before_it_had(timetable: Timetable) -> None:
    for name in ("old", "ada"):
        timetable.buy(name)
    session = timetable.session(soon(5))
    timetable.book("old", session)
    assert timetable.move(session, soon(6)).code == "done"
    timetable.studio.rows("UPDATE notifications SET status = 'SENT', sent_at = due_at")
    joined(timetable, "old", "ada")

    # Both moves are the third event of whose booking it was by then.
    assert timetable.move(session, soon(7)).code == "done"

    moved = timetable.studio.rows("SELECT student_id FROM notifications WHERE kind = 'session.moved' ORDER BY id")
    assert [row["student_id"] for row in moved] == [timetable.student("old"), timetable.student("ada")]

"""Drafts given their time: in a session, or with a teacher who can."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from freezegun.api import FrozenDateTimeFactory

from tests.domain.booking.world import contest, give_back, line, nothing_written, sell, soon
from tests.timetable import Outcome, Timetable
from worker.inbox import drain_batch
from worker.job_inbox import JOBS

NEW_YORK = ZoneInfo("America/New_York")
WEEKDAYS = range(1, 6)


def lesson(timetable: Timetable, student: str = "ada", **product: Any) -> tuple[int, list[int]]:
    """Have a student buy three private hours that are scheduled later; return the package and its drafts."""
    later = {"schedule_later": {"service_type": "PRIVATE", "minutes": 60, "teacher_tier": 0}} | product
    package = sell(timetable, student, line(3, "PRIVATE"), org="thrive", **later)
    rows = timetable.studio.rows("SELECT id FROM bookings WHERE student_package_id = %(id)s ORDER BY id", id=package)
    return package, [row["id"] for row in rows]


def teacher(timetable: Timetable, *, tier: int = 0, opens: int = 8, closes: int = 20) -> int:
    """Add a teacher who can be booked on weekdays between local hours."""
    made = timetable.teacher("thrive", tier)
    for weekday in WEEKDAYS:
        timetable.hours(made, time(opens), time(closes), weekday=weekday)
    return made


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """Return a local time of a day of this week in New York."""
    return datetime(2026, 10, 5 + day, hour, minute, tzinfo=NEW_YORK)


def refused(timetable: Timetable, student: str, draft: int, **said: Any) -> Outcome:
    job = timetable.ask("booking.schedule", student, org="thrive", bookingId=draft, **said)
    with nothing_written(timetable):
        timetable.work()
    return timetable.outcome(job)


def schedule(timetable: Timetable, draft: int, start: datetime | None = None, **said: Any) -> Outcome:
    return timetable.schedule("ada", draft, org="thrive", start=start, **said)


@pytest.fixture(autouse=True)
def _alone(now: FrozenDateTimeFactory, timetable: Timetable) -> None:
    """Let every test begin on a Monday, with no teachers but its own."""
    timetable.studio.rows("UPDATE teachers SET active = false")


def test_a_draft_gets_a_start_at_which_a_teacher_can(timetable: Timetable) -> None:
    package, drafts = lesson(timetable)
    maya = teacher(timetable)

    scheduled = schedule(timetable, drafts[0], at(2, 10))

    assert scheduled.id == drafts[0]
    assert scheduled.booking["status"] == "CONFIRMED"
    assert scheduled.booking["bookingType"] == "PACKAGE_SESSION"
    assert scheduled.booking["startAt"] == "2026-10-07T14:00:00Z"
    assert scheduled.booking["endAt"] == "2026-10-07T15:00:00Z"
    assert timetable.left(package) == [2]
    session = timetable.studio.one("SELECT * FROM class_sessions WHERE arranged")
    assert (session["teacher_id"], session["capacity"], session["status"]) == (maya, 1, "SCHEDULED")


def test_a_teacher_gives_one_session_at_a_time(timetable: Timetable) -> None:
    _, drafts = lesson(timetable)
    _, others = lesson(timetable, "grace")
    maya = teacher(timetable)
    schedule(timetable, drafts[0], at(2, 10))

    assert refused(timetable, "grace", others[0], startTime=at(2, 10, 30).isoformat()).code == "teacher_unavailable"
    assert timetable.schedule("grace", others[0], org="thrive", start=at(2, 11), teacherId=maya).code == "done"


def test_two_who_ask_in_one_batch_do_not_get_the_same_teacher_twice(timetable: Timetable) -> None:
    _, drafts = lesson(timetable)
    _, others = lesson(timetable, "grace")
    maya, luca = teacher(timetable), teacher(timetable)
    said = {"startTime": at(2, 10).isoformat()}
    jobs = [
        timetable.ask("booking.schedule", "ada", org="thrive", bookingId=drafts[0], **said),
        timetable.ask("booking.schedule", "grace", org="thrive", bookingId=others[0], **said),
    ]

    timetable.work()

    assert timetable.codes(jobs) == ["done", "done"]
    rows = timetable.studio.rows("SELECT teacher_id FROM class_sessions WHERE arranged ORDER BY id")
    assert [row["teacher_id"] for row in rows] == [maya, luca]


@pytest.mark.parametrize(
    ("day", "hour", "minute", "code"),
    [
        (2, 8, 0, "done"),
        (2, 7, 59, "teacher_unavailable"),
        (2, 19, 0, "done"),
        (2, 19, 1, "teacher_unavailable"),
        (5, 10, 0, "teacher_unavailable"),
    ],
)
def test_a_session_lies_inside_the_teachers_local_hours(
    timetable: Timetable, day: int, hour: int, minute: int, code: str
) -> None:
    _, drafts = lesson(timetable)
    teacher(timetable)

    assert schedule(timetable, drafts[0], at(day, hour, minute)).code == code


def test_hours_of_a_date_replace_the_weekdays_and_hours_that_meet_are_one(timetable: Timetable) -> None:
    _, drafts = lesson(timetable)
    maya = teacher(timetable)
    timetable.hours(maya, None, None, on_date=date(2026, 10, 7))
    timetable.hours(maya, time(6), time(7), on_date=date(2026, 10, 8))
    timetable.hours(maya, time(7), time(8), on_date=date(2026, 10, 8))

    codes = [schedule(timetable, drafts[0], at(*each)).code for each in ((2, 10), (3, 10), (3, 6, 30))]

    assert codes == ["teacher_unavailable", "teacher_unavailable", "done"]


@pytest.mark.parametrize("night", [date(2026, 11, 1), date(2027, 3, 14)])
def test_local_hours_hold_in_nights_when_clocks_change(timetable: Timetable, night: date) -> None:
    _, drafts = lesson(timetable, validity_days=365)
    maya = timetable.teacher("thrive")
    timetable.hours(maya, time(8), time(9), weekday=7)

    start = datetime.combine(night, time(8), NEW_YORK)

    early = refused(timetable, "ada", drafts[0], startTime=(start - timedelta(hours=1)).astimezone(UTC).isoformat())
    assert early.code == "teacher_unavailable"
    assert schedule(timetable, drafts[0], start.astimezone(UTC)).code == "done"


def test_only_teachers_up_to_the_drafts_tier_are_asked(timetable: Timetable) -> None:
    _, drafts = lesson(timetable)
    expert = teacher(timetable, tier=20)

    assert refused(timetable, "ada", drafts[0], startTime=at(2, 10).isoformat()).code == "teacher_unavailable"
    named = refused(timetable, "ada", drafts[0], startTime=at(2, 10).isoformat(), teacherId=expert)
    assert named.code == "validation_failed"
    session = timetable.session(at(2, 10), org="thrive", service="PRIVATE", minutes=60, capacity=1, tier=20)
    assert refused(timetable, "ada", drafts[0], sessionId=session).code == "validation_failed"


def test_a_draft_is_scheduled_into_a_session_and_pays_what_it_costs(timetable: Timetable) -> None:
    package, drafts = lesson(timetable)
    session = timetable.session(at(2, 10), org="thrive", service="PRIVATE", minutes=90, capacity=1)

    scheduled = schedule(timetable, drafts[1], sessionId=session)

    assert (scheduled.id, scheduled.booking["creditsUsed"]) == (drafts[1], 2)
    assert timetable.left(package) == [1]
    statuses = timetable.studio.rows("SELECT id, status FROM bookings ORDER BY id")
    assert [row["status"] for row in statuses] == ["CANCELLED", "CONFIRMED", "DRAFT"]


def test_cancelled_in_time_it_is_a_draft_again_and_the_teacher_free(timetable: Timetable) -> None:
    package, drafts = lesson(timetable)
    teacher(timetable)
    schedule(timetable, drafts[0], at(2, 10))

    cancelled = timetable.cancel("ada", drafts[0], org="thrive")

    assert cancelled.booking["status"] == "DRAFT"
    assert timetable.left(package) == [3]
    assert timetable.studio.one("SELECT status FROM class_sessions WHERE arranged")["status"] == "CANCELLED"
    _, others = lesson(timetable, "grace")
    assert timetable.schedule("grace", others[0], org="thrive", start=at(2, 10)).code == "done"
    assert schedule(timetable, drafts[0], at(2, 11)).code == "done"


def test_forfeited_too_late_its_teacher_is_free_and_its_credit_spent(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    package, drafts = lesson(timetable)
    teacher(timetable)
    schedule(timetable, drafts[0], at(2, 10))
    now.move_to(at(2, 9))

    gone = timetable.cancel("ada", drafts[0], org="thrive", acceptForfeit=True)

    assert gone.booking["status"] == "FORFEITED"
    assert timetable.left(package) == [2]
    assert timetable.studio.one("SELECT status FROM class_sessions WHERE arranged")["status"] == "CANCELLED"


def test_changed_to_a_session_it_leaves_the_teacher_free(timetable: Timetable) -> None:
    _, drafts = lesson(timetable)
    teacher(timetable)
    schedule(timetable, drafts[0], at(2, 10))
    session = timetable.session(at(3, 10), org="thrive", service="PRIVATE", minutes=60, capacity=1)

    assert timetable.change("ada", drafts[0], org="thrive", sessionId=session).code == "done"

    assert timetable.studio.one("SELECT status FROM class_sessions WHERE arranged")["status"] == "CANCELLED"


def test_a_change_that_is_refused_leaves_the_arranged_session_as_it_was(timetable: Timetable) -> None:
    _, drafts = lesson(timetable)
    teacher(timetable)
    schedule(timetable, drafts[0], at(2, 10))
    full = timetable.session(at(3, 10), org="thrive", service="PRIVATE", minutes=60, capacity=1)
    lesson(timetable, "grace")
    timetable.book("grace", full, org="thrive")

    job = timetable.ask("booking.change", "ada", org="thrive", bookingId=drafts[0], sessionId=full)
    with nothing_written(timetable):
        timetable.work()

    assert timetable.outcome(job).code == "session_full"


def test_what_cannot_be_scheduled_is_refused_without_a_trace(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    _, drafts = lesson(timetable)
    teacher(timetable)
    busy = timetable.session(at(4, 10), org="thrive", service="PRIVATE", minutes=60, capacity=1)
    schedule(timetable, drafts[0], sessionId=busy)
    gone, free = at(0, 3).isoformat(), at(2, 10).isoformat()
    codes = {
        "past": refused(timetable, "ada", drafts[1], startTime=gone).code,
        "unknown teacher": refused(timetable, "ada", drafts[1], startTime=free, teacherId=999_999).code,
        "no draft": refused(timetable, "ada", drafts[0], startTime=free).code,
        "another's": refused(timetable, "grace", drafts[1], startTime=free).code,
        "busy student": refused(timetable, "ada", drafts[1], startTime=at(4, 10, 30).isoformat()).code,
        "after the end": refused(timetable, "ada", drafts[1], startTime="2027-02-01T15:00:00+00:00").code,
    }

    assert codes == {
        "past": "validation_failed",
        "unknown teacher": "not_found",
        "no draft": "booking_closed",
        "another's": "not_found",
        "busy student": "time_conflict",
        "after the end": "package_expired",
    }


def test_a_group_draft_is_scheduled_into_sessions_only(timetable: Timetable) -> None:
    package = sell(timetable, "ada", line(2), org="thrive", schedule_later={"service_type": "GROUP", "minutes": 60})
    draft = timetable.studio.one("SELECT min(id) AS id FROM bookings")["id"]
    teacher(timetable)

    assert refused(timetable, "ada", draft, startTime=at(2, 10).isoformat()).code == "validation_failed"
    session = timetable.session(at(2, 12), org="thrive", minutes=60)
    assert schedule(timetable, draft, sessionId=session).code == "done"
    assert timetable.left(package) == [1]


def test_drafts_of_a_disputed_package_are_frozen_and_of_a_refunded_one_gone(timetable: Timetable) -> None:
    package, drafts = lesson(timetable)
    teacher(timetable)
    said = {"startTime": at(2, 10).isoformat()}

    contest(timetable, package)
    frozen = refused(timetable, "ada", drafts[0], **said)
    contest(timetable, package, "won")
    allowed = schedule(timetable, drafts[0], at(2, 10))
    give_back(timetable, package)
    revoked = refused(timetable, "ada", drafts[1], startTime=at(3, 10).isoformat())

    assert (frozen.code, allowed.code, revoked.code) == ("package_suspended", "done", "booking_closed")
    assert timetable.studio.count("bookings WHERE status <> 'CANCELLED'") == 0


def test_an_arranged_session_is_nobody_elses_and_in_no_calendar(timetable: Timetable) -> None:
    _, drafts = lesson(timetable)
    teacher(timetable)
    schedule(timetable, drafts[0], at(2, 10))
    session = timetable.studio.one("SELECT id FROM class_sessions WHERE arranged")["id"]
    lesson(timetable, "grace")

    assert timetable.book("grace", session, org="thrive").code == "session_full"
    assert timetable.shown("thrive", soon(0), soon(7)) == []


def test_a_draft_that_is_scheduled_and_given_up_in_one_batch_leaves_its_teacher_free(timetable: Timetable) -> None:
    _, drafts = lesson(timetable)
    teacher(timetable)
    said = {"bookingId": drafts[0], "startTime": at(2, 10).isoformat()}
    jobs = [timetable.ask("booking.schedule", "ada", org="thrive", **said)]
    jobs.append(timetable.ask("booking.cancel", "ada", org="thrive", bookingId=drafts[0]))

    assert drain_batch(JOBS, timetable.engine) == 2

    assert timetable.codes(jobs) == ["done", "done"]
    assert timetable.studio.one("SELECT status FROM class_sessions WHERE arranged")["status"] == "CANCELLED"
    assert schedule(timetable, drafts[0], at(2, 10)).code == "done"


def test_a_draft_that_was_spent_in_a_batch_is_none_any_more_in_it(timetable: Timetable) -> None:
    _, drafts = lesson(timetable)
    teacher(timetable)
    session = timetable.session(soon(3), org="thrive", service="PRIVATE", minutes=120)
    jobs = [
        timetable.ask("booking.book", "ada", org="thrive", sessionId=session),
        timetable.ask("booking.schedule", "ada", org="thrive", bookingId=drafts[1], startTime=at(2, 10).isoformat()),
    ]

    assert drain_batch(JOBS, timetable.engine) == 2

    assert timetable.codes(jobs) == ["done", "booking_closed"]


def test_a_teacher_who_came_free_in_a_batch_can_be_asked_in_it(timetable: Timetable) -> None:
    _, drafts = lesson(timetable)
    teacher(timetable)
    schedule(timetable, drafts[0], at(2, 10))
    jobs = [timetable.ask("booking.cancel", "ada", org="thrive", bookingId=drafts[0])]
    said = {"bookingId": drafts[1], "startTime": at(2, 10).isoformat()}
    jobs.append(timetable.ask("booking.schedule", "ada", org="thrive", **said))

    assert drain_batch(JOBS, timetable.engine) == 2

    assert timetable.codes(jobs) == ["done", "done"]


def test_a_time_that_the_studio_gave_to_another_teacher_is_free_with_the_first(timetable: Timetable) -> None:
    _, drafts = lesson(timetable)
    _, others = lesson(timetable, "grace")
    maya, luca = teacher(timetable), teacher(timetable)
    scheduled = schedule(timetable, drafts[0], at(2, 10), teacherId=maya)

    assert timetable.move(scheduled.booking["sessionId"], teacherId=luca).code == "done"

    assert timetable.schedule("grace", others[0], org="thrive", start=at(2, 10), teacherId=maya).code == "done"


def test_of_several_teachers_one_is_asked_whom_the_draft_can_pay(timetable: Timetable) -> None:
    sell(
        timetable,
        "ada",
        line(3, "PRIVATE", tier=10),
        org="thrive",
        schedule_later={"service_type": "PRIVATE", "minutes": 60},
    )
    draft = timetable.studio.one("SELECT min(id) AS id FROM bookings")["id"]
    teacher(timetable, tier=20)
    usual = teacher(timetable)

    assert schedule(timetable, draft, at(2, 10)).code == "done"
    assert timetable.studio.one("SELECT teacher_id FROM class_sessions WHERE arranged")["teacher_id"] == usual

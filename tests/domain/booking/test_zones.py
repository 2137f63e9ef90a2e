"""Local days and elapsed hours, on the nights when clocks change and where they never do."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from freezegun.api import FrozenDateTimeFactory

from tests.domain.booking.world import line, refuse, sell, soon
from tests.timetable import Timetable

# In New York the 1st of November 2026 has 25 hours, and the 14th of March 2027 has 23; in Istanbul no day changes.


def instant(said: str) -> datetime:
    return datetime.fromisoformat(f"{said}:00+00:00")


@pytest.mark.usefixtures("now")
@pytest.mark.parametrize(
    ("org", "start", "day"),
    [
        ("thrive", "2026-11-01T03:59", "2026-10-31"),
        ("thrive", "2026-11-01T04:00", "2026-11-01"),
        ("thrive", "2026-11-01T05:30", "2026-11-01"),
        ("thrive", "2026-11-01T06:30", "2026-11-01"),
        ("thrive", "2026-11-02T04:59", "2026-11-01"),
        ("thrive", "2026-11-02T05:00", "2026-11-02"),
        ("thrive", "2027-03-14T04:59", "2027-03-13"),
        ("thrive", "2027-03-14T05:00", "2027-03-14"),
        ("thrive", "2027-03-14T06:59", "2027-03-14"),
        ("thrive", "2027-03-14T07:00", "2027-03-14"),
        ("thrive", "2027-03-15T03:59", "2027-03-14"),
        ("thrive", "2027-03-15T04:00", "2027-03-15"),
        ("lumen", "2026-10-31T20:59", "2026-10-31"),
        ("lumen", "2026-10-31T21:00", "2026-11-01"),
        ("lumen", "2026-11-01T20:59", "2026-11-01"),
        ("lumen", "2027-03-28T21:00", "2027-03-29"),
    ],
)
def test_a_pass_uses_the_local_day_on_which_the_session_starts(
    timetable: Timetable, org: str, start: str, day: str
) -> None:
    sell(timetable, "ada", org=org, all_access_days=300)

    timetable.book("ada", timetable.session(instant(start), org=org), org=org)

    used = timetable.studio.one("SELECT usage_date::text AS day FROM all_access_daily_usages")
    assert used["day"] == day


@pytest.mark.usefixtures("now")
@pytest.mark.parametrize(
    ("org", "first", "last", "following"),
    [
        ("thrive", "2026-11-01T04:00", "2026-11-02T04:00", "2026-11-02T05:00"),
        ("thrive", "2027-03-14T05:00", "2027-03-15T03:00", "2027-03-15T04:00"),
        ("lumen", "2026-10-31T21:00", "2026-11-01T20:00", "2026-11-01T21:00"),
    ],
)
def test_a_day_of_23_or_25_hours_is_one_day(
    timetable: Timetable, org: str, first: str, last: str, following: str
) -> None:
    sell(timetable, "ada", org=org, all_access_days=300)
    sessions = [timetable.session(instant(each), org=org) for each in (first, last, following)]

    outcomes = [timetable.book("ada", each, org=org).code for each in sessions]

    assert outcomes == ["done", "all_access_used_today", "done"]


@pytest.mark.usefixtures("now")
def test_a_session_across_midnight_belongs_to_the_day_on_which_it_starts(timetable: Timetable) -> None:
    sell(timetable, "ada", org="thrive", all_access_days=60)
    late = timetable.session(instant("2026-11-01T03:30"), org="thrive", minutes=60)
    same_day = timetable.session(instant("2026-10-31T12:00"), org="thrive")
    after = timetable.session(instant("2026-11-01T04:30"), org="thrive")

    outcomes = [timetable.book("ada", each, org="thrive").code for each in (late, same_day, after)]

    assert outcomes == ["done", "all_access_used_today", "done"]


@pytest.mark.parametrize(
    ("org", "bought", "days", "end"),
    [
        ("thrive", "2026-10-05T08:00", 26, "2026-11-01T04:00"),
        ("thrive", "2026-10-05T08:00", 27, "2026-11-02T05:00"),
        ("thrive", "2026-10-06T03:59", 27, "2026-11-02T05:00"),
        ("thrive", "2026-10-06T04:00", 26, "2026-11-02T05:00"),
        ("thrive", "2026-11-01T06:30", 1, "2026-11-03T05:00"),
        ("thrive", "2027-03-01T12:00", 12, "2027-03-14T05:00"),
        ("thrive", "2027-03-01T12:00", 13, "2027-03-15T04:00"),
        ("lumen", "2026-10-05T20:59", 27, "2026-11-01T21:00"),
        ("lumen", "2026-10-05T21:00", 27, "2026-11-02T21:00"),
    ],
)
@pytest.mark.parametrize("means", ["credits", "pass"])
def test_a_validity_ends_at_the_local_midnight_whatever_hours_its_days_have(
    timetable: Timetable, now: FrozenDateTimeFactory, org: str, bought: str, days: int, end: str, means: str
) -> None:
    now.move_to(instant(bought))
    sold = {"all_access_days": days} if means == "pass" else {"validity_days": days}
    sell(timetable, "ada", *([] if means == "pass" else [line()]), org=org, **sold)
    before, behind = (
        timetable.session(instant(end) + gap, org=org, minutes=1) for gap in (timedelta(minutes=-1), timedelta(0))
    )

    refused = refuse(timetable, "book", "ada", org=org, sessionId=behind)
    done = timetable.book("ada", before, org=org)

    assert (refused.code, done.code) == ("package_expired", "done")


@pytest.mark.usefixtures("now")
@pytest.mark.parametrize(
    ("start", "last", "behind"),
    [
        ("2026-10-31T12:00", "2026-11-03T04:59", "2026-11-03T05:00"),
        ("2027-03-13T12:00", "2027-03-16T03:59", "2027-03-16T04:00"),
    ],
)
def test_days_that_begin_with_the_first_session_are_local_days_too(
    timetable: Timetable, start: str, last: str, behind: str
) -> None:
    sell(timetable, "ada", org="thrive", validity_starts="FIRST_USE", validity_days=2)
    first, second, third = (timetable.session(instant(each), org="thrive", minutes=1) for each in (start, last, behind))

    booked = timetable.book("ada", first, org="thrive")
    refused = refuse(timetable, "book", "ada", org="thrive", sessionId=third)
    done = timetable.book("ada", second, org="thrive")

    assert (booked.code, refused.code, done.code) == ("done", "package_expired", "done")


@pytest.mark.parametrize("start", ["2026-11-01T14:00", "2026-11-01T06:30", "2027-03-14T13:00", "2027-03-14T07:00"])
@pytest.mark.parametrize(("seconds", "code"), [(0, "done"), (1, "cancellation_window_closed")])
def test_the_window_is_elapsed_time_also_across_the_change_of_the_clocks(
    timetable: Timetable, now: FrozenDateTimeFactory, start: str, seconds: int, code: str
) -> None:
    sell(timetable, "ada", org="thrive", validity_days=300)
    booked = timetable.book("ada", timetable.session(instant(start), org="thrive"), org="thrive")
    now.move_to(instant(start) - timedelta(hours=24) + timedelta(seconds=seconds))

    outcome = timetable.cancel("ada", booked.id, org="thrive")

    assert outcome.code == code


@pytest.mark.usefixtures("now")
def test_what_a_student_is_told_of_an_end_is_the_last_local_day(timetable: Timetable) -> None:
    package = sell(timetable, "ada", org="thrive", validity_days=27)
    session = timetable.session(soon(60), org="thrive")

    refused = refuse(timetable, "book", "ada", org="thrive", sessionId=session, packageId=package)

    assert refused.problem
    assert "1 November 2026" in refused.problem["detail"]

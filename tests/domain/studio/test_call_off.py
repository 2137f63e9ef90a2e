"""A session called off by the studio: everything comes back to everybody, and lasts long enough to be used."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory

from db.transaction import transaction
from domain.clock import ending
from tests.domain.booking.test_schedule import at, lesson, teacher
from tests.domain.booking.world import GRACE, contest, give_back, line, nothing_written, sell, soon, told
from tests.timetable import Timetable
from worker import clock
from worker.upkeep import complete_bookings, expire_packages

FIRST_USE: dict[str, Any] = {"validity_starts": "FIRST_USE", "validity_days": 10}
LATER: dict[str, Any] = {"schedule_later": {"service_type": "PRIVATE", "minutes": 60, "teacher_tier": 0}}


def dates(timetable: Timetable, package: int, *columns: str) -> list[str | None]:
    """Return dates of a package, written short."""
    row = timetable.studio.one("SELECT * FROM student_packages WHERE id = %(id)s", id=package)
    return [row[name].strftime("%m-%d %H:%M") if row[name] else None for name in columns]


def end(timetable: Timetable, package: int) -> str | None:
    return dates(timetable, package, "expires_at")[0]


def pass_end(timetable: Timetable, package: int) -> str | None:
    return dates(timetable, package, "all_access_expires_at")[0]


def drafts(timetable: Timetable, package: int) -> int:
    row = timetable.studio.one(
        "SELECT count(*) AS n FROM bookings WHERE student_package_id = %(id)s AND status = 'DRAFT'", id=package
    )
    return int(row["n"])


@pytest.mark.usefixtures("now")
def test_credits_days_and_friend_passes_come_back_inside_the_window_too(timetable: Timetable) -> None:
    five, elite = timetable.buy("ada"), timetable.buy("eve", "ELITE-30")
    timetable.buy("bob", "ALL-ACCESS-30")
    session = timetable.session(clock.now() + timedelta(hours=2), seats=[1] * 6, tier=0)
    ada = timetable.book("ada", session)
    eve = timetable.book("eve", session, friend=GRACE)
    timetable.book("bob", session)

    outcome = timetable.call_off(session, reason="the studio is flooded")

    assert outcome.result
    assert outcome.result["cancelled"] == 4
    assert (outcome.result["session"]["status"], outcome.result["session"]["bookings"]) == ("CANCELLED", 0)
    assert (timetable.left(five), timetable.left(elite)) == ([5], [30])
    assert timetable.booking(ada.id)["metadata"] == {"cancelReason": "the studio is flooded"}
    assert [timetable.booking(each)["status"] for each in (eve.id, eve.id + 1)] == ["CANCELLED", "CANCELLED"]
    assert told(timetable, "ada") == ["booking.confirmed", "booking.cancelled"]
    assert told(timetable, "eve") == ["booking.confirmed"] * 2 + ["booking.cancelled"] * 2
    other = timetable.session(soon(0, hour=15))
    assert timetable.book("eve", timetable.session(soon(2)), friend=GRACE).code == "done"
    assert timetable.book("bob", other).booking["paymentType"] == "ALL_ACCESS"


@pytest.mark.usefixtures("now")
def test_a_session_is_called_off_once_and_nobody_comes_any_more(timetable: Timetable) -> None:
    timetable.buy("ada")
    session = timetable.session(soon(), tier=0)
    assert timetable.call_off(session).code == "done"
    again = timetable.ask_of_session("session.cancel", session)

    with nothing_written(timetable):
        timetable.work()

    assert timetable.outcome(again).code == "session_cancelled"
    assert timetable.book("ada", session).code == "session_cancelled"


@pytest.mark.usefixtures("now")
def test_its_teacher_is_free_then(timetable: Timetable) -> None:
    session, other = timetable.session(soon(), tier=0), timetable.session(soon(4))
    teacher = timetable.studio.one("SELECT teacher_id FROM class_sessions WHERE id = %(id)s", id=session)["teacher_id"]
    taken = timetable.move(other, soon(), teacherId=teacher)

    assert timetable.call_off(session).code == "done"

    assert taken.code == "teacher_unavailable"
    assert timetable.move(other, soon(), teacherId=teacher).code == "done"


def test_whoever_was_marked_gets_everything_back_too(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    package = timetable.buy("ada")
    session = timetable.session(soon())
    booked = timetable.book("ada", session).id
    now.move_to(soon())
    timetable.attend(session, (booked, "NO_SHOW"))

    assert timetable.call_off(session).code == "done"

    assert timetable.left(package) == [5]
    assert told(timetable, "ada")[-2:] == ["booking.no_show", "booking.cancelled"]


@pytest.mark.usefixtures("now")
def test_whoever_waits_is_told_that_the_line_is_closed(timetable: Timetable) -> None:
    timetable.buy("ada")
    timetable.buy("eve")
    session = timetable.session(soon(), capacity=1)
    timetable.book("ada", session)
    assert timetable.join("eve", session).code == "done"

    assert timetable.call_off(session).code == "done"

    assert timetable.line(session) == [("eve", "CLOSED", "session_cancelled")]
    rows = timetable.studio.rows("SELECT type FROM domain_events WHERE subject LIKE 'waitlist/%%' ORDER BY id")
    assert [row["type"] for row in rows] == ["waitlist.joined", "waitlist.closed"]
    assert timetable.studio.rows("SELECT 1 FROM jobs WHERE kind = 'waitlist.promote'") == []


@pytest.mark.usefixtures("now")
def test_a_place_that_the_waitlist_gave_is_not_given_back_by_its_student(timetable: Timetable) -> None:
    timetable.buy("ada")
    timetable.buy("eve")
    session = timetable.session(soon(), capacity=1)
    booked = timetable.book("ada", session).id
    timetable.join("eve", session)
    timetable.cancel("ada", booked)

    assert timetable.call_off(session).code == "done"

    assert timetable.line(session) == [("eve", "PROMOTED", None)]
    assert timetable.who(session) == []


@pytest.mark.usefixtures("now")
def test_what_was_a_draft_is_one_again(timetable: Timetable) -> None:
    package = sell(timetable, "ada", line(4, "PRIVATE"), **LATER)
    session = timetable.session(soon(), service="PRIVATE", minutes=90)
    booked = timetable.book("ada", session)

    assert timetable.call_off(session).code == "done"

    assert (booked.booking["creditsUsed"], timetable.left(package), drafts(timetable, package)) == (2, [4], 4)
    assert timetable.booking(booked.id)["status"] == "DRAFT"


def test_a_package_that_has_ended_meanwhile_lasts_another_fourteen_days(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    package = sell(timetable, "ada", validity_days=3)
    session = timetable.session(soon(2))
    booked = timetable.book("ada", session).id
    now.move_to("2026-10-08T21:00:00Z")

    assert timetable.call_off(session).code == "done"

    # The 9th has begun in Istanbul: through the 23rd.
    assert end(timetable, package) == "10-23 21:00"
    assert timetable.booking(booked)["metadata"] == {"extendedUntil": "2026-10-23T21:00:00Z"}
    assert timetable.book("ada", timetable.session(datetime(2026, 10, 23, 20, tzinfo=UTC))).code == "done"


def test_a_package_that_has_not_ended_lasts_as_long_as_it_was_sold_for(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    package = sell(timetable, "ada", validity_days=3)
    session = timetable.session(soon(2))
    booked = timetable.book("ada", session).id
    now.move_to("2026-10-08T20:59:59Z")

    assert timetable.call_off(session).code == "done"

    assert dates(timetable, package, "expires_at", "extended_until") == ["10-08 21:00", None]
    assert timetable.booking(booked)["metadata"] == {}


@pytest.mark.usefixtures("now")
def test_a_session_that_was_arranged_for_a_draft_is_called_off_alike(timetable: Timetable) -> None:
    package, drafted = lesson(timetable)
    teacher(timetable)
    scheduled = timetable.schedule("ada", drafted[0], org="thrive", start=at(2, 10))
    session = scheduled.booking["sessionId"]

    outcome = timetable.call_off(session, reason="a flood")

    assert outcome.result
    assert (outcome.result["session"]["status"], outcome.result["cancelled"]) == ("CANCELLED", 1)
    assert drafts(timetable, package) == 3
    assert timetable.schedule("ada", drafted[0], org="thrive", start=at(2, 10)).code == "done"


@pytest.mark.parametrize(
    ("org", "called_off", "until"),
    [
        ("thrive", "2026-10-18T03:59", "2026-11-01T04:00"),
        ("thrive", "2026-10-18T04:00", "2026-11-02T05:00"),
        ("thrive", "2027-02-28T12:00", "2027-03-15T04:00"),
        ("lumen", "2026-10-17T20:59", "2026-10-31T21:00"),
        ("lumen", "2026-10-17T21:00", "2026-11-01T21:00"),
    ],
)
def test_the_fourteen_days_are_local_ones_whatever_hours_they_have(
    timetable: Timetable, now: FrozenDateTimeFactory, org: str, called_off: str, until: str
) -> None:
    package = sell(timetable, "ada", org=org, validity_days=3)
    session = timetable.session(soon(2), org=org)
    timetable.book("ada", session, org=org)
    now.move_to(f"{called_off}:00Z")

    assert timetable.call_off(session).code == "done"

    assert end(timetable, package) == datetime.fromisoformat(until).strftime("%m-%d %H:%M")


def test_days_that_begin_with_use_begin_anew_where_no_session_is_left(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    package = sell(timetable, "ada", **FIRST_USE)
    session = timetable.session(soon(2))
    timetable.book("ada", session)
    now.move_to(soon(40))

    assert timetable.call_off(session).code == "done"

    assert dates(timetable, package, "starts_at", "expires_at", "extended_until") == [None, None, None]
    assert timetable.book("ada", timetable.session(soon(30))).code == "done"


def test_days_that_began_with_another_session_never_end_before_what_the_studio_gave(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    package = sell(timetable, "ada", **FIRST_USE)
    first, second = timetable.session(soon(2)), timetable.session(soon(4))
    for session in (first, second):
        timetable.book("ada", session)
    now.move_to(soon(35))

    assert timetable.call_off(second).code == "done"
    called_off = dates(timetable, package, "starts_at", "expires_at", "extended_until")
    late = timetable.book("ada", timetable.session(soon(13)))

    # The 9th of November and fourteen days.
    assert called_off == ["10-07 09:00", "11-23 21:00", "11-23 21:00"]
    assert late.code == "done"
    assert dates(timetable, package, "starts_at", "expires_at") == ["10-07 09:00", "11-23 21:00"]
    timetable.cancel("ada", late.id)
    assert dates(timetable, package, "starts_at", "expires_at") == ["10-07 09:00", "11-23 21:00"]


def test_drafts_that_ended_with_their_package_open_again_with_it(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    package = sell(timetable, "ada", line(3, "PRIVATE"), validity_days=3, **LATER)
    session = timetable.session(soon(2), service="PRIVATE")
    timetable.book("ada", session)
    now.move_to(soon(10))
    with transaction(timetable.engine) as tables:
        ending.end(tables, ending.PACKAGES, at=clock.now())
    closed = drafts(timetable, package)

    assert timetable.call_off(session).code == "done"

    assert (closed, drafts(timetable, package), timetable.left(package)) == (0, 3, [3])


@pytest.mark.parametrize(("days", "until"), [(0, "11-05 21:00"), (29, "11-05 21:00"), (60, "12-05 21:00")])
def test_a_pass_gains_a_day_and_one_that_has_ended_lasts_through_tomorrow(
    timetable: Timetable, now: FrozenDateTimeFactory, days: int, until: str
) -> None:
    package = timetable.buy("ada", "ALL-ACCESS-30")
    session = timetable.session(soon(2))
    booked = timetable.book("ada", session).id
    before = pass_end(timetable, package)
    now.move_to(clock.now() + timedelta(days=days))

    assert timetable.call_off(session).code == "done"

    assert before == "11-04 21:00"
    assert pass_end(timetable, package) == end(timetable, package) == until
    assert timetable.booking(booked)["metadata"]["extendedUntil"] == f"2026-{until.replace(' ', 'T')}:00Z"
    flags = timetable.studio.one("SELECT has_all_access, all_access_expires_at AS until FROM students")
    assert (flags["has_all_access"], flags["until"].strftime("%m-%d %H:%M")) == (True, until)


@pytest.mark.parametrize(
    ("org", "bought", "days", "before", "after"),
    [
        ("thrive", "2026-10-05T08:00", 26, "11-01 04:00", "11-02 05:00"),
        ("thrive", "2026-10-05T08:00", 25, "10-31 04:00", "11-01 04:00"),
        ("thrive", "2027-03-01T12:00", 12, "03-14 05:00", "03-15 04:00"),
        ("lumen", "2026-10-05T08:00", 26, "10-31 21:00", "11-01 21:00"),
    ],
)
def test_the_day_gained_is_a_local_one_of_however_many_hours(
    timetable: Timetable, now: FrozenDateTimeFactory, org: str, bought: str, days: int, before: str, after: str
) -> None:
    now.move_to(f"{bought}:00Z")
    package = sell(timetable, "ada", org=org, all_access_days=days)
    session = timetable.session(soon(2), org=org)
    timetable.book("ada", session, org=org)
    sold = pass_end(timetable, package)

    assert timetable.call_off(session).code == "done"

    assert (sold, pass_end(timetable, package)) == (before, after)


@pytest.mark.usefixtures("now")
def test_of_passes_that_follow_each_other_the_last_one_gains_the_day(timetable: Timetable) -> None:
    first, second, third = (timetable.buy("ada", "ALL-ACCESS-30") for _ in range(3))
    session = timetable.session(soon(2))
    booked = timetable.book("ada", session)

    assert timetable.call_off(session).code == "done"

    assert booked.booking["studentPackageId"] == first
    assert [pass_end(timetable, each) for each in (first, second, third)] == [
        "11-04 21:00",
        "12-05 21:00",
        "01-06 21:00",
    ]


def test_a_pass_that_was_bought_later_gains_the_day_that_it_would_share(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    first = sell(timetable, "ada", all_access_days=3)
    session = timetable.session(soon(2))
    timetable.book("ada", session)
    now.move_to(soon(6))
    second = sell(timetable, "ada", all_access_days=3)
    ends = pass_end(timetable, first), pass_end(timetable, second)

    assert timetable.call_off(session).code == "done"

    assert ends == ("10-08 21:00", "10-14 21:00")
    assert (pass_end(timetable, first), pass_end(timetable, second)) == ("10-08 21:00", "10-15 21:00")


@pytest.mark.usefixtures("now")
def test_what_is_disputed_gets_its_credits_back_and_stays_suspended(timetable: Timetable) -> None:
    package = timetable.buy("ada")
    session = timetable.session(soon())
    timetable.book("ada", session)
    contest(timetable, package)

    assert timetable.call_off(session).code == "done"

    assert timetable.left(package) == [5]
    assert timetable.book("ada", timetable.session(soon(2))).code == "package_suspended"


@pytest.mark.usefixtures("now")
def test_an_empty_session_is_called_off(timetable: Timetable) -> None:
    outcome = timetable.call_off(timetable.session(soon()))

    assert outcome.result
    assert outcome.result["cancelled"] == 0


@pytest.mark.usefixtures("now")
def test_a_guest_of_a_session_that_was_a_draft_goes_too(timetable: Timetable) -> None:
    later = {"service_type": "GROUP", "minutes": 60}
    package = sell(timetable, "ada", line(4), schedule_later=later, friend_pass_days=30)
    session = timetable.session(soon(), minutes=90)
    assert timetable.book("ada", session, friend=GRACE).code == "done"

    assert timetable.call_off(session).code == "done"

    assert timetable.left(package) == [4]


def test_a_package_whose_money_went_back_is_not_extended(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    package = sell(timetable, "ada", line(3), validity_days=3)
    session = timetable.session(soon(1))
    booked = timetable.book("ada", session)
    give_back(timetable, package)
    now.move_to(soon(10))

    assert timetable.call_off(session).code == "done"

    assert "extendedUntil" not in timetable.booking(booked.id)["metadata"]
    assert timetable.studio.one("SELECT extended_until FROM student_packages")["extended_until"] is None


def test_drafts_that_open_again_are_as_many_as_credits(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    later = {"service_type": "GROUP", "minutes": 60}
    package = sell(timetable, "ada", line(3), schedule_later=later, validity_days=5)
    session = timetable.session(soon(2), minutes=60)
    timetable.book("ada", session)
    now.move_to(soon(10))
    complete_bookings(timetable.engine, at=clock.now())
    expire_packages(timetable.engine, at=clock.now())
    (allowance,) = timetable.lines(package)
    assert timetable.adjust("ada", allowance, -1).code == "done"

    assert timetable.call_off(session).code == "done"

    assert timetable.left(package) == [2]
    drafts = timetable.studio.one("SELECT count(*) AS n FROM bookings WHERE status = 'DRAFT'")
    assert drafts["n"] == 2

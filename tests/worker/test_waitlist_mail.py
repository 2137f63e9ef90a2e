"""What those who wait are told, as it leaves through the outbox."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from freezegun import freeze_time

from tests.timetable import Timetable
from tests.worker.test_booking_mail import NOW, SOON, TUESDAY, buy, leave, ride, statuses, text


@pytest.fixture(autouse=True)
def _friday() -> Iterator[None]:
    with freeze_time(NOW, tick=True):
        yield


def offered(timetable: Timetable, start: datetime = TUESDAY) -> int:
    """Have ada wait for a full session, and its only place come free; return the session."""
    session = ride(timetable, start, capacity=1)
    timetable.buy("bea")
    booked = timetable.book("bea", session)
    timetable.join("ada", session)
    leave(timetable)
    timetable.cancel("bea", booked.id, acceptForfeit=True)
    timetable.work()
    return session


def test_a_promotion_says_when_it_is_what_paid_and_until_when_it_may_be_given_back(timetable: Timetable) -> None:
    buy(timetable)
    offered(timetable)

    mail = next(each for each in leave(timetable) if each["To"] and "ada@" in each["To"])

    assert mail["Subject"] == "Lumen Spin: a place came free, you are booked for Ride, Tue 24 Nov, 10:00 UTC+03"
    assert "A place came free, and you are booked:" in text(mail)
    assert "Paid with 1 group credit of Explorer 5, which has 4 left." in text(mail)
    assert "If you cannot come, give it back by Friday 20 November 2026, 13:00 UTC+03" in text(mail)


def test_a_promotion_that_was_given_back_is_not_told_of(timetable: Timetable) -> None:
    buy(timetable)
    offered(timetable)
    promoted = timetable.studio.one("SELECT booking_id AS id FROM waitlist_entries")["id"]
    timetable.cancel("ada", promoted)

    leave(timetable)

    assert ("waitlist.promoted", "VOID") in statuses(timetable)


def test_who_was_skipped_hears_why_and_that_they_wait_on(timetable: Timetable) -> None:
    buy(timetable)
    session = ride(timetable, TUESDAY + timedelta(minutes=15))
    timetable.book("ada", session)
    offered(timetable)

    mail = next(each for each in leave(timetable) if "could not book you" in each["Subject"])

    assert mail["Subject"] == (
        "Lumen Spin: a place came free in Ride, Tue 24 Nov, 10:00 UTC+03, but we could not book you"
    )
    assert "We could not book you: you have another session at that time." in text(mail)
    assert "You keep your place in line" in text(mail)
    assert "  Tuesday 24 November 2026, 10:00\N{EN DASH}10:45 UTC+03\n" in text(mail)


@pytest.mark.parametrize("ended", ["left", "booked"])
def test_who_does_not_wait_any_more_is_not_told_that_they_were_skipped(timetable: Timetable, ended: str) -> None:
    session = offered(timetable)
    if ended == "left":
        timetable.leave("ada", session)
    else:
        timetable.buy("ada")
        timetable.book("ada", session)

    leave(timetable)

    assert ("waitlist.skipped", "VOID") in statuses(timetable)


def test_a_late_promotion_may_be_given_back_until_the_line_closes(timetable: Timetable) -> None:
    buy(timetable)
    offered(timetable, SOON - timedelta(hours=3, minutes=30))

    mail = next(each for each in leave(timetable) if each["To"] and "ada@" in each["To"])

    assert "give it back by Friday 20 November 2026, 12:30 UTC+03" in text(mail)


def test_who_waited_for_a_session_that_is_called_off_hears_of_it(timetable: Timetable) -> None:
    buy(timetable)
    session = ride(timetable, capacity=1)
    timetable.buy("bea")
    timetable.book("bea", session)
    timetable.join("ada", session)
    leave(timetable)
    timetable.call_off(session, reason="No water in the showers.")

    mail = next(each for each in leave(timetable) if each["To"] and "ada@" in each["To"])

    assert mail["Subject"] == "Lumen Spin: called off, Ride, Tue 24 Nov, 10:00 UTC+03"
    assert "Lumen Spin has called off a session for which you waited. They say: No water in the showers." in text(mail)
    assert "You were not booked, and nothing was spent." in text(mail)

"""What everybody in a session is told when the studio calls it off or moves it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from freezegun import freeze_time

from tests.timetable import Timetable
from tests.worker.test_booking_mail import FRIEND, NOW, TUESDAY, WEDNESDAY, buy, leave, ride, statuses, text

WHY = "The studio called it off: the studio is flooded"


@pytest.fixture(autouse=True)
def _friday() -> Iterator[None]:
    with freeze_time(NOW, tick=True):
        yield


def test_what_was_called_off_says_why_and_what_came_back(timetable: Timetable) -> None:
    buy(timetable, "ELITE-30")
    session = ride(timetable)
    booked = timetable.book("ada", session, friend=FRIEND)
    leave(timetable)
    timetable.call_off(session, reason="the studio is flooded")

    to_host, to_guest = leave(timetable)

    assert to_host["Subject"] == "Lumen Spin: called off, Ride, Tue 24 Nov, 10:00 UTC+03"
    assert text(to_host) == (
        "Hello Ada Example,\n\n"
        "Your session does not take place:\n\n"
        "  Ride\n"
        "  Tuesday 24 November 2026, 10:00\N{EN DASH}10:45 UTC+03\n"
        "  with Teacher\n\n"
        f"{WHY}\n"
        "1 group credit came back to Elite 30, which has 30 left.\n"
        "Grace Guest does not come along either; your friend pass came back.\n\n"
        f"Booking: {booked.id}\n"
        "At: Lumen Spin\n"
    )
    assert to_guest["To"] == "Grace Guest <grace@example.com>"
    assert "Ada Example had brought you along as a guest." in text(to_guest)
    assert WHY in text(to_guest)
    assert "Elite" not in text(to_guest)


def test_without_a_reason_none_is_given(timetable: Timetable) -> None:
    buy(timetable)
    session = ride(timetable)
    timetable.book("ada", session)
    leave(timetable)
    timetable.call_off(session)

    (mail,) = leave(timetable)

    assert "The studio called it off" not in text(mail)
    assert "valid through" not in text(mail)


def test_a_package_that_lasts_longer_and_a_pass_that_gains_a_day_say_so(timetable: Timetable) -> None:
    buy(timetable)
    by_credit, by_pass = ride(timetable), ride(timetable, WEDNESDAY)
    timetable.book("ada", by_credit)
    buy(timetable, "ALL-ACCESS-30")
    timetable.book("ada", by_pass)
    leave(timetable)
    with freeze_time("2027-03-01T09:00:00Z", tick=True):
        timetable.call_off(by_credit)
        timetable.call_off(by_pass)

        package, a_pass = leave(timetable)

    assert "Explorer 5 is valid through 15 March 2027 now." in text(package)
    assert "Your All-Access of Wednesday 25 November 2026 came back." in text(a_pass)
    assert "It gains a day, and is valid through 2 March 2027 now." in text(a_pass)


def test_a_draft_that_waits_again_says_why(timetable: Timetable) -> None:
    buy(timetable, "WELLNESS-3")
    session = ride(timetable, org="thrive", service="PRIVATE", minutes=60)
    timetable.do("booking.book", "ada", org="thrive", sessionId=session)
    leave(timetable)
    timetable.call_off(session, reason="the studio is flooded")

    (mail,) = leave(timetable)

    assert mail["Subject"].endswith(": your session is cancelled")
    assert WHY in text(mail)
    assert "You can schedule it again" in text(mail)


def test_what_was_moved_says_from_when_and_that_one_may_go_free(timetable: Timetable) -> None:
    buy(timetable, "ELITE-30")
    session = ride(timetable)
    booked = timetable.book("ada", session, friend=FRIEND)
    leave(timetable)
    timetable.move(session, WEDNESDAY)

    to_host, to_guest = leave(timetable)

    assert to_host["Subject"] == "Lumen Spin: your session is now Ride, Wed 25 Nov, 10:00 UTC+03"
    assert text(to_host) == (
        "Hello Ada Example,\n\n"
        "Your session has another time:\n\n"
        "  Ride\n"
        "  Wednesday 25 November 2026, 10:00\N{EN DASH}10:45 UTC+03\n"
        "  with Teacher\n\n"
        "The studio moved it; it was to begin on Tuesday 24 November 2026, 10:00 UTC+03.\n"
        "Paid with 1 group credit of Elite 30, which has 29 left.\n"
        "If you cannot come, cancel it before it begins: then it costs you nothing.\n"
        "Grace Guest comes along, paid by your friend pass.\n\n"
        f"Booking: {booked.id}\n"
        "At: Lumen Spin\n"
    )
    assert "it was to begin on Tuesday 24 November 2026" in text(to_guest)
    assert "costs you nothing" not in text(to_guest)


def test_a_pass_whose_new_day_is_used_says_which_day_it_uses(timetable: Timetable) -> None:
    buy(timetable, "ALL-ACCESS-30")
    session = ride(timetable)
    timetable.book("ada", session)
    timetable.book("ada", ride(timetable, WEDNESDAY.replace(hour=15)))
    leave(timetable)
    timetable.move(session, WEDNESDAY)

    (mail,) = leave(timetable)

    assert "Paid with All-Access 30: this is your All-Access of Tuesday 24 November 2026." in text(mail)


def test_only_the_last_of_what_happened_meanwhile_is_told(timetable: Timetable) -> None:
    buy(timetable)
    session = ride(timetable)
    timetable.book("ada", session)
    timetable.move(session, WEDNESDAY)
    timetable.move(session, TUESDAY)

    (mail,) = leave(timetable)
    timetable.move(session, WEDNESDAY)
    timetable.call_off(session)
    (called_off,) = leave(timetable)

    assert mail["Subject"].startswith("Lumen Spin: your session is now Ride, Tue 24 Nov")
    assert "it was to begin" not in text(mail)
    assert called_off["Subject"].startswith("Lumen Spin: called off")
    assert statuses(timetable) == [
        ("confirmed", "VOID"),
        ("session.moved", "VOID"),
        ("session.moved", "SENT"),
        ("session.moved", "VOID"),
        ("session.cancelled", "SENT"),
    ]

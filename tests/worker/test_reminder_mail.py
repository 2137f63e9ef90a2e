"""Reminders as they leave: of the hour that the session has, to whoever is in it, once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from freezegun import freeze_time

from tests.stripe_objects import refund
from tests.timetable import Timetable
from tests.worker.test_booking_mail import FRIEND, NOW, TUESDAY, WEDNESDAY, buy, leave, ride, text
from tests.worker.test_outbox import content
from tests.worker.told import became, remind, say, tell

BEFORE = TUESDAY - timedelta(days=1)


@pytest.fixture(autouse=True)
def _friday() -> Iterator[None]:
    with freeze_time(NOW, tick=True):
        yield


def booked(timetable: Timetable, start: datetime = TUESDAY) -> int:
    """Book a ride for ada, who has read what she was told of it."""
    buy(timetable)
    number = timetable.book("ada", ride(timetable, start, seats=[1, 1])).id
    leave(timetable)
    return number


def test_a_reminder_says_when_where_and_with_whom(timetable: Timetable) -> None:
    booking = booked(timetable)
    with freeze_time(BEFORE):
        remind(timetable, booking)
        (mail,) = leave(timetable)

    assert mail["Subject"] == "Lumen Spin: coming up, Ride, Tue 24 Nov, 10:00 UTC+03"
    assert text(mail) == (
        "Hello Ada Example,\n\n"
        "Your session is coming up:\n\n"
        "  Ride\n"
        "  Tuesday 24 November 2026, 10:00\N{EN DASH}10:45 UTC+03\n"
        "  with Teacher\n"
        "  Seat 1\n\n"
        "Paid with 1 group credit of Explorer 5, which has 4 left.\n\n"
        f"Booking: {booking}\n"
        "At: Lumen Spin\n"
    )


def test_a_studio_reminds_in_its_language(timetable: Timetable) -> None:
    booking = booked(timetable)
    say(timetable, "tr")
    with freeze_time(BEFORE):
        remind(timetable, booking)
        (mail,) = leave(timetable)

    assert mail["Subject"] == "Lumen Spin: dersiniz yaklaşıyor, Ride, 24 Kas Sal, 10:00 UTC+03"
    assert text(mail).startswith("Merhaba Ada Example,\n\nDersiniz yaklaşıyor:\n\n  Ride\n  24 Kasım 2026 Salı, 10:00")
    assert "Explorer 5 paketinizden 1 grup kredisi kullanıldı; pakette 4 kredi kaldı." in text(mail)
    assert '<html lang="tr"' in content(mail, "html")


def test_who_brings_a_guest_is_told_so_and_the_guest_nothing_of_what_the_host_holds(timetable: Timetable) -> None:
    buy(timetable, "ELITE-30")
    host = timetable.book("ada", ride(timetable, seats=[1, 1]), friend=FRIEND).id
    guest = timetable.studio.one("SELECT id FROM bookings WHERE guest_of = %(id)s", id=host)["id"]
    leave(timetable)
    with freeze_time(BEFORE):
        remind(timetable, host)
        remind(timetable, guest)
        to_host, to_guest = leave(timetable)

    assert "Grace Guest comes along on seat 2, paid by your friend pass." in text(to_host)
    assert "grace@example.com" not in to_host.as_string()
    assert to_guest["To"] == "Grace Guest <grace@example.com>"
    assert "Ada Example brings you along as a guest.\nYour session is coming up:" in text(to_guest)
    assert "  Seat 2\n" in text(to_guest)
    for secret in ("Elite", "credit", "pass", "paid", "Paid", "ada@example.com"):
        assert secret not in to_guest.as_string()


@pytest.mark.parametrize("undone", ["cancelled", "changed", "moved", "called off", "refunded"])
def test_what_is_no_longer_so_is_not_reminded_of(timetable: Timetable, undone: str) -> None:
    booking = booked(timetable)
    reminder = remind(timetable, booking)
    session = timetable.booking(booking)["session_id"]
    if undone == "cancelled":
        timetable.cancel("ada", booking)
    elif undone == "changed":
        timetable.change("ada", booking, sessionId=ride(timetable, WEDNESDAY))
    elif undone == "moved":
        timetable.move(session, WEDNESDAY)
    elif undone == "refunded":
        (paid,) = timetable.studio.rows("SELECT stripe_key, amount_received FROM payments")
        timetable.studio.deliver(refund(paid["stripe_key"], amount=paid["amount_received"]))
    else:
        timetable.call_off(session)

    leave(timetable)

    assert became(timetable, reminder) == "VOID"


def test_what_has_begun_is_not_reminded_of(timetable: Timetable) -> None:
    booking = booked(timetable)
    with freeze_time(TUESDAY - timedelta(seconds=1)):
        in_time = remind(timetable, booking, 60)
        leave(timetable)
    with freeze_time(TUESDAY):
        late = remind(timetable, booking, 30)
        leave(timetable)

    assert (became(timetable, in_time), became(timetable, late)) == ("SENT", "VOID")


def test_of_several_reminders_that_are_due_the_last_tells_it(timetable: Timetable) -> None:
    booking = booked(timetable)
    timetable.studio.rows("UPDATE organizations SET reminder_offsets_minutes = '{1440,120,30}'")
    with freeze_time(TUESDAY - timedelta(minutes=121)):
        first = remind(timetable, booking, 1440)
        leave(timetable)
    with freeze_time(TUESDAY - timedelta(minutes=120)):
        day_before, two_hours = remind(timetable, booking, 1441), remind(timetable, booking, 120)
        leave(timetable)

    assert [became(timetable, row) for row in (first, day_before, two_hours)] == ["SENT", "VOID", "SENT"]


@pytest.mark.parametrize(
    ("org", "start", "told"),
    [
        # The night of 1 November 2026 has one o'clock twice in New York.
        ("thrive", datetime(2026, 11, 1, 5, 30, tzinfo=UTC), "Sunday 1 November 2026, 01:30 EDT \N{EN DASH} 01:15 EST"),
        # Berlin's night of 28 March 2027 has no half past two.
        ("berlin", datetime(2027, 3, 28, 0, 30, tzinfo=UTC), "Sunday 28 March 2027, 01:30 CET \N{EN DASH} 03:15 CEST"),
    ],
)
def test_a_night_in_which_clocks_change_is_told_as_it_is(
    timetable: Timetable, org: str, start: datetime, told: str
) -> None:
    if org == "berlin":
        timetable.studio.rows("UPDATE organizations SET timezone = 'Europe/Berlin' WHERE slug = 'thrive'")
    with freeze_time(start - timedelta(days=3), tick=True):
        buy(timetable, "BUNDLE-5P-3G")
        booking = timetable.book("ada", ride(timetable, start, org="thrive"), org="thrive").id
        leave(timetable)
    with freeze_time(start - timedelta(days=1), tick=True):
        remind(timetable, booking, org="thrive")
        (mail,) = leave(timetable)

    assert f"  {told}\n" in text(mail)


def test_a_row_that_is_none_of_these_kinds_waits(timetable: Timetable) -> None:
    booking = booked(timetable)
    unknown = tell(
        timetable, "booking.newer", f"booking:{booking}:1", booking_id=booking, student=timetable.student("ada")
    )

    leave(timetable)

    assert became(timetable, unknown) == "PENDING"

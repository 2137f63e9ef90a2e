"""What calendars are told: one entry however often a booking is changed, and none once it is given up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from email.message import EmailMessage

import pytest
from freezegun import freeze_time
from freezegun.api import TickingDateTimeFactory

from tests.domain.desk.merging import joined
from tests.timetable import Timetable
from tests.worker.test_booking_mail import FRIEND, NOW, SOON, TUESDAY, WEDNESDAY, buy, leave, ride
from tests.worker.test_waitlist_mail import offered
from tests.worker.told import Agenda, calendar, entry, remind

THURSDAY = WEDNESDAY + timedelta(days=1)


@pytest.fixture(autouse=True)
def friday() -> Iterator[TickingDateTimeFactory]:
    with freeze_time(NOW, tick=True) as frozen:
        assert isinstance(frozen, TickingDateTimeFactory)
        yield frozen


def later(timetable: Timetable, friday: TickingDateTimeFactory) -> list[EmailMessage]:
    """Send what is due, and let a minute pass: calendars tell changes apart by the second."""
    mails = leave(timetable)
    friday.tick(timedelta(minutes=1))
    return mails


def invited(mails: list[EmailMessage], to: str = "ada@") -> list[EmailMessage]:
    """Return the mails to somebody that say something to a calendar."""
    own = [mail for mail in mails if to in str(mail["To"])]
    return [mail for mail in own if any(part.get_content_type() == "text/calendar" for part in mail.walk())]


def test_a_confirmation_is_an_entry_of_the_session(timetable: Timetable) -> None:
    buy(timetable)
    booked = timetable.book("ada", ride(timetable, seats=[1]))

    (mail,) = leave(timetable)

    event = entry(mail)
    assert str(calendar(mail)["METHOD"]) == "REQUEST"
    assert (event["UID"], event["SUMMARY"]) == (f"booking-{booked.id}@lumen.punchcard", "Ride at Lumen Spin")
    assert (event.decoded("DTSTART"), event.decoded("DTEND")) == (TUESDAY, TUESDAY + timedelta(minutes=45))
    assert event["DESCRIPTION"] == f"with Teacher\nSeat 1\nBooking: {booked.id}"


def test_a_mail_has_the_parts_where_mailboxes_look_for_them(timetable: Timetable) -> None:
    buy(timetable)
    timetable.book("ada", ride(timetable))

    (mail,) = leave(timetable)

    assert [part.get_content_type() for part in mail.walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "text/html",
        "text/calendar",
        "application/ics",
    ]
    beside = next(part for part in mail.walk() if part.get_content_type() == "text/calendar")
    assert (beside.get_param("method"), beside.get_content_charset()) == ("REQUEST", "utf-8")
    assert mail["Auto-Submitted"] == "auto-generated"


def test_a_booking_that_is_changed_and_moved_stays_one_entry_and_goes_when_it_is_given_up(
    timetable: Timetable, friday: TickingDateTimeFactory
) -> None:
    buy(timetable)
    agenda = Agenda()
    first = timetable.book("ada", ride(timetable, seats=[1, 1]))
    mails = invited(later(timetable, friday))
    second = timetable.change("ada", first.id, sessionId=ride(timetable, WEDNESDAY, seats=[1, 1]))
    mails += invited(later(timetable, friday))
    session = timetable.booking(second.id)["session_id"]
    third = timetable.change("ada", second.id, seatId=timetable.seats(session)[1])
    mails += invited(later(timetable, friday))
    timetable.move(session, THURSDAY)
    mails += invited(later(timetable, friday))
    agenda.read(*mails)
    while_booked = agenda.shown()
    timetable.cancel("ada", third.id)
    gone = invited(later(timetable, friday))

    agenda.read(*gone)

    assert {str(entry(mail)["UID"]) for mail in [*mails, *gone]} == {f"booking-{first.id}@lumen.punchcard"}
    numbers = [int(entry(mail).decoded("SEQUENCE")) for mail in [*mails, *gone]]
    assert numbers == sorted(set(numbers))
    assert len(mails) == 4
    assert (while_booked, agenda.shown()) == ([THURSDAY], [])
    assert str(calendar(gone[0])["METHOD"]) == "CANCEL"


def test_what_becomes_of_a_booking_after_its_student_was_merged_changes_the_same_entry(
    timetable: Timetable, friday: TickingDateTimeFactory
) -> None:
    buy(timetable)
    for start in (SOON + timedelta(hours=2), TUESDAY):
        booked = timetable.book("ada", ride(timetable, start))
    agenda = Agenda()
    agenda.read(*invited(later(timetable, friday)))
    timetable.student("new")
    joined(timetable, "ada", "new")
    later(timetable, friday)
    timetable.studio.rows("UPDATE students SET email = 'ada@example.com' WHERE external_id = 'new'")

    timetable.cancel("new", booked.id)
    agenda.read(*invited(later(timetable, friday)))

    assert agenda.shown() == [SOON + timedelta(hours=2)]


def test_mails_that_come_in_another_order_leave_the_same_behind(
    timetable: Timetable, friday: TickingDateTimeFactory
) -> None:
    buy(timetable)
    first = timetable.book("ada", ride(timetable))
    mails = invited(later(timetable, friday))
    timetable.change("ada", first.id, sessionId=ride(timetable, WEDNESDAY))
    mails += invited(later(timetable, friday))
    agenda = Agenda()

    agenda.read(*reversed(mails))

    assert agenda.shown() == [WEDNESDAY]


def test_a_guests_entry_stays_one_too_and_says_nothing_of_the_host_but_who_it_is(
    timetable: Timetable, friday: TickingDateTimeFactory
) -> None:
    buy(timetable, "ELITE-30")
    first = timetable.book("ada", ride(timetable), friend=FRIEND)
    mails = later(timetable, friday)
    second = timetable.change("ada", first.id, sessionId=ride(timetable, WEDNESDAY))
    mails += later(timetable, friday)
    third = timetable.change("ada", second.id, sessionId=ride(timetable, THURSDAY))
    mails += later(timetable, friday)
    guests, hosts = Agenda(), Agenda()
    guests.read(*invited(mails, "grace@"))
    hosts.read(*invited(mails))
    coming = guests.shown(), hosts.shown()
    timetable.cancel("ada", third.id)
    mails += later(timetable, friday)

    guests.read(*invited(mails, "grace@"))
    hosts.read(*invited(mails))

    assert coming == ([THURSDAY], [THURSDAY])
    assert (guests.shown(), hosts.shown()) == ([], [])
    assert len(guests.entries) == len(hosts.entries) == 1
    assert guests.entries.keys() != hosts.entries.keys()
    for mail in invited(mails, "grace@"):
        assert "ada@example.com" not in calendar(mail).to_ical().decode()
    for mail in invited(mails):
        assert "Grace" not in calendar(mail).to_ical().decode()


def test_a_reminder_changes_nothing_in_a_calendar(timetable: Timetable, friday: TickingDateTimeFactory) -> None:
    buy(timetable)
    first = timetable.book("ada", ride(timetable))
    changed = timetable.change("ada", first.id, sessionId=ride(timetable, WEDNESDAY))
    told = invited(later(timetable, friday))
    with freeze_time(WEDNESDAY - timedelta(days=1)):
        remind(timetable, changed.id)
        (reminder,) = later(timetable, friday)

    assert entry(reminder)["UID"] == entry(told[-1])["UID"]
    assert entry(reminder)["SEQUENCE"] == entry(told[-1])["SEQUENCE"]
    assert entry(reminder).decoded("DTSTART") == WEDNESDAY


def given_up(timetable: Timetable, booking: int, session: int, how: str) -> None:
    if how == "called off":
        timetable.call_off(session)
    elif how == "forfeited":
        timetable.studio.rows("UPDATE bookings SET created_at = created_at - interval '1 hour'")
        timetable.cancel("ada", booking, acceptForfeit=True)
    else:
        timetable.cancel("ada", booking)


@pytest.mark.parametrize(
    ("how", "start"), [("cancelled", TUESDAY), ("forfeited", SOON), ("called off", TUESDAY)], ids=str
)
def test_what_does_not_take_place_goes(timetable: Timetable, how: str, start: datetime) -> None:
    buy(timetable)
    session = ride(timetable, start)
    booked = timetable.book("ada", session)
    agenda = Agenda()
    agenda.read(*leave(timetable))
    before = agenda.shown()
    given_up(timetable, booked.id, session, how)

    agenda.read(*leave(timetable))

    assert (before, agenda.shown()) == ([start], [])
    assert len(agenda.entries) == 1


def test_a_draft_that_waits_again_leaves_nothing_behind_and_comes_back_as_the_same_entry(timetable: Timetable) -> None:
    buy(timetable, "WELLNESS-3")
    lesson = ride(timetable, org="thrive", service="PRIVATE", minutes=60, capacity=1)
    booked = timetable.book("ada", lesson, org="thrive")
    agenda = Agenda()
    agenda.read(*leave(timetable))
    timetable.cancel("ada", booked.id, org="thrive")
    (cancelled,) = leave(timetable)
    agenda.read(cancelled)
    waiting = agenda.shown()
    timetable.book("ada", lesson, org="thrive")

    agenda.read(*leave(timetable))

    assert str(entry(cancelled)["SUMMARY"]) == "Your session at Thrive Languages"
    assert (waiting, agenda.shown()) == ([], [TUESDAY])
    assert agenda.entries.keys() == {f"booking-{booked.id}@thrive.punchcard"}


def test_a_place_from_the_line_is_an_entry(timetable: Timetable) -> None:
    buy(timetable)
    offered(timetable)

    (mail,) = invited(leave(timetable))

    assert entry(mail).decoded("DTSTART") == TUESDAY


def test_what_is_about_no_session_says_nothing_to_a_calendar(timetable: Timetable) -> None:
    timetable.buy("ada")
    timetable.studio.rows("UPDATE students SET email = 'ada@example.com'")

    (mail,) = leave(timetable)

    assert [part.get_content_type() for part in mail.walk()] == ["multipart/alternative", "text/plain", "text/html"]

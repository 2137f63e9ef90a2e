"""What students and their guests are told of a booking, as it leaves through the outbox."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from itertools import count
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from freezegun import freeze_time

from tests.stack import free_port
from tests.stripe_objects import checkout, refund
from tests.timetable import CURRENCY, PRODUCTS, Timetable
from tests.worker.test_outbox import Postbox, content, read
from worker import clock, runtime

NOW = "2026-11-20T09:00:00Z"
TUESDAY = datetime(2026, 11, 24, 7, tzinfo=UTC)
WEDNESDAY = TUESDAY + timedelta(days=1)
SOON = datetime(2026, 11, 20, 15, tzinfo=UTC)
FRIEND = {"name": "Grace Guest", "email": "grace@example.com"}
_numbers = count(1)


@pytest.fixture(autouse=True)
def _friday() -> Iterator[None]:
    with freeze_time(NOW, tick=True):
        yield


def buy(timetable: Timetable, product: str = "EXPLORER-5", **more: Any) -> None:
    """Let ada, who has an address, buy a package; its receipt leaves at once."""
    org, amount = PRODUCTS[product]
    told: dict[str, Any] = {"amount": amount, "currency": CURRENCY[org], "org": org} | more
    timetable.studio.deliver(checkout(product, payment=f"pi_mail_{next(_numbers)}", **told))
    leave(timetable)


def leave(timetable: Timetable) -> list[EmailMessage]:
    """Send all that is due; return what left just now, oldest first."""
    before = {path.name for path in timetable.studio.mails()}
    timetable.studio.relay()
    order = [f"{row['message_id']}.eml" for row in notifications(timetable)]
    new = [path for path in timetable.studio.mails() if path.name not in before]
    return [read(path) for path in sorted(new, key=lambda path: order.index(path.name))]


def notifications(timetable: Timetable) -> list[dict[str, Any]]:
    return timetable.studio.rows("SELECT * FROM notifications ORDER BY id")


def statuses(timetable: Timetable) -> list[tuple[str, str]]:
    """Return the kind and the state of each mail about a booking."""
    rows = [(row["kind"].removeprefix("booking."), row["status"]) for row in notifications(timetable)]
    return [row for row in rows if row[0] != "purchase.receipt"]


def text(mail: EmailMessage) -> str:
    return content(mail, "plain")


def ride(timetable: Timetable, start: datetime = TUESDAY, name: str = "Ride", **more: Any) -> int:
    """Add a session of a class of that name."""
    session = timetable.session(start, tier=0, **more)
    timetable.studio.rows(
        "UPDATE group_classes SET name = %(name)s WHERE id = (SELECT group_class_id FROM class_sessions"
        " WHERE id = %(number)s)",
        name=name,
        number=session,
    )
    return session


def test_a_confirmation_says_when_where_with_whom_and_what_paid(timetable: Timetable) -> None:
    buy(timetable)
    booked = timetable.book("ada", ride(timetable, seats=[2, 1]))

    (mail,) = leave(timetable)

    assert mail["To"] == "Ada Example <ada@example.com>"
    assert mail["From"].startswith("Lumen Spin <")
    assert mail["Subject"] == "Lumen Spin: you are booked for Ride, Tue 24 Nov, 10:00 UTC+03"
    assert mail["Message-ID"] == f"<{notifications(timetable)[-1]['message_id']}@lumen>".replace("@lumen", "@localhost")
    assert text(mail) == (
        "Hello Ada Example,\n\n"
        "You are booked:\n\n"
        "  Ride\n"
        "  Tuesday 24 November 2026, 10:00\N{EN DASH}10:45 UTC+03\n"
        "  with Teacher\n"
        "  Seat 2\n\n"
        "Paid with 1 group credit of Explorer 5, which has 4 left.\n\n"
        f"Booking: {booked.id}\n"
        "At: Lumen Spin\n"
    )
    html = content(mail, "html")
    for said in ("You are booked, Ada Example", "Ride", "10:00\N{EN DASH}10:45 UTC+03", "Seat 2", "which has 4 left."):
        assert said in html


def test_a_pass_pays_for_its_day(timetable: Timetable) -> None:
    buy(timetable, "ALL-ACCESS-30")
    booked = timetable.book("ada", ride(timetable))
    (confirmed,) = leave(timetable)
    timetable.cancel("ada", booked.id)

    (cancelled,) = leave(timetable)

    assert "Paid with All-Access 30: this is your All-Access of Tuesday 24 November 2026." in text(confirmed)
    assert "Your All-Access of Tuesday 24 November 2026 came back." in text(cancelled)


def test_what_is_free_says_so(timetable: Timetable) -> None:
    buy(timetable)
    timetable.book("ada", ride(timetable), paymentType="FREE", reason="A birthday")

    (mail,) = leave(timetable)

    assert "It is free of charge." in text(mail)
    assert "birthday" not in text(mail)


def test_a_change_says_what_it_was_before(timetable: Timetable) -> None:
    buy(timetable)
    first = timetable.book("ada", ride(timetable, seats=[1]))
    leave(timetable)
    timetable.change("ada", first.id, sessionId=ride(timetable, WEDNESDAY, "Night Ride"))

    (mail,) = leave(timetable)

    assert mail["Subject"] == "Lumen Spin: your booking is now Night Ride, Wed 25 Nov, 10:00 UTC+03"
    assert "Your booking has changed:\n\n  Night Ride\n  Wednesday 25 November 2026" in text(mail)
    assert "This is instead of Ride, Tuesday 24 November 2026, 10:00 UTC+03, seat 1." in text(mail)
    assert "Paid with 1 group credit of Explorer 5, which has 4 left." in text(mail)
    assert "What had paid for the earlier one came back." in text(mail)


def test_a_change_of_the_seat_names_the_seats(timetable: Timetable) -> None:
    buy(timetable)
    session = ride(timetable, seats=[1, 1])
    first = timetable.book("ada", session)
    leave(timetable)
    timetable.change("ada", first.id, seatId=timetable.seats(session)[1])

    (mail,) = leave(timetable)

    assert "  Seat 2\n" in text(mail)
    assert "This is instead of seat 1." in text(mail)


def test_a_change_too_late_says_what_stays_spent(timetable: Timetable) -> None:
    buy(timetable)
    booked = timetable.book("ada", ride(timetable, SOON))
    timetable.studio.rows("UPDATE bookings SET created_at = created_at - interval '1 hour'")
    timetable.change("ada", booked.id, sessionId=ride(timetable), acceptForfeit=True)

    (mail,) = leave(timetable)

    assert "It was too late to give back what had paid for the earlier one." in text(mail)
    assert "which has 3 left." in text(mail)
    assert statuses(timetable) == [("confirmed", "VOID"), ("changed", "SENT")]


def test_a_cancellation_says_what_came_back(timetable: Timetable) -> None:
    buy(timetable)
    booked = timetable.book("ada", ride(timetable))
    leave(timetable)
    timetable.cancel("ada", booked.id, reason="A cold")

    (mail,) = leave(timetable)

    assert mail["Subject"] == "Lumen Spin: cancelled, Ride, Tue 24 Nov, 10:00 UTC+03"
    assert "1 group credit came back to Explorer 5, which has 5 left." in text(mail)


def test_a_place_given_up_too_late_says_what_stays_spent(timetable: Timetable) -> None:
    buy(timetable)
    booked = timetable.book("ada", ride(timetable, SOON, seats=[2]))
    leave(timetable)
    timetable.studio.rows("UPDATE bookings SET created_at = created_at - interval '1 hour'")
    timetable.cancel("ada", booked.id, acceptForfeit=True)

    (mail,) = leave(timetable)

    assert mail["Subject"].startswith("Lumen Spin: given up, Ride")
    assert "It was too late to give back what paid for it." in text(mail)
    assert "Spent: 2 group credits of Explorer 5, which has 3 left." in text(mail)


def test_a_draft_that_waits_again_has_no_session_to_tell_of(timetable: Timetable) -> None:
    buy(timetable, "WELLNESS-3")
    lesson = ride(timetable, TUESDAY, "Lesson", org="thrive", service="PRIVATE", minutes=60, capacity=1)
    booked = timetable.book("ada", lesson, org="thrive")
    (confirmed,) = leave(timetable)
    timetable.cancel("ada", booked.id, org="thrive")

    (mail,) = leave(timetable)

    assert "Tuesday 24 November 2026, 02:00\N{EN DASH}03:00 EST" in text(confirmed)
    assert mail["Subject"] == "Thrive Languages: your session is cancelled"
    assert "Your booking is cancelled.\n\nYou can schedule it again: Wellness 3 has 3 credit(s) left." in text(mail)
    assert "Lesson" not in content(mail, "html")


def test_a_guest_is_told_as_the_hosts_guest_and_nothing_of_what_the_host_holds(timetable: Timetable) -> None:
    buy(timetable, "ELITE-30")
    booked = timetable.book("ada", ride(timetable, seats=[1, 1]), friend=FRIEND)

    to_host, to_guest = leave(timetable)
    timetable.change("ada", booked.id, sessionId=ride(timetable, WEDNESDAY))
    changed = leave(timetable)
    later = timetable.studio.one("SELECT max(id) AS id FROM bookings WHERE guest_of IS NULL")["id"]
    timetable.cancel("ada", later)
    cancelled = leave(timetable)

    assert "Grace Guest comes along on seat 2, paid by your friend pass." in text(to_host)
    assert to_guest["To"] == "Grace Guest <grace@example.com>"
    assert "Ada Example brings you along as a guest." in text(to_guest)
    assert "  Seat 2\n" in text(to_guest)
    assert "Ada Example had brought you along as a guest." in text(cancelled[1])
    assert "This is instead of Ride, Tuesday 24 November 2026, 10:00 UTC+03." in text(changed[1])
    assert "Grace Guest does not come along either; your friend pass came back." in text(cancelled[0])
    for mail in (to_guest, changed[1], cancelled[1]):
        for secret in ("Elite", "credit", "pass", "paid", "came back", "ada@example.com"):
            assert secret not in text(mail)
            assert secret not in content(mail, "html")


def test_a_guest_does_not_learn_what_a_late_cancellation_costs_the_host(timetable: Timetable) -> None:
    buy(timetable, "ELITE-30")
    booked = timetable.book("ada", ride(timetable, SOON), friend=FRIEND)
    leave(timetable)
    timetable.studio.rows("UPDATE bookings SET created_at = created_at - interval '1 hour'")
    timetable.cancel("ada", booked.id, acceptForfeit=True)

    to_host, to_guest = leave(timetable)

    assert "Grace Guest does not come along either; your friend pass stays used." in text(to_host)
    assert to_guest["Subject"].startswith("Lumen Spin: cancelled, Ride")
    assert "too late" not in text(to_guest)


def test_a_host_without_a_name_is_a_friend(timetable: Timetable) -> None:
    buy(timetable, "ELITE-30")
    timetable.studio.rows("UPDATE students SET name = NULL")
    timetable.book("ada", ride(timetable), friend=FRIEND)

    to_host, to_guest = leave(timetable)

    assert text(to_host).startswith("You are booked:")
    assert "A friend brings you along as a guest." in text(to_guest)


def test_what_was_undone_before_it_left_is_not_sent(timetable: Timetable) -> None:
    buy(timetable)
    session = ride(timetable)
    booked = timetable.book("ada", session)
    timetable.cancel("ada", booked.id)
    timetable.book("ada", session)

    mails = leave(timetable)

    assert ["you are booked" in mail["Subject"] for mail in mails] == [False, True]
    assert statuses(timetable) == [("confirmed", "VOID"), ("cancelled", "SENT"), ("confirmed", "SENT")]


def test_of_a_draft_booked_again_only_the_last_is_told(timetable: Timetable) -> None:
    buy(timetable, "WELLNESS-3")
    lesson: dict[str, Any] = {"org": "thrive", "service": "PRIVATE", "minutes": 60, "capacity": 1}
    first, second = ride(timetable, TUESDAY, **lesson), ride(timetable, WEDNESDAY, "Lesson", **lesson)
    booked = timetable.book("ada", first, org="thrive")
    timetable.cancel("ada", booked.id, org="thrive")
    again = timetable.book("ada", second, org="thrive")

    mails = leave(timetable)

    assert [mail["Subject"].partition(":")[2] for mail in mails if "Lesson" in mail["Subject"]] == [
        " you are booked for Lesson, Wed 25 Nov, 02:00 EST"
    ]
    assert again.id == booked.id
    assert statuses(timetable) == [("confirmed", "VOID"), ("cancelled", "VOID"), ("confirmed", "SENT")]


def test_a_student_without_an_address_is_told_once_there_is_one_of_what_is_still_ahead(timetable: Timetable) -> None:
    timetable.buy("ada")
    over, ahead = timetable.book("ada", ride(timetable, SOON)), timetable.book("ada", ride(timetable, name="Late Ride"))
    undone = timetable.book("ada", ride(timetable, WEDNESDAY))
    timetable.cancel("ada", undone.id)
    leave(timetable)
    before = statuses(timetable)

    with freeze_time(SOON + timedelta(days=1)):
        timetable.studio.deliver(checkout(payment="pi_later"))
        mails = leave(timetable)

    assert before == [("confirmed", "PARKED"), ("confirmed", "PARKED"), ("confirmed", "VOID"), ("cancelled", "PARKED")]
    assert over.id < ahead.id
    assert [status for _, status in statuses(timetable)] == ["PARKED", "SENT", "VOID", "SENT"]
    assert [mail["Subject"] for mail in mails if "you are booked" in mail["Subject"]] == [
        "Lumen Spin: you are booked for Late Ride, Tue 24 Nov, 10:00 UTC+03"
    ]


def test_what_was_void_stays_unsent_whatever_is_bought_later(timetable: Timetable) -> None:
    buy(timetable, "WELLNESS-3")
    lesson = ride(timetable, TUESDAY, org="thrive", service="PRIVATE", minutes=60, capacity=1)
    booked = timetable.book("ada", lesson, org="thrive")
    timetable.cancel("ada", booked.id, org="thrive")
    timetable.book("ada", lesson, org="thrive")
    leave(timetable)
    before = [row for row in statuses(timetable) if row[1] == "VOID"]

    # The booking is a draft again, as the mail said that was void when it was to leave.
    timetable.cancel("ada", booked.id, org="thrive")
    leave(timetable)
    buy(timetable, "WELLNESS-3")
    timetable.studio.deliver(refund(f"pi_mail_{next(_numbers) - 1}", refund_id="re_mail", amount=1, currency="usd"))
    timetable.studio.deliver(checkout("PREMIUM-3", payment="pi_last", amount=24_000, currency="usd", org="thrive"))

    mails = leave(timetable)

    assert before
    assert [row for row in statuses(timetable) if row[1] == "VOID"] == before
    assert [mail["Subject"] for mail in mails] == [
        "Thrive Languages: 0.01 USD went back to you",
        "Thrive Languages: order 2 needs you",
        "Thrive Languages: Premium 3",
    ]


def test_names_cannot_break_out_of_a_header_a_line_or_the_page(timetable: Timetable) -> None:
    buy(timetable, "ELITE-30")
    evil = "Eve\r\nBcc: all@example.com\u2028 <script>alert(1)</script> \u202e"
    timetable.studio.rows("UPDATE students SET name = %(evil)s", evil=evil)
    timetable.studio.rows("UPDATE teachers SET name = %(evil)s", evil=evil)
    timetable.studio.rows("UPDATE student_packages SET name = %(evil)s", evil=evil)
    booked = timetable.book("ada", ride(timetable, name=evil), friend={"name": evil, "email": "grace@example.com"})
    mails = leave(timetable)
    timetable.change("ada", booked.id, sessionId=ride(timetable, WEDNESDAY, name=evil))

    mails += leave(timetable)

    assert len(mails) == 4
    for mail in mails:
        assert mail["Bcc"] is None
        assert "\n" not in mail["Subject"]
        assert not any(line.startswith("Bcc") for line in text(mail).splitlines())
        assert "\u202e" not in text(mail)
        assert "<script" not in content(mail, "html")
        assert "&lt;script&gt;" in content(mail, "html")
        assert "&amp;lt;" not in content(mail, "html")


def test_a_guests_address_that_is_none_parks_the_guests_mail_alone(timetable: Timetable) -> None:
    buy(timetable, "ELITE-30")
    timetable.book(
        "ada", ride(timetable), friend={"name": "Grace", "email": "grace@example.com\r\nBcc: all@example.com"}
    )

    (mail,) = leave(timetable)

    assert mail["To"] == "Ada Example <ada@example.com>"
    assert statuses(timetable) == [("confirmed", "SENT"), ("confirmed", "PARKED")]
    assert "all@example.com" not in notifications(timetable)[-1]["last_error"]


def test_it_goes_to_the_mail_server_that_is_set(timetable: Timetable, monkeypatch: pytest.MonkeyPatch) -> None:
    buy(timetable, "ELITE-30")
    timetable.book("ada", ride(timetable), friend=FRIEND)
    box = Postbox()
    controller = Controller(box, hostname="127.0.0.1", port=free_port())
    controller.start()
    monkeypatch.setenv("SMTP_URL", f"smtp://127.0.0.1:{controller.port}")
    runtime.settings.cache_clear()

    timetable.studio.relay()
    controller.stop()

    assert [mail["To"] for mail in box.messages] == [
        "Ada Example <ada@example.com>",
        "Grace Guest <grace@example.com>",
    ]
    assert [mail["Message-ID"] for mail in box.messages] == [
        f"<{row['message_id']}@localhost>" for row in notifications(timetable)[1:]
    ]
    assert "Paid with 1 group credit of Elite 30" in text(box.messages[0])


@pytest.mark.parametrize("address", ["(@b.c", "a@].c", 'a@"b.c', "a@[b.c", "()@b.c"])
def test_an_address_that_is_none_is_parked_at_once_with_what_to_mend(timetable: Timetable, address: str) -> None:
    timetable.buy("ada", "ELITE-30")
    session = timetable.session(clock.now() + timedelta(days=3))
    timetable.book("ada", session, friend={"name": "Grace", "email": address})

    timetable.studio.relay()

    row = timetable.studio.one(
        "SELECT n.status, n.last_error FROM notifications n JOIN bookings b ON b.id = n.booking_id"
        " WHERE b.guest_of IS NOT NULL"
    )
    assert (row["status"], row["last_error"]) == ("PARKED", "the e-mail address is not one")

"""Changing: cancel and book in one; if the new one is impossible, the old one stands as if nobody had asked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory

from tests.domain.booking.world import GRACE, everything, line, refuse, sell, soon, told
from tests.timetable import Timetable

pytestmark = pytest.mark.usefixtures("now")
LEDGER = "SELECT kind, credits, booking_id FROM package_uses ORDER BY id"


def ledger(timetable: Timetable) -> list[tuple[str, int, int]]:
    return [(row["kind"], row["credits"], row["booking_id"]) for row in timetable.studio.rows(LEDGER)]


def test_a_change_gives_back_and_pays_anew_and_is_told_once(timetable: Timetable) -> None:
    package = timetable.buy("ada")
    old, new = timetable.session(soon()), timetable.session(soon(4), minutes=90)
    booked = timetable.book("ada", old)

    moved = timetable.change("ada", booked.id, sessionId=new)

    assert ledger(timetable) == [("SPEND", 1, booked.id), ("RETURN", -1, booked.id), ("SPEND", 2, moved.id)]
    assert moved.booking["metadata"] == {"changedFrom": booked.id}
    assert timetable.booking(booked.id)["status"] == "CANCELLED"
    assert timetable.left(package) == [3]
    assert told(timetable, "ada") == ["booking.confirmed", "booking.changed"]
    event = timetable.studio.one("SELECT data FROM domain_events WHERE type = 'booking.changed'")
    assert (event["data"]["bookingId"], event["data"]["changedFrom"]) == (moved.id, booked.id)


def test_the_credit_that_comes_back_may_pay_the_new_session(timetable: Timetable) -> None:
    package = timetable.buy("ada", "SINGLE-RIDE")
    booked = timetable.book("ada", timetable.session(soon()))

    moved = timetable.change("ada", booked.id, sessionId=timetable.session(soon()))

    assert moved.code == "done"
    assert timetable.left(package) == [0]


def test_another_seat_is_paid_by_what_paid_the_old_one(timetable: Timetable) -> None:
    first_to_end = sell(timetable, "ada", validity_days=5)
    paying = sell(timetable, "ada", validity_days=30)
    session = timetable.session(soon(), capacity=3, seats=[1, 3, 1])
    cheap, dear, _ = timetable.seats(session)
    booked = timetable.book("ada", session, seatId=cheap, packageId=paying)

    moved = timetable.change("ada", booked.id, seatId=dear)

    assert (moved.booking["seatId"], moved.booking["creditsUsed"]) == (dear, 3)
    assert moved.booking["studentPackageId"] == paying
    assert (timetable.left(first_to_end), timetable.left(paying)) == ([5], [2])
    assert timetable.active(session) == 1


def test_another_seat_of_a_session_that_a_pass_paid_uses_the_same_day(timetable: Timetable) -> None:
    timetable.buy("ada", "ALL-ACCESS-30")
    paying = timetable.buy("ada", "EXPLORER-5")
    session = timetable.session(soon(), seats=[1, 1])
    booked = timetable.book("ada", session)

    moved = timetable.change("ada", booked.id, seatId=timetable.seats(session)[1])

    assert moved.booking["paymentType"] == "ALL_ACCESS"
    assert timetable.left(paying) == [5]


def test_credits_of_a_higher_tier_that_were_confirmed_pay_another_seat_unasked(timetable: Timetable) -> None:
    sell(timetable, "ada", line(3, "PRIVATE"))
    session = timetable.session(soon(), seats=[1, 1])
    booked = timetable.book("ada", session, confirmHigherTier=True)

    moved = timetable.change("ada", booked.id, seatId=timetable.seats(session)[1])
    elsewhere = refuse(timetable, "change", "ada", bookingId=moved.id, sessionId=timetable.session(soon(4)))

    assert moved.code == "done"
    assert elsewhere.code == "confirmation_required"


def test_what_was_free_stays_free(timetable: Timetable) -> None:
    package = timetable.buy("ada")
    booked = timetable.book("ada", timetable.session(soon()), paymentType="FREE", reason="she won it")

    moved = timetable.change("ada", booked.id, sessionId=timetable.session(soon(4)))

    assert moved.booking["paymentType"] == "FREE"
    assert timetable.left(package) == [5]


def test_a_change_may_name_how_it_is_paid(timetable: Timetable) -> None:
    sell(timetable, "ada", validity_days=5)
    other = sell(timetable, "ada", validity_days=30)
    session = timetable.session(soon(), seats=[1, 1])
    booked = timetable.book("ada", session)

    moved = timetable.change("ada", booked.id, seatId=timetable.seats(session)[1], packageId=other)

    assert moved.booking["studentPackageId"] == other


IMPOSSIBLE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "session_full": ({"capacity": 1}, {}),
    "time_conflict": ({"start": 5}, {}),
    "insufficient_credits": ({"minutes": 300}, {}),
    "package_expired": ({"start": 60}, {"paymentType": "CREDIT"}),
    "not_found": ({}, {"packageId": 999_999}),
    "enrollment_required": ({"service": "COURSE"}, {}),
    "friend_pass_unavailable": ({"start": 40}, {"paymentType": "FREE"}),
    "validation_failed": ({}, {"seatId": 999_999}),
}


@pytest.mark.parametrize("code", IMPOSSIBLE)
def test_if_the_new_one_is_impossible_every_row_stays_as_it_was(timetable: Timetable, code: str) -> None:
    sell(timetable, "ada", line(3), validity_days=50, friend_pass_days=30)
    here = timetable.session(soon(), seats=[1, 1, 1])
    booked = timetable.book("ada", here, friend=GRACE)
    timetable.book("ada", timetable.session(soon(5)), paymentType="FREE", reason="she won it")
    new, wish = IMPOSSIBLE[code]
    wanted = timetable.session(soon(new.get("start", 4)), **{key: new[key] for key in new if key != "start"})

    refused = refuse(timetable, "change", "ada", bookingId=booked.id, sessionId=wanted, **wish)
    cancelled = timetable.cancel("ada", booked.id)

    assert refused.code == code
    assert cancelled.booking["status"] == "CANCELLED"
    assert timetable.active(here) == 0


def test_the_seat_of_ones_own_guest_is_not_free(timetable: Timetable) -> None:
    timetable.buy("ada", "ELITE-30")
    session = timetable.session(soon(), seats=[1, 1, 1])
    booked = timetable.book("ada", session, friend=GRACE)

    refused = refuse(timetable, "change", "ada", bookingId=booked.id, seatId=timetable.seats(session)[1])

    assert refused.code == "seat_taken"


def test_after_an_impossible_change_the_rest_of_the_batch_meets_what_stood(timetable: Timetable) -> None:
    timetable.buy("ada", "ELITE-30")
    here, full = timetable.session(soon(), capacity=2), timetable.session(soon(4), capacity=1)
    done = timetable.book("ada", here, friend=GRACE)
    assert done.result
    guest = done.result["guestBooking"]["id"]
    (eve,) = timetable.students(1)

    jobs = [
        timetable.ask("booking.change", "ada", bookingId=done.id, sessionId=full),
        timetable.ask("booking.book", eve, sessionId=here),
        timetable.ask("booking.cancel", "ada", bookingId=guest),
        timetable.ask("booking.book", eve, sessionId=here),
        timetable.ask("booking.cancel", "ada", bookingId=done.id),
    ]
    timetable.work()

    assert [timetable.outcome(job).code for job in jobs] == ["session_full", "session_full", "done", "done", "done"]
    assert told(timetable, "ada")[2:] == ["booking.cancelled", "booking.cancelled"]


def test_the_guest_goes_along_and_keeps_their_seat_in_the_same_session(timetable: Timetable) -> None:
    timetable.buy("ada", "ELITE-30")
    session, other = timetable.session(soon(), seats=[1] * 4), timetable.session(soon(4), seats=[1] * 4)
    seats = timetable.seats(session)
    booked = timetable.book("ada", session, seatId=seats[0], friend=GRACE | {"seatId": seats[3]})

    moved = timetable.change("ada", booked.id, seatId=seats[1])
    far = timetable.change("ada", moved.id, sessionId=other)

    assert moved.result
    assert far.result
    assert (moved.booking["seatId"], moved.result["guestBooking"]["seatId"]) == (seats[1], seats[3])
    assert far.result["guestBooking"]["guestOf"] == far.id
    assert (timetable.active(session), timetable.active(other)) == (0, 2)
    assert len(everything(timetable.studio)["bookings"]) == 6


@pytest.mark.parametrize(
    ("terms", "code", "left"),
    [
        ({}, "cancellation_window_closed", 4),
        ({"acceptForfeit": True}, "done", 3),
        ({"override": True, "reason": "the bike broke"}, "done", 4),
    ],
)
def test_inside_the_window_a_change_is_refused_or_forfeits_or_is_an_exception(
    timetable: Timetable, now: FrozenDateTimeFactory, terms: dict[str, Any], code: str, left: int
) -> None:
    package = timetable.buy("ada")
    booked = timetable.book("ada", timetable.session(soon()))
    other = timetable.session(soon(9))
    now.tick(timedelta(days=3))

    outcome = timetable.change("ada", booked.id, sessionId=other, **terms)

    assert outcome.code == code
    assert timetable.left(package) == [left]
    status = timetable.booking(booked.id)["status"]
    assert status == ("CONFIRMED" if not terms else "FORFEITED" if "acceptForfeit" in terms else "CANCELLED")


def test_another_seat_is_promised_to_nobody_who_waits_even_where_it_is_paid_anew(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    timetable.buy("ada")
    session = timetable.session(soon(), capacity=1, seats=(1, 1))
    first, second = timetable.seats(session)
    booked = timetable.book("ada", session, seatId=first)
    assert timetable.join("grace", session).code == "done"
    now.tick(timedelta(days=2, hours=12))

    changed = timetable.change("ada", booked.id, seatId=second, acceptForfeit=True)

    assert changed.code == "done"
    assert changed.booking["seatId"] == second
    assert timetable.who(session) == ["ada"]


def test_a_forfeit_that_leads_nowhere_forfeits_nothing(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    package = timetable.buy("ada", "SINGLE-RIDE")
    booked = timetable.book("ada", timetable.session(soon()))
    other = timetable.session(soon(9))
    now.tick(timedelta(days=3))

    refused = refuse(timetable, "change", "ada", bookingId=booked.id, sessionId=other, acceptForfeit=True)

    assert refused.code == "insufficient_credits"
    assert timetable.booking(booked.id)["status"] == "CONFIRMED"
    assert timetable.left(package) == [0]


def test_a_booking_that_was_given_up_or_has_begun_is_not_changed(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    timetable.buy("ada")
    cancelled = timetable.book("ada", timetable.session(soon()))
    begun = timetable.book("ada", timetable.session(soon(2)))
    other = timetable.session(soon(9))
    timetable.cancel("ada", cancelled.id)
    now.move_to(soon(2))

    codes = [
        refuse(timetable, "change", "ada", bookingId=each.id, sessionId=other, acceptForfeit=True).code
        for each in (cancelled, begun)
    ]

    assert codes == ["booking_closed", "session_started"]


def test_changing_the_seat_of_a_late_booking_does_not_renew_its_undo(
    timetable: Timetable, now: FrozenDateTimeFactory
) -> None:
    package = timetable.buy("ada")
    session = timetable.session(soon(), seats=[1, 1, 1])
    now.move_to(soon() - timedelta(hours=3))
    first, second, third = timetable.seats(session)
    booked = timetable.book("ada", session, seatId=first)
    now.tick(timedelta(minutes=10))
    moved = timetable.change("ada", booked.id, seatId=second)
    now.tick(timedelta(minutes=10))

    refused = refuse(timetable, "change", "ada", bookingId=moved.id, seatId=third)

    assert refused.code == "cancellation_window_closed"
    assert timetable.left(package) == [4]


def test_a_change_into_the_window_can_be_undone_for_a_moment(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    package = timetable.buy("ada")
    far, near = timetable.session(soon(9)), timetable.session(soon())
    booked = timetable.book("ada", far)
    now.move_to(soon() - timedelta(hours=3))
    moved = timetable.change("ada", booked.id, sessionId=near)
    now.tick(timedelta(minutes=10))

    undone = timetable.cancel("ada", moved.id)

    assert undone.booking["status"] == "CANCELLED"
    assert timetable.left(package) == [5]


def test_a_gift_that_is_forfeited_is_not_given_again(timetable: Timetable, now: FrozenDateTimeFactory) -> None:
    gift = timetable.book("ada", timetable.session(soon()), paymentType="FREE", reason="a birthday")
    other = timetable.session(soon(9))
    now.tick(timedelta(days=3))

    refused = refuse(timetable, "change", "ada", bookingId=gift.id, sessionId=other, acceptForfeit=True)

    assert refused.code == "insufficient_credits"
    assert timetable.booking(gift.id)["status"] == "CONFIRMED"

"""Credits: what a session costs, which line of a package pays, and where a credit goes back to."""

from __future__ import annotations

import pytest

from tests.domain.booking.world import line, refuse, sell, soon
from tests.timetable import Timetable

pytestmark = pytest.mark.usefixtures("now")


@pytest.mark.parametrize(
    ("minutes", "unit", "cost"),
    [(45, 60, 1), (60, 60, 1), (61, 60, 2), (15, 60, 1), (90, 30, 3), (46, 15, 4), (30, 45, 1), (120, 45, 3)],
)
def test_a_session_costs_its_minutes_in_units_rounded_up(
    timetable: Timetable, minutes: int, unit: int, cost: int
) -> None:
    package = sell(timetable, "ada", line(10, unit=unit))
    session = timetable.session(soon(), minutes=minutes)

    booked = timetable.book("ada", session)

    assert booked.booking["creditsUsed"] == cost
    assert timetable.left(package) == [10 - cost]


@pytest.mark.parametrize("seat", [0, 1, 2])
def test_in_a_seated_session_the_seat_says_the_cost_whatever_the_minutes(timetable: Timetable, seat: int) -> None:
    package = sell(timetable, "ada", line(10, unit=15))
    session = timetable.session(soon(), minutes=120, seats=[1, 2, 5])

    booked = timetable.book("ada", session, seatId=timetable.seats(session)[seat])

    assert booked.booking["creditsUsed"] == [1, 2, 5][seat]
    assert timetable.left(package) == [10 - [1, 2, 5][seat]]


def test_no_seat_named_is_the_cheapest_free_one(timetable: Timetable) -> None:
    session = timetable.session(soon(), seats=[3, 1, 2])
    dear, cheap, middle = timetable.seats(session)

    sat = [timetable.book(name, session) for name in timetable.students(3, "EXPLORER-5")]

    assert [each.booking["seatId"] for each in sat] == [cheap, middle, dear]
    assert [each.booking["creditsUsed"] for each in sat] == [1, 2, 3]


def test_the_last_credit_pays_and_nothing_pays_after_it(timetable: Timetable) -> None:
    package = timetable.buy("ada", "SINGLE-RIDE")
    first, second = timetable.session(soon()), timetable.session(soon(4))

    done = timetable.book("ada", first)
    refused = refuse(timetable, "book", "ada", sessionId=second)

    assert done.code == "done"
    assert refused.code == "insufficient_credits"
    assert timetable.left(package) == [0]


def test_credits_of_two_packages_do_not_add_up(timetable: Timetable) -> None:
    packages = [sell(timetable, "ada", line(1)), sell(timetable, "ada", line(1))]
    session = timetable.session(soon(), minutes=120)

    refused = refuse(timetable, "book", "ada", sessionId=session)

    assert refused.code == "insufficient_credits"
    assert [timetable.left(each) for each in packages] == [[1], [1]]


def test_a_credit_goes_back_to_the_line_it_came_from(timetable: Timetable) -> None:
    package = timetable.buy("ada", "BUNDLE-5P-3G")
    private = timetable.session(soon(), org="thrive", service="PRIVATE", minutes=60, capacity=1)
    group = timetable.session(soon(4), org="thrive", minutes=60)

    booked = [timetable.book("ada", each, org="thrive") for each in (private, group)]
    between = timetable.left(package)
    for each in booked:
        timetable.cancel("ada", each.id, org="thrive")

    assert between == [3, 2]
    assert timetable.left(package) == [5, 3]
    lines = timetable.studio.rows("SELECT kind, credits FROM package_uses ORDER BY id")
    assert [(each["kind"], each["credits"]) for each in lines] == [
        ("SPEND", 2),
        ("SPEND", 1),
        ("RETURN", -2),
        ("RETURN", -1),
    ]


@pytest.mark.parametrize(
    ("service", "tier", "session_service", "teacher", "code"),
    [
        ("GROUP", 0, "GROUP", 0, "done"),
        ("GROUP", 0, "GROUP", 20, "done"),
        ("GROUP", 20, "GROUP", 20, "done"),
        ("GROUP", 20, "GROUP", 21, "insufficient_credits"),
        ("GROUP", 20, "GROUP", 0, "confirmation_required"),
        ("GROUP", 20, "GROUP", None, "confirmation_required"),
        ("GROUP", 0, "PRIVATE", 0, "insufficient_credits"),
        ("PRIVATE", 0, "GROUP", 0, "confirmation_required"),
        ("PRIVATE", 20, "GROUP", 21, "insufficient_credits"),
        ("PRIVATE", 0, "PRIVATE", 20, "done"),
        ("PRIVATE", 10, "PRIVATE", 20, "insufficient_credits"),
        ("PRIVATE", 0, "COURSE", 0, "enrollment_required"),
        ("GROUP", 0, "COURSE", 0, "enrollment_required"),
    ],
)
def test_which_credits_fit_which_session(
    timetable: Timetable, service: str, tier: int, session_service: str, teacher: int | None, code: str
) -> None:
    sell(timetable, "ada", line(5, service, tier=tier))
    session = timetable.session(soon(), service=session_service, tier=teacher)

    outcome = timetable.book("ada", session)

    assert outcome.code == code


@pytest.mark.parametrize("payment", ["CREDIT", "FREE"])
def test_a_session_of_a_course_takes_enrollments_only_however_it_is_to_be_paid(
    timetable: Timetable, payment: str
) -> None:
    timetable.buy("ada")
    session = timetable.session(soon(), service="COURSE")

    refused = refuse(
        timetable, "book", "ada", sessionId=session, paymentType=payment, reason="a gift", confirmHigherTier=True
    )

    assert refused.code == "enrollment_required"


def test_staff_book_free_with_the_reason_on_the_booking(timetable: Timetable) -> None:
    package = timetable.buy("ada")
    session = timetable.session(soon(), workshop=True)

    booked = timetable.book("ada", session, paymentType="FREE", reason="she won it")

    assert (booked.booking["paymentType"], booked.booking["creditsUsed"]) == ("FREE", 0)
    assert booked.booking["metadata"] == {}
    assert timetable.booking(booked.id)["metadata"] == {"staffReason": "she won it"}
    assert booked.booking["bookingType"] == "WORKSHOP"
    assert timetable.left(package) == [5]
